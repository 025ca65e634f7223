//! From messages to handlers: what a client's packets do.
//!
//! Promises: nothing a client sends makes the server panic. What breaks the protocol ends the session
//! with its reason; what merely does not fit a handler is that handler's loss, and the sender's ack says
//! so. A panic in a handler ends its own socket.

use std::{borrow::Cow, rc::Rc};

use bytes::Bytes;
use ringside_core::ConnId;
use ringside_proto::socketio::{Args, Kind, Misbehaviour, Packet, msgpack};
use serde_json::value::RawValue;

use super::{
    Ack, DisconnectReason, HandlerError, Socket,
    handler::{Call, guard},
    socket::nothing,
};
use crate::{session::Session, shard::GatewayShard, wire::Parser};

/// A client on its way into a namespace.
pub(crate) struct Connecting {
    pub(crate) conn: ConnId,
    pub(crate) name: Box<str>,
    pub(crate) auth: Option<Box<RawValue>>,
}

impl Connecting {
    pub(crate) fn auth(&self) -> &RawValue {
        self.auth.as_deref().unwrap_or(nothing())
    }
}

/// A packet, whatever parser has read it.
struct Incoming<'a> {
    kind: Kind,
    namespace: &'a str,
    id: Option<u64>,
    event: Option<Cow<'a, str>>,
    args: Args<'a>,
    /// What is left to check when no type does.
    unchecked: Option<&'a Packet<'a>>,
}

