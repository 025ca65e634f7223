//! The upgrade from polling: a stream proves itself, then takes over.
//!
//! The same as for a WebSocket (`session/candidate.rs`), but for the frames. Promises: until the "5"
//! nothing is sent on it but the answer to the probe; what misbehaves is closed with a reason, and the
//! session goes on as before.

use std::rc::Rc;

use bytes::Bytes;
use ringside_core::{ConnId, Shard};
use ringside_proto::{
    close::CloseReason,
    engineio::{Act, Data, Misbehaviour, Packet, PacketKind, Transport},
    webtransport::{self, Decoder},
};

use super::{
    accept::{FIRST_PACKET_MAX, READ},
    carrier::Carrier,
    read,
};
use crate::{
    session::{Ask, Candidate},
    shard::GatewayShard,
    sid::Sid,
    sink::GatewaySink,
};

/// A stream wants to replace polling.
pub(super) struct OfferLine {
    pub(super) sid: Sid,
}

impl Ask for OfferLine {
    /// The session; or what is wrong with a second upgrade, or nothing when there is no session.
    type Answer = Result<ConnId, Option<Misbehaviour>>;

    fn answer(self, this: &Rc<GatewayShard>, shard: &mut Shard<GatewaySink>) -> Self::Answer {
        let conn = this.sessions.borrow().find(&self.sid).ok_or(None)?;
        let now = this.now();
        match this.sessions.borrow_mut().get(conn) {
            Some(session) => session.engine.on_candidate(Transport::WebTransport, now)?,
            None => return Err(None),
        }
        this.schedule(shard, conn);
        Ok(conn)
    }
}

/// Takes over a stream that wants to become the transport of `conn`.
pub(super) fn adopt(this: &Rc<GatewayShard>, conn: ConnId, carrier: Carrier) {
    Candidate::adopt(this, conn, prove(this.clone(), conn, carrier));
}

async fn prove(this: Rc<GatewayShard>, conn: ConnId, mut carrier: Carrier) {
    let mut decoder = Decoder::new(FIRST_PACKET_MAX);
    loop {
        while let Some(act) = next_act(&this, conn, &mut decoder, &mut carrier.leftover) {
            match act {
                Act::Nothing => {}
                Act::AnswerProbe { .. } => {
                    let mut answer = Vec::new();
                    webtransport::encode(&mut answer, &Packet::text(PacketKind::Pong, "probe"));
                    if carrier.send.write_all(&answer).await.is_err() {
                        return this.on_candidate_lost(conn);
                    }
                }
                Act::SwitchTo(_) => {
                    let mut shard = this.local.shard();
                    this.act(&mut shard, conn, act);
                    read::start(&this, &mut shard, conn, carrier);
                    return this.schedule(&mut shard, conn);
                }
                _ => {
                    // A task of its own: this one ends with the candidate.
                    this.local.spawn(async move {
                        let why = CloseReason::EngineIo(Misbehaviour::ProbeFailed).entry();
                        carrier.line.close(why.code.0, why.sentence).await;
                    });
                    return this.on_candidate_lost(conn);
                }
            }
        }
        match carrier.recv.read_chunk(READ, true).await {
            Ok(Some(chunk)) => carrier.leftover = chunk.bytes,
            _ => return this.on_candidate_lost(conn),
        }
    }
}

/// What the next packet in `bytes` asks for; `None` when there is none whole.
fn next_act(
    this: &Rc<GatewayShard>,
    conn: ConnId,
    decoder: &mut Decoder,
    bytes: &mut Bytes,
) -> Option<Act> {
    let all = std::mem::take(bytes);
    let mut input = decoder.input(&all);
    let act = match input.next() {
        Ok(None) => return None,
        Ok(Some(packet)) => match packet.data {
            Data::Text(text) => this.on_candidate_packet(conn, packet.kind, text),
            Data::Binary(_) => Act::DropCandidate,
        },
        Err(_) => Act::DropCandidate,
    };
    *bytes = all.slice(all.len() - input.rest().len()..);
    Some(act)
}
