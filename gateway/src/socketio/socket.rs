//! A socket: one client in one namespace.
//!
//! A handle, cheap to clone and usable from any thread; the state it stands for lives on its shard.
//! Promises: what one thread asks of a socket happens in order, so `emit` then `disconnect` delivers,
//! and `join` then `to(room)` includes.

use std::sync::{Arc, LazyLock, OnceLock};

use ringside_core::{Class, ConnId, Frame, Topic};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{
    Answer, DisconnectReason, EmitError, Handshake, Mark, Rooms, SocketId,
    extras::Extras,
    local::{self, ask_shard},
    origin,
    recovery::Ticket,
    space::Space,
};
use crate::{
    shard::Remote,
    shared::{Op, Shared},
};

/// A client in a namespace. See the module's documentation.
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    id: SocketId,
    conn: ConnId,
    space: Arc<Space>,
    handshake: Arc<Handshake>,
    /// What the client sent with its request to join, if anything.
    auth: Option<Box<RawValue>>,
    shared: Arc<Shared>,
    /// What it may be recovered by.
    ticket: Option<Box<Ticket>>,
    extras: OnceLock<Arc<Extras>>,
    /// Why it is over, once it is.
    ended: OnceLock<DisconnectReason>,
}

/// What a socket is made from.
pub(crate) struct Entry {
    pub(crate) conn: ConnId,
    pub(crate) space: Arc<Space>,
    pub(crate) handshake: Arc<Handshake>,
    pub(crate) auth: Option<Box<RawValue>>,
}

/// Bytes of a socket, shared by its handles.
#[cfg(test)]
pub(crate) const BYTES: usize = size_of::<Inner>();

impl Socket {
    pub(crate) fn new(entry: Entry, shared: Arc<Shared>) -> Self {
        let ticket = shared
            .recovery
            .map(|_| Box::new(Ticket::new(SocketId::new(entry.conn))));
        Self::make(
            SocketId::new(entry.conn),
            entry,
            shared,
            ticket,
            OnceLock::new(),
        )
    }

    /// A socket that comes back.
    pub(crate) fn come_back(
        id: SocketId,
        entry: Entry,
        shared: Arc<Shared>,
        ticket: Ticket,
        extras: Option<Arc<Extras>>,
    ) -> Self {
        let held = OnceLock::new();
        if let Some(extras) = extras {
            // Empty until here.
            let _ = held.set(extras);
        }
        Self::make(id, entry, shared, Some(Box::new(ticket)), held)
    }

    fn make(
        id: SocketId,
        entry: Entry,
        shared: Arc<Shared>,
        ticket: Option<Box<Ticket>>,
        extras: OnceLock<Arc<Extras>>,
    ) -> Self {
        let Entry {
            conn,
            space,
            handshake,
            auth,
        } = entry;
        Self(Arc::new(Inner {
            id,
            conn,
            space,
            handshake,
            auth,
            shared,
            ticket,
            extras,
            ended: OnceLock::new(),
        }))
    }

    /// Its id, which is also the name of a room that only it is in.
    pub fn id(&self) -> SocketId {
        self.0.id
    }

    /// The request that opened its session.
    pub fn handshake(&self) -> &Handshake {
        &self.0.handshake
    }

    /// What the client sent to be admitted to this namespace: `{}` if it sent nothing.
    pub fn auth(&self) -> &RawValue {
        self.0.auth.as_deref().unwrap_or(nothing())
    }

