//! QUIC: a browser's WebTransport and native clients, on the stream and by datagrams; upgrades from polling
//! on any shard; what is refused, and how the end is told.
//!
//! The peers are quinn's and web-transport-quinn's client with frames written by hand. Leaves out: browsers
//! themselves (`tests/interop`), floods (`gateway_quic_hostile.rs`), and newcomers to a gateway that drains
//! (`gateway_drain.rs`).

#[path = "gateway_quic/datagrams.rs"]
mod datagrams;
#[path = "gateway_quic/ends.rs"]
mod ends;
#[path = "gateway_quic/messages.rs"]
mod messages;
#[path = "gateway_quic/refusals.rs"]
mod refusals;
#[path = "gateway_quic/upgrades.rs"]
mod upgrades;

use ringside_gateway::{Ack, Args, Builder, Key, Quic as Settings, RawArgs, Socket};
use ringside_tests::{
    peer::{Identity, Quic},
    world::{World, unpaced},
};

const SOCKET_IO: &str = "/socket.io/";

fn quic(identity: &Identity) -> Settings {
    Settings::new(identity.server_tls())
}

fn world(identity: &Identity, set_up: impl FnOnce(&mut Builder)) -> World {
    World::set_up(|io| {
        io.quic(quic(identity)).limits(unpaced());
        echoes(io);
        set_up(io);
    })
}

/// Events that come back, each in its class.
fn echoes(io: &mut Builder) {
    io.on_raw(
        "echo",
        |socket: &Socket, args: Args<'_>, ack: Option<Ack>| {
            let args = RawArgs::of_event(&args).expect("arguments");
            match ack {
                Some(ack) => ack.send_raw(&args).expect("an ack"),
                None => socket.emit_raw("echo", &args).expect("an echo"),
            }
        },
    );
    io.on("volatile", |socket: &Socket, text: String| {
        socket
            .volatile()
            .emit("volatile", &text)
            .expect("a message");
    });
    io.on("latest", |socket: &Socket, text: String| {
        let key = Key::new(7).expect("a key");
        socket.latest(key).emit("latest", &text).expect("a message");
    });
    io.on("enter", |socket: &Socket, room: String| {
        socket.join(&room).expect("it comes in");
        socket.emit("entered", &()).expect("a message");
    });
    io.on("cut", |socket: &Socket, ()| {
        socket.disconnect().expect("it leaves")
    });
}

/// Both kinds of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Page,
    PageWithDatagrams,
    Native,
}

const KINDS: [Kind; 3] = [Kind::Page, Kind::PageWithDatagrams, Kind::Native];

impl Kind {
    async fn connect(self, world: &World, identity: &Identity) -> Quic {
        let target = match self {
            Self::Page => SOCKET_IO.to_owned(),
            Self::PageWithDatagrams => format!("{SOCKET_IO}?datagrams=1"),
            Self::Native => return Quic::native(world.at(), identity).await,
        };
        Quic::page(world.at(), identity, &target, &[]).await
    }

    /// One that has joined `/`.
    async fn join(self, world: &World, identity: &Identity) -> Quic {
        let mut it = self.connect(world, identity).await;
        it.open().await;
        it.join().await;
        it
    }
}
