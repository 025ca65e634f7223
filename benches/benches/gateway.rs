//! The gateway over real sockets on loopback, beside the server one writes first in Rust:
//! tokio-tungstenite with a task for each connection and a broadcast channel between them.
//!
//! Server and clients share this process, so figures hold the clients' cost too, the same for both; what
//! counts is the ratio. Ours speaks Socket.IO with sessions, the rival bare WebSocket.
//! What it cannot show: user time alone (the kernel's send is most of it), which is what
//! `cargo xtask bench` guards with swallowed broadcasts.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use ringside_benches::ratio::{Bound, Match, play_all, process_time};
use ringside_client::swarm::{Ended, Id, Message, Peer, Protocol, Script, Settings, Swarm};
use ringside_gateway::{Gateway, Limits, Socket};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast,
};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{Message as Frame, protocol::WebSocketConfig},
};

const CONNECTIONS: usize = 200;
/// Messages sent at once in the second match.
const BURST: usize = 8;
const TEXT: &str = "0123456789abcdef0123456789abcdef";

/// Our server: `b` goes to everybody as `m`.
fn ringside() -> SocketAddr {
    let running = Arc::new(OnceLock::<Gateway>::new());
    let everybody = running.clone();
    let mut io = Gateway::builder();
    io.shards(1).pinned(false).limits(Limits::unlimited());
    io.on("b", move |_: &Socket, text: String| {
        if let Some(gateway) = everybody.get() {
            gateway
                .everybody()
                .emit("m", &text)
                .expect("there is room for a broadcast");
        }
    });
    let gateway = io.listen("127.0.0.1:0").expect("a free port");
    running.set(gateway.clone()).expect("it is set once");
    gateway.address()
}

/// The rival: any text goes to everybody.
fn tungstenite() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a listener may");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let tasks = tokio::task::LocalSet::new();
        let serve = async move {
            let listener = TcpListener::from_std(listener).expect("a runtime is there");
            let (everybody, _) = broadcast::channel(4096);
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(talk(stream, everybody.clone()));
            }
        };
        tasks.block_on(&runtime.expect("a runtime can be made"), serve);
    });
    address
}

async fn talk(stream: TcpStream, everybody: broadcast::Sender<Frame>) {
    // A failure costs only latency.
    let _ = stream.set_nodelay(true);
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(4096);
    let Ok(mut socket) = accept_async_with_config(stream, Some(config)).await else {
        return;
    };
    let mut heard = everybody.subscribe();
    loop {
        tokio::select! {
            said = socket.next() => match said {
                // Nobody else listens: that is for the sender to find out.
                Some(Ok(text)) => drop(everybody.send(text)),
                _ => return,
            },
            Ok(text) = heard.recv() => if socket.send(text).await.is_err() { return },
        }
    }
}

/// Counts.
#[derive(Default)]
struct Counter {
    joined: Vec<Id>,
    received: usize,
}

impl Script for Counter {
    fn joined(&mut self, peer: &mut Peer<'_>) {
        self.joined.push(peer.id());
    }

    fn message(&mut self, _: &mut Peer<'_>, _: Message<'_>) {
        self.received += 1;
    }

    fn ended(&mut self, id: Id, why: Ended) {
        panic!("connection {} ended: {why}", id.0);
    }
}

/// Everybody connected to a server.
struct Crowd {
    swarm: Swarm,
    counter: Counter,
    socket_io: bool,
}

impl Crowd {
    fn gather(address: SocketAddr, protocol: Protocol) -> Self {
        let mut swarm = Swarm::new(Settings::new(address, protocol)).expect("a poll");
        let mut counter = Counter::default();
        for _ in 0..CONNECTIONS {
            swarm.connect().expect("a descriptor");
        }
        let give_up = Instant::now() + Duration::from_secs(20);
        while counter.joined.len() < CONNECTIONS {
            assert!(
                Instant::now() < give_up,
                "only {} connected",
                counter.joined.len()
            );
            swarm
                .turn(Some(Duration::from_millis(100)), &mut counter)
                .expect("a turn");
        }
        Self {
            swarm,
            counter,
            socket_io: protocol.is_socket_io(),
        }
    }

    /// Broadcasts, one burst after another; the CPU time of the process.
    fn broadcast(&mut self, times: u64, burst: usize) -> Duration {
        process_time(|| {
            for _ in 0..times {
                let mut peer = self.swarm.peer(self.counter.joined[0]).expect("it lives");
                for _ in 0..burst {
                    if self.socket_io {
                        peer.emit("b", TEXT).expect("a text can be sent");
                    } else {
                        peer.send(TEXT);
                    }
                }
                let all = self.counter.received + CONNECTIONS * burst;
                while self.counter.received < all {
                    self.swarm
                        .turn(Some(Duration::from_millis(100)), &mut self.counter)
                        .expect("a turn");
                }
            }
        })
    }
}

fn main() {
    // A server of its own for each, or broadcasts would reach the crowd of the other match.
    let crowd = || {
        let ours = Crowd::gather(ringside(), Protocol::SocketIo);
        (ours, Crowd::gather(tungstenite(), Protocol::WebSocket))
    };
    let ((mut a, mut b), (mut c, mut d)) = (crowd(), crowd());
    play_all(vec![
        Match::new(
            "gateway, broadcast to 200 over loopback",
            "delivery",
            CONNECTIONS as u64,
            60,
        )
        .enter("ringside, Socket.IO", move |times| a.broadcast(times, 1))
        .enter("tokio-tungstenite, bare WebSocket", move |times| {
            b.broadcast(times, 1)
        })
        .expect(
            "Socket.IO by a task a connection",
            "ringside, Socket.IO",
            "tokio-tungstenite, bare WebSocket",
            Bound::AtMost(1.1),
        ),
        Match::new(
            "gateway, eight at once to 200 over loopback",
            "delivery",
            (CONNECTIONS * BURST) as u64,
            60,
        )
        .enter("ringside, Socket.IO", move |times| {
            c.broadcast(times, BURST)
        })
        .enter("tokio-tungstenite, bare WebSocket", move |times| {
            d.broadcast(times, BURST)
        })
        .expect(
            "Socket.IO by a task a connection",
            "ringside, Socket.IO",
            "tokio-tungstenite, bare WebSocket",
            Bound::AtMost(0.6),
        ),
    ]);
}
