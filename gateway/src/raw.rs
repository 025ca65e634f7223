//! Messages in, messages out, without Socket.IO: on a bare WebSocket, or on Engine.IO.
//!
//! For protocols of one's own. A bare WebSocket route costs nothing but its frames; a raw Engine.IO
//! endpoint adds sessions, heartbeat and polling. Promises: messages of one connection are handled in
//! order; what one thread sends arrives in order; a broadcast is encoded once.
//! Leaves out: subprotocols.

use std::sync::{Arc, OnceLock};

use ringside_core::{Class, ConnId, Topic};
use ringside_proto::close::CloseReason;

use crate::{
    shared::{Op, Shared},
    socketio::{EmitError, Handshake},
    wire,
};

/// A message, as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawMessage<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

type OnOpen = Box<dyn Fn(&Connection) + Send + Sync>;
type OnMessage = Box<dyn Fn(&Connection, RawMessage<'_>) + Send + Sync>;
type OnClose = Box<dyn Fn(&Connection, &str) + Send + Sync>;

/// What to do with the connections of a raw route.
#[derive(Default)]
pub struct Raw {
    on_open: Option<OnOpen>,
    on_message: Option<OnMessage>,
    on_close: Option<OnClose>,
}

impl Raw {
    /// Nothing yet: connections are accepted and their messages ignored.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `f` for each new connection.
    #[must_use]
    pub fn on_open(mut self, f: impl Fn(&Connection) + Send + Sync + 'static) -> Self {
        self.on_open = Some(Box::new(f));
        self
    }

    /// Runs `f` for each message.
    #[must_use]
    pub fn on_message(
        mut self,
        f: impl Fn(&Connection, RawMessage<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.on_message = Some(Box::new(f));
        self
    }

    /// Runs `f` when a connection has ended, with the reason in words.
    #[must_use]
    pub fn on_close(mut self, f: impl Fn(&Connection, &str) + Send + Sync + 'static) -> Self {
        self.on_close = Some(Box::new(f));
        self
    }
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Raw")
    }
}

/// A raw route of a running gateway: its handlers, and everybody connected to it.
pub(crate) struct Route {
    pub(crate) raw: Raw,
    pub(crate) everybody: Topic,
    /// Whether messages travel as Engine.IO packets.
    pub(crate) framed: bool,
}

/// A connection of a raw route: a handle, cheap to clone and usable from any thread.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    conn: ConnId,
    route: Arc<Route>,
    handshake: Arc<Handshake>,
    shared: Arc<Shared>,
    ended: OnceLock<()>,
}

impl Connection {
    pub(crate) fn new(
        conn: ConnId,
        route: Arc<Route>,
        handshake: Arc<Handshake>,
        shared: Arc<Shared>,
    ) -> Self {
        Self(Arc::new(Inner {
            conn,
            route,
            handshake,
            shared,
            ended: OnceLock::new(),
        }))
    }

    /// A number that names this connection among those of the gateway, for logs.
    pub fn id(&self) -> u64 {
        self.0.conn.to_bits()
    }

    /// The request that opened it.
    pub fn handshake(&self) -> &Handshake {
        &self.0.handshake
    }

    /// Whether it is still connected, as far as this thread can know.
    pub fn is_connected(&self) -> bool {
        self.0.ended.get().is_none()
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`EmitError::Disconnected`], [`EmitError::Busy`].
    pub fn send(&self, message: RawMessage<'_>) -> Result<(), EmitError> {
        let frame = wire::raw(message, self.0.route.framed, None);
        self.act(Op::Unicast(self.0.conn, Class::Reliable, frame))
    }

    /// Sends a message to everybody on this route, this connection included.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn send_to_all(&self, message: RawMessage<'_>) -> Result<(), EmitError> {
        let frame = wire::raw(message, self.0.route.framed, None);
        self.act(Op::Publish(&self.0.route.everybody, Class::Reliable, frame))
    }

    /// Sends a message to everybody else on this route.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn send_to_others(&self, message: RawMessage<'_>) -> Result<(), EmitError> {
        let frame = wire::raw(message, self.0.route.framed, Some(self.0.conn));
        self.act(Op::Publish(&self.0.route.everybody, Class::Reliable, frame))
    }

    /// Ends the connection, after what was sent before.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn close(&self) -> Result<(), EmitError> {
        self.act(Op::Disconnect(
            self.0.conn,
            CloseReason::ClosedByServer.entry().code.0,
        ))
    }

    fn act(&self, op: Op<'_>) -> Result<(), EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        self.0.shared.send(op)
    }

    /// It is there: joins everybody, and the handler hears of it.
    pub(crate) fn opened(&self) {
        if let Err(error) = self.act(Op::Join(&self.0.route.everybody, self.0.conn)) {
            tracing::error!(%error, "a connection could not join its route");
        }
        if let Some(f) = &self.0.route.raw.on_open {
            self.guard(|| f(self));
        }
    }

    pub(crate) fn received(&self, message: RawMessage<'_>) {
        if let Some(f) = &self.0.route.raw.on_message {
            self.guard(|| f(self, message));
        }
    }

    pub(crate) fn ended(&self, reason: CloseReason) {
        if self.0.ended.set(()).is_ok()
            && let Some(f) = &self.0.route.raw.on_close
        {
            self.guard(|| f(self, reason.entry().sentence));
        }
    }

    /// A panic in a handler closes this connection, and no other.
    fn guard(&self, call: impl FnOnce()) {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err() {
            tracing::error!(
                connection = self.id(),
                "a handler panicked; its connection is closed"
            );
            let code = CloseReason::HandlerFailed.entry().code.0;
            // A full queue: it then lives on until its next trouble, which is no harm.
            let _ = self.act(Op::Disconnect(self.0.conn, code));
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({:?})", self.0.conn)
    }
}
