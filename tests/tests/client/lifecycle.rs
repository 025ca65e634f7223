//! Every stage of the connection, by name and in order: a server that dies and comes back, that stays
//! away, that never answers. The same stories as the browser client's `lifecycle.test.mjs`.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ringside_client::{ConnectionError, Phase, State, Transport};
use ringside_tests::within;

use crate::{
    scripted::{OPEN, mute, ok, serve},
    world::{CHOICES, connect, gateway, next, options, stop, until},
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A port nobody listens on.
fn nobody() -> std::net::SocketAddr {
    let gone = gateway(0);
    let at = gone.address();
    stop(&gone);
    at
}

#[tokio::test]
async fn connect_lose_the_server_come_back() {
    for transports in CHOICES {
        let first = gateway(0);
        let at = first.address();
        let (socket, seen) = connect(at, options(transports));
        assert_eq!(socket.state(), State::Connecting);
        next::<()>(&socket, "connect").await;
        assert_eq!(seen.all(), ["connecting", "connect"]);
        let id = socket.id();
        let lost = socket.next::<String>("disconnect");
        stop(&first);
        let reason = within("the loss", lost).await.expect("a reason");
        assert!(reason == "transport close" || reason == "transport error");
        assert_eq!(
            (socket.connected(), socket.id(), socket.active()),
            (false, None, true)
        );
        next::<u32>(&socket, "reconnect_attempt").await;
        let back = socket.next::<u32>("reconnect");
        let second = gateway(at.port());
        let attempts = within("the return", back).await.expect("a number");
        assert!(attempts >= 1);
        assert_eq!(socket.state(), State::Connected);
        assert_ne!(socket.id(), id);
        let story: Vec<String> = seen.all().into_iter().filter(|it| it != "error").collect();
        assert_eq!(
            story[2..4],
            [format!("disconnect {reason}"), "reconnecting 1".to_owned()]
        );
        let end = [
            format!("reconnect_attempt {attempts}"),
            "connecting".to_owned(),
            "connect".to_owned(),
            format!("reconnect {attempts}"),
        ];
        assert!(story.ends_with(&end), "{story:?}");
        let numbers: Vec<String> = story
            .iter()
            .filter_map(|it| it.strip_prefix("reconnecting "))
            .map(str::to_owned)
            .collect();
        let counted: Vec<String> = (1..=attempts).map(|n| n.to_string()).collect();
        assert_eq!(numbers, counted);
        let gone = socket.next::<String>("disconnect");
        socket.disconnect();
        assert_eq!(
            within("our own end", gone).await.expect("a reason"),
            "io client disconnect"
        );
        assert_eq!(socket.state(), State::Disconnected);
        stop(&second);
    }
}

#[tokio::test]
async fn a_server_that_stays_away_is_given_up_with_reasons() {
    let at = nobody();
    let mut few = options(&[Transport::Polling]);
    few.reconnection_attempts = Some(2);
    let (socket, seen) = connect(at, few);
    next::<u32>(&socket, "reconnect_failed").await;
    let failed = ["connecting", "connect_failed unreachable", "connect_error"];
    let mut story = failed.to_vec();
    for (a, b) in [
        ("reconnecting 1", "reconnect_attempt 1"),
        ("reconnecting 2", "reconnect_attempt 2"),
    ] {
        story.extend([a, b]);
        story.extend(failed);
    }
    story.push("reconnect_failed 2");
    assert_eq!(seen.all(), story);
    assert_eq!(socket.state(), State::Failed);
    // connect() begins anew.
    let again = gateway(at.port());
    socket.connect();
    assert_eq!(socket.state(), State::Connecting);
    next::<()>(&socket, "connect").await;
    socket.disconnect();
    stop(&again);
}

#[tokio::test]
async fn without_reconnection_one_failure_is_the_end() {
    let mut once = options(&[Transport::WebSocket]);
    once.reconnection = false;
    let (socket, seen) = connect(nobody(), once);
    next::<ConnectionError>(&socket, "connect_error").await;
    assert_eq!(
        seen.all(),
        ["connecting", "connect_failed websocket", "connect_error"]
    );
    assert_eq!(socket.state(), State::Failed);
}

#[tokio::test]
async fn a_server_that_never_answers_is_a_timeout() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let at = mute().await;
        let mut hasty = options(&[transport]);
        hasty.timeout = Some(MS(60));
        hasty.reconnection_attempts = Some(1);
        let (socket, seen) = connect(at, hasty);
        let error: ConnectionError = next(&socket, "connect_error").await;
        assert_eq!(error.message, "timeout");
        next::<u32>(&socket, "reconnect_failed").await;
        let failed = ["connecting", "connect_failed timeout", "connect_error"];
        let story = [
            &failed[..],
            &["reconnecting 1", "reconnect_attempt 1"],
            &failed,
            &["reconnect_failed 1"],
        ];
        assert_eq!(seen.all(), story.concat());
    }
}

#[tokio::test]
async fn a_namespace_that_never_answers_is_a_timeout_too() {
    let half = serve(|request| match request {
        it if !it.has_sid() => ok(OPEN),
        it if it.is_post() => ok("ok"),
        _ => None,
    });
    let mut hasty = options(&[Transport::Polling]);
    hasty.timeout = Some(MS(60));
    let (socket, seen) = connect(half.await, hasty);
    next::<u32>(&socket, "reconnect_attempt").await;
    let start = [
        "connecting",
        "connect_failed timeout",
        "connect_error",
        "reconnecting 1",
    ];
    assert_eq!(seen.all()[..4], start);
    socket.disconnect();
}

