//! The client's end of one namespace: connect, refusal, events, disconnect.
//!
//! A manager shares one Engine.IO session among many of these and hands each the packets of its
//! namespace. Source: npm socket.io-client 4.8, `socket.ts`. Retries and buffers of unsent events
//! are the caller's.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Kind, Misbehaviour, Packet};

/// What to do with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum ClientAct<'a> {
    /// We are in. Send what was held back, then deliver what was.
    Connected {
        /// Our id.
        sid: Cow<'a, str>,
        /// The private id for recovery, if the server offers it. The same as the one we came
        /// with: the state was recovered.
        pid: Option<Cow<'a, str>>,
        /// Whether the server recovered our state.
        recovered: bool,
    },
    /// We are refused; the payload of the packet holds `message` and perhaps `data`.
    Refused,
    /// Give the event or ack to the application.
    Deliver,
    /// An event from before we were connected: keep it until [`ClientAct::Connected`].
    Hold,
    /// The server disconnected us from the namespace.
    Disconnected,
    /// Nothing.
    Ignore,
}

/// The state of one namespace at the client.
#[derive(Clone, Debug, Default)]
pub struct ClientNamespace {
    state: State,
    pid: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Connecting,
    Connected,
}

#[derive(Deserialize)]
struct Welcome<'a> {
    #[serde(borrow)]
    sid: Cow<'a, str>,
    #[serde(borrow, default)]
    pid: Option<Cow<'a, str>>,
}

impl ClientNamespace {
    /// Not connected.
    pub const fn new() -> Self {
        Self {
            state: State::Idle,
            pid: None,
        }
    }

    /// CONNECT was sent.
    pub fn on_connecting(&mut self) {
        self.state = State::Connecting;
    }

    /// The private id to claim when connecting again.
    pub fn pid(&self) -> Option<&str> {
        self.pid.as_deref()
    }

    /// Whether events may be sent.
    pub fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    /// The Engine.IO session ended.
    pub fn on_closed(&mut self) {
        self.state = State::Idle;
    }

    /// A packet of this namespace arrived.
    ///
    /// # Errors
    /// [`Misbehaviour::InvalidPayload`]: a CONNECT without `sid`, as servers of the older protocol
    /// send it.
    pub fn on_packet<'a>(&mut self, packet: &Packet<'a>) -> Result<ClientAct<'a>, Misbehaviour> {
        Ok(match (packet.kind, self.state) {
            (Kind::Connect, State::Connecting) => {
                let welcome: Welcome<'a> = serde_json::from_str(packet.payload)
                    .map_err(|_| Misbehaviour::InvalidPayload)?;
                self.state = State::Connected;
                let recovered = welcome.pid.is_some() && welcome.pid.as_deref() == self.pid();
                self.pid = welcome.pid.as_deref().map(Box::from);
                ClientAct::Connected {
                    sid: welcome.sid,
                    pid: welcome.pid,
                    recovered,
                }
            }
            (Kind::ConnectError, State::Connecting) => {
                self.state = State::Idle;
                ClientAct::Refused
            }
            (Kind::Disconnect, State::Connecting | State::Connected) => {
                self.state = State::Idle;
                ClientAct::Disconnected
            }
            (Kind::Event | Kind::BinaryEvent, State::Connecting) => ClientAct::Hold,
            (_, State::Connected) if !matches!(packet.kind, Kind::Connect | Kind::ConnectError) => {
                ClientAct::Deliver
            }
            _ => ClientAct::Ignore,
        })
    }
}
