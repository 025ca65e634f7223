//! A namespace: what is registered for it before the gateway starts.
//!
//! Nothing here changes afterwards, so that looking up a handler is a hash and no lock, and handlers
//! cost nothing per socket. The namespaces made from a pattern share one registration.

use std::{collections::HashMap, future::Future, pin::Pin};

use ringside_proto::socketio::Args;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{Ack, DisconnectReason, Handler, HandlerError, Socket, SocketId, handler};
use crate::env::OwnNames;

type OnConnect = Box<dyn Fn(&Socket) + Send + Sync>;
type OnDisconnecting = Box<dyn Fn(&Socket, DisconnectReason, &[String]) + Send + Sync>;
type OnDisconnect = Box<dyn Fn(&Socket, DisconnectReason) + Send + Sync>;
type OnError = Box<dyn Fn(&Socket, &HandlerError) + Send + Sync>;
type OnRoom = Box<dyn Fn(&str) + Send + Sync>;
type OnMember = Box<dyn Fn(&str, SocketId) + Send + Sync>;
type Outgoing = Box<dyn Fn(&str, Args<'_>) + Send + Sync>;
type Admission = Pin<Box<dyn Future<Output = Result<(), ConnectError>>>>;
/// Hears of an event before its handler does.
pub(crate) type AnyHandler = dyn Fn(&Socket, &str, Args<'_>) + Send + Sync;
/// Decides whether an event reaches its handler.
pub(crate) type Filter = dyn Fn(&Socket, &str, Args<'_>) -> Result<(), String> + Send + Sync;
/// Handles an event of another server.
type ServerSide = Box<dyn Fn(Args<'_>) -> Result<Option<serde_json::Value>, String> + Send + Sync>;

type AdmitNow = dyn Fn(&Socket) -> Result<(), ConnectError> + Send + Sync;

/// Decides whether a socket may join.
pub(crate) enum Middleware {
    Now(Box<AdmitNow>),
    Later(Box<dyn Fn(Socket) -> Admission + Send + Sync>),
}

/// Why a socket may not join: reaches the client as its `connect_error`.
#[derive(Clone, Debug)]
pub struct ConnectError {
    pub(crate) message: String,
    pub(crate) data: Option<Box<RawValue>>,
}

impl ConnectError {
    /// A refusal with this message: `error.message` at the client.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            data: None,
        }
    }

    /// Adds details: `error.data` at the client. What cannot be serialized is left out.
    #[must_use]
    pub fn with_data(mut self, data: &impl Serialize) -> Self {
        self.data = serde_json::value::to_raw_value(data).ok();
        self
    }
}

impl From<String> for ConnectError {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for ConnectError {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

/// What is registered for a namespace. Made through [`Builder::of`](crate::Builder::of).
#[derive(Default)]
pub struct Namespace {
    pub(crate) name: Box<str>,
    pub(crate) on_connect: Vec<OnConnect>,
    pub(crate) on_disconnecting: Vec<OnDisconnecting>,
    pub(crate) on_disconnect: Vec<OnDisconnect>,
    pub(crate) on_error: Vec<OnError>,
    pub(crate) on_any: Vec<Box<AnyHandler>>,
    pub(crate) on_any_outgoing: Vec<Outgoing>,
    pub(crate) filters: Vec<Box<Filter>>,
    pub(crate) middleware: Vec<Middleware>,
    pub(crate) rooms: RoomHooks,
    pub(crate) server_side: HashMap<Box<str>, ServerSide>,
    handlers: HashMap<Box<str>, Handler, OwnNames>,
}

/// Who hears of rooms.
#[derive(Default)]
pub(crate) struct RoomHooks {
    pub(crate) created: Vec<OnRoom>,
    pub(crate) deleted: Vec<OnRoom>,
    pub(crate) joined: Vec<OnMember>,
    pub(crate) left: Vec<OnMember>,
}

impl RoomHooks {
    pub(crate) fn is_empty(&self) -> bool {
        self.created.is_empty()
            && self.deleted.is_empty()
            && self.joined.is_empty()
            && self.left.is_empty()
    }
}

impl Namespace {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    pub(crate) fn handler(&self, event: &str) -> Option<&Handler> {
        self.handlers.get(event)
    }

    /// The namespace's name, with its slash; for a pattern, the pattern.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `f` whenever a socket has joined this namespace.
    pub fn on_connect(&mut self, f: impl Fn(&Socket) + Send + Sync + 'static) -> &mut Self {
        self.on_connect.push(Box::new(f));
        self
    }

    /// Runs `f` whenever a socket is about to leave, with its rooms, which it is still in.
    pub fn on_disconnecting(
        &mut self,
        f: impl Fn(&Socket, DisconnectReason, &[String]) + Send + Sync + 'static,
    ) -> &mut Self {
        self.on_disconnecting.push(Box::new(f));
        self
    }

    /// Runs `f` whenever a socket has left. The reason's text is Socket.IO's word for it.
    pub fn on_disconnect(
        &mut self,
        f: impl Fn(&Socket, DisconnectReason) + Send + Sync + 'static,
    ) -> &mut Self {
        self.on_disconnect.push(Box::new(f));
        self
    }

    /// Runs `f` when an event did not reach its handler, or its handler panicked.
    pub fn on_error(
        &mut self,
        f: impl Fn(&Socket, &HandlerError) + Send + Sync + 'static,
    ) -> &mut Self {
        self.on_error.push(Box::new(f));
        self
    }

    /// Has `f` decide whether a socket may join, by its [`handshake`](Socket::handshake) and
    /// [`auth`](Socket::auth). An error (a text, or a [`ConnectError`]) reaches the client as
    /// `connect_error`.
    pub fn use_middleware<E: Into<ConnectError>>(
        &mut self,
        f: impl Fn(&Socket) -> Result<(), E> + Send + Sync + 'static,
    ) -> &mut Self {
        let f = move |socket: &Socket| f(socket).map_err(Into::into);
        self.middleware.push(Middleware::Now(Box::new(f)));
        self
    }

    /// As [`use_middleware`](Self::use_middleware), with a future: to ask a database, say.
    pub fn use_async<E, F>(&mut self, f: impl Fn(Socket) -> F + Send + Sync + 'static) -> &mut Self
    where
        E: Into<ConnectError>,
        F: Future<Output = Result<(), E>> + 'static,
    {
        let f = move |socket| -> Admission {
            let admission = f(socket);
            Box::pin(async move { admission.await.map_err(Into::into) })
        };
        self.middleware.push(Middleware::Later(Box::new(f)));
        self
    }

    /// Has `f` decide about every event of this namespace, before its handler. An error keeps it from
    /// its handler, reaches [`on_error`](Self::on_error), and is the ack's `{error}`.
    pub fn use_packet(
        &mut self,
        f: impl Fn(&Socket, &str, Args<'_>) -> Result<(), String> + Send + Sync + 'static,
    ) -> &mut Self {
        self.filters.push(Box::new(f));
        self
    }

    /// Runs `f` for every event that arrives, whether or not it has a handler; before that.
    pub fn on_any(
        &mut self,
        f: impl Fn(&Socket, &str, Args<'_>) + Send + Sync + 'static,
    ) -> &mut Self {
        self.on_any.push(Box::new(f));
        self
    }

    /// Runs `f` for every emit of this namespace: once an emit, however many receive it.
    pub fn on_any_outgoing(
        &mut self,
        f: impl Fn(&str, Args<'_>) + Send + Sync + 'static,
    ) -> &mut Self {
        self.on_any_outgoing.push(Box::new(f));
        self
    }

    /// Runs `f` with the name of a room that has got its first member. Rooms' handlers run one at a time,
    /// whichever shards their sockets are on: they must be quick.
    pub fn on_create_room(&mut self, f: impl Fn(&str) + Send + Sync + 'static) -> &mut Self {
        self.rooms.created.push(Box::new(f));
        self
    }

    /// Runs `f` with the name of a room that has lost its last member.
    pub fn on_delete_room(&mut self, f: impl Fn(&str) + Send + Sync + 'static) -> &mut Self {
        self.rooms.deleted.push(Box::new(f));
        self
    }

    /// Runs `f` when a socket has joined a room.
    pub fn on_join_room(
        &mut self,
        f: impl Fn(&str, SocketId) + Send + Sync + 'static,
    ) -> &mut Self {
        self.rooms.joined.push(Box::new(f));
        self
    }

    /// Runs `f` when a socket has left a room.
    pub fn on_leave_room(
        &mut self,
        f: impl Fn(&str, SocketId) + Send + Sync + 'static,
    ) -> &mut Self {
        self.rooms.left.push(Box::new(f));
        self
    }

    /// Handles an event; what the function returns is the ack, if the sender asked for one.
    pub fn on<T, R>(
        &mut self,
        event: &str,
        f: impl Fn(&Socket, T) -> R + Send + Sync + 'static,
    ) -> &mut Self
    where
        T: DeserializeOwned,
        R: Serialize,
    {
        self.handle(event, handler::sync(f))
    }

    /// Handles an event with a future, which need not be `Send`; what it resolves to is the ack.
    pub fn on_async<T, F>(
        &mut self,
        event: &str,
        f: impl Fn(Socket, T) -> F + Send + Sync + 'static,
    ) -> &mut Self
    where
        T: DeserializeOwned,
        F: Future + 'static,
        F::Output: Serialize,
    {
        self.handle(event, handler::future(f))
    }

    /// Handles an event on another runtime: for what takes long, and would keep the shard from its
    /// sockets. What it resolves to is the ack.
    pub fn on_runtime<T, F>(
        &mut self,
        runtime: tokio::runtime::Handle,
        event: &str,
        f: impl Fn(Socket, T) -> F + Send + Sync + 'static,
    ) -> &mut Self
    where
        T: DeserializeOwned,
        F: Future + Send + 'static,
        F::Output: Serialize + Send,
    {
        self.handle(event, handler::elsewhere(runtime, f))
    }

    /// Handles an event with its arguments unparsed; the ack may be sent whenever it is ready.
    pub fn on_raw(
        &mut self,
        event: &str,
        f: impl Fn(&Socket, Args<'_>, Option<Ack>) + Send + Sync + 'static,
    ) -> &mut Self {
        self.handle(event, handler::raw(f))
    }

    /// Handles an event that another server of the cluster has sent with
    /// [`Target::server_side_emit`](super::Target::server_side_emit); what it returns is the answer.
    pub fn on_server_side<T, R>(
        &mut self,
        event: &str,
        f: impl Fn(T) -> R + Send + Sync + 'static,
    ) -> &mut Self
    where
        T: DeserializeOwned,
        R: Serialize,
    {
        let f = move |args: Args<'_>| {
            let args = args.parse().map_err(|error| error.to_string())?;
            let answer = serde_json::to_value(f(args)).map_err(|error| error.to_string())?;
            Ok(Some(answer))
        };
        self.server_side.insert(event.into(), Box::new(f));
        self
    }

    /// Sets the handler of an event, in place of an earlier one.
    fn handle(&mut self, event: &str, handler: Handler) -> &mut Self {
        self.handlers.insert(event.into(), handler);
        self
    }
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Namespace")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
