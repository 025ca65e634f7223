//! Which room each socket is bound to: where what it sends goes.
//!
//! Promises: a socket is bound to one room at most; whoever disconnects is forgotten. Every event of every client looks
//! here, so each shard has a lock of its own.

use std::{collections::HashSet, sync::Arc};

use crate::{
    driver::RoomAddress,
    room::{ByClient, ClientId},
    shared::Shared,
};

/// Locks, by the shards of the sockets: more than there are shards.
const STRIPES: usize = 64;

/// The bindings of all sockets.
pub(crate) struct Bindings {
    stripes: Vec<Shared<ByClient<Arc<RoomAddress>>>>,
    /// Clients behind a modelled network.
    weathered: Shared<HashSet<ClientId>>,
}

impl Bindings {
    pub(super) fn new() -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Shared::default()).collect(),
            weathered: Shared::default(),
        }
    }

    /// From now on what the socket sends goes to this room. Returns the one it was bound to before.
    pub(crate) fn bind(&self, client: ClientId, to: Arc<RoomAddress>) -> Option<Arc<RoomAddress>> {
        self.stripe(client).lock().insert(client, to)
    }

    /// The room a socket is bound to.
    pub(crate) fn room_of(&self, client: ClientId) -> Option<Arc<RoomAddress>> {
        self.stripe(client).lock().get(&client).cloned()
    }

    /// The room is done with the socket.
    pub(crate) fn unbind(&self, client: ClientId, room: u64) {
        let mut bound = self.stripe(client).lock();
        if bound.get(&client).is_some_and(|address| address.id == room) {
            bound.remove(&client);
            self.weathered.lock().remove(&client);
        }
    }

    /// A socket that is bound to a room is, or is no longer, behind a modelled network.
    pub(crate) fn set_weathered(&self, client: ClientId, weathered: bool) {
        match weathered && self.room_of(client).is_some() {
            true => self.weathered.lock().insert(client),
            false => self.weathered.lock().remove(&client),
        };
    }

    /// The room of a socket behind a modelled network.
    pub(crate) fn room_of_weathered(&self, client: ClientId) -> Option<Arc<RoomAddress>> {
        let weathered = self.weathered.lock().contains(&client);
        weathered.then(|| self.room_of(client)).flatten()
    }

    /// The socket is gone. Returns the room it was bound to.
    pub(super) fn gone(&self, client: ClientId) -> Option<Arc<RoomAddress>> {
        self.weathered.lock().remove(&client);
        self.stripe(client).lock().remove(&client)
    }

    /// How many sockets are bound.
    pub(super) fn count(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.lock().len()).sum()
    }

    fn stripe(&self, client: ClientId) -> &Shared<ByClient<Arc<RoomAddress>>> {
        &self.stripes[client.shard() % STRIPES]
    }
}
