//! The Socket.IO server API: namespaces, sockets, handlers, emitting.
//!
//! | | |
//! |---|---|
//! | `namespace`, `space` | what is registered, and what runs: by name, or made from a pattern |
//! | `dispatch`, `admit`, `handler` | from packets to handlers, and the way in |
//! | `socket`, `extras` | a client in a namespace; what some of them have besides |
//! | `emitter` | sending to one, and from one to others |
//! | `target`, `selector`, `local` | whom an operation is for, and what each shard does for it |
//! | `acks` | events that want an answer |
//! | `adapter` | the seam to other servers |
//! | `recovery`, `origin`, `id` | sockets that come back |
//!
//! Promises: handlers registered on a namespace cost nothing per socket; emitting encodes once, however
//! many receive; everything may be called from any thread, and what one thread does happens in its order.

mod acks;
pub mod adapter;
mod admit;
mod answer;
mod dispatch;
mod each;
mod emitter;
mod ending;
mod extras;
pub(crate) mod handler;
mod handshake;
mod id;
mod local;
mod namespace;
mod origin;
mod publisher;
mod raw;
mod reason;
mod recovery;
mod remote;
mod rooms;
mod selector;
mod socket;
mod space;
mod target;
mod watch;

use ringside_core::{Busy, PublishError, SetupError};
use ringside_proto::socketio::EncodeError;

pub use acks::{AckError, AckReplies};
pub use adapter::Adapter;
pub use answer::Answer;
pub use each::{Copies, EachBytes, SendPieces};
pub use emitter::Emitter;
pub use extras::ListenerId;
pub(crate) use handler::Handler;
pub use handler::{Ack, HandlerError};
pub use handshake::Handshake;
pub use id::SocketId;
pub(crate) use local::Seat;
pub use namespace::{ConnectError, Namespace};
pub(crate) use origin::Mark;
pub use publisher::Publisher;
pub(crate) use raw::Raw;
pub use raw::RawArgs;
pub use reason::DisconnectReason;
pub(crate) use recovery::Memory;
pub use recovery::Recovery;
pub use remote::RemoteSocket;
pub use rooms::{Room, Rooms};
#[cfg(test)]
pub(crate) use socket::BYTES as SOCKET_BYTES;
pub use socket::Socket;
pub(crate) use space::{Space, Spaces, SpacesPlan, matches};
pub use target::Target;
pub(crate) use watch::Watch;

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
