//! From messages to handlers: what a client's packets do.
//!
//! Promises: nothing a client sends makes the server panic. What breaks the protocol ends the session
//! with its reason; what merely does not fit a handler is that handler's loss. A panic in a handler
//! ends its own socket.

use std::{panic::AssertUnwindSafe, rc::Rc, sync::Arc};

use bytes::{BufMut, Bytes};
use ringside_core::ConnId;
use ringside_proto::{
    engineio::Version,
    socketio::{Kind, Misbehaviour, Packet, encode_connect, encode_connect_error},
    time::Millis,
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Ack, Namespace, Socket};
use crate::{
    session::{Session, Upper},
    shard::GatewayShard,
    shared::{Op, Shared},
    wire,
};

/// A request for the main namespace.
const ROOT: Packet<'static> = Packet {
    kind: Kind::Connect,
    attachments: 0,
    namespace: "/",
    id: None,
    event: None,
    payload: "",
};

#[derive(Serialize)]
struct Admission<'a> {
    sid: &'a str,
}

impl GatewayShard {
    /// A text message arrived. Returns whether the session goes on.
    pub(crate) fn on_text(self: &Rc<Self>, conn: ConnId, text: &str) -> bool {
        let limits = self.shared.limits.socketio();
        let decoded = match self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            Some(sio) => sio.decoder.text(text, &limits, self.now()),
            None => return false,
        };
        match decoded {
            Ok(Some(packet)) => self.on_sio_packet(conn, &packet, &[]),
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
        let limits = self.shared.limits.socketio();
        let decoded = match self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            Some(sio) => sio.decoder.binary(bytes, &limits),
            None => return false,
        };
        match decoded {
            Ok(Some(whole)) => match whole.packet() {
                Ok(packet) => self.on_sio_packet(conn, &packet, &whole.attachments),
                Err(misbehaviour) => self.misbehaved(conn, misbehaviour),
            },
            Ok(None) => true,
            Err(misbehaviour) => self.misbehaved(conn, misbehaviour),
        }
    }

    fn misbehaved(&self, conn: ConnId, misbehaviour: Misbehaviour) -> bool {
        self.end_session(conn, misbehaviour.into());
        false
    }

    fn on_sio_packet(
        self: &Rc<Self>,
        conn: ConnId,
        packet: &Packet<'_>,
        attachments: &[Bytes],
    ) -> bool {
        if packet.kind == Kind::Connect {
            return self.on_connect(conn, packet);
        }
        let socket = match self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            Some(sio) => sio
                .sockets
                .iter()
                .find(|s| s.namespace_name() == packet.namespace)
                .cloned(),
            None => return false,
        };
        let Some(socket) = socket else {
            return self.misbehaved(conn, Misbehaviour::UnexpectedPacket);
        };
        match packet.kind {
            Kind::Event | Kind::BinaryEvent => self.on_event(&socket, packet, attachments),
            Kind::Disconnect => {
                self.leave(&socket, "client namespace disconnect");
                true
            }
            // An answer nobody waits for any more, or an error a client has no business sending: the
            // reference ignores both.
            Kind::Ack | Kind::BinaryAck | Kind::ConnectError | Kind::Connect => true,
        }
    }

    fn on_event(&self, socket: &Socket, packet: &Packet<'_>, attachments: &[Bytes]) -> bool {
        let Some(name) = packet.event else {
            return true;
        };
        let name = name.to_str();
        let Some(handler) = socket.namespace().handler(&name) else {
            // Checked all the same: a payload that is no JSON ends the session, heard or unheard.
            return match packet.check(self.shared.limits.json_depth) {
                Ok(()) => true,
                Err(misbehaviour) => self.misbehaved(socket.conn(), misbehaviour),
            };
        };
        let ack = packet.id.map(|id| Ack {
            socket: socket.clone(),
            id,
        });
        let call = AssertUnwindSafe(|| handler(socket, packet.args(attachments), ack));
        match std::panic::catch_unwind(call) {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.is_invalid_json() => {
                return self.misbehaved(socket.conn(), Misbehaviour::InvalidJson);
            }
            Ok(Err(error)) => {
                tracing::debug!(event = %name, socket = %socket.id(), %error, "arguments do not fit the handler");
            }
            Err(_) => socket.handler_failed(),
        }
        true
    }

    /// A client asks for a namespace.
    fn on_connect(self: &Rc<Self>, conn: ConnId, packet: &Packet<'_>) -> bool {
        // Clients of the older protocol append a query.
        let name = packet.namespace.split('?').next().unwrap_or_default();
        if packet.check(self.shared.limits.json_depth).is_err() {
            return self.misbehaved(conn, Misbehaviour::InvalidJson);
        }
        let (handshake, joined, known) = match self.sessions.borrow_mut().get(conn) {
            Some(Session {
                handshake,
                upper: Upper::SocketIo(sio),
                ..
            }) => {
                sio.connect_by = Millis::NEVER;
                let known = sio.sockets.iter().any(|s| s.namespace_name() == name);
                (handshake.clone(), sio.sockets.len(), known)
            }
            _ => return false,
        };
        self.schedule(&mut self.local.shard(), conn);
        let Some(namespace) = self.shared.namespaces.get(name).cloned() else {
            self.refuse(conn, name, "Invalid namespace");
            return true;
        };
        if known {
            return true;
        }
        if joined >= self.shared.limits.namespaces {
            return self.misbehaved(conn, Misbehaviour::TooManyNamespaces);
        }
        let auth =
            (!packet.payload.is_empty()).then(|| RawValue::from_string(packet.payload.to_owned()));
        let Ok(auth) = auth.transpose() else {
            return self.misbehaved(conn, Misbehaviour::InvalidJson);
        };
        let socket = Socket::new(
            conn,
            namespace.clone(),
            handshake,
            auth,
            self.shared.clone(),
        );
        match admit(&namespace, &socket) {
            Ok(()) => self.join(conn, &namespace, socket),
            Err(message) if self.speaks_old(conn) => self.refuse_old(conn, name, &message),
            Err(message) => self.refuse(conn, name, &message),
        }
        true
    }

    /// A client of the older protocol is in `/` from the beginning.
    pub(crate) fn connect_to_root(self: &Rc<Self>, conn: ConnId) {
        // The session goes on, whatever comes of it.
        let _ = self.on_sio_packet(conn, &ROOT, &[]);
    }

    /// Whether a client speaks the protocol before version 5.
    fn speaks_old(&self, conn: ConnId) -> bool {
        let mut sessions = self.sessions.borrow_mut();
        sessions
            .get(conn)
            .is_some_and(|s| s.engine.version() == Version::V3)
    }

    /// The socket is in: the client hears of it first, then the handlers do.
    fn join(&self, conn: ConnId, namespace: &Arc<Namespace>, socket: Socket) {
        let (id, old) = (socket.id(), self.speaks_old(conn));
        let reply = wire::message(None, |out| {
            let admission = Admission { sid: id.as_str() };
            let admission = (!old).then_some(&admission);
            encode_connect(out, &namespace.name, admission).map(|()| Vec::new())
        });
        match reply {
            Ok(frame) => self.send_frame(conn, frame),
            Err(error) => return tracing::error!(%error, "the admission cannot be encoded"),
        }
        if let Some(session) = self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            session.sockets.push(socket.clone());
        }
        if let Err(error) = Shared::send(&self.shared, Op::Join(namespace.everybody(), conn)) {
            tracing::error!(%error, "a socket could not join its namespace");
        }
        for handler in &namespace.on_connect {
            if std::panic::catch_unwind(AssertUnwindSafe(|| handler(&socket))).is_err() {
                return socket.handler_failed();
            }
        }
    }

    fn refuse(&self, conn: ConnId, namespace: &str, message: &str) {
        let reply = wire::message(None, |out| {
            encode_connect_error(out, namespace, message, None::<&()>).map(|()| Vec::new())
        });
        if let Ok(frame) = reply {
            self.send_frame(conn, frame);
        }
    }

    /// As [`refuse`](Self::refuse), in the older protocol: the error is the bare message.
    fn refuse_old(&self, conn: ConnId, namespace: &str, message: &str) {
        let reply = wire::message(None, |out| {
            out.put_u8(Kind::ConnectError.digit());
            if namespace != "/" {
                out.put_slice(namespace.as_bytes());
                out.put_u8(b',');
            }
            serde_json::to_writer(out.writer(), message)?;
            Ok(Vec::new())
        });
        if let Ok(frame) = reply {
            self.send_frame(conn, frame);
        }
    }

    /// A socket leaves its namespace; its session goes on.
    pub(crate) fn leave(&self, socket: &Socket, reason: &str) {
        let conn = socket.conn();
        if let Some(session) = self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            session.sockets.retain(|s| s.id() != socket.id());
        }
        let everybody = socket.namespace().everybody();
        if let Err(error) = Shared::send(&self.shared, Op::Leave(everybody, conn)) {
            tracing::error!(%error, "a socket could not leave its namespace");
        }
        socket.ended(reason);
    }
}

/// Asks the namespace's middleware, in order.
fn admit(namespace: &Namespace, socket: &Socket) -> Result<(), String> {
    for middleware in &namespace.middleware {
        let call = AssertUnwindSafe(|| middleware(socket));
        std::panic::catch_unwind(call).unwrap_or_else(|_| Err("internal error".to_owned()))?;
    }
    Ok(())
}
