//! A publisher for a thread of the application's own: a game's tick, say.
//!
//! Promises: everything one publisher does reaches each socket in order, and nothing is sent before
//! [`flush`](Publisher::flush): a tick's events are one write a socket. A thread that has a publisher
//! uses it for everything, or its order is lost.

use std::sync::Arc;

use ringside_core::Class;
use serde::Serialize;

use super::{Ack, EachBytes, EmitError, Room, Socket, each::ComposedEvent, origin::Origin};
use crate::{shared::Op, wire::Stamp};

/// The way from one thread to all sockets.
#[derive(Debug)]
pub struct Publisher {
    core: ringside_core::Publisher,
    origin: Origin,
}

impl Publisher {
    pub(crate) fn new(core: ringside_core::Publisher) -> Self {
        Self {
            core,
            origin: Origin::new(),
        }
    }

    /// Sends an event to everybody in a room: encoded once.
    ///
    /// # Errors
    /// [`EmitError`]: nothing was sent, to anybody.
    pub fn emit<T: Serialize + ?Sized>(
        &mut self,
        room: &Room,
        class: Class,
        event: &str,
        args: &T,
    ) -> Result<(), EmitError> {
        let mark = room.shared.mark(class, || self.origin.mark());
        let frame = room.frame(mark, event, args)?;
        self.send(Op::Publish(&room.topic, class, frame))
    }

    /// Sends an event to one socket.
    ///
    /// # Errors
    /// [`EmitError`]: nothing was sent.
    pub fn emit_to<T: Serialize + ?Sized>(
        &mut self,
        socket: &Socket,
        class: Class,
        event: &str,
        args: &T,
    ) -> Result<(), EmitError> {
        let (nsp, parser) = (socket.namespace_name(), socket.shared().parser);
        let stamp = Stamp::one(socket.shared().mark(class, || self.origin.mark()));
        let frame = parser.event(stamp, nsp, None, event, args)?;
        self.send(Op::Unicast(socket.conn(), class, frame))
    }

    /// Sends an event to each of `sockets`: encoded once.
    ///
    /// # Errors
    /// When it cannot be encoded, or a shard is behind: those after that one did not get it.
    pub fn emit_to_each<'s, T: Serialize + ?Sized>(
        &mut self,
        sockets: impl IntoIterator<Item = &'s Socket>,
        class: Class,
        event: &str,
        args: &T,
    ) -> Result<(), EmitError> {
        let mut sockets = sockets.into_iter().peekable();
        let Some(first) = sockets.peek() else {
            return Ok(());
        };
        let (nsp, parser) = (first.namespace_name(), first.shared().parser);
        let stamp = Stamp::one(first.shared().mark(class, || self.origin.mark()));
        let frame = parser.event(stamp, nsp, None, event, args)?;
        sockets.try_for_each(|socket| self.send(Op::Unicast(socket.conn(), class, frame.clone())))
    }

    /// Sends an event with bytes to everybody in a room, to each its own: see [`EachBytes`].
    pub fn emit_each(
        &mut self,
        room: &Room,
        event: &str,
        each: Arc<dyn EachBytes>,
    ) -> Result<(), EmitError> {
        let composed = Arc::new(ComposedEvent::new(room, event, each)?);
        Ok(self.core.publish_composed(&room.topic, composed)?)
    }

    /// Answers an event, in order with everything else this publisher sends.
    ///
    /// # Errors
    /// [`EmitError`]: nothing was sent.
    pub fn acknowledge<T: Serialize + ?Sized>(
        &mut self,
        ack: Ack,
        args: &T,
    ) -> Result<(), EmitError> {
        let frame = ack.frame(args)?;
        self.send(Op::Unicast(ack.socket.conn(), Class::Reliable, frame))
    }

    /// Has a socket join a room: it gets this publisher's later events, not its earlier ones.
    ///
    /// # Errors
    /// [`EmitError::Busy`].
    pub fn join(&mut self, room: &Room, socket: &Socket) -> Result<(), EmitError> {
        self.send(Op::Join(&room.topic, socket.conn()))
    }

    /// Has a socket leave a room.
    ///
    /// # Errors
    /// [`EmitError::Busy`].
    pub fn leave(&mut self, room: &Room, socket: &Socket) -> Result<(), EmitError> {
        self.send(Op::Leave(&room.topic, socket.conn()))
    }

    /// Sends everything so far: call it at the end of the tick.
    pub fn flush(&mut self) {
        self.core.flush();
    }

    fn send(&mut self, op: Op<'_>) -> Result<(), EmitError> {
        op.publish(&mut self.core).map_err(EmitError::from)
    }
}
