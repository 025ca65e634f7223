//! The third transport of the Rust client: QUIC, with datagrams for what may be lost.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use ringside_client::{
    ConnectionError, Manager, Options, Reason, Socket, Stage, Transport, io, trust_hashes,
};
use ringside_gateway::{Gateway, Limits, Quic, Recovery};
use ringside_tests::{peer::Identity, within};
use tokio::{sync::Notify, time::timeout};

use crate::world::{Seen, gateway, next, options, stop, until};

/// A gateway that speaks QUIC, echoes, and echoes volatile what is volatile.
fn quic_gateway(identity: &Identity, port: u16, shards: usize) -> Gateway {
    let mut io = Gateway::builder();
    io.shards(shards)
        .pinned(false)
        .limits(Limits::unlimited())
        .recovery(Recovery::default())
        .quic(Quic::new(identity.server_tls()));
    io.on(
        "echo",
        |_: &ringside_gateway::Socket, value: serde_json::Value| value,
    );
    io.on("bytes", |_: &ringside_gateway::Socket, value: Bytes| value);
    io.on(
        "v",
        |socket: &ringside_gateway::Socket, value: (u32, Bytes)| {
            // Gone meanwhile: then nobody waits.
            let _ = socket.volatile().emit("v", &value);
        },
    );
    io.listen(("127.0.0.1", port)).expect("the port is free")
}

fn trusting(identity: &Identity, transports: &[Transport]) -> Options {
    Options {
        tls: Some(Arc::new(identity.client_config(&[]))),
        ..options(transports)
    }
}

/// By the name that is in the certificate.
fn connect(at: SocketAddr, options: Options) -> (Socket, Seen) {
    let url = format!("http://localhost:{}", at.port());
    let socket = io(&url, options).expect("an address and a runtime");
    let seen = Seen::of(&socket);
    (socket, seen)
}

async fn echoes(socket: &Socket) {
    let text = "ü".repeat(50_000);
    let answer = socket.emit_with_ack::<String>("echo", &text);
    assert_eq!(within("the echo", answer).await.expect("an answer"), text);
    for len in [0, 1, 125, 126, 65_535, 65_536, 100_000] {
        let sent = Bytes::from(vec![7; len]);
        let answer = socket.emit_with_ack::<Bytes>("bytes", &sent);
        assert_eq!(within("the echo", answer).await.expect("an answer"), sent);
    }
}

#[tokio::test]
async fn over_quic_a_socket_is_one_like_any_other() {
    let identity = Identity::new();
    let server = quic_gateway(&identity, 0, 2);
    let (socket, seen) = connect(
        server.address(),
        trusting(&identity, &[Transport::WebTransport]),
    );
    next::<()>(&socket, "connect").await;
    assert_eq!(socket.io().transport(), Some(Transport::WebTransport));
    echoes(&socket).await;
    socket.disconnect();
    until("the session to end", || server.stats().connections == 0).await;
    assert_eq!(
        seen.all(),
        ["connecting", "connect", "disconnect io client disconnect"]
    );
    stop(&server);
}

#[tokio::test]
async fn volatile_events_are_datagrams_both_ways_if_they_fit() {
    let identity = Identity::new();
    let server = quic_gateway(&identity, 0, 1);
    let (socket, _) = connect(
        server.address(),
        trusting(&identity, &[Transport::WebTransport]),
    );
    next::<()>(&socket, "connect").await;
    let heard = Arc::new(AtomicUsize::new(0));
    let arrived = Arc::new(Notify::new());
    let (count, tell) = (heard.clone(), arrived.clone());
    socket.on("v", move |_, (n, bytes): (u32, Bytes)| {
        assert_eq!(bytes.len() as u32, n);
        count.fetch_add(1, Relaxed);
        tell.notify_one();
    });
    let say = |n: u32| {
        let bytes = Bytes::from(vec![1; n as usize]);
        socket
            .volatile()
            .emit("v", &(n, bytes))
            .expect("it is sent");
    };
    // A datagram may be lost even here, so several are sent.
    let mut said = 0;
    within("datagrams", async {
        while heard.load(Relaxed) < 3 {
            say(100);
            said += 1;
            // Lost: then another is said.
            let _ = timeout(Duration::from_millis(500), arrived.notified()).await;
        }
    })
    .await;
    let stats = socket.io().stats();
    assert_eq!(stats.datagrams_out, said);
    assert!(
        stats.datagrams_in >= 3 && stats.datagrams_bad == 0,
        "{stats:?}"
    );

    // What does not fit goes by the stream, and so arrives.
    let before = heard.load(Relaxed);
    say(2000);
    until("the large one", || heard.load(Relaxed) > before).await;
    let stats = socket.io().stats();
    assert_eq!(stats.datagrams_out, said);
    // And so does what asks for an answer.
    let answer = socket.volatile().emit_with_ack::<String>("echo", "sure");
    assert_eq!(
        within("the answer", answer).await.expect("an answer"),
        "sure"
    );
    assert_eq!(socket.io().stats().datagrams_out, said);
    socket.disconnect();
    stop(&server);
}

