//! Datagrams that come in: events that may be lost.
//!
//! Promises: what is no event without an ack, or for a namespace the client is not in, is counted and
//! dropped, and so is what does not hold exactly one packet; none of that ends the session, for datagrams
//! come early, late, and twice. An event that is taken in is handled like one by the stream.

use std::rc::Rc;

use ringside_core::ConnId;
use ringside_proto::{
    engineio::{Data, PacketKind},
    socketio::{self, Kind, Packet},
    webtransport::{Decoder, Input},
};

use super::DATAGRAM_BYTES_MAX;
use crate::{
    raw::RawMessage,
    session::{Session, Upper},
    shard::GatewayShard,
    wire::Parser,
};

/// What a session makes of datagrams.
enum Speaks {
    Json,
    Msgpack,
    Raw,
}

impl GatewayShard {
    /// A datagram arrived.
    pub(super) fn on_datagram(self: &Rc<Self>, conn: ConnId, bytes: &[u8]) {
        let speaks = match self.sessions.borrow_mut().get(conn) {
            Some(session) if session.engine.is_closed() => return,
            Some(session) => {
                session.pace.count(self.now(), &self.shared.limits);
                match (&session.upper, self.shared.parser) {
                    (Upper::Raw(_), _) => Speaks::Raw,
                    (_, Parser::Json) => Speaks::Json,
                    (_, Parser::Msgpack) => Speaks::Msgpack,
                }
            }
            None => return,
        };
        let mut decoder = Decoder::new(DATAGRAM_BYTES_MAX as u32);
        let is_taken = bytes.len() <= DATAGRAM_BYTES_MAX && {
            let mut frames = decoder.input(bytes);
            match speaks {
                Speaks::Json => self.on_json_datagram(conn, &mut frames),
                Speaks::Msgpack => self.on_msgpack_datagram(conn, &mut frames),
                Speaks::Raw => self.on_raw_datagram(conn, &mut frames),
            }
            .is_some()
        };
        self.shared.count(|counters| match is_taken {
            true => counters.datagrams_received += 1,
            false => counters.datagrams_refused += 1,
        });
    }

    /// One text frame, and as many binary ones as it says. `None`: not that.
    fn on_json_datagram(self: &Rc<Self>, conn: ConnId, frames: &mut Input<'_>) -> Option<()> {
        let limits = self.shared.limits.socketio();
        let mut decoder = socketio::Decoder::new();
        let first = frames.next().ok()??;
        let (PacketKind::Message, Data::Text(text)) = (first.kind, first.data) else {
            return None;
        };
        let text = text.to_owned();
        if let Some(packet) = decoder.text(&text, &limits, self.now()).ok()? {
            self.check_event(conn, packet.kind, packet.namespace, packet.id, frames)?;
            self.on_json_packet(conn, &packet, &[]);
            return Some(());
        }
        loop {
            let Data::Binary(bytes) = frames.next().ok()??.data else {
                return None;
            };
            if let Some(whole) = decoder.binary(&bytes, &limits).ok()? {
                let packet: Packet<'_> = whole.packet().ok()?;
                self.check_event(conn, packet.kind, packet.namespace, packet.id, frames)?;
                self.on_json_packet(conn, &packet, &whole.attachments);
                return Some(());
            }
        }
    }

    fn on_msgpack_datagram(self: &Rc<Self>, conn: ConnId, frames: &mut Input<'_>) -> Option<()> {
        let Data::Binary(bytes) = frames.next().ok()??.data else {
            return None;
        };
        let bytes = bytes.into_owned();
        let packet = socketio::msgpack::decode(&bytes, &self.shared.limits.socketio()).ok()?;
        self.check_event(conn, packet.kind, &packet.namespace, packet.id, frames)?;
        self.on_msgpack_packet(conn, &packet);
        Some(())
    }

    fn on_raw_datagram(&self, conn: ConnId, frames: &mut Input<'_>) -> Option<()> {
        let packet = frames.next().ok()??;
        if packet.kind != PacketKind::Message {
            return None;
        }
        let message = match &packet.data {
            Data::Text(text) => RawMessage::Text(text),
            Data::Binary(bytes) => RawMessage::Binary(bytes),
        };
        self.deliver_raw(conn, message);
        Some(())
    }

    /// Whether that is all of the datagram, and an event that this client may send now.
    fn check_event(
        &self,
        conn: ConnId,
        kind: Kind,
        namespace: &str,
        id: Option<u64>,
        frames: &Input<'_>,
    ) -> Option<()> {
        let is_event = matches!(kind, Kind::Event | Kind::BinaryEvent) && id.is_none();
        let mut sessions = self.sessions.borrow_mut();
        let sio = sessions.get(conn).and_then(Session::sio)?;
        let mut seats = sio.sockets.iter();
        let is_in = seats.any(|seat| seat.socket.namespace_name() == namespace);
        (is_event && is_in && frames.rest().is_empty()).then_some(())
    }
}
