//! What HTTP requests ask the shard that owns a session: they may arrive on any.
//!
//! Promises: each ask runs on the owner's thread, at once when that is this one; its answer says
//! everything the request needs. A request that is given up tells the owner (`abort_*`).

use std::rc::Rc;

use bytes::Bytes;
use ringside_core::{ConnId, Shard};
use ringside_proto::engineio::{Act, HandshakeError, ServerSession, Transport, Version, payload};
use tokio::sync::oneshot;

use super::Session;

use crate::{
    poll::{DirectPoll, PollAnswer, Waiting},
    shard::GatewayShard,
    sid::Sid,
    sink::GatewaySink,
};

/// A question to the owner of a session.
pub(crate) trait Ask: Send + 'static {
    /// What it answers.
    type Answer: Send + 'static;

    /// Runs on the owner's thread.
    fn answer(self, this: &Rc<GatewayShard>, shard: &mut Shard<GatewaySink>) -> Self::Answer;
}

/// Finds the session of a further request and lets its machine judge.
fn check(
    this: &GatewayShard,
    shard: &Shard<GatewaySink>,
    sid: &Sid,
    version: Version,
    transport: Transport,
) -> Result<ConnId, HandshakeError> {
    let conn = this
        .sessions
        .borrow()
        .find(sid)
        .ok_or(HandshakeError::UnknownSid)?;
    this.sync_poll(shard, conn);
    let mut sessions = this.sessions.borrow_mut();
    let session = sessions.get(conn).ok_or(HandshakeError::UnknownSid)?;
    session
        .engine
        .check_request(version, transport, transport == Transport::WebSocket)?;
    Ok(conn)
}

/// Asks the machine, and does what it says. Whether the session goes on.
fn drive(
    this: &Rc<GatewayShard>,
    shard: &mut Shard<GatewaySink>,
    conn: ConnId,
    ask: impl FnOnce(&mut ServerSession) -> Act,
) -> bool {
    let act = match this.sessions.borrow_mut().get(conn) {
        Some(session) => ask(&mut session.engine),
        None => return false,
    };
    this.act(shard, conn, act);
    this.schedule(shard, conn);
    !matches!(act, Act::Close(_))
}

/// A GET: wait for something to send.
pub(crate) struct Poll {
    pub(crate) sid: Sid,
    pub(crate) version: Version,
}

impl Ask for Poll {
    type Answer = Result<(ConnId, oneshot::Receiver<PollAnswer>), HandshakeError>;

    fn answer(self, this: &Rc<GatewayShard>, shard: &mut Shard<GatewaySink>) -> Self::Answer {
        let conn = check(this, shard, &self.sid, self.version, Transport::Polling)?;
        let now = this.now();
        if !drive(this, shard, conn, |engine| engine.on_poll(now)) {
            return Err(HandshakeError::BadRequest);
        }
        let (poll, answer) = oneshot::channel();
        shard.sink().polls.park(conn, Waiting::Request(poll));
        shard.writable(conn);
        Ok((conn, answer))
    }
}

/// A GET on its bare socket: has it wait for something to send. Whether it does; where it may not, nothing has
/// happened.
pub(crate) fn wait_directly(this: &Rc<GatewayShard>, sid: &Sid, poll: &Rc<DirectPoll>) -> bool {
    let mut shard = this.local.shard();
    let Ok(conn) = check(this, &shard, sid, Version::V4, Transport::Polling) else {
        return false;
    };
    let is_second = |session: &mut Session| session.engine.has_pending_poll();
    if this.sessions.borrow_mut().get(conn).is_none_or(is_second) {
        return false;
    }
    let now = this.now();
    drive(this, &mut shard, conn, |engine| engine.on_poll(now));
    poll.wait(conn);
    shard.sink().polls.park(conn, Waiting::Direct(poll.clone()));
    shard.writable(conn);
    this.local.wake_pump();
    true
}

/// A POST begins: may its body be read?
pub(crate) struct PostBegin {
    pub(crate) sid: Sid,
    pub(crate) version: Version,
    pub(crate) binary: bool,
}

impl Ask for PostBegin {
    type Answer = Result<ConnId, HandshakeError>;