#[tokio::test]
async fn polling_becomes_quic_where_both_have_it() {
    let identity = Identity::new();
    let server = quic_gateway(&identity, 0, 3);
    for transports in [
        &[Transport::Polling, Transport::WebTransport][..],
        &[
            Transport::Polling,
            Transport::WebTransport,
            Transport::WebSocket,
        ],
    ] {
        let (socket, _) = connect(server.address(), trusting(&identity, transports));
        let manager = socket.io();
        until("the upgrade", || {
            manager.transport() == Some(Transport::WebTransport)
        })
        .await;
        echoes(&socket).await;
        socket.disconnect();
    }
    stop(&server);
}

#[tokio::test]
async fn a_server_without_quic_is_played_over_what_it_has() {
    let server = gateway(0);
    let transports = &[Transport::WebTransport, Transport::WebSocket];
    let (socket, _) = connect(server.address(), options(transports));
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let list = told.clone();
    socket.io().on(
        "fallback",
        move |_: &Manager, (from, to, error): (String, String, ConnectionError)| {
            let mut list = list.lock().expect("nobody panics with it");
            list.push((from, to, error.reason));
        },
    );
    next::<()>(&socket, "connect").await;
    assert_eq!(socket.io().transport(), Some(Transport::WebSocket));
    let told = told.lock().expect("nobody panics with it").clone();
    let expected = (
        "webtransport".into(),
        "websocket".into(),
        Reason::WebTransport,
    );
    assert_eq!(told, [expected]);
    socket.disconnect();
    stop(&server);
}

#[tokio::test]
async fn a_certificate_is_trusted_by_its_hash_and_no_other_is() {
    let identity = Identity::new();
    let server = quic_gateway(&identity, 0, 1);
    let strict = |hash| Options {
        reconnection: false,
        tls: Some(trust_hashes([hash])),
        ..options(&[Transport::WebTransport])
    };
    let (socket, _) = connect(server.address(), strict([0; 32]));
    let (_, error): (String, ConnectionError) = next(&socket, "connect_failed").await;
    // It says which it saw; an empty trust would not be shown by one that was made up.
    let seen = error
        .message
        .split("SHA-256 is ")
        .nth(1)
        .unwrap_or_else(|| panic!("{error}"));
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&seen[2 * at..2 * at + 2], 16).expect("digits");
    }
    let (socket, _) = connect(server.address(), strict(hash));
    next::<()>(&socket, "connect").await;
    socket.disconnect();
    stop(&server);
}

#[tokio::test]
async fn the_same_socket_goes_from_transport_to_transport() {
    let identity = Identity::new();
    let server = quic_gateway(&identity, 0, 2);
    let all = &[
        Transport::WebSocket,
        Transport::WebTransport,
        Transport::Polling,
    ];
    let (socket, seen) = connect(server.address(), trusting(&identity, all));
    next::<()>(&socket, "connect").await;
    let id = socket.id();
    for to in [
        Transport::WebTransport,
        Transport::Polling,
        Transport::WebTransport,
        Transport::WebSocket,
    ] {
        let switched = Arc::new(AtomicUsize::new(0));
        let count = switched.clone();
        socket.on_stage(move |_, stage| {
            if matches!(stage, Stage::Switch(at) if *at == to) {
                count.fetch_add(1, Relaxed);
            }
        });
        socket.io().switch_transport(to);
        until("the switch", || switched.load(Relaxed) == 1).await;
        assert_eq!(socket.id(), id);
        echoes(&socket).await;
    }
    assert!(
        !seen
            .all()
            .iter()
            .any(|stage| stage.starts_with("disconnect")),
        "{:?}",
        seen.all()
    );
    socket.disconnect();
    stop(&server);
}

#[tokio::test]
async fn a_server_that_stops_is_missed_and_found_again() {
    let identity = Identity::new();
    let first = quic_gateway(&identity, 0, 1);
    let at = first.address();
    let (socket, _) = connect(at, trusting(&identity, &[Transport::WebTransport]));
    next::<()>(&socket, "connect").await;
    let gone = socket.next::<(String, Option<ConnectionError>)>("disconnect");
    stop(&first);
    let (reason, _) = within("the end", gone).await.expect("a reason");
    assert!(reason.starts_with("transport "), "{reason}");
    let back = socket.next::<u32>("reconnect");
    let second = quic_gateway(&identity, at.port(), 1);
    within("the return", back).await.expect("attempts");
    echoes(&socket).await;
    socket.disconnect();
    stop(&second);
}
