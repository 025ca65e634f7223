//! The server's end of a session: heartbeat, polling rules, upgrade, close.
//!
//! Tell it what happens, do the one [`Act`] it answers, and call [`ServerSession::poll`] when
//! [`ServerSession::next_deadline`] is reached, until it answers [`Act::Nothing`]. The order to
//! call: packets of the transport in use go to [`on_packet`](ServerSession::on_packet), packets
//! of one that wants to replace it to [`on_candidate_packet`](ServerSession::on_candidate_packet).
//!
//! ```text
//!            on_candidate          "2probe"             "5"
//!  polling ──────────────▶ offered ────────▶ probed ─────────▶ websocket / webtransport
//!                             │ anything else, timeout: the candidate is dropped, polling stays
//! ```
//! Source: Engine.IO protocol; npm engine.io 6.6.12, `socket.js` and `transports/polling.js`.
//! It holds no outbox and no sid, and answers no HTTP.

use crate::close::CloseReason;
use crate::time::Millis;

use super::{HandshakeError, Misbehaviour, PacketKind, Transport, Version};

/// The times of a session, all in milliseconds. Defaults are those of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From a pong (or the opening) to the next ping. Default 25,000.
    pub ping_interval: u32,
    /// How long to wait for the pong. Default 20,000.
    pub ping_timeout: u32,
    /// How long an upgrade may take. Default 10,000.
    pub upgrade_timeout: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            ping_interval: 25_000,
            ping_timeout: 20_000,
            upgrade_timeout: 10_000,
        }
    }
}

/// While a probed client still polls, its poll is ended this often, in milliseconds, so that it
/// can pause polling (the reference's interval).
const RELEASE_INTERVAL: u32 = 100;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Act {
    /// Nothing.
    Nothing,
    /// Hand the packet's data to the layer above.
    Deliver,
    /// Send a ping packet (version 4).
    SendPing,
    /// Answer with a pong that carries the ping's data (version 3).
    SendPong,
    /// Send `3probe` on the candidate; if `release_poll`, also end the pending poll with a noop.
    AnswerProbe {
        /// A poll is pending.
        release_poll: bool,
    },
    /// End the pending poll with a noop.
    ReleasePoll,
    /// Close the candidate; the session goes on as before.
    DropCandidate,
    /// The candidate is the transport now: send the outbox through it; answer a poll that is
    /// still pending with a noop.
    SwitchTo(Transport),
    /// The session is over. A pending poll is ended with [`ServerSession::farewell`].
    Close(CloseReason),
}

/// The state of one session: 64 bytes, no heap.
#[derive(Clone, Debug)]
pub struct ServerSession {
    /// When to ping or to give up, by `asked`.
    heartbeat_at: Millis,
    upgrade_until: Millis,
    release_at: Millis,
    /// The peer is not read before this time.
    held_until: Millis,
    timing: Timing,
    version: Version,
    transport: Transport,
    candidate: Option<Transport>,
    asked: bool,
    extended: bool,
    probed: bool,
    upgraded: bool,
    polling: bool,
    posting: bool,
    closed: bool,
}

impl ServerSession {
    /// A session that opens now; the caller sends the open packet.
    pub fn new(timing: Timing, version: Version, transport: Transport, now: Millis) -> Self {
        let first = match version {
            Version::V4 => timing.ping_interval,
            // "the client sends a ping": it has one interval, and the timeout, to do so.
            Version::V3 => timing.ping_interval.saturating_add(timing.ping_timeout),
        };
        Self {
            heartbeat_at: now.plus(first),
            upgrade_until: Millis::NEVER,
            release_at: Millis::NEVER,
            held_until: now,
            timing,
            version,
            transport,
            candidate: None,
            asked: version == Version::V3,
            extended: false,
            probed: false,
            upgraded: false,
            polling: false,
            posting: false,
            closed: false,
        }
    }

    /// The revision the client speaks.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The transport in use.
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// The transport that wants to replace it.
    pub const fn candidate(&self) -> Option<Transport> {
        self.candidate
    }

    /// Whether the session is over.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether a poll is pending, that is, whether polling can carry packets now.
    pub const fn has_pending_poll(&self) -> bool {
        self.polling
    }

