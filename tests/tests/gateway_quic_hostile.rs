//! Hostile peers of QUIC: handshakes that never end, floods of datagrams and streams, packets too large, and
//! rubbish. The gateway stays alive, its memory bounded, what is turned away is counted, and a bystander goes
//! on.
//!
//! `RINGSIDE_ATTACKERS` sets how many attack at once (50); a release is tested with 1,000. The attackers'
//! memory is in the same process, so what is measured is an upper bound; they share a socket, for each has
//! buffers of megabytes.

#[path = "gateway_quic_hostile/handshakes.rs"]
mod handshakes;
#[path = "gateway_quic_hostile/sessions.rs"]
mod sessions;

use std::time::Duration;

use ringside_gateway::{Gateway, Limits, Quic as Settings, Socket};
use ringside_tests::{
    peer::{Identity, Quic},
    world::World,
};

/// What an attacker may cost at most, in bytes: its connection at both ends (it is in this process too), and
/// what the windows let it leave unread.
const EACH: usize = 512 * 1024;
/// What the process itself may grow by meanwhile.
const SLACK: usize = 48 * 1024 * 1024;
/// An echo over TCP takes at most this long, whatever goes on beside it, on a loaded machine.
const ECHO: Duration = Duration::from_secs(2);

fn settings(identity: &Identity) -> Settings {
    Settings::new(identity.server_tls())
}

fn world(identity: &Identity, limits: Limits, set: impl FnOnce(Settings) -> Settings) -> World {
    World::set_up(|io| {
        io.quic(set(settings(identity))).limits(limits);
        io.on("echo", |socket: &Socket, text: String| {
            socket.emit("echo", &text).expect("an echo");
        });
        io.on("input", |_: &Socket, _: String| {});
    })
}

/// Bounds of handshakes are shared out among shards: of one they are exact.
fn one_shard(identity: &Identity, limits: Limits, set: impl FnOnce(Settings) -> Settings) -> World {
    World::set_up(|io| {
        io.quic(set(settings(identity))).limits(limits).shards(1);
        io.on("echo", |socket: &Socket, text: String| {
            socket.emit("echo", &text).expect("an echo");
        });
    })
}

fn count(gateway: &Gateway, name: &str) -> u64 {
    gateway.closes().get(name).copied().unwrap_or_default()
}

async fn echo(it: &mut Quic) {
    it.text("42[\"echo\",\"x\"]").await;
    assert_eq!(it.next_text().await, "42[\"echo\",\"x\"]");
}

async fn native(world: &World, identity: &Identity) -> Quic {
    join(Quic::native(world.at(), identity).await).await
}

async fn join(mut it: Quic) -> Quic {
    it.open().await;
    it.join().await;
    it
}
