//! Why a connection could not be made or kept, said so that its user can act.
//!
//! [`Reason`] is one word of a fixed list, the same as in the browser client; `message` is the
//! sentence for people; `description` is what the transport saw.

use ringside_proto::socketio::EncodeError;
use serde::{Deserialize, Serialize};

/// Why something failed, as one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Nobody listens, no network, no such name, or a certificate that is not trusted.
    Unreachable,
    /// The server or a proxy answered with an HTTP error.
    Refused,
    /// HTML or something else where an Engine.IO handshake was expected.
    NotAServer,
    /// Engine.IO other than 4, or Socket.IO 2.x.
    Version,
    /// The WebSocket was refused or broke.
    #[serde(rename = "websocket")]
    WebSocket,
    /// The QUIC connection was refused or broke.
    #[serde(rename = "webtransport")]
    WebTransport,
    /// The list of transports is empty.
    NoTransport,
    /// No answer in time.
    Timeout,
    /// The connection ended before the namespace was joined.
    Closed,
    /// The server's middleware refused, or there is no such namespace.
    Rejected,
    /// The server sent what is not Socket.IO.
    Parse,
    /// A message above the server's limit, or above ours.
    TooLarge,
    /// Too much waits already.
    BufferFull,
}

impl Reason {
    /// The word: `not_a_server`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::NotAServer => "not_a_server",
            Self::Version => "version",
            Self::WebSocket => "websocket",
            Self::WebTransport => "webtransport",
            Self::NoTransport => "no_transport",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Rejected => "rejected",
            Self::Parse => "parse",
            Self::TooLarge => "too_large",
            Self::BufferFull => "buffer_full",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a connection was not made, or ended, or a message was not sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectionError {
    /// One word.
    pub reason: Reason,
    /// A sentence for people.
    pub message: String,
    /// What the transport saw: an HTTP status, the error underneath.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the server's middleware gave with its refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
}

impl std::fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConnectionError {}

/// A failure without further description.
pub(crate) fn failure(reason: Reason, message: impl Into<String>) -> ConnectionError {
    ConnectionError {
        reason,
        message: message.into(),
        description: None,
        data: None,
    }
}

impl ConnectionError {
    pub(crate) fn described(mut self, by: impl std::fmt::Display) -> Self {
        self.description = Some(by.to_string());
        self
    }
}

/// Why an event was not sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum EmitError {
    /// The name belongs to the library.
    Reserved(String),
    /// The event cannot be written: its arguments have no JSON.
    Encode(EncodeError),
    /// It is too large, or too much waits already. Also told as the stage `error`.
    Refused(ConnectionError),
}

impl std::fmt::Display for EmitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reserved(name) => write!(f, "\"{name}\" is a reserved event name"),
            Self::Encode(error) => error.fmt(f),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EmitError {}

impl From<EncodeError> for EmitError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

/// Why an acknowledgement did not come.
#[derive(Debug)]
#[non_exhaustive]
pub enum AckError {
    /// Not in time.
    Timeout,
    /// The connection ended first.
    Disconnected,
    /// The event was not sent.
    NotSent(EmitError),
    /// The event was volatile and could not leave at once.
    Skipped,
    /// The answer is not of the type asked for.
    Unfit(String),
}

impl std::fmt::Display for AckError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Timeout => f.write_str("operation has timed out"),
            Self::Disconnected => f.write_str("socket has been disconnected"),
            Self::NotSent(error) => error.fmt(f),
            Self::Skipped => f.write_str("a volatile event that could not leave at once"),
            Self::Unfit(error) => write!(f, "the answer is of another type: {error}"),
        }
    }
}

impl std::error::Error for AckError {}

/// An HTTP answer that is not Engine.IO's: says what stands there instead.
pub(crate) fn wrong_answer(at: &str, status: u16, kind: &str, text: &str) -> ConnectionError {
    /// Engine.IO's own refusals: `{"code":5,"message":"Unsupported protocol version"}`.
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(default)]
        message: String,
    }
    let said = serde_json::from_str::<Refusal>(text).map_or(String::new(), |it| it.message);
    let error = if said.to_ascii_lowercase().contains("version") {
        let message = format!("{at} speaks another Engine.IO version: {said}");
        failure(Reason::Version, message)
    } else if status != 200 && (!said.is_empty() || !kind.contains("html")) {
        let message = format!("{at} refused the connection: HTTP {status} {said}");
        failure(Reason::Refused, message.trim_end())
    } else {
        let what = if text.trim_start().starts_with('<') || kind.contains("html") {
            "an HTML page".to_owned()
        } else {
            format!("{:?}", text.chars().take(40).collect::<String>())
        };
        let message = format!(
            "{at} answered HTTP {status} with {what} where an Engine.IO handshake was expected: is the path right?"
        );
        failure(Reason::NotAServer, message)
    };
    error.described(status)
}
