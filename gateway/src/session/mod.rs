//! Engine.IO sessions of one shard: what one is, and doing what the protocol's machine says.
//!
//! Promises: the machine ([`ServerSession`]) decides, this does. A session ends in one place
//! ([`GatewayHost::closed`](crate::shard::GatewayHost)), whatever ended it, so that nothing of it
//! stays behind.

mod ask;
mod candidate;
mod end;
mod inbox;
mod pace;
mod read;
#[cfg(test)]
mod sum;
mod table;

use std::{rc::Rc, sync::Arc, time::Duration};

use ringside_core::{Class, ConnId, Frame, Millis as CoreMillis, Shard};
use ringside_proto::{
    close::CloseReason,
    engineio::{Act, OpenPacket, PacketKind, ServerSession, Transport, Version},
    socketio,
    time::Millis,
    ws::{Decoder, PendingPongs},
};
use smallvec::SmallVec;

pub(crate) use ask::{Ask, Offer, Poll, Post, PostBegin, abort_poll, abort_post, wait_directly};
pub(crate) use candidate::{Candidate, adopt};
pub(crate) use inbox::Inbox;
use pace::Pace;
pub(crate) use read::start;
pub(crate) use table::Sessions;

use crate::{
    admission::Admitted,
    endpoint::{Endpoint, Speaks},
    raw::Connection,
    shard::GatewayShard,
    sid::Sid,
    sink::GatewaySink,
    socketio::{Handshake, Seat, Socket, SocketId, Space},
    wire,
};

/// One client's connection, over whatever transports it uses in its life.
pub(crate) struct Session {
    pub(crate) sid: Sid,
    pub(crate) engine: ServerSession,
    pub(crate) upper: Upper,
    pub(crate) pace: Pace,
    /// Of its WebSocket, if it has one, while nothing is being taken in.
    decoder: Option<Decoder>,
    /// What it owes of WebSocket's own pongs.
    pub(crate) pongs: PendingPongs,
    /// The shard's turn, in its low bits, before which the last of them was put on its way.
    pub(crate) pongs_turn: u16,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) handshake: Arc<Handshake>,
    /// Counts for its address as long as it lives.
    _admitted: Admitted,
    /// The WebSocket or stream that wants to replace polling, while it proves itself.
    pub(crate) candidate: Option<Candidate>,
    /// Why it ends, once that is decided.
    pub(crate) why: Option<CloseReason>,
}

/// How long a client that is not read may be silent: whoever sends more than a minute's worth at once
/// is nobody's honest client, and may be dead for all we know.
const HOLD_MAX: Duration = Duration::from_secs(60);

/// A request that may open a session.
pub(crate) struct Opening {
    /// The id it will have.
    pub(crate) sid: Sid,
    pub(crate) version: Version,
    /// A client of Engine.IO 3 that wants base64 in payloads.
    pub(crate) text_only: bool,
    pub(crate) handshake: Arc<Handshake>,
    pub(crate) admitted: Admitted,
}

/// What lies above Engine.IO, or above the bare WebSocket.
pub(crate) enum Upper {
    SocketIo(SocketIo),
    Raw(Connection),
}

/// The Socket.IO part of a session.
pub(crate) struct SocketIo {
    pub(crate) decoder: socketio::Decoder,
    /// The namespaces it joined: mostly one, which lies here.
    pub(crate) sockets: SmallVec<[Seat; 1]>,
    /// When it must have joined its first namespace; never, once it has.
    pub(crate) connect_by: Millis,
}

impl SocketIo {
    /// The socket of this id.
    pub(crate) fn find_id(&self, id: SocketId, space: &Arc<Space>) -> Option<&Socket> {
        let mut sockets = self.sockets.iter().map(|seat| &seat.socket);
        sockets.find(|socket| socket.id() == id && Arc::ptr_eq(socket.space(), space))
    }

