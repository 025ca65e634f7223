//! The Ringside client in Rust: the API of socket.io-client 4 and of `ringside-web`, async over tokio.
//!
//! ```no_run
//! use ringside_client::{Options, io};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let socket = io("http://localhost:3000", Options::default())?;
//!     socket.on_stage(|_, stage| println!("{}", stage.name()));
//!     socket.on("chat", |_, text: String| println!("{text}"));
//!     socket.emit("say", "hello")?;
//!     let heard: bool = socket.emit_with_ack("say", "are you there?").await?;
//!     println!("heard: {heard}");
//!     socket.disconnect();
//!     Ok(())
//! }
//! ```
//!
//! [`swarm`] is another thing: thousands of connections on one thread, for bots and load tests. [`game`] is what
//! players of a game need beside a connection: a clock for inputs, prediction, interpolation.
//!
//! # Contract
//!
//! - **Order**: events leave in the order they were emitted, across an upgrade and a reconnection
//!   too; listeners run one after the other, in the order things happened.
//! - **Delivery** is at most once; `retries` with `ack_timeout` makes it at least once.
//! - **Stages**: everything that happens to the connection is an event ([`Stage`]), and the state is
//!   one word at any time ([`Socket::state`]).
//! - **Bounds**: what waits ([`Options::buffer_max`]) and what a server may send
//!   ([`Options::message_max`]).
//!
//! With the feature `quic` there is a third transport, [`Transport::WebTransport`]: QUIC itself, with the server's frames
//! and none of HTTP/3, which is for browsers. There `volatile` events that fit travel as datagrams, both ways: they
//! wait for nothing, may be lost, and may overtake others. Listeners see no difference.
//!
//! Leaves out: other parsers than JSON, compression.
#![forbid(unsafe_code)]

mod address;
mod backoff;
mod cache;
mod driver;
mod emission;
mod engine;
mod events;
mod failure;
pub mod game;
mod machine;
mod manager;
mod options;
#[cfg(feature = "quic")]
mod quic;
mod socket;
mod stage;
pub mod swarm;

pub use address::SetupError;
pub use cache::io;
pub use emission::{Ack, Answer, Emission};
pub use events::ListenerId;
pub use failure::{AckError, ConnectionError, EmitError, Reason};
pub use manager::{Manager, Phase, Stats};
pub use options::{Auth, Options, Transport};
#[cfg(feature = "quic")]
pub use quic::trust_hashes;
pub use ringside_proto::socketio::{Args, ArgsError, Spread};
pub use socket::Socket;
pub use stage::{DisconnectReason, Stage, State};

/// The revision of the Socket.IO protocol spoken here.
pub const PROTOCOL: u32 = 5;
