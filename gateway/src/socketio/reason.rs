//! Why a socket is gone, in the words of Socket.IO.

use ringside_proto::close::CloseReason;
use serde::{Serialize, Serializer};

/// Why a socket has left its namespace. As text it is the word the reference uses (npm socket.io 4.8,
/// `DisconnectReason`); [`close_reason`](Self::close_reason) says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The client left this namespace; its connection may live on.
    ClientNamespaceDisconnect,
    /// The server had it leave this namespace ([`Socket::disconnect`](super::Socket::disconnect)).
    ServerNamespaceDisconnect,
    /// Its connection ended, for this reason.
    Connection(CloseReason),
}

impl DisconnectReason {
    /// The reference's word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
            Self::Connection(reason) => reason.disconnect_reason(),
        }
    }

    /// Why the connection ended, if that was it: see `docs/close-reasons.md`.
    pub const fn close_reason(&self) -> Option<CloseReason> {
        match self {
            Self::Connection(reason) => Some(*reason),
            _ => None,
        }
    }

    /// Whether the client may come back as the same socket (npm socket.io 4.8,
    /// `RECOVERABLE_DISCONNECT_REASONS`): the network's doing, or the server's end.
    pub(crate) fn is_recoverable(&self) -> bool {
        matches!(
            self.as_str(),
            "transport error"
                | "transport close"
                | "forced close"
                | "ping timeout"
                | "server shutting down"
                | "forced server close"
        )
    }
}

impl std::fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for DisconnectReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
