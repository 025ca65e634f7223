//! A gateway to talk to, a client with short waits, and the stages it went through as text.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use ringside_client::{Options, Socket, Stage, Transport, io};
use ringside_gateway::{Gateway, Limits};
use ringside_tests::within;

/// The choices of transports a user has.
pub(crate) const CHOICES: [&[Transport]; 3] = [
    &[Transport::WebSocket],
    &[Transport::Polling],
    &[Transport::Polling, Transport::WebSocket],
];

/// A gateway that echoes, on this port (0: a free one).
pub(crate) fn gateway(port: u16) -> Gateway {
    let mut io = Gateway::builder();
    io.shards(1).pinned(false).limits(Limits::unlimited());
    io.of("/a");
    io.on(
        "echo",
        |_: &ringside_gateway::Socket, value: serde_json::Value| value,
    );
    io.listen(("127.0.0.1", port)).expect("the port is free")
}

/// Stops a gateway, connections and all.
pub(crate) fn stop(gateway: &Gateway) {
    gateway.stop();
    gateway.wait();
}

/// Short waits, a connection of one's own.
pub(crate) fn options(transports: &[Transport]) -> Options {
    Options {
        transports: transports.to_vec(),
        force_new: true,
        reconnection_delay: Duration::from_millis(20),
        reconnection_delay_max: Duration::from_millis(50),
        seed: Some(7),
        ..Options::default()
    }
}

pub(crate) fn connect(at: SocketAddr, options: Options) -> (Socket, Seen) {
    let socket = io(&format!("http://{at}"), options).expect("an address and a runtime");
    let seen = Seen::of(&socket);
    (socket, seen)
}

/// The stages a socket went through: names, and the first argument where it is a word or a number.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(crate) fn of(socket: &Socket) -> Self {
        let seen = Self::default();
        let list = seen.0.clone();
        socket.on_stage(move |_, stage| {
            let name = stage.name();
            let line = match stage {
                Stage::ConnectFailed(error) => format!("{name} {}", error.reason),
                Stage::Disconnect(reason, _) => format!("{name} {reason}"),
                Stage::Reconnecting(n, _)
                | Stage::ReconnectAttempt(n)
                | Stage::Reconnect(n)
                | Stage::ReconnectFailed(n) => format!("{name} {n}"),
                Stage::Switch(transport) => format!("{name} {}", transport.name()),
                _ => name.to_owned(),
            };
            list.lock().expect("nobody panics with it").push(line);
        });
        seen
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

/// Waits for an event of the socket.
pub(crate) async fn next<T>(socket: &Socket, event: &str) -> T
where
    T: serde::de::DeserializeOwned + Send + 'static,
{
    within(event, socket.next(event))
        .await
        .expect("the arguments fit")
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let looking = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    within(what, looking).await;
}
