//! What a swarm talks to, and how.

use std::net::SocketAddr;

/// What connections speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// WebSocket messages as they are.
    WebSocket,
    /// Socket.IO over WebSocket.
    SocketIo,
    /// Socket.IO over HTTP long-polling, for good.
    Polling,
    /// Socket.IO over QUIC: a stream, and datagrams beside it.
    #[cfg(feature = "quic")]
    Quic,
}

impl Protocol {
    /// Whether messages are Socket.IO packets.
    pub const fn is_socket_io(self) -> bool {
        !matches!(self, Self::WebSocket)
    }
}

/// Where a swarm connects to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server.
    pub address: SocketAddr,
    /// What the `Host` header says.
    pub host: String,
    /// The path, with its slashes: `/`, `/socket.io/`.
    pub path: String,
    /// What connections speak.
    pub protocol: Protocol,
    /// The namespace to join; `/` is the usual one. Without meaning for [`Protocol::WebSocket`].
    pub namespace: String,
    /// Where the mask keys start from. They are cheap and predictable, which is enough for load on
    /// one's own server and for nothing else (RFC 6455 §10.3).
    pub seed: u64,
    /// Whom to trust over QUIC. Default: the Mozilla roots.
    #[cfg(feature = "quic")]
    pub tls: Option<std::sync::Arc<rustls::ClientConfig>>,
}

impl Settings {
    /// Settings for a server at this address, with the paths that are usual for the protocol.
    pub fn new(address: SocketAddr, protocol: Protocol) -> Self {
        let path = if protocol.is_socket_io() {
            "/socket.io/"
        } else {
            "/"
        };
        Self {
            address,
            host: address.to_string(),
            path: path.to_owned(),
            protocol,
            namespace: "/".to_owned(),
            seed: 1,
            #[cfg(feature = "quic")]
            tls: None,
        }
    }
}