    /// Whether packets may be written to the transport in use: never while a client that was
    /// probed may be pausing its polls, always otherwise (polling: when a poll is pending).
    pub const fn is_writable(&self) -> bool {
        match self.transport {
            Transport::Polling => self.polling,
            Transport::WebSocket | Transport::WebTransport => true,
        }
    }

    /// Judges a further HTTP request of this session (npm engine.io, `Server.verify`).
    ///
    /// # Errors
    /// [`HandshakeError::BadRequest`]: another transport without upgrade, or another revision.
    pub fn check_request(
        &self,
        version: Version,
        transport: Transport,
        is_upgrade: bool,
    ) -> Result<(), HandshakeError> {
        if self.closed {
            return Err(HandshakeError::UnknownSid);
        }
        let fits = match transport {
            Transport::Polling => !is_upgrade && self.transport == Transport::Polling,
            Transport::WebSocket => is_upgrade,
            // WebTransport streams name their session in their first packet, not in a request.
            Transport::WebTransport => false,
        };
        if !fits || version != self.version {
            return Err(HandshakeError::BadRequest);
        }
        Ok(())
    }

    /// A packet arrived on the transport in use.
    #[inline]
    pub fn on_packet(&mut self, kind: PacketKind, now: Millis) -> Act {
        if self.closed {
            return Act::Nothing;
        }
        // "got packet while waiting for pong - refreshing ping timeout", once per ping.
        if self.asked && !self.extended && self.version == Version::V4 && kind != PacketKind::Pong {
            self.extended = true;
            self.heartbeat_at = now.plus(self.timing.ping_timeout);
        }
        match (kind, self.version) {
            (PacketKind::Message, _) => Act::Deliver,
            (PacketKind::Pong, Version::V4) => {
                self.asked = false;
                self.heartbeat_at = now.plus(self.timing.ping_interval);
                Act::Nothing
            }
            (PacketKind::Ping, Version::V3) => {
                self.heartbeat_at = now.plus(
                    self.timing
                        .ping_interval
                        .saturating_add(self.timing.ping_timeout),
                );
                Act::SendPong
            }
            (PacketKind::Ping, Version::V4) | (PacketKind::Pong, Version::V3) => {
                self.close(CloseReason::EngineIo(Misbehaviour::HeartbeatDirection))
            }
            (PacketKind::Close, _) => self.close(CloseReason::ClosedByPeer),
            // The reference ignores these; so must we, since old clients send noops.
            (PacketKind::Open | PacketKind::Upgrade | PacketKind::Noop, _) => Act::Nothing,
        }
    }

    /// What arrived on the transport in use was no packet.
    pub fn on_misbehaviour(&mut self, misbehaviour: Misbehaviour) -> Act {
        self.close(CloseReason::EngineIo(misbehaviour))
    }

    /// A GET of polling arrived: park it ([`Act::Nothing`]) or end the session.
    pub fn on_poll(&mut self, now: Millis) -> Act {
        if self.polling {
            return self.close(CloseReason::EngineIo(Misbehaviour::OverlappingPoll));
        }
        self.polling = true;
        if self.probed {
            self.release_at = now.plus(RELEASE_INTERVAL);
        }
        Act::Nothing
    }

    /// The pending poll was answered.
    pub fn on_poll_answered(&mut self) {
        self.polling = false;
        self.release_at = Millis::NEVER;
    }

    /// The peer gave up the pending poll.
    pub fn on_poll_aborted(&mut self) -> Act {
        self.polling = false;
        self.close(CloseReason::TransportError)
    }

    /// A POST of polling begins: read it ([`Act::Nothing`]) or end the session.
    ///
    /// `binary`: its type is `application/octet-stream`, which only version 3 knows.
    pub fn on_post(&mut self, binary: bool) -> Act {
        if self.posting {
            return self.close(CloseReason::EngineIo(Misbehaviour::OverlappingPost));
        }
        if binary && self.version == Version::V4 {
            return self.close(CloseReason::EngineIo(Misbehaviour::BinaryPost));
        }
        self.posting = true;
        Act::Nothing
    }

    /// The POST was read to its end and its packets were handed in.
    pub fn on_post_done(&mut self) {
        self.posting = false;
    }

    /// The peer gave up the POST.
    pub fn on_post_aborted(&mut self) -> Act {
        self.posting = false;
        self.close(CloseReason::TransportError)
    }

