//! Sending: to one socket, plainly or with flags as Socket.IO has them, and from a socket to others.
//!
//! Promises: an event is encoded and on its way when the call returns; flags cost nothing where they are not used.

use std::time::Duration;

use ringside_core::{Class, Frame, Key};
use serde::{Serialize, de::DeserializeOwned};

use super::{AckError, Answer, EmitError, RawArgs, Rooms, Socket, Target, acks};
use crate::{
    shared::{Op, Shared},
    wire::Stamp,
};

/// How an event is sent.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) class: Class,
    /// Whether it may be compressed.
    pub(crate) compress: bool,
    /// How long an answer is waited for.
    pub(crate) patience: Duration,
}

impl Manner {
    pub(crate) fn plain(shared: &Shared) -> Self {
        Self {
            class: Class::Reliable,
            compress: true,
            patience: shared.limits.ack_timeout(),
        }
    }
}

impl Socket {
    /// Sends an event to this client. A tuple is spread over the listener's parameters.
    ///
    /// # Errors
    /// [`EmitError`]: nothing was sent.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.emitter().emit(event, args)
    }

    /// Sends an event named `message`.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn send<T: Serialize + ?Sized>(&self, args: &T) -> Result<(), EmitError> {
        self.emit("message", args)
    }

    /// Sends an event to this client, with a delivery class.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_class<T: Serialize + ?Sized>(
        &self,
        class: Class,
        event: &str,
        args: &T,
    ) -> Result<(), EmitError> {
        let manner = Manner {
            class,
            ..self.emitter().manner
        };
        self.emit_in(manner, event, args)
    }

    fn emit_in<T: Serialize + ?Sized>(
        &self,
        manner: Manner,
        event: &str,
        args: &T,
    ) -> Result<(), EmitError> {
        let mark = self.mark(manner.class);
        let stamp = Stamp::one(mark).compress(manner.compress);
        let (nsp, parser) = (self.namespace_name(), self.shared().parser);
        let frame = parser.event(stamp, nsp, None, event, args)?;
        self.emit_frame(manner.class, event, frame)
    }

    /// Sends an event with arguments as they came.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_raw(&self, event: &str, args: &RawArgs) -> Result<(), EmitError> {
        let (nsp, stamp) = (
            self.namespace_name(),
            Stamp::one(self.mark(Class::Reliable)),
        );
        let frame = self.shared().parser.event_raw(stamp, nsp, event, args)?;
        self.emit_frame(Class::Reliable, event, frame)
    }

    fn emit_frame(&self, class: Class, event: &str, frame: Frame) -> Result<(), EmitError> {
        self.show_outgoing(event, &frame);
        self.push(Op::Unicast(self.conn(), class, frame))
    }

    /// Sends an event and waits for the client's answer, for as long as
    /// [`Limits::ack_ms`](crate::Limits::ack_ms) says. The event is sent now, not when the future is
    /// first polled.
    ///
    /// ```no_run
    /// # async fn ask(socket: ringside_gateway::Socket) -> Result<(), ringside_gateway::AckError> {
    /// let agreed: bool = socket.emit_with_ack("proposal", &("draw?", 30)).await?;
    /// # Ok(()) }
    /// ```
    pub fn emit_with_ack<R: DeserializeOwned + Send + 'static>(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Answer<Result<R, AckError>> {
        self.emitter().emit_with_ack(event, args)
    }

    /// Everybody in the namespace, this client included.
    pub fn everybody(&self) -> Target {
        Target::everybody(self.shared().clone(), self.space().clone())
    }

    /// Everybody in the namespace but this client.
    pub fn broadcast(&self) -> Target {
        self.everybody().except_conn(self.conn())
    }

    /// Everybody in these rooms but this client; each once.
    pub fn to(&self, rooms: impl Rooms) -> Target {
        self.broadcast().to(rooms)
    }

    /// The same as [`to`](Self::to).
    pub fn in_(&self, rooms: impl Rooms) -> Target {
        self.to(rooms)
    }

    /// Everybody but this client and whoever is in these rooms.
    pub fn except(&self, rooms: impl Rooms) -> Target {
        self.broadcast().except(rooms)
    }

    /// The same as [`broadcast`](Self::broadcast), on this server only.
    pub fn local(&self) -> Target {
        self.broadcast().local()
    }

    /// Sends with another patience for the answer.
    pub fn timeout(&self, patience: Duration) -> Emitter<'_> {
        self.emitter().timeout(patience)
    }

    /// Sends only if the client can take it now.
    pub fn volatile(&self) -> Emitter<'_> {
        self.emitter().volatile()
    }

    /// Sends the newest of this key, if the client is behind.
    pub fn latest(&self, key: Key) -> Emitter<'_> {
        self.emitter().latest(key)
    }

    /// Sends with or without compression, where that was agreed on: see [`Target::compress`].
    pub fn compress(&self, compress: bool) -> Emitter<'_> {
        self.emitter().compress(compress)
    }

    fn emitter(&self) -> Emitter<'_> {
        Emitter {
            socket: self,
            manner: Manner::plain(self.shared()),
        }
    }
}

/// A way to send to one socket, other than the plain one.
#[derive(Clone, Copy)]
#[must_use]
pub struct Emitter<'s> {
    socket: &'s Socket,
    manner: Manner,
}

impl Emitter<'_> {
    /// See [`Socket::timeout`].
    pub fn timeout(mut self, patience: Duration) -> Self {
        self.manner.patience = patience;
        self
    }

    /// See [`Socket::volatile`].
    pub fn volatile(mut self) -> Self {
        self.manner.class = Class::Volatile;
        self
    }

    /// See [`Socket::latest`].
    pub fn latest(mut self, key: Key) -> Self {
        self.manner.class = Class::Latest(key);
        self
    }

    /// See [`Target::compress`].
    pub fn compress(mut self, compress: bool) -> Self {
        self.manner.compress = compress;
        self
    }

    /// As [`Socket::emit`].
    ///
    /// # Errors
    /// [`EmitError`]: nothing was sent.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.socket.emit_in(self.manner, event, args)
    }

    /// As [`Socket::emit_with_ack`].
    pub fn emit_with_ack<R: DeserializeOwned + Send + 'static>(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Answer<Result<R, AckError>> {
        acks::ask_one(self.socket, self.manner, event, args)
    }

    /// With these flags, to whom [`Socket::broadcast`] reaches.
    pub fn broadcast(self) -> Target {
        self.socket.broadcast().in_manner(self.manner)
    }

    /// With these flags, to whom [`Socket::to`] reaches.
    pub fn to(self, rooms: impl Rooms) -> Target {
        self.broadcast().to(rooms)
    }

    /// With these flags, to whom [`Socket::except`] reaches.
    pub fn except(self, rooms: impl Rooms) -> Target {
        self.broadcast().except(rooms)
    }
}

impl std::fmt::Debug for Emitter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Emitter({:?}, {:?})", self.socket, self.manner.class)
    }
}