    /// What the client sent to be admitted, as a `T`.
    ///
    /// # Errors
    /// It is no `T`.
    pub fn parse_auth<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.auth().get())
    }

    /// The handshake as Node's `socket.handshake` shows it: headers, query, auth, address and times.
    pub fn handshake_object(&self) -> serde_json::Value {
        self.0.handshake.object(self.auth())
    }

    /// The name of its namespace.
    pub fn namespace_name(&self) -> &str {
        &self.0.space.name
    }

    /// Whether it is still connected, as far as this thread can know.
    pub fn is_connected(&self) -> bool {
        self.0.ended.get().is_none()
    }

    /// Why it is no longer connected.
    pub fn disconnect_reason(&self) -> Option<DisconnectReason> {
        self.0.ended.get().copied()
    }

    /// Whether it came back after its connection was lost, with its id, rooms and data, and without
    /// having missed anything ([`Builder::recovery`](crate::Builder::recovery)).
    pub fn recovered(&self) -> bool {
        self.0
            .ticket
            .as_ref()
            .is_some_and(|ticket| ticket.recovered)
    }

    /// Joins rooms; beyond [`Limits::rooms`](crate::Limits::rooms) it has no effect.
    ///
    /// # Errors
    /// [`EmitError::Disconnected`], [`EmitError::Busy`], [`EmitError::TooManyRooms`].
    pub fn join(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        let conn = self.0.conn;
        self.each_room(rooms, |topic| self.push(Op::Join(topic, conn)))
    }

    /// Leaves rooms.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub fn leave(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        let conn = self.0.conn;
        self.each_room(rooms, |topic| self.push(Op::Leave(topic, conn)))
    }

    fn each_room(
        &self,
        rooms: impl Rooms,
        act: impl Fn(&Topic) -> Result<(), EmitError>,
    ) -> Result<(), EmitError> {
        let mut result = Ok(());
        rooms.each(&mut |room| {
            if result.is_ok() {
                let topic = self.0.space.room(&self.0.shared.core, room);
                result = topic.map_err(EmitError::from).and_then(|topic| act(&topic));
            }
        });
        result
    }

    /// The rooms it is in, without the one that bears its id. In order with this thread's joins.
    ///
    /// # Errors
    /// [`EmitError::Disconnected`], also when the gateway ends meanwhile; [`EmitError::Busy`].
    pub fn rooms(&self) -> Answer<Result<Vec<String>, EmitError>> {
        let (conn, space) = (self.0.conn, self.0.space.clone());
        ask_shard(&self.0.shared, conn.shard(), move |_, core| {
            local::rooms_of(core, conn, &space)
        })
    }

    /// The transport its session uses now: `polling`, `websocket`, `webtransport` (native clients of QUIC too).
    ///
    /// # Errors
    /// As [`rooms`](Self::rooms).
    pub fn transport(&self) -> Answer<Result<&'static str, EmitError>> {
        let conn = self.0.conn;
        let name = ask_shard(&self.0.shared, conn.shard(), move |shard, _| {
            let mut sessions = shard.sessions.borrow_mut();
            sessions
                .get(conn)
                .map(|session| session.engine.transport().name())
        });
        Answer::new(async move { name.await?.ok_or(EmitError::Disconnected) })
    }

    /// Leaves this namespace, after what was sent before; the client's other namespaces stay.
    ///
    /// # Errors
    /// [`EmitError::Disconnected`], [`EmitError::Busy`].
    pub fn disconnect(&self) -> Result<(), EmitError> {
        let socket = self.clone();
        let leave = Remote::message(move |shard, core| shard.expel(core, &socket));
        self.push(Op::App(self.0.conn.shard(), leave))
    }

    /// Ends the client's connection, with all its namespaces, after what was sent before.
    ///
    /// # Errors
    /// [`EmitError::Disconnected`], [`EmitError::Busy`].
    pub fn disconnect_client(&self) -> Result<(), EmitError> {
        let conn = self.0.conn;
        let end = Remote::message(move |shard, core| shard.expel_client(core, conn));
        self.push(Op::App(conn.shard(), end))
    }

    /// The connection it travels on, which several namespaces may share: what an
    /// [`EachBytes`](super::EachBytes) knows its receivers by.
    pub fn conn(&self) -> ConnId {
        self.0.conn
    }

    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.0.space
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    pub(crate) fn ticket(&self) -> Option<&Ticket> {
        self.0.ticket.as_deref()
    }

    pub(crate) fn extras(&self) -> &Arc<Extras> {
        self.0.extras.get_or_init(Arc::default)
    }

    pub(crate) fn peek_extras(&self) -> Option<&Arc<Extras>> {
        self.0.extras.get()
    }

    pub(crate) fn push(&self, op: Op<'_>) -> Result<(), EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        self.0.shared.send(op)
    }

    /// The position of an event that is sent now, if it can be recovered.
    pub(crate) fn mark(&self, class: Class) -> Option<Mark> {
        self.0.shared.mark(class, origin::mark_here)
    }

    /// Tells those who watch what is sent: the namespace's, then this socket's own.
    pub(super) fn show_outgoing(&self, event: &str, frame: &Frame) {
        local::show_outgoing(&self.0.shared, &self.0.space, event, frame);
        if let Some(extras) = self.peek_extras() {
            for f in extras.outgoing() {
                local::with_args(self.0.shared.parser, frame, |args| f(event, args));
            }
        }
    }

    /// It is over; whether nobody has said so before.
    pub(super) fn end(&self, reason: DisconnectReason) -> bool {
        self.0.ended.set(reason).is_ok()
    }
}

/// `{}`.
pub(crate) fn nothing() -> &'static RawValue {
    static NOTHING: LazyLock<Box<RawValue>> =
        LazyLock::new(|| RawValue::from_string("{}".to_owned()).expect("an empty object"));
    &NOTHING
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Socket({} in {})", self.0.id, self.namespace_name())
    }
}
