//! Why connections end: every reason, with its close code and a sentence, by whose move it is.
//!
//! The lists of the layers ([`crate::ws::Misbehaviour`], [`crate::engineio::Misbehaviour`],
//! [`crate::socketio::Misbehaviour`]) are made by one macro, so each variant has a code and a
//! sentence or does not compile. [`all`] is the source of `docs/close-reasons.md`, and a test
//! keeps the two equal. It leaves out HTTP refusals before a session exists
//! ([`crate::engineio::HandshakeError`], [`crate::ws::handshake::Refusal`]).

use crate::ws::CloseCode;

/// Whose move it is after a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// The peer broke the protocol or a limit: its author must act; retrying as is will not help.
    Peer,
    /// The network or the peer's machine: the peer may reconnect at once.
    Network,
    /// The server: it restarts, drains or failed; the peer may reconnect.
    Server,
    /// Nobody: one side finished on purpose.
    Nobody,
}

/// One line of the list: what `docs/close-reasons.md` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// A stable name such as `ws.ReservedBits`, also used for counters.
    pub name: &'static str,
    /// Whose move it is.
    pub whose: Move,
    /// The WebSocket close code.
    pub code: CloseCode,
    /// The sentence sent as close reason: no full stop, at most 123 bytes.
    pub sentence: &'static str,
}

/// Declares an enum whose every variant has a close code and a sentence.
macro_rules! reasons {
    ($(#[$meta:meta])* pub enum $name:ident: $layer:literal {
        $($(#[$vmeta:meta])* $variant:ident = $code:ident, $sentence:literal;)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vmeta])* $variant,)* }

        impl $name {
            /// Every variant, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The WebSocket close code that answers it.
            pub const fn close_code(self) -> CloseCode {
                match self { $(Self::$variant => CloseCode::$code,)* }
            }

            /// One sentence for the peer's author and the log: no full stop, at most 123 bytes.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }

            /// A stable name for counters, such as `ws.ReservedBits`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => concat!($layer, ".", stringify!($variant)),)* }
            }

            /// The line of the list of close reasons.
            pub const fn entry(self) -> $crate::close::Entry {
                $crate::close::Entry {
                    name: self.name(),
                    whose: $crate::close::Move::Peer,
                    code: self.close_code(),
                    sentence: self.sentence(),
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.sentence())
            }
        }

        impl ::std::error::Error for $name {}
    };
}
pub(crate) use reasons;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer broke WebSocket.
    WebSocket(crate::ws::Misbehaviour),
    /// The peer broke Engine.IO.
    EngineIo(crate::engineio::Misbehaviour),
    /// The peer broke Socket.IO.
    SocketIo(crate::socketio::Misbehaviour),
    /// The peer reads too slowly: its outbox passed its bound.
    FellBehind,
    /// The peer connected to no namespace in time.
    ConnectTimeout,
    /// The peer did not answer the heartbeat in time.
    PingTimeout,
    /// The stream ended without a close.
    TransportClosed,
    /// Reading or writing failed.
    TransportError,
    /// The server shuts down; the peer may reconnect at once, elsewhere.
    Draining,
    /// A handler panicked or failed; only this socket ends.
    HandlerFailed,
    /// The peer closed.
    ClosedByPeer,
    /// The application closed.
    ClosedByServer,
}

impl CloseReason {
    const OWN: &'static [Self] = &[
        Self::FellBehind,
        Self::ConnectTimeout,
        Self::PingTimeout,
        Self::TransportClosed,
        Self::TransportError,
        Self::Draining,
        Self::HandlerFailed,
        Self::ClosedByPeer,
        Self::ClosedByServer,
    ];

    /// Name, mover, code and sentence.
    pub const fn entry(self) -> Entry {
        let (name, whose, code, sentence) = match self {
            Self::WebSocket(it) => return it.entry(),
            Self::EngineIo(it) => return it.entry(),
            Self::SocketIo(it) => return it.entry(),
            Self::FellBehind => (
                "FellBehind",
                Move::Peer,
                CloseCode::POLICY,
                "the peer reads too slowly",
            ),
            Self::ConnectTimeout => (
                "ConnectTimeout",
                Move::Peer,
                CloseCode::POLICY,
                "the peer joined no namespace in time",
            ),
            Self::PingTimeout => (
                "PingTimeout",
                Move::Network,
                CloseCode::GOING_AWAY,
                "the heartbeat was not answered in time",
            ),
            Self::TransportClosed => (
                "TransportClosed",
                Move::Network,
                CloseCode::ABNORMAL,
                "the stream ended without a close",
            ),
            Self::TransportError => (
                "TransportError",
                Move::Network,
                CloseCode::ABNORMAL,
                "reading or writing failed",
            ),
            Self::Draining => (
                "Draining",
                Move::Server,
                CloseCode::SERVICE_RESTART,
                "the server shuts down, please reconnect",
            ),
            Self::HandlerFailed => (
                "HandlerFailed",
                Move::Server,
                CloseCode::INTERNAL_ERROR,
                "a handler of the server failed",
            ),
            Self::ClosedByPeer => (
                "ClosedByPeer",
                Move::Nobody,
                CloseCode::NORMAL,
                "the peer closed",
            ),
            Self::ClosedByServer => (
                "ClosedByServer",
                Move::Nobody,
                CloseCode::NORMAL,
                "the application closed",
            ),
        };
        Entry {
            name,
            whose,
            code,
            sentence,
        }
    }

    /// The word Socket.IO's `disconnect` event uses for it (npm socket.io 4.8, `DisconnectReason`).
    pub const fn disconnect_reason(self) -> &'static str {
        match self {
            Self::WebSocket(_) => "transport error",
            Self::EngineIo(_) | Self::SocketIo(_) => "parse error",
            Self::FellBehind | Self::TransportError => "transport error",
            Self::ConnectTimeout | Self::HandlerFailed => "forced server close",
            Self::PingTimeout => "ping timeout",
            Self::TransportClosed | Self::ClosedByPeer => "transport close",
            Self::Draining => "server shutting down",
            Self::ClosedByServer => "forced close",
        }
    }
}

impl std::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.entry().sentence)
    }
}

impl std::error::Error for CloseReason {}

impl From<crate::ws::Misbehaviour> for CloseReason {
    fn from(it: crate::ws::Misbehaviour) -> Self {
        Self::WebSocket(it)
    }
}

impl From<crate::engineio::Misbehaviour> for CloseReason {
    fn from(it: crate::engineio::Misbehaviour) -> Self {
        Self::EngineIo(it)
    }
}

impl From<crate::socketio::Misbehaviour> for CloseReason {
    fn from(it: crate::socketio::Misbehaviour) -> Self {
        Self::SocketIo(it)
    }
}

/// Every reason there is: the layers' misbehaviours first, then the connection's own ends.
pub fn all() -> impl Iterator<Item = Entry> {
    let ws = crate::ws::Misbehaviour::ALL.iter().map(|it| it.entry());
    let engineio = crate::engineio::Misbehaviour::ALL
        .iter()
        .map(|it| it.entry());
    let socketio = crate::socketio::Misbehaviour::ALL
        .iter()
        .map(|it| it.entry());
    ws.chain(engineio)
        .chain(socketio)
        .chain(CloseReason::OWN.iter().map(|it| it.entry()))
}