#[tokio::test]
async fn a_server_that_falls_silent_is_a_ping_timeout() {
    let polls = Mutex::new(0);
    let silent = serve(move |request| {
        let mut polls = polls.lock().expect("nobody panics with it");
        match request {
            it if !it.has_sid() => ok(OPEN.replace("25000", "40").replace("20000", "30")),
            it if it.is_post() => ok("ok"),
            _ if *polls == 0 => {
                *polls += 1;
                ok(r#"40{"sid":"x"}"#)
            }
            _ => None,
        }
    });
    let (socket, _) = connect(silent.await, options(&[Transport::Polling]));
    let (reason, _): (String, Option<ConnectionError>) = next(&socket, "disconnect").await;
    assert_eq!(reason, "ping timeout");
    socket.disconnect();
}

#[tokio::test]
async fn disconnect_while_connecting_or_waiting_is_final_and_silent() {
    let (socket, seen) = connect(nobody(), options(&[Transport::Polling]));
    socket.disconnect();
    assert_eq!(socket.state(), State::Disconnected);
    socket.connect();
    next::<(u32, u64)>(&socket, "reconnecting").await;
    assert_eq!(socket.state(), State::Reconnecting);
    socket.disconnect();
    assert_eq!(socket.io().phase(), Phase::Closed);
    let count = seen.all().len();
    // Three of the longest waits later nothing has happened.
    let later = tokio::time::timeout(MS(150), socket.next::<()>("connecting")).await;
    assert!(later.is_err());
    assert_eq!(seen.all().len(), count, "{:?}", seen.all());
}

#[tokio::test]
async fn connect_while_waiting_is_an_attempt_now_and_a_manager_rests_when_told() {
    let first = gateway(0);
    let at = first.address();
    let mut slow = options(&[Transport::Polling]);
    (slow.reconnection_delay, slow.reconnection_delay_max) = (MS(60_000), MS(60_000));
    let (socket, _) = connect(at, slow);
    next::<()>(&socket, "connect").await;
    let waiting = socket.next::<(u32, u64)>("reconnecting");
    stop(&first);
    within("the wait", waiting).await.expect("two numbers");
    let second = gateway(at.port());
    socket.connect();
    next::<()>(&socket, "connect").await;
    let gone = socket.next::<String>("disconnect");
    socket.io().disconnect();
    assert_eq!(
        within("the end", gone).await.expect("a reason"),
        "forced close"
    );
    assert_eq!(
        (socket.connected(), socket.state()),
        (false, State::Disconnected)
    );
    stop(&second);
}

#[tokio::test]
async fn the_manager_tells_the_same_under_the_stock_names() {
    let first = gateway(0);
    let at = first.address();
    let (socket, _) = connect(at, options(&[Transport::WebSocket]));
    let told = Arc::new(Mutex::new(Vec::new()));
    for name in [
        "open",
        "close",
        "error",
        "reconnect_attempt",
        "reconnect_error",
        "reconnect",
        "reconnect_failed",
    ] {
        let list = told.clone();
        socket.io().on(name, move |_, ()| {
            list.lock().expect("nobody panics with it").push(name)
        });
    }
    next::<()>(&socket, "connect").await;
    stop(&first);
    let list = told.clone();
    until("a failed attempt", || {
        list.lock()
            .expect("nobody panics with it")
            .contains(&"reconnect_error")
    })
    .await;
    let second = gateway(at.port());
    next::<()>(&socket, "connect").await;
    let told = told.lock().expect("nobody panics with it").clone();
    assert_eq!(
        told[..5],
        [
            "open",
            "close",
            "reconnect_attempt",
            "error",
            "reconnect_error"
        ]
    );
    assert_eq!(
        told[told.len() - 3..],
        ["reconnect_attempt", "open", "reconnect"]
    );
    socket.disconnect();
    stop(&second);
}

#[tokio::test]
async fn a_listener_that_panics_disturbs_nothing() {
    let server = gateway(0);
    let (socket, _) = connect(server.address(), options(&[Transport::Polling]));
    let fails = || -> bool { panic!("a listener fails, as this test wants") };
    socket.on("connect", move |_, ()| fails());
    next::<()>(&socket, "connect").await;
    let echo = socket.emit_with_ack::<String>("echo", "there");
    assert_eq!(within("the echo", echo).await.expect("an answer"), "there");
    socket.disconnect();
    stop(&server);
}

#[tokio::test]
async fn handles_may_go_while_the_connection_stays() {
    let server = gateway(0);
    let (socket, _) = connect(server.address(), options(&[Transport::WebSocket]));
    let heard = Arc::new(Mutex::new(false));
    let hears = heard.clone();
    socket.on_async("connect", move |socket, ()| {
        let hears = hears.clone();
        async move {
            let answer: Result<u32, _> = socket.emit_with_ack("echo", &7).await;
            *hears.lock().expect("nobody panics with it") = answer.is_ok_and(|it| it == 7);
            socket.disconnect();
        }
    });
    drop(socket);
    until("the answer", || {
        *heard.lock().expect("nobody panics with it")
    })
    .await;
    stop(&server);
}