    /// A transport opened that wants to replace the one in use.
    ///
    /// # Errors
    /// [`Misbehaviour::SecondUpgrade`]: close the newcomer; the session goes on.
    pub fn on_candidate(&mut self, transport: Transport, now: Millis) -> Result<(), Misbehaviour> {
        if self.closed
            || self.candidate.is_some()
            || self.upgraded
            || self.transport != Transport::Polling
        {
            return Err(Misbehaviour::SecondUpgrade);
        }
        self.candidate = Some(transport);
        self.probed = false;
        self.upgrade_until = now.plus(self.timing.upgrade_timeout);
        Ok(())
    }

    /// A packet arrived on the candidate; `data` is its text.
    pub fn on_candidate_packet(&mut self, kind: PacketKind, data: &str, now: Millis) -> Act {
        let Some(candidate) = self.candidate.filter(|_| !self.closed) else {
            return Act::DropCandidate;
        };
        match kind {
            PacketKind::Ping if data == "probe" => {
                self.probed = true;
                self.release_at = Millis::NEVER;
                Act::AnswerProbe {
                    release_poll: self.polling,
                }
            }
            PacketKind::Upgrade => {
                self.end_upgrade();
                self.transport = candidate;
                self.upgraded = true;
                // A pong that was on its way through the old transport may be lost with it.
                if self.asked && self.version == Version::V4 {
                    self.heartbeat_at = now.plus(self.timing.ping_timeout);
                }
                Act::SwitchTo(candidate)
            }
            _ => self.on_candidate_lost(),
        }
    }

    /// The candidate closed or broke its protocol; the session goes on.
    pub fn on_candidate_lost(&mut self) -> Act {
        self.end_upgrade();
        Act::DropCandidate
    }

    /// The caller does not read the peer before `until`, because it sends too much: what it says in time
    /// is heard late, so its heartbeat is given as much longer.
    pub fn hold(&mut self, until: Millis) {
        self.held_until = self.held_until.max(until);
    }

    /// The transport in use closed (`failed`: by an error).
    pub fn on_transport_closed(&mut self, failed: bool) -> Act {
        self.close(if failed {
            CloseReason::TransportError
        } else {
            CloseReason::TransportClosed
        })
    }

    /// Ends the session for a reason of the caller's.
    pub fn close(&mut self, reason: CloseReason) -> Act {
        if self.closed {
            return Act::Nothing;
        }
        self.closed = true;
        self.end_upgrade();
        self.heartbeat_at = Millis::NEVER;
        Act::Close(reason)
    }

    /// The packet that ends a pending poll: noop if the peer closed, close otherwise.
    pub const fn farewell(reason: CloseReason) -> PacketKind {
        match reason {
            CloseReason::ClosedByPeer => PacketKind::Noop,
            _ => PacketKind::Close,
        }
    }

    /// When to call [`ServerSession::poll`] at the latest; [`Millis::NEVER`] once closed.
    pub fn next_deadline(&self) -> Millis {
        self.heartbeat_at
            .min(self.upgrade_until)
            .min(self.release_at)
    }

    /// Time passed: gives what is due, one act at a time, then [`Act::Nothing`].
    pub fn poll(&mut self, now: Millis) -> Act {
        if self.closed || now < self.next_deadline() {
            return Act::Nothing;
        }
        if now >= self.heartbeat_at {
            if self.asked {
                let heard_by = self.held_until.plus(self.timing.ping_timeout);
                if now < heard_by {
                    self.heartbeat_at = heard_by;
                    return Act::Nothing;
                }
                return self.close(CloseReason::PingTimeout);
            }
            self.asked = true;
            self.extended = false;
            self.heartbeat_at = now.plus(self.timing.ping_timeout);
            return Act::SendPing;
        }
        if now >= self.upgrade_until {
            return self.on_candidate_lost();
        }
        if now >= self.release_at {
            self.release_at = Millis::NEVER;
            if self.polling {
                return Act::ReleasePoll;
            }
        }
        Act::Nothing
    }

    fn end_upgrade(&mut self) {
        self.candidate = None;
        self.probed = false;
        self.upgrade_until = Millis::NEVER;
        self.release_at = Millis::NEVER;
    }
}

const _: () = assert!(size_of::<ServerSession>() <= 64);
