//! **Ringside gateway**: Socket.IO for stock clients, at the cost of a raw socket.
//!
//! One shard per core, each a thread with its own listener, event loop and connections. WebSocket and
//! HTTP long-polling are one session with one outbox; all writes are made by the core's pump.
//!
//! ```no_run
//! use ringside_gateway::{Gateway, Socket};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut io = Gateway::builder();
//!     io.on_connect(|socket| println!("a user connected: {}", socket.id()));
//!     io.on_disconnect(|socket, reason| println!("{} disconnected: {reason}", socket.id()));
//!     io.on("chat", |socket: &Socket, text: String| {
//!         socket.broadcast().emit("chat", &text).is_ok() // the ack
//!     });
//!     io.listen("127.0.0.1:3000")?.wait();
//!     Ok(())
//! }
//! ```
//!
//! # Contract
//!
//! - **Order**: what one thread sends to a socket arrives in that order, over joins, emits and the
//!   disconnect. Handlers of one socket start in the order their messages came.
//! - **Delivery** is at most once, and reliable while the connection lasts; `volatile` and `latest`
//!   allow less. A socket that reads too slowly is closed with a reason.
//! - **Peers** get limits ([`Limits`]); what breaks the protocol closes its own session only.
//!
//! Source: Engine.IO protocol 4, Socket.IO protocol 5; RFC 6455.

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

mod admission;
mod builder;
mod counts;
mod deflate;
#[cfg(feature = "dev-cert")]
mod dev_cert;
mod eio3;
mod endpoint;
mod env;
mod gateway;
mod http;
mod life;
mod limits;
mod listener;
mod mark;
mod mount;
mod options;
mod poll;
mod quic;
mod raw;
mod recode;
mod session;
mod shard;
mod shared;
mod sid;
mod sink;
mod socketio;
mod start;
mod stream;
mod tls;
mod wire;

pub use crate::http::{
    ConnectionError, Cookie, Origins, Page, PageRequest, PostRequest, RequestHead,
};
pub use admission::AddressLimits;
pub use builder::Builder;
pub use deflate::Compression;
#[cfg(feature = "dev-cert")]
pub use dev_cert::{DevCertError, DevCertificate};
pub use env::handler_began;
pub use gateway::Gateway;
pub use limits::Limits;
pub use listener::{ListenError, raise_descriptor_limit};
pub use mount::{Mount, Mounted};
pub use quic::{DATAGRAM_BYTES_MAX, NATIVE as NATIVE_PROTOCOL, Quic};
pub use raw::{Connection, Raw, RawMessage};
pub use ringside_core::{Class, ConnId, Key, OutboxLimits, Stats};
pub use ringside_proto::{engineio::Timing, socketio::Args};
pub use shared::{Counters, Transports};
pub use socketio::{
    Ack, AckError, AckReplies, Adapter, Answer, ConnectError, Copies, DisconnectReason, EachBytes,
    EmitError, Emitter, HandlerError, Handshake, ListenerId, Namespace, Publisher, RawArgs,
    Recovery, RemoteSocket, Room, Rooms, SendPieces, Socket, SocketId, Target, adapter,
};
pub use tls::{Tls, TlsError};
pub use wire::Parser;
