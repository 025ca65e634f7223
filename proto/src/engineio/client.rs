//! The client's end of a session: open, heartbeat, upgrade probe, close.
//!
//! The mirror of [`super::ServerSession`]: the caller opens a transport, hands in the packets and
//! does the one [`ClientAct`] each call answers. Source: npm engine.io-client 6.6, `socket.ts`.
//! It chooses no transport and does not reconnect.

use crate::close::CloseReason;
use crate::time::Millis;

use super::{Misbehaviour, OpenPacket, PacketKind, Transport, Version};

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ClientAct {
    /// Nothing.
    Nothing,
    /// The session is open; its id and times are in the open packet just handed in.
    Opened,
    /// Hand the packet's data to the layer above.
    Deliver,
    /// Send a pong with the ping's data (version 4).
    SendPong,
    /// Send a ping (version 3).
    SendPing,
    /// The probe was answered: finish the poll in flight, start no other, then call
    /// [`ClientSession::on_paused`].
    PausePolling,
    /// Send `5` on the candidate, close the old transport, send the outbox through the new one.
    SwitchTo(Transport),
    /// Close the candidate; the session goes on as before.
    DropCandidate,
    /// The session is over.
    Close(CloseReason),
}

/// The state of one session.
#[derive(Clone, Debug)]
pub struct ClientSession {
    /// Version 4: when silence means the server is gone. Version 3: when to ping or give up.
    heartbeat_at: Millis,
    ping_interval: u32,
    ping_timeout: u32,
    version: Version,
    transport: Transport,
    candidate: Option<Transport>,
    open: bool,
    asked: bool,
    probed: bool,
    closed: bool,
}

impl ClientSession {
    /// A session whose transport is connecting.
    pub const fn new(version: Version, transport: Transport) -> Self {
        Self {
            heartbeat_at: Millis::NEVER,
            ping_interval: 0,
            ping_timeout: 0,
            version,
            transport,
            candidate: None,
            open: false,
            asked: false,
            probed: false,
            closed: false,
        }
    }

    /// The transport in use.
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// Whether the open packet arrived and nothing closed since.
    pub const fn is_open(&self) -> bool {
        self.open && !self.closed
    }

    /// A packet arrived on the transport in use; `data` is its text.
    pub fn on_packet(&mut self, kind: PacketKind, data: &str, now: Millis) -> ClientAct {
        if self.closed {
            return ClientAct::Nothing;
        }
        if !self.open {
            return match (kind, OpenPacket::decode(data)) {
                (PacketKind::Open, Ok(open)) => {
                    self.open = true;
                    self.ping_interval = open.ping_interval;
                    self.ping_timeout = open.ping_timeout;
                    self.rest(now);
                    ClientAct::Opened
                }
                (PacketKind::Open, Err(misbehaviour)) => {
                    self.close(CloseReason::EngineIo(misbehaviour))
                }
                _ => self.close(CloseReason::EngineIo(Misbehaviour::UnexpectedPacket)),
            };
        }
        match (kind, self.version) {
            (PacketKind::Message, _) => ClientAct::Deliver,
            (PacketKind::Ping, Version::V4) => {
                self.rest(now);
                ClientAct::SendPong
            }
            (PacketKind::Pong, Version::V3) => {
                self.asked = false;
                self.rest(now);
                ClientAct::Nothing
            }
            (PacketKind::Close, _) => self.close(CloseReason::ClosedByPeer),
            (PacketKind::Ping, Version::V3) | (PacketKind::Pong, Version::V4) => {
                self.close(CloseReason::EngineIo(Misbehaviour::HeartbeatDirection))
            }
            (PacketKind::Open, _) => {
                self.close(CloseReason::EngineIo(Misbehaviour::UnexpectedPacket))
            }
            (PacketKind::Upgrade | PacketKind::Noop, _) => ClientAct::Nothing,
        }
    }

    /// A better transport opened; the caller sends `2probe` on it.
    ///
    /// # Errors
    /// [`Misbehaviour::SecondUpgrade`] (of the caller): one upgrade is running or done.
    pub fn on_candidate(&mut self, transport: Transport) -> Result<(), Misbehaviour> {
        if !self.is_open() || self.candidate.is_some() || self.transport != Transport::Polling {
            return Err(Misbehaviour::SecondUpgrade);
        }
        self.candidate = Some(transport);
        self.probed = false;
        Ok(())
    }

    /// A packet arrived on the candidate.
    pub fn on_candidate_packet(&mut self, kind: PacketKind, data: &str) -> ClientAct {
        if self.candidate.is_some() && !self.probed && kind == PacketKind::Pong && data == "probe" {
            self.probed = true;
            ClientAct::PausePolling
        } else {
            self.on_candidate_lost()
        }
    }

    /// No poll is in flight any more.
    pub fn on_paused(&mut self) -> ClientAct {
        match self.candidate.take() {
            Some(candidate) if self.probed => {
                self.transport = candidate;
                ClientAct::SwitchTo(candidate)
            }
            other => {
                self.candidate = other;
                ClientAct::Nothing
            }
        }
    }

    /// The candidate closed or failed; the session goes on.
    pub fn on_candidate_lost(&mut self) -> ClientAct {
        self.candidate = None;
        self.probed = false;
        ClientAct::DropCandidate
    }

    /// The transport in use closed (`failed`: by an error).
    pub fn on_transport_closed(&mut self, failed: bool) -> ClientAct {
        self.close(if failed {
            CloseReason::TransportError
        } else {
            CloseReason::TransportClosed
        })
    }

    /// Ends the session for a reason of the caller's.
    pub fn close(&mut self, reason: CloseReason) -> ClientAct {
        if self.closed {
            return ClientAct::Nothing;
        }
        self.closed = true;
        self.candidate = None;
        self.heartbeat_at = Millis::NEVER;
        ClientAct::Close(reason)
    }

    /// When to call [`ClientSession::poll`] at the latest.
    pub const fn next_deadline(&self) -> Millis {
        self.heartbeat_at
    }

    /// Time passed: gives what is due, one act at a time, then [`ClientAct::Nothing`].
    pub fn poll(&mut self, now: Millis) -> ClientAct {
        if self.closed || now < self.heartbeat_at {
            return ClientAct::Nothing;
        }
        match self.version {
            Version::V3 if !self.asked => {
                self.asked = true;
                self.heartbeat_at = now.plus(self.ping_timeout);
                ClientAct::SendPing
            }
            _ => self.close(CloseReason::PingTimeout),
        }
    }

    fn rest(&mut self, now: Millis) {
        self.heartbeat_at = now.plus(match self.version {
            Version::V4 => self.ping_interval.saturating_add(self.ping_timeout),
            Version::V3 => self.ping_interval,
        });
    }
}
