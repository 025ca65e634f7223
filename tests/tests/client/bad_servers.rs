//! Servers and ways that misbehave: the client says what is wrong, falls back where it can, and stays
//! usable. The same cases as the browser client's `bad-servers.test.mjs`.

use std::{
    io,
    sync::{Arc, Mutex},
};

use ringside_client::{AckError, ConnectionError, EmitError, Options, Phase, Reason, Transport};
use ringside_gateway::{Gateway, Limits};
use ringside_tests::within;

use crate::{
    scripted::{OPEN, mute, ok, serve, stripping_proxy},
    world::{connect, gateway, next, options, stop, until},
};

fn once(transports: &[Transport]) -> Options {
    Options {
        reconnection: false,
        ..options(transports)
    }
}

#[tokio::test]
async fn what_is_no_socket_io_server_is_told_by_what_stands_there() {
    let cases: &[(u16, &str, &str, Reason, &str)] = &[
        (
            200,
            "text/html",
            "<!doctype html><title>Hi</title>",
            Reason::NotAServer,
            "with an HTML page where",
        ),
        (
            404,
            "text/html",
            "<h1>Not Found</h1>",
            Reason::NotAServer,
            "HTTP 404",
        ),
        (
            200,
            "application/json",
            r#"{"ok":true}"#,
            Reason::NotAServer,
            "is the path right?",
        ),
        (
            200,
            "text/plain",
            "",
            Reason::NotAServer,
            "handshake was expected",
        ),
        (200, "text/plain", "0{", Reason::NotAServer, "no sid"),
        (
            200,
            "text/plain",
            r#"0{"sid":"s","upgrades":[]}"#,
            Reason::NotAServer,
            "no heartbeat",
        ),
        (
            400,
            "application/json",
            r#"{"code":5,"message":"Unsupported protocol version"}"#,
            Reason::Version,
            "another Engine.IO version",
        ),
        (
            403,
            "application/json",
            r#"{"code":4,"message":"Forbidden"}"#,
            Reason::Refused,
            "HTTP 403 Forbidden",
        ),
        (
            502,
            "text/plain",
            "bad gateway",
            Reason::Refused,
            "HTTP 502",
        ),
    ];
    for &(status, kind, body, reason, message) in cases {
        let at = serve(move |_| Some((status, kind, body.to_owned()))).await;
        let (socket, _) = connect(at, once(&[Transport::Polling]));
        let (word, error): (String, ConnectionError) = next(&socket, "connect_failed").await;
        assert_eq!(
            (error.reason, word.as_str()),
            (reason, reason.as_str()),
            "{body}"
        );
        assert!(error.message.contains(message), "{body}: {error}");
    }
}

#[tokio::test]
async fn a_websocket_that_is_refused_is_told_by_what_was_answered() {
    let page = serve(|_| Some((200, "text/html", "<html>".to_owned()))).await;
    let (socket, _) = connect(page, once(&[Transport::WebSocket]));
    let (_, error): (String, ConnectionError) = next(&socket, "connect_failed").await;
    assert_eq!(error.reason, Reason::WebSocket);
    assert!(error.message.contains("HTTP 200"), "{error}");
}

#[tokio::test]
async fn no_transport_is_an_error_and_not_a_hang() {
    let (socket, _) = connect(mute().await, once(&[]));
    let (word, _): (String, ConnectionError) = next(&socket, "connect_failed").await;
    assert_eq!(word, "no_transport");
}