    /// The socket in this namespace.
    pub(crate) fn find_mut(&mut self, space: &Arc<Space>) -> Option<&mut Seat> {
        self.sockets
            .iter_mut()
            .find(|seat| Arc::ptr_eq(seat.socket.space(), space))
    }

    /// Takes a socket out.
    pub(crate) fn take(&mut self, id: SocketId) -> Option<Seat> {
        let at = self
            .sockets
            .iter()
            .position(|seat| seat.socket.id() == id)?;
        Some(self.sockets.remove(at))
    }
}

impl Session {
    /// The Socket.IO part, if that is what is spoken.
    pub(crate) fn sio(&mut self) -> Option<&mut SocketIo> {
        match &mut self.upper {
            Upper::SocketIo(sio) => Some(sio),
            Upper::Raw(_) => None,
        }
    }

    fn next_deadline(&self) -> Millis {
        let engine = self.engine.next_deadline();
        match &self.upper {
            Upper::SocketIo(sio) => {
                let owed = sio.sockets.iter().filter_map(|seat| seat.owed.as_ref());
                let owed = owed.map(|owed| owed.next_deadline()).min();
                engine
                    .min(sio.decoder.next_deadline())
                    .min(sio.connect_by)
                    .min(owed.unwrap_or(Millis::NEVER))
            }
            Upper::Raw(_) => engine,
        }
    }
}

impl GatewayShard {
    /// Opens a session, and returns what its open packet says.
    pub(crate) fn open(
        &self,
        shard: &mut Shard<GatewaySink>,
        endpoint: Arc<Endpoint>,
        transport: Transport,
        opening: Opening,
    ) -> Option<(ConnId, Vec<u8>)> {
        let conn = shard.open()?;
        let (now, timing) = (self.now(), self.shared.timing);
        let Opening {
            sid,
            version,
            text_only,
            handshake,
            admitted,
        } = opening;
        if version == Version::V3 {
            shard.sink().recoded.insert_old(conn, text_only);
        }
        let upper = match &endpoint.speaks {
            Speaks::SocketIo => Upper::SocketIo(SocketIo {
                decoder: socketio::Decoder::new(),
                sockets: SmallVec::new(),
                connect_by: now.plus(self.shared.limits.connect_ms),
            }),
            Speaks::EngineIo(route) | Speaks::WebSocket(route) => {
                let (handshake, shared) = (handshake.clone(), self.shared.clone());
                Upper::Raw(Connection::new(conn, route.clone(), handshake, shared))
            }
        };
        let session = Session {
            sid,
            engine: ServerSession::new(timing, version, transport, now),
            upper,
            pace: Pace::default(),
            decoder: None,
            pongs: PendingPongs::default(),
            pongs_turn: 0,
            endpoint,
            handshake,
            _admitted: admitted,
            candidate: None,
            why: None,
        };
        let offered = self.shared.upgrades();
        let open = OpenPacket {
            sid: session.sid.to_string().into(),
            upgrades: offered
                .filter(|_| transport == Transport::Polling)
                .map(|offered| offered.name().into())
                .collect(),
            ping_interval: timing.ping_interval,
            ping_timeout: timing.ping_timeout,
            max_payload: self.shared.limits.message_bytes,
        };
        let mut text = Vec::with_capacity(128);
        open.encode(&mut text);
        tracing::debug!(sid = %session.sid, transport = transport.name(), "session opened");
        self.sessions.borrow_mut().insert(conn, session);
        self.schedule(shard, conn);
        Some((conn, text))
    }

    /// Sends an Engine.IO packet on the session's transport.
    pub(crate) fn send_packet(&self, conn: ConnId, kind: PacketKind, text: &[u8]) {
        self.send_frame(conn, wire::packet(kind, text));
    }

    fn ping(&self, conn: ConnId) {
        let framed = match self.sessions.borrow_mut().get(conn) {
            Some(session) => session.endpoint.is_framed(),
            None => return,
        };
        match framed {
            true => self.send_packet(conn, PacketKind::Ping, b""),
            false => self.send_frame(conn, wire::ping()),
        }
    }

