//! A peer at the level of bytes: HTTP/1.1, WebSocket, Engine.IO 4 over both and over QUIC, with TLS or
//! without, and Socket.IO 5.
//!
//! Promises: what it sends is exactly what it is told to, right or wrong; what it receives it shows as
//! it came. Source: RFC 9112, RFC 6455, Engine.IO protocol 4.

mod engineio;
mod http;
mod quic;
mod socketio;
mod tls;
mod websocket;

pub use engineio::{Open, Place, Polling, decode_payload, encode_payload, shard_of};
pub use http::{Http, Reply};
pub use quic::{NATIVE, Quic, QuicFrame, connect, quic_endpoint};
pub use socketio::SocketIo;
pub use tls::Identity;
pub use websocket::{Frame, WebSocket};