#[tokio::test]
async fn a_session_that_goes_wrong_ends_with_its_cause() {
    let cases: &[(&str, &str, Reason)] = &[
        (
            "6\x1e40{\"sid\":\"x\"}\x1e9what",
            "parse error",
            Reason::NotAServer,
        ),
        (
            "40{\"sid\":\"x\"}\x1e4nonsense",
            "parse error",
            Reason::Parse,
        ),
        (
            "40{\"sid\":\"x\"}\x1e42[\"a\",nonsense]",
            "parse error",
            Reason::Parse,
        ),
        (
            "40{\"sid\":\"x\"}\x1e42[\"disconnect\"]",
            "parse error",
            Reason::Parse,
        ),
        (
            "40{\"sid\":\"x\"}\x1e451-[\"e\",{\"_placeholder\":true,\"num\":0}]\x1e42[\"f\"]",
            "parse error",
            Reason::Parse,
        ),
        ("40{\"sid\":\"x\"}\x1ebAAAA", "parse error", Reason::Parse),
        (
            "40{\"sid\":\"x\"}\x1e4511-[\"e\"]",
            "parse error",
            Reason::Parse,
        ),
        (
            "40{\"sid\":\"x\"}\x1e451-[\"e\",{\"_placeholder\":true,\"num\":3}]\x1ebAAAA",
            "parse error",
            Reason::Parse,
        ),
        (
            "40{\"sid\":\"x\"}\x1eb***",
            "transport error",
            Reason::Parse,
        ),
        (
            "40{\"sid\":\"x\"}\x1e<html>",
            "parse error",
            Reason::NotAServer,
        ),
    ];
    for &(answer, reason, cause) in cases {
        let polls = Mutex::new(0);
        let server = serve(move |request| {
            let mut polls = polls.lock().expect("nobody panics with it");
            match request {
                it if !it.has_sid() => ok(OPEN),
                it if it.is_post() => ok("ok"),
                _ if *polls == 0 => {
                    *polls += 1;
                    ok(answer)
                }
                _ => None,
            }
        });
        let (socket, seen) = connect(server.await, once(&[Transport::Polling]));
        let (said, error): (String, Option<ConnectionError>) = next(&socket, "disconnect").await;
        assert_eq!(
            (said.as_str(), error.map(|it| it.reason)),
            (reason, Some(cause)),
            "{answer}"
        );
        let ended = format!("disconnect {reason}");
        assert_eq!(
            seen.all(),
            ["connecting", "connect", "error", &ended],
            "{answer}"
        );
        assert_eq!(socket.io().phase(), Phase::Closed);
    }
}

#[tokio::test]
async fn a_server_of_socket_io_2_is_named() {
    let server = serve(|request| match request {
        it if !it.has_sid() => ok(OPEN),
        it if it.is_post() => ok("ok"),
        _ => ok("40"),
    });
    let (socket, _) = connect(server.await, once(&[Transport::Polling]));
    let (word, error): (String, ConnectionError) = next(&socket, "connect_failed").await;
    assert_eq!(word, "version");
    assert!(error.message.contains("2.x"), "{error}");
}

/// Where the log is written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics with it").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_way_that_takes_no_websocket_is_played_over_polling_and_said_once() {
    for transports in [
        [Transport::WebSocket, Transport::Polling],
        [Transport::Polling, Transport::WebSocket],
    ] {
        let log = Log::default();
        let written = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_writer(move || written.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);

        let server = gateway(0);
        let proxy = stripping_proxy(server.address()).await;
        let (socket, _) = connect(proxy, options(&transports));
        let notices = Arc::new(Mutex::new(Vec::new()));
        let list = notices.clone();
        socket.io().on(
            "fallback",
            move |_, (from, to, error): (String, String, ConnectionError)| {
                let mut list = list.lock().expect("nobody panics with it");
                list.push((from, to, error.reason));
            },
        );
        let count = || notices.lock().expect("nobody panics with it").len();
        next::<()>(&socket, "connect").await;
        until("the notice", || count() == 1).await;
        let first = notices.lock().expect("nobody panics with it")[0].clone();
        assert_eq!(
            first,
            (
                "websocket".to_owned(),
                "polling".to_owned(),
                Reason::WebSocket
            )
        );
        let echo = socket.emit_with_ack::<String>("echo", "hi");
        assert_eq!(within("the echo", echo).await.expect("an answer"), "hi");
        assert_eq!(socket.io().transport(), Some(Transport::Polling));
        // Again after a reconnection: told to who listens, but not written again.
        socket.io().drop_connection();
        next::<u32>(&socket, "reconnect").await;
        until("the second notice", || count() == 2).await;
        let echo = socket.emit_with_ack::<String>("echo", "again");
        assert_eq!(within("the echo", echo).await.expect("an answer"), "again");
        let text =
            String::from_utf8(log.0.lock().expect("nobody panics with it").clone()).expect("text");
        assert_eq!(text.matches("playing over polling").count(), 1, "{text}");
        socket.disconnect();
        stop(&server);
    }
}