    fn answer(self, this: &Rc<GatewayShard>, shard: &mut Shard<GatewaySink>) -> Self::Answer {
        let conn = check(this, shard, &self.sid, self.version, Transport::Polling)?;
        let goes_on = drive(this, shard, conn, |engine| engine.on_post(self.binary));
        if goes_on {
            Ok(conn)
        } else {
            Err(HandshakeError::BadRequest)
        }
    }
}

/// A POST's body. It is taken in by a task of the owner's, for handlers may use the whole shard.
pub(crate) struct Post {
    pub(crate) conn: ConnId,
    pub(crate) version: Version,
    pub(crate) binary: bool,
    pub(crate) body: Bytes,
}

impl Ask for Post {
    /// Resolves to whether the body was good.
    type Answer = oneshot::Receiver<bool>;

    fn answer(self, this: &Rc<GatewayShard>, _: &mut Shard<GatewaySink>) -> Self::Answer {
        let (done, answer) = oneshot::channel();
        let owner = this.clone();
        this.local.spawn(async move {
            let good = owner.batch(|| owner.on_payload(&self));
            if let Some(wait) = owner.debt(self.conn) {
                // The client posts again only when this is answered.
                tokio::time::sleep(wait).await;
            }
            let _ = done.send(good);
        });
        answer
    }
}

impl GatewayShard {
    /// Takes in a polling payload. Whether the session goes on.
    fn on_payload(self: &Rc<Self>, post: &Post) -> bool {
        let conn = post.conn;
        let end = |misbehaviour| {
            self.end_session(
                conn,
                ringside_proto::close::CloseReason::EngineIo(misbehaviour),
            );
            false
        };
        // Either revision's packets, one by one.
        let decoded = match post.version {
            Version::V4 => payload::decode(&post.body).map(|all| (Some(all), None)),
            Version::V3 => payload::decode_v3(&post.body, post.binary).map(|all| (None, Some(all))),
        };
        let (new, old) = match decoded {
            Ok(packets) => packets,
            Err(misbehaviour) => return end(misbehaviour),
        };
        for packet in new.into_iter().flatten().chain(old.into_iter().flatten()) {
            match packet {
                // The peer closed: what follows in the payload is moot, and the request was good.
                Ok(packet) if !self.on_packet(conn, &packet) => {
                    return packet.kind == ringside_proto::engineio::PacketKind::Close;
                }
                Ok(_) => {}
                Err(misbehaviour) => return end(misbehaviour),
            }
        }
        if let Some(session) = self.sessions.borrow_mut().get(conn) {
            session.engine.on_post_done();
        }
        true
    }
}

/// A WebSocket wants to replace polling.
pub(crate) struct Offer {
    pub(crate) sid: Sid,
    pub(crate) version: Version,
}

impl Ask for Offer {
    /// The session, and whether its machine takes the candidate: a second one is closed after the
    /// handshake, as the reference does.
    type Answer = Result<(ConnId, bool), HandshakeError>;

    fn answer(self, this: &Rc<GatewayShard>, shard: &mut Shard<GatewaySink>) -> Self::Answer {
        let conn = check(this, shard, &self.sid, self.version, Transport::WebSocket)?;
        let now = this.now();
        let mut sessions = this.sessions.borrow_mut();
        let session = sessions.get(conn).ok_or(HandshakeError::UnknownSid)?;
        let taken = session
            .engine
            .on_candidate(Transport::WebSocket, now)
            .is_ok();
        drop(sessions);
        this.schedule(shard, conn);
        Ok((conn, taken))
    }
}

/// The peer gave up its pending poll; `lost`: after it was answered with messages.
pub(crate) fn abort_poll(
    this: &Rc<GatewayShard>,
    shard: &mut Shard<GatewaySink>,
    conn: ConnId,
    lost: bool,
) {
    this.sync_poll(shard, conn);
    let pending = this
        .sessions
        .borrow_mut()
        .get(conn)
        .is_some_and(|s| s.engine.has_pending_poll());
    if pending || lost {
        drive(this, shard, conn, ServerSession::on_poll_aborted);
    }
}

/// The peer gave up its POST, or sent too much.
pub(crate) fn abort_post(
    this: &Rc<GatewayShard>,
    shard: &mut Shard<GatewaySink>,
    conn: ConnId,
    too_big: bool,
) {
    drive(this, shard, conn, |engine| match too_big {
        true => engine.on_misbehaviour(ringside_proto::engineio::Misbehaviour::PayloadTooBig),
        false => engine.on_post_aborted(),
    });
}
