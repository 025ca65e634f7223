//! A socket: one client in one namespace.
//!
//! A handle, cheap to clone and usable from any thread; the state it stands for lives on its shard.
//! Promises: what one thread asks of a socket happens in order, so `emit` then `disconnect` delivers,
//! and `join` then `to(room)` includes.

use std::sync::{Arc, LazyLock, OnceLock};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ringside_core::{Class, ConnId};
use ringside_proto::{
    close::CloseReason,
    socketio::{encode_disconnect, encode_event},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{EmitError, Handshake, Namespace, RawArgs, Target};
use crate::{
    env,
    shard::Remote,
    shared::{Op, Shared},
    wire,
};

/// A socket's id: 20 characters, unguessable, another one for each connection and namespace.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketId([u8; 20]);

impl SocketId {
    fn new() -> Self {
        let mut random = [0; 15];
        env::fill(&mut random);
        let mut text = [0; 20];
        let written = BASE64_URL_SAFE_NO_PAD.encode_slice(random, &mut text);
        debug_assert_eq!(written, Ok(20));
        Self(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Display for SocketId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for SocketId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A client in a namespace. See the module's documentation.
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    id: SocketId,
    conn: ConnId,
    namespace: Arc<Namespace>,
    handshake: Arc<Handshake>,
    /// What the client sent with its request to join, if anything.
    auth: Option<Box<RawValue>>,
    shared: Arc<Shared>,
    /// Why it is over, once it is.
    ended: OnceLock<Box<str>>,
}

/// Bytes of a socket, shared by its handles.
#[cfg(test)]
pub(crate) const BYTES: usize = size_of::<Inner>();

impl Socket {
    pub(crate) fn new(
        conn: ConnId,
        namespace: Arc<Namespace>,
        handshake: Arc<Handshake>,
        auth: Option<Box<RawValue>>,
        shared: Arc<Shared>,
    ) -> Self {
        let (id, ended) = (SocketId::new(), OnceLock::new());
        Self(Arc::new(Inner {
            id,
            conn,
            namespace,
            handshake,
            auth,
            shared,
            ended,
        }))
    }

    /// Its id.
    pub fn id(&self) -> SocketId {
        self.0.id
    }

    /// The request that opened its session.
    pub fn handshake(&self) -> &Handshake {
        &self.0.handshake
    }

    /// What the client sent to be admitted to this namespace: `{}` if it sent nothing.
    pub fn auth(&self) -> &RawValue {
        static NOTHING: LazyLock<Box<RawValue>> =
            LazyLock::new(|| RawValue::from_string("{}".to_owned()).expect("an empty object"));
        self.0.auth.as_deref().unwrap_or(&NOTHING)
    }

    /// The name of its namespace.
    pub fn namespace_name(&self) -> &str {
        &self.0.namespace.name
    }

    /// Whether it is still connected, as far as this thread can know.
    pub fn is_connected(&self) -> bool {
        self.0.ended.get().is_none()
    }

    /// Sends an event to this client.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.emit_class(Class::Reliable, event, args)
    }

    /// Sends an event to this client, with a delivery class.
    pub fn emit_class<T: Serialize + ?Sized>(
        &self,
        class: Class,
        event: &str,
        args: &T,
    ) -> Result<(), EmitError> {
        let nsp = self.namespace_name();
        let frame = wire::message(None, |out| encode_event(out, nsp, None, event, args, None))?;
        self.send(Op::Unicast(self.0.conn, class, frame))
    }

    /// Sends an event with arguments as they came.
    pub fn emit_raw(&self, event: &str, args: &RawArgs) -> Result<(), EmitError> {
        let nsp = self.namespace_name();
        let frame = wire::message(None, |out| args.encode_event(out, nsp, event))?;
        self.send(Op::Unicast(self.0.conn, Class::Reliable, frame))
    }

    /// Everybody in the namespace, this client included.
    pub fn everybody(&self) -> Target {
        Target::everybody(self.0.shared.clone(), self.0.namespace.clone())
    }

    /// Everybody in the namespace but this client.
    pub fn broadcast(&self) -> Target {
        Target::everybody(self.0.shared.clone(), self.0.namespace.clone()).except(self.0.conn)
    }

    /// Everybody in a room but this client.
    pub fn to(&self, room: &str) -> Target {
        Target::room(self.0.shared.clone(), self.0.namespace.clone(), room).except(self.0.conn)
    }

    /// Joins a room.
    pub fn join(&self, room: &str) -> Result<(), EmitError> {
        let topic = self.0.namespace.room(&self.0.shared.core, room)?;
        self.send(Op::Join(&topic, self.0.conn))
    }

    /// Leaves a room.
    pub fn leave(&self, room: &str) -> Result<(), EmitError> {
        let topic = self.0.namespace.room(&self.0.shared.core, room)?;
        self.send(Op::Leave(&topic, self.0.conn))
    }

    /// Leaves this namespace, after what was sent before; the client's other namespaces stay.
    pub fn disconnect(&self) -> Result<(), EmitError> {
        let nsp = self.namespace_name();
        let frame = wire::message(None, |out| encode_disconnect(out, nsp).map(|()| Vec::new()))?;
        self.send(Op::Unicast(self.0.conn, Class::Reliable, frame))?;
        let socket = self.clone();
        let leave =
            Remote::message(move |shard, _| shard.leave(&socket, "server namespace disconnect"));
        self.send(Op::App(self.0.conn.shard(), leave))
    }

    /// Ends the client's connection, with all its namespaces, after what was sent before.
    pub fn disconnect_client(&self) -> Result<(), EmitError> {
        let code = CloseReason::ClosedByServer.entry().code.0;
        self.send(Op::Disconnect(self.0.conn, code))
    }

    /// The connection it travels on, which several namespaces may share: what an
    /// [`EachBytes`](super::EachBytes) knows its receivers by.
    pub fn conn(&self) -> ConnId {
        self.0.conn
    }

    pub(crate) fn namespace(&self) -> &Arc<Namespace> {
        &self.0.namespace
    }

    pub(crate) fn send(&self, op: Op<'_>) -> Result<(), EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        self.0.shared.send(op)
    }

    /// A handler of this socket panicked: it ends, and nobody else.
    pub(crate) fn handler_failed(&self) {
        tracing::error!(socket = %self.0.id, "a handler panicked; its socket is closed");
        let code = CloseReason::HandlerFailed.entry().code.0;
        // A full queue: the socket then lives on until its next trouble, which is no harm.
        let _ = self.send(Op::Disconnect(self.0.conn, code));
    }

    /// It is over: runs the namespace's handlers, once.
    pub(crate) fn ended(&self, reason: &str) {
        if self.0.ended.set(reason.into()).is_err() {
            return;
        }
        for handler in &self.0.namespace.on_disconnect {
            let call = std::panic::AssertUnwindSafe(|| handler(self, reason));
            if std::panic::catch_unwind(call).is_err() {
                tracing::error!(socket = %self.0.id, "a disconnect handler panicked");
            }
        }
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Socket({} in {})", self.0.id, self.namespace_name())
    }
}
