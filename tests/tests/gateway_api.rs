//! The Socket.IO server API, with a client that says exactly what it is told to.
//!
//! Four shards, so that whatever reaches several sockets crosses threads. `sync` comes back to its
//! sender: what was sent before it on the same path has arrived when it does.

#[path = "gateway_api/acks.rs"]
mod acks;
#[path = "gateway_api/cluster.rs"]
mod cluster;
#[path = "gateway_api/handlers.rs"]
mod handlers;
#[path = "gateway_api/namespaces.rs"]
mod namespaces;
#[path = "gateway_api/packets.rs"]
mod packets;
#[path = "gateway_api/recovery.rs"]
mod recovery;
#[path = "gateway_api/returning.rs"]
mod returning;
#[path = "gateway_api/selectors.rs"]
mod selectors;
#[path = "gateway_api/sockets.rs"]
mod sockets;

use std::sync::mpsc::{Receiver, sync_channel};

use ringside_gateway::{Builder, Gateway, Socket};
use ringside_tests::{PATIENCE, peer::SocketIo, world::unpaced};

/// A gateway, ended with its test.
struct World {
    io: Gateway,
}

impl World {
    fn new(set_up: impl FnOnce(&mut Builder)) -> Self {
        let mut io = Gateway::builder();
        io.shards(4).pinned(false).limits(unpaced());
        io.on("sync", |socket: &Socket, ()| {
            socket.emit("synced", &()).unwrap();
        });
        set_up(&mut io);
        let io = io.listen("127.0.0.1:0").expect("a free port");
        Self { io }
    }

    async fn client(&self) -> (SocketIo, String) {
        SocketIo::connect(self.io.address()).await
    }

    async fn clients(&self, count: usize) -> Vec<(SocketIo, String)> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(self.client().await);
        }
        all
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.io.stop();
        self.io.wait();
    }
}

/// More than any test is told: handlers never wait.
const TOLD_MAX: usize = 10_000;

/// What handlers tell a test.
fn told<T: Send + 'static>() -> (impl Fn(T) + Send + Sync + Clone + 'static, Receiver<T>) {
    let (sender, receiver) = sync_channel(TOLD_MAX);
    let tell = move |it| drop(sender.try_send(it));
    (tell, receiver)
}

fn hear<T>(from: &Receiver<T>) -> T {
    from.recv_timeout(PATIENCE).expect("a handler tells")
}

async fn synced(client: &mut SocketIo) -> Vec<String> {
    client.send(r#"2["sync"]"#).await;
    client.until(r#"2["synced"]"#).await
}

/// Joins and leaves rooms of its choice.
fn movable(io: &mut Builder) {
    io.on("join", |socket: &Socket, rooms: Vec<String>| {
        socket.join(rooms).is_ok()
    });
    io.on("leave", |socket: &Socket, rooms: Vec<String>| {
        socket.leave(rooms).is_ok()
    });
}

/// A small generator of numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}