    /// A new session is ready: whoever handles raw connections hears of it.
    pub(crate) fn announce(self: &Rc<Self>, conn: ConnId) {
        let connection = match self.sessions.borrow_mut().get(conn) {
            Some(session) => match &session.upper {
                Upper::Raw(connection) => Some(connection.clone()),
                // "the client is connected to the main namespace without having to ask" (protocol 4 and
                // before, as clients of Engine.IO 3 speak it)
                Upper::SocketIo(_) if session.engine.version() == Version::V3 => None,
                Upper::SocketIo(_) => return,
            },
            None => return,
        };
        match connection {
            Some(connection) => connection.opened(),
            None => self.connect_to_root(conn),
        }
    }

    /// Sends a frame to a session of this shard.
    pub(crate) fn send_frame(&self, conn: ConnId, frame: Frame) {
        if self
            .local
            .publisher()
            .unicast(conn, Class::Reliable, frame)
            .is_err()
        {
            // Our own lane does not drain: this shard has stopped, and nobody is served any more.
            tracing::error!(?conn, "the shard has stopped draining its own lane");
        }
        self.flush_soon();
    }

    /// How long a session's client has to wait before it is read on. Its heartbeat waits as long, for its
    /// pong may lie behind what is not read yet; but no longer than [`HOLD_MAX`].
    pub(crate) fn debt(&self, conn: ConnId) -> Option<Duration> {
        let mut sessions = self.sessions.borrow_mut();
        let session = sessions.get(conn)?;
        // Hardly anybody owes anything, not even by an earlier time, which is known without a look at the clock.
        session.pace.debt(self.last_batch(), &self.shared.limits)?;
        let now = self.now();
        let wait = session.pace.debt(now, &self.shared.limits)?;
        let held = wait.min(HOLD_MAX).as_millis() as u32;
        session.engine.hold(now.plus(held));
        Some(wait)
    }

    /// Files the session's next deadline with the core.
    pub(crate) fn schedule(&self, shard: &mut Shard<GatewaySink>, conn: ConnId) {
        let Some(at) = self
            .sessions
            .borrow_mut()
            .get(conn)
            .map(|s| s.next_deadline())
        else {
            return;
        };
        if at == Millis::NEVER {
            shard.clear_deadline(conn);
        } else {
            shard.set_deadline(conn, CoreMillis(at.0));
        }
        // It may be earlier than all others, and the pump asleep until the next of those.
        self.local.wake_pump();
    }

    /// Does what a session's machine says.
    pub(crate) fn act(self: &Rc<Self>, shard: &mut Shard<GatewaySink>, conn: ConnId, act: Act) {
        match act {
            // Messages are handed up where they arrive. A pong carries its ping's data, so it is sent
            // where that is.
            Act::Nothing | Act::Deliver | Act::SendPong => {}
            Act::DropCandidate => self.forget_candidate(conn),
            Act::SendPing => self.ping(conn),
            Act::AnswerProbe {
                release_poll: false,
            } => {}
            Act::AnswerProbe { release_poll: true } | Act::ReleasePoll | Act::SwitchTo(_) => {
                if let Act::SwitchTo(_) = act {
                    self.forget_candidate(conn);
                }
                shard.sink().answer_poll(conn, PacketKind::Noop);
                self.sync_poll(shard, conn);
            }
            Act::Close(reason) => self.close(shard, conn, reason),
        }
    }

    /// Polls are answered by the sink, which does not know the machine: brings the two together.
    fn sync_poll(&self, shard: &Shard<GatewaySink>, conn: ConnId) {
        if let Some(session) = self.sessions.borrow_mut().get(conn)
            && session.engine.has_pending_poll()
            && !shard.sink_ref().polls.has(conn)
        {
            session.engine.on_poll_answered();
        }
    }
}
