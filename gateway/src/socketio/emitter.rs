//! Sending to one socket in another way than the plain one: flags, as Socket.IO has them.

use std::time::Duration;

use ringside_core::{Class, Key};
use serde::{Serialize, de::DeserializeOwned};

use super::{AckError, Answer, EmitError, Rooms, Socket, Target, acks};

impl Socket {
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

    /// Sends with a wish about compression: see [`Target::compress`].
    pub fn compress(&self, compress: bool) -> Emitter<'_> {
        self.emitter().compress(compress)
    }

    fn emitter(&self) -> Emitter<'_> {
        Emitter {
            socket: self,
            class: Class::Reliable,
            patience: self.shared().limits.ack_timeout(),
            compress: true,
        }
    }
}

/// A way to send to one socket, other than the plain one.
#[derive(Clone, Copy)]
#[must_use]
pub struct Emitter<'s> {
    socket: &'s Socket,
    class: Class,
    patience: Duration,
    compress: bool,
}

impl Emitter<'_> {
    /// See [`Socket::timeout`].
    pub fn timeout(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// See [`Socket::volatile`].
    pub fn volatile(self) -> Self {
        let class = Class::Volatile;
        Self { class, ..self }
    }

    /// See [`Socket::latest`].
    pub fn latest(self, key: Key) -> Self {
        let class = Class::Latest(key);
        Self { class, ..self }
    }

    /// See [`Target::compress`].
    pub fn compress(self, compress: bool) -> Self {
        Self { compress, ..self }
    }

    /// As [`Socket::emit`].
    ///
    /// # Errors
    /// [`EmitError`]: nothing was sent.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.socket.emit_class(self.class, event, args)
    }

    /// As [`Socket::emit_with_ack`].
    pub fn emit_with_ack<R: DeserializeOwned + Send + 'static>(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Answer<Result<R, AckError>> {
        acks::ask_one(self.socket, self.class, self.patience, event, args)
    }

    fn flags(&self, target: Target) -> Target {
        target
            .class(self.class)
            .timeout(self.patience)
            .compress(self.compress)
    }

    /// With these flags, to whom [`Socket::broadcast`] reaches.
    pub fn broadcast(self) -> Target {
        self.flags(self.socket.broadcast())
    }

    /// With these flags, to whom [`Socket::to`] reaches.
    pub fn to(self, rooms: impl Rooms) -> Target {
        self.flags(self.socket.to(rooms))
    }

    /// With these flags, to whom [`Socket::except`] reaches.
    pub fn except(self, rooms: impl Rooms) -> Target {
        self.flags(self.socket.except(rooms))
    }
}

impl std::fmt::Debug for Emitter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Emitter({:?}, {:?})", self.socket, self.class)
    }
}
