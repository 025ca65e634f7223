//! Engine.IO: sessions over polling, WebSocket and WebTransport; revision 4, and 3 as an option.
//!
//! * [`Packet`]: one packet as text, as binary frame, or in a polling payload ([`payload`]).
//! * [`Query`], [`HandshakeError`]: what a request asks for, and the exact refusals.
//! * [`OpenPacket`]: the JSON that opens a session.
//! * [`ServerSession`], [`ClientSession`]: heartbeat, polling rules, upgrade, close.
//! * [`Misbehaviour`]: every way a peer can break it.
//!
//! It leaves out who owns the sid, what waits in the outbox, cookies, CORS and compression.

mod client;
mod misbehaviour;
mod open;
mod packet;
pub mod payload;
mod payload_v3;
mod query;
mod server;

pub use client::{ClientAct, ClientSession};
pub use misbehaviour::Misbehaviour;
pub use open::OpenPacket;
pub use packet::{Data, Packet, PacketKind, Transport, Version};
pub use query::{HandshakeError, Query, RequestKind};
pub use server::{Act, ServerSession, Timing};
