//! Why a connection of a swarm is over.

use std::io;

use ringside_proto::{
    close::CloseReason,
    engineio, socketio,
    ws::{self, CloseCode, handshake::BadAnswer},
};

/// Why a connection is over, by whose move it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ended {
    /// The server closed the stream without a word.
    Eof,
    /// The server sent a close frame.
    Closed(CloseCode, Box<str>),
    /// The server ended the session or the namespace.
    Left,
    /// The server refused the namespace; what it said.
    NotAdmitted(Box<str>),
    /// The server answered a request with this status and the beginning of this body.
    Refused(u16, Box<str>),
    /// The server's answer is no HTTP response that we can read.
    Http(&'static str),
    /// The server's answer does not accept the upgrade.
    Upgrade(BadAnswer),
    /// The server broke WebSocket.
    WebSocket(ws::Misbehaviour),
    /// The server broke Engine.IO, or fell silent.
    EngineIo(CloseReason),
    /// The server broke Socket.IO.
    SocketIo(socketio::Misbehaviour),
    /// The QUIC connection broke, or the server closed it; its words, if there were any.
    #[cfg(feature = "quic")]
    Quic(quinn_proto::ConnectionError),
    /// The socket failed.
    Io(io::Error),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Eof => f.write_str("the server closed the connection"),
            Self::Closed(code, reason) => {
                write!(f, "the server closed with {}: {reason}", code.0)
            }
            Self::Left => f.write_str("the server ended the session"),
            Self::NotAdmitted(said) => write!(f, "the server refused the namespace: {said}"),
            Self::Refused(status, body) => write!(f, "the server answered {status}: {body}"),
            Self::Http(what) => write!(f, "the server's answer cannot be read: {what}"),
            Self::Upgrade(error) => error.fmt(f),
            Self::WebSocket(error) => write!(f, "WebSocket: {}", error.sentence()),
            Self::EngineIo(reason) => write!(f, "Engine.IO: {}", reason.entry().sentence),
            Self::SocketIo(error) => write!(f, "Socket.IO: {}", error.sentence()),
            #[cfg(feature = "quic")]
            Self::Quic(error) => write!(f, "QUIC: {error}"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Ended {}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ws::Misbehaviour> for Ended {
    fn from(error: ws::Misbehaviour) -> Self {
        Self::WebSocket(error)
    }
}

impl From<engineio::Misbehaviour> for Ended {
    fn from(error: engineio::Misbehaviour) -> Self {
        Self::EngineIo(CloseReason::EngineIo(error))
    }
}

impl From<socketio::Misbehaviour> for Ended {
    fn from(error: socketio::Misbehaviour) -> Self {
        Self::SocketIo(error)
    }
}