impl GatewayShard {
    /// A text message arrived. Returns whether the session goes on.
    pub(crate) fn on_text(self: &Rc<Self>, conn: ConnId, text: &str) -> bool {
        if self.shared.parser == Parser::Msgpack {
            return self.misbehaved(conn, Misbehaviour::InvalidMsgpack);
        }
        let limits = self.shared.limits.socketio();
        let decoded = match self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            Some(sio) => sio.decoder.text(text, &limits, self.now()),
            None => return false,
        };
        match decoded {
            Ok(Some(packet)) => self.on_json_packet(conn, &packet, &[]),
            Ok(None) => {
                // Attachments are awaited, with a deadline.
                self.schedule(&mut self.local.shard(), conn);
                true
            }
            Err(misbehaviour) => self.misbehaved(conn, misbehaviour),
        }
    }

    /// A binary message arrived. Returns whether the session goes on.
    pub(crate) fn on_binary(self: &Rc<Self>, conn: ConnId, bytes: &[u8]) -> bool {
        if self.shared.parser == Parser::Msgpack {
            return self.on_msgpack(conn, bytes);
        }
        let limits = self.shared.limits.socketio();
        let decoded = match self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            Some(sio) => sio.decoder.binary(bytes, &limits),
            None => return false,
        };
        match decoded {
            Ok(Some(whole)) => match whole.packet() {
                Ok(packet) => self.on_json_packet(conn, &packet, &whole.attachments),
                Err(misbehaviour) => self.misbehaved(conn, misbehaviour),
            },
            Ok(None) => true,
            Err(misbehaviour) => self.misbehaved(conn, misbehaviour),
        }
    }

    fn on_msgpack(self: &Rc<Self>, conn: ConnId, bytes: &[u8]) -> bool {
        match msgpack::decode(bytes, &self.shared.limits.socketio()) {
            Ok(packet) => self.on_msgpack_packet(conn, &packet),
            Err(misbehaviour) => self.misbehaved(conn, misbehaviour),
        }
    }

    pub(crate) fn on_msgpack_packet(
        self: &Rc<Self>,
        conn: ConnId,
        packet: &msgpack::MsgpackPacket<'_>,
    ) -> bool {
        if packet.kind == Kind::Connect {
            let auth = packet.data::<serde_json::Value>().ok();
            let auth = auth.and_then(|auth| serde_json::value::to_raw_value(&auth).ok());
            return self.on_connect(conn, &packet.namespace, auth);
        }
        self.on_incoming(
            conn,
            &Incoming {
                kind: packet.kind,
                namespace: &packet.namespace,
                id: packet.id,
                event: packet.event.clone(),
                args: packet.args(),
                unchecked: None,
            },
        )
    }

    pub(crate) fn misbehaved(&self, conn: ConnId, misbehaviour: Misbehaviour) -> bool {
        self.end_session(conn, misbehaviour.into());
        false
    }

    pub(crate) fn on_json_packet(
        self: &Rc<Self>,
        conn: ConnId,
        packet: &Packet<'_>,
        attachments: &[Bytes],
    ) -> bool {
        if packet.kind != Kind::Event {
            self.lap.take();
        }
        if packet.kind == Kind::Connect {
            if packet.check(self.shared.limits.json_depth).is_err() {
                return self.misbehaved(conn, Misbehaviour::InvalidJson);
            }
            let auth = (!packet.payload.is_empty())
                .then(|| RawValue::from_string(packet.payload.to_owned()));
            return match auth.transpose() {
                Ok(auth) => self.on_connect(conn, packet.namespace, auth),
                Err(_) => self.misbehaved(conn, Misbehaviour::InvalidJson),
            };
        }
        self.on_incoming(
            conn,
            &Incoming {
                kind: packet.kind,
                namespace: packet.namespace,
                id: packet.id,
                event: packet.event.map(|event| event.to_str()),
                args: packet.args(attachments),
                unchecked: Some(packet),
            },
        )
    }

    fn on_incoming(self: &Rc<Self>, conn: ConnId, packet: &Incoming<'_>) -> bool {
        let socket = match self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            Some(sio) => sio
                .sockets
                .iter()
                .map(|seat| &seat.socket)
                .find(|s| s.namespace_name() == packet.namespace)
                .cloned(),
            None => return false,
        };
        let Some(socket) = socket else {
            return self.misbehaved(conn, Misbehaviour::UnexpectedPacket);
        };
        match packet.kind {
            Kind::Event | Kind::BinaryEvent => self.on_event(&socket, packet),
            Kind::Disconnect => {
                let reason = DisconnectReason::ClientNamespaceDisconnect;
                self.leave(&mut self.local.shard(), &socket, reason);
                true
            }
            Kind::Ack | Kind::BinaryAck => self.on_ack(&socket, packet),
            // An error a client has no business sending: the reference ignores it.
            Kind::ConnectError | Kind::Connect => true,
        }
    }

    fn on_ack(&self, socket: &Socket, packet: &Incoming<'_>) -> bool {
        let owed = packet
            .id
            .and_then(|id| self.take_owed(socket.conn(), socket.space(), id));
        // An answer nobody waits for any more is ignored, as in the reference.
        if owed.is_none_or(|waiter| waiter.answer(socket.id(), Ok(packet.args))) {
            return true;
        }
        self.misbehaved(socket.conn(), Misbehaviour::InvalidJson)
    }

    fn on_event(&self, socket: &Socket, packet: &Incoming<'_>) -> bool {
        let Some(event) = &packet.event else {
            return true;
        };
        let (set, extras) = (&socket.space().set, socket.peek_extras());
        let handler = set.handler(event);
        let is_typed = handler.is_some()
            && extras.is_none()
            && set.on_any.is_empty()
            && set.filters.is_empty();
        // A payload that is no JSON ends the session, heard or unheard; a typed handler sees to it itself.
        if !is_typed
            && let Some(unchecked) = packet.unchecked
            && let Err(misbehaviour) = unchecked.check(self.shared.limits.json_depth)
        {
            return self.misbehaved(socket.conn(), misbehaviour);
        }
        // Each handler begins where the one before ended.
        let mut lap = self.lap.take();
        let mut ack = packet.id.map(|id| Ack {
            socket: socket.clone(),
            id,
        });
        if !is_typed {
            let own = extras.map(|extras| (extras.any(), extras.filters()));
            let (any, filters) = own.unwrap_or_default();
            for f in &set.on_any {
                guard(socket, event, &mut lap, || f(socket, event, packet.args));
            }
            for f in any {
                guard(socket, event, &mut lap, || f(socket, event, packet.args));
            }
            let own = filters.iter().map(|filter| &**filter);
            for filter in set.filters.iter().map(|filter| &**filter).chain(own) {
                let mut verdict = Ok(());
                let ran = guard(socket, event, &mut lap, || {
                    verdict = filter(socket, event, packet.args);
                });
                if let Err(error) = verdict {
                    if let Some(ack) = ack.take() {
                        ack.fail(&error);
                    }
                    let event = event.to_string();
                    socket.failed(&HandlerError::Refused { event, error });
                    return true;
                }
                if !ran {
                    return true;
                }
            }
        }
        let own = extras.map(|extras| extras.take_handlers(event));
        let own = own.iter().flatten();
        // The first handler there is gives the ack.
        for handler in handler.into_iter().chain(own) {
            let call = Call {
                event,
                args: packet.args,
                ack: ack.take(),
            };
            let mut result = Ok(());
            guard(socket, event, &mut lap, || result = handler(socket, call));
            let Err((error, ack)) = result else {
                continue;
            };
            if error.is_invalid_json() {
                return self.misbehaved(socket.conn(), Misbehaviour::InvalidJson);
            }
            let error = error.to_string();
            if let Some(ack) = ack {
                ack.fail(&error);
            }
            let event = event.to_string();
            socket.failed(&HandlerError::Arguments { event, error });
            lap = None;
        }
        self.ended(lap);
        true
    }
}
