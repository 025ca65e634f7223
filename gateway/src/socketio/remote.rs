//! Sockets that may be on another server, as `fetch_sockets` finds them.

use serde::{Serialize, de::DeserializeOwned};

use super::{EmitError, Rooms, SocketId, Target, adapter::Description};

/// A socket that may be on another server: a description, and the operations that reach it there.
#[derive(Clone, Debug)]
pub struct RemoteSocket {
    target: Target,
    description: Description,
}

impl RemoteSocket {
    pub(crate) fn new(of: &Target, description: Description) -> Self {
        Self {
            target: of.only(description.id),
            description,
        }
    }

    /// Its id.
    pub fn id(&self) -> SocketId {
        self.description.id
    }

    /// Its handshake, as [`Socket::handshake_object`](super::Socket::handshake_object) shows it.
    pub fn handshake(&self) -> &serde_json::Value {
        &self.description.handshake
    }

    /// The rooms it was in, without the one that bears its id.
    pub fn rooms(&self) -> &[String] {
        &self.description.rooms
    }

    /// Its data, as a `T`. `None`: nothing, or no `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_value(self.description.data.clone()).ok()
    }

    /// Everything that can be done to it.
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// Sends it an event.
    ///
    /// # Errors
    /// As [`Target::emit`].
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.target.emit(event, args)
    }

    /// Has it join rooms.
    ///
    /// # Errors
    /// As [`Target::sockets_join`].
    pub fn join(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        self.target.sockets_join(rooms)
    }

    /// Has it leave rooms.
    ///
    /// # Errors
    /// As [`Target::sockets_leave`].
    pub fn leave(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        self.target.sockets_leave(rooms)
    }

    /// Has it leave the namespace; with `close`, ends its connection.
    ///
    /// # Errors
    /// As [`Target::disconnect_sockets`].
    pub fn disconnect(&self, close: bool) -> Result<(), EmitError> {
        self.target.disconnect_sockets(close)
    }
}
