//! The upgrade from polling to WebSocket: a candidate proves itself, then takes over.
//!
//! ```text
//! candidate ─ "2probe" ─>          <─ "3probe" ─           the pending poll is ended with a noop
//!           ─ "5" ─>               the WebSocket is the session's transport now
//! ```
//!
//! Promises: until the "5" nothing is sent on the candidate but the answer to the probe, and after it
//! nothing on polling; what waits in the outbox goes out by whichever comes first. Nothing is lost or
//! doubled. A candidate that misbehaves is dropped, and the session goes on as before.

use std::rc::Rc;

use ringside_core::ConnId;
use ringside_proto::{
    engineio::{Act, PacketKind},
    ws::{Event, OpCode, server_header},
};
use tokio::task::AbortHandle;

use super::start;
use crate::{shard::GatewayShard, stream::WebSocket};

/// Reads at once from a candidate: a probe is 6 bytes, and what follows the "5" comes along.
const READ: usize = 4096;

/// The task of a candidate. Dropped, the task ends and its socket closes: a candidate lives no longer
/// than its session, nor than the session's machine waits for it.
pub(crate) struct Candidate(AbortHandle);

impl Candidate {
    /// Has a transport prove that it may become that of `conn`. `proof` is dropped, and its transport closes,
    /// if the session has ended, or has given up waiting for it.
    pub(crate) fn adopt(
        this: &GatewayShard,
        conn: ConnId,
        proof: impl Future<Output = ()> + 'static,
    ) {
        let mut sessions = this.sessions.borrow_mut();
        if let Some(session) = sessions.get(conn)
            && session.engine.candidate().is_some()
        {
            session.candidate = Some(Self(this.local.spawn(proof)));
        }
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes over a WebSocket that wants to become the transport of `conn`.
pub(crate) fn adopt(this: &Rc<GatewayShard>, conn: ConnId, websocket: WebSocket) {
    Candidate::adopt(this, conn, candidate(this.clone(), conn, websocket));
}

async fn candidate(this: Rc<GatewayShard>, conn: ConnId, mut websocket: WebSocket) {
    let mut decoder = this.ws_decoder(websocket.deflate);
    loop {
        match this.on_candidate_bytes(conn, &mut decoder, &mut websocket.leftover) {
            Step::Wait => {}
            Step::Answer => {
                let mut answer = server_header(OpCode::Text, 6).to_vec();
                answer.extend_from_slice(b"3probe");
                if websocket.stream.try_write(&answer).is_err() {
                    return this.on_candidate_lost(conn);
                }
                continue;
            }
            Step::Switch => {
                let mut shard = this.local.shard();
                this.act(
                    &mut shard,
                    conn,
                    Act::SwitchTo(ringside_proto::engineio::Transport::WebSocket),
                );
                start(&this, &mut shard, conn, websocket, decoder);
                return this.schedule(&mut shard, conn);
            }
            Step::Drop => return this.on_candidate_lost(conn),
        }
        let read = websocket.stream.read(&mut websocket.leftover, READ).await;
        if read.is_err() || websocket.leftover.is_empty() {
            return this.on_candidate_lost(conn);
        }
    }
}

enum Step {
    Wait,
    Answer,
    Switch,
    Drop,
}

impl GatewayShard {
    /// The candidate is the transport now, or has been given up: its task ends, at the latest when it
    /// next waits.
    pub(super) fn forget_candidate(&self, conn: ConnId) {
        if let Some(session) = self.sessions.borrow_mut().get(conn) {
            session.candidate = None;
        }
    }

    pub(crate) fn on_candidate_lost(self: &Rc<Self>, conn: ConnId) {
        if let Some(session) = self.sessions.borrow_mut().get(conn) {
            let _ = session.engine.on_candidate_lost();
            session.candidate = None;
        }
        self.schedule(&mut self.local.shard(), conn);
    }

    /// Takes in what a candidate sent. Stops at the packet that needs an answer: what lies behind it
    /// stays in `bytes`.
    fn on_candidate_bytes(
        self: &Rc<Self>,
        conn: ConnId,
        decoder: &mut ringside_proto::ws::Decoder,
        bytes: &mut Vec<u8>,
    ) -> Step {
        if bytes.is_empty() {
            return Step::Wait;
        }
        // One byte at a time to the decoder would be slow, but a candidate sends two tiny frames; so
        // the end of each frame is known, and what follows the "5" is not taken in here.
        let mut taken = 0;
        let mut step = Step::Wait;
        while taken < bytes.len() {
            let mut input = decoder.input(&mut bytes[taken..=taken]);
            let event = input.next();
            taken += 1;
            let act = match event {
                Ok(None) => continue,
                Ok(Some(Event::Ping(_) | Event::Pong(_))) => continue,
                Ok(Some(Event::Text(text))) => self.on_candidate_text(conn, text),
                Ok(Some(_)) | Err(_) => Act::DropCandidate,
            };
            match act {
                Act::AnswerProbe { .. } => step = Step::Answer,
                Act::SwitchTo(_) => step = Step::Switch,
                Act::Nothing => continue,
                _ => step = Step::Drop,
            }
            break;
        }
        bytes.drain(..taken);
        step
    }

    fn on_candidate_text(self: &Rc<Self>, conn: ConnId, text: &str) -> Act {
        let digit = text.as_bytes().first().copied();
        match digit.and_then(PacketKind::from_digit) {
            Some(kind) => self.on_candidate_packet(conn, kind, &text[1..]),
            None => Act::DropCandidate,
        }
    }

    /// A packet of a candidate: what its task is to do.
    pub(crate) fn on_candidate_packet(
        self: &Rc<Self>,
        conn: ConnId,
        kind: PacketKind,
        data: &str,
    ) -> Act {
        let now = self.now();
        let act = match self.sessions.borrow_mut().get(conn) {
            Some(session) => session.engine.on_candidate_packet(kind, data, now),
            None => return Act::DropCandidate,
        };
        if let Act::AnswerProbe { .. } = act {
            let mut shard = self.local.shard();
            self.act(&mut shard, conn, act);
            self.schedule(&mut shard, conn);
        }
        act
    }
}
