//! The stages of a connection, as events: each has a name the field has used, and arguments.
//!
//! `socket.on("reconnecting", |_, (attempt, ms): (u32, u64)| …)` hears one by name, as in the browser;
//! [`Socket::on_stage`](crate::Socket::on_stage) hears them all, typed.

use std::time::Duration;

use ringside_proto::engineio::Transport;
use serde::Serialize;

use crate::failure::ConnectionError;

/// Where a socket is, as one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not connected, and not trying.
    Disconnected,
    /// On its way.
    Connecting,
    /// In its namespace.
    Connected,
    /// Waiting for the next attempt.
    Reconnecting,
    /// Refused, or given up.
    Failed,
}

impl State {
    /// The word, as the browser client has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Failed => "failed",
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a connection that was there is over, in Socket.IO's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server disconnected us from the namespace.
    ServerDisconnect,
    /// We did.
    ClientDisconnect,
    /// The server was silent for longer than its heartbeat.
    PingTimeout,
    /// The connection was closed.
    TransportClose,
    /// The connection failed.
    TransportError,
    /// The transport was switched, and the server did not keep the session.
    TransportSwitch,
    /// The server sent what is not the protocol.
    ParseError,
    /// The whole connection was closed on this side.
    ForcedClose,
    /// No answer in time.
    Timeout,
}

impl DisconnectReason {
    /// Socket.IO's words: `transport close`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerDisconnect => "io server disconnect",
            Self::ClientDisconnect => "io client disconnect",
            Self::PingTimeout => "ping timeout",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::TransportSwitch => "transport switch",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
            Self::Timeout => "timeout",
        }
    }
}

impl std::fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stage. The name in brackets is the event's; its arguments are the fields, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Stage {
    /// An attempt begins (`connecting`).
    Connecting,
    /// In the namespace (`connect`).
    Connect,
    /// The attempt failed (`connect_failed`: the reason's word, the error).
    ConnectFailed(ConnectionError),
    /// The same moment with Socket.IO's shape (`connect_error`: the error).
    ConnectError(ConnectionError),
    /// The connection is over (`disconnect`: the reason's words, the error if there is one).
    Disconnect(DisconnectReason, Option<ConnectionError>),
    /// A message was refused, or this broke the connection (`error`).
    Error(ConnectionError),
    /// Before the wait for an attempt (`reconnecting`: its number, the wait in ms).
    Reconnecting(u32, Duration),
    /// After that wait (`reconnect_attempt`: its number).
    ReconnectAttempt(u32),
    /// After `connect`, when it took attempts (`reconnect`: how many).
    Reconnect(u32),
    /// The last attempt allowed has failed (`reconnect_failed`: how many there were).
    ReconnectFailed(u32),
    /// The transport was switched and the session kept (`switch`: the transport's name).
    Switch(Transport),
}

impl Stage {
    /// The event's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connect => "connect",
            Self::ConnectFailed(_) => "connect_failed",
            Self::ConnectError(_) => "connect_error",
            Self::Disconnect(..) => "disconnect",
            Self::Error(_) => "error",
            Self::Reconnecting(..) => "reconnecting",
            Self::ReconnectAttempt(_) => "reconnect_attempt",
            Self::Reconnect(_) => "reconnect",
            Self::ReconnectFailed(_) => "reconnect_failed",
            Self::Switch(_) => "switch",
        }
    }

    /// The stage as the arguments of an event.
    pub(crate) fn to_json(&self) -> String {
        let name = self.name();
        match self {
            Self::Connecting | Self::Connect => json(&(name,)),
            Self::ConnectFailed(error) => json(&(name, error.reason, error)),
            Self::ConnectError(error) | Self::Error(error) => json(&(name, error)),
            Self::Disconnect(reason, error) => json(&(name, reason.as_str(), error)),
            Self::Reconnecting(attempt, wait) => json(&(name, attempt, wait.as_millis() as u64)),
            Self::ReconnectAttempt(n) | Self::Reconnect(n) | Self::ReconnectFailed(n) => {
                json(&(name, n))
            }
            Self::Switch(transport) => json(&(name, transport.name())),
        }
    }
}

/// JSON of values that always have some.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
