//! The Socket.IO server API: namespaces, sockets, handlers, emitting.
//!
//! Promises: handlers are registered once per namespace and cost nothing per socket; emitting encodes
//! once, however many receive; everything may be called from any thread, and what one thread does
//! happens in its order.

mod dispatch;
mod each;
pub(crate) mod handler;
mod handshake;
mod namespace;
mod publisher;
mod raw;
mod socket;
mod target;

use ringside_core::{Busy, PublishError, SetupError};
use ringside_proto::socketio::EncodeError;

pub use each::{EachBytes, SendPieces};
pub use handler::Ack;
pub(crate) use handler::Handler;
pub use handshake::Handshake;
pub use namespace::Namespace;
pub use publisher::Publisher;
pub use raw::RawArgs;
#[cfg(test)]
pub(crate) use socket::BYTES as SOCKET_BYTES;
pub use socket::{Socket, SocketId};
pub use target::{Room, Target};

/// Why something was not sent. Nothing of it was, to anybody.
#[derive(Debug)]
#[non_exhaustive]
pub enum EmitError {
    /// The event or its arguments cannot be encoded: the caller's move.
    Encode(EncodeError),
    /// The socket has disconnected.
    Disconnected,
    /// A shard's queue is full: try again later, or send less.
    Busy {
        /// The shard that is behind.
        shard: usize,
    },
    /// More rooms are alive than a core has topics for.
    TooManyRooms,
}

impl std::fmt::Display for EmitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Encode(error) => error.fmt(f),
            Self::Disconnected => f.write_str("the socket has disconnected"),
            Self::Busy { shard } => write!(
                f,
                "shard {shard} is behind; nothing was sent, try again later"
            ),
            Self::TooManyRooms => f.write_str("too many rooms are alive"),
        }
    }
}

impl std::error::Error for EmitError {}

impl From<EncodeError> for EmitError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<Busy> for EmitError {
    fn from(Busy { shard }: Busy) -> Self {
        Self::Busy { shard }
    }
}

impl From<PublishError> for EmitError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::ShardStalled { shard } => Self::Busy { shard },
            // A connection of another core: it is nobody here.
            _ => Self::Disconnected,
        }
    }
}

impl From<SetupError> for EmitError {
    fn from(_: SetupError) -> Self {
        Self::TooManyRooms
    }
}
