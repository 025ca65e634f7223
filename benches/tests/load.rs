//! The load generator against a gateway in this process: every protocol, every kind of work.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use ringside_benches::load::{Failed, Outcome, Pace, Plan, Work, run};
use ringside_client::swarm::{Protocol, Settings};
use ringside_gateway::{Connection, Gateway, Limits, Raw, RawMessage, Socket};

/// The server of the benches. It ends with the handle.
fn server() -> (Gateway, SocketAddr) {
    let running = Arc::new(OnceLock::<Gateway>::new());
    let everybody = running.clone();
    let mut io = Gateway::builder();
    io.shards(1).pinned(false).limits(Limits::unlimited());
    io.on("e", |socket: &Socket, text: String| {
        socket.emit("e", &text).is_ok()
    });
    io.on("b", move |_: &Socket, text: String| {
        everybody
            .get()
            .is_some_and(|gateway| gateway.everybody().emit("m", &text).is_ok())
    });
    io.websocket(
        "/",
        Raw::new().on_message(|connection: &Connection, message: RawMessage<'_>| {
            let sent = match message {
                RawMessage::Text(text) if text.starts_with('E') => connection.send(message),
                _ => connection.send_to_all(message),
            };
            sent.expect("there is room");
        }),
    );
    let gateway = io.listen("127.0.0.1:0").expect("a free port");
    running.set(gateway.clone()).expect("it is set once");
    let address = gateway.address();
    (gateway, address)
}

fn plan(address: SocketAddr, protocol: Protocol, work: Work, pace: Pace) -> Plan {
    Plan {
        settings: Settings::new(address, protocol),
        connections: 20,
        connecting: 7,
        work,
        pace,
        burst: 1,
        payload: 32,
        swallowed: false,
        volatile: false,
        settle: Duration::ZERO,
        warm_up: Duration::from_millis(50),
        duration: Duration::from_millis(300),
        pid: None,
    }
}

fn check(outcome: &Outcome, what: &str) {
    assert_eq!(
        (outcome.connections, outcome.lost),
        (20, 0),
        "{what}: {:?}",
        outcome.reasons
    );
    assert_eq!(outcome.missing, 0, "{what}");
    assert!(outcome.delivered > 0, "{what}");
    let latency = &outcome.latency;
    assert!(
        latency.p50_ms <= latency.p99_ms && latency.p99_ms <= latency.max_ms,
        "{what}"
    );
    assert!(latency.max_ms > 0.0, "{what}");
}

#[test]
fn every_protocol_and_every_work_arrives_whole() {
    let (gateway, address) = server();
    for protocol in [Protocol::WebSocket, Protocol::SocketIo, Protocol::Polling] {
        for work in [Work::Broadcast, Work::Echo] {
            for pace in [Pace::InFlight(2), Pace::Rate(50.0)] {
                let what = format!("{protocol:?} {work:?} {pace:?}");
                let outcome = run(plan(address, protocol, work, pace), |_| {});
                check(&outcome.expect(&what), &what);
            }
        }
    }
    gateway.stop();
    gateway.wait();
}

#[test]
fn a_rate_is_kept_and_counted_from_when_messages_were_due() {
    let (gateway, address) = server();
    let mut plan = plan(
        address,
        Protocol::SocketIo,
        Work::Broadcast,
        Pace::Rate(100.0),
    );
    plan.burst = 3;
    plan.duration = Duration::from_millis(500);
    plan.pid = Some(std::process::id());
    let outcome = run(plan, |_| {}).expect("an outcome");
    check(&outcome, "rate");
    // Fifty bursts of three were due; a machine that stalls sends what it owes later.
    assert!(
        (3 * 25..=3 * 75).contains(&outcome.sent),
        "{} sent",
        outcome.sent
    );
    if cfg!(target_os = "linux") {
        let cost = outcome.server.expect("this process can be read");
        assert!(cost.cpu_us > 0.0 && cost.user_us <= cost.cpu_us && cost.handshake_us > 0.0);
    }
    gateway.stop();
    gateway.wait();
}

#[test]
fn a_server_that_is_not_there_is_named() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let failed = run(
        plan(address, Protocol::WebSocket, Work::Echo, Pace::InFlight(1)),
        |_| {},
    );
    match failed {
        Err(Failed::Connecting(0, reasons)) => assert!(!reasons.is_empty()),
        other => panic!("{other:?}"),
    }
}