#[tokio::test]
async fn a_message_above_the_servers_limit_is_refused_here_and_the_connection_lives() {
    let mut io = Gateway::builder();
    io.shards(1).pinned(false).limits(Limits {
        message_bytes: 1000,
        ..Limits::unlimited()
    });
    io.on("echo", |_: &ringside_gateway::Socket, text: String| text);
    let server = io.listen("127.0.0.1:0").expect("a free port");
    for transport in [Transport::Polling, Transport::WebSocket] {
        let (socket, _) = connect(server.address(), options(&[transport]));
        next::<()>(&socket, "connect").await;
        let told = socket.next::<ConnectionError>("error");
        let big = "x".repeat(2000);
        assert!(matches!(
            socket.emit("echo", &big),
            Err(EmitError::Refused(_))
        ));
        assert_eq!(
            within("the error", told).await.expect("an error").reason,
            Reason::TooLarge
        );
        let bytes = bytes::Bytes::from(vec![0; 2000]);
        let answer = socket.emit_with_ack::<String>("echo", &bytes).await;
        assert!(matches!(answer, Err(AckError::NotSent(_))), "{answer:?}");
        let echo = socket.emit_with_ack::<String>("echo", "small");
        assert_eq!(within("the echo", echo).await.expect("an answer"), "small");
        socket.disconnect();
    }
    stop(&server);
}

#[tokio::test]
async fn a_message_above_our_own_limit_ends_the_connection_with_its_size() {
    let server = gateway(0);
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut narrow = once(&[transport]);
        narrow.message_max = 2000;
        let (socket, _) = connect(server.address(), narrow);
        next::<()>(&socket, "connect").await;
        let lost = socket.next::<(String, ConnectionError)>("disconnect");
        socket.emit("echo", "small").expect("it is sent");
        let answer = socket.emit_with_ack::<String>("echo", &"x".repeat(5000));
        let (_, error) = within("the end", lost).await.expect("an error");
        assert_eq!(error.reason, Reason::TooLarge, "{error}");
        assert!(error.message.contains("2000"), "{error}");
        assert!(matches!(answer.await, Err(AckError::Disconnected)));
    }
    stop(&server);
}

#[tokio::test]
async fn what_cannot_leave_is_kept_up_to_a_bound_in_order_and_then_refused() {
    let server = gateway(0);
    let mut small = options(&[Transport::WebSocket]);
    (small.buffer_max, small.auto_connect) = (10, false);
    let (socket, seen) = connect(server.address(), small);
    let kept: Vec<_> = (0..10)
        .map(|n| socket.emit_with_ack::<u32>("echo", &n))
        .collect();
    assert!(socket.emit("echo", &10).is_err());
    let refused = socket.emit_with_ack::<u32>("echo", &11).await;
    let message = refused.expect_err("it was refused").to_string();
    assert!(message.contains("wait already"), "{message}");
    // Nothing that is volatile waits.
    let skipped = socket.volatile().emit_with_ack::<u32>("echo", &12).await;
    assert!(matches!(skipped, Err(AckError::Skipped)));
    socket.connect();
    for (n, answer) in kept.into_iter().enumerate() {
        assert_eq!(
            within("an answer", answer).await.expect("an answer"),
            n as u32
        );
    }
    assert_eq!(seen.all().iter().filter(|it| *it == "error").count(), 2);
    socket.disconnect();
    stop(&server);
}
