//! Rooms as they come and go, for those who registered to hear of them.
//!
//! A room lives across shards, so its members are counted here, under a lock that is only ever taken
//! when a namespace has such handlers. Promises: what is told of a room is told in the order it
//! happened, one at a time; a room that is told to be created is told to be deleted, after its last member.

use std::{collections::HashMap, sync::Mutex};

use ringside_core::{ConnId, Topic};

use super::{SocketId, space::Space};
use crate::{env::HashState, session::Session, shard::GatewayShard};

/// Members of rooms, by namespace and room, in namespaces that want to know.
#[derive(Default)]
pub(crate) struct Watch(Mutex<HashMap<String, usize, HashState>>);

impl Watch {
    /// Counts one more or one less, and calls `f` with whether that is the first, or was the last. Others
    /// wait meanwhile: what is told of a room must be told in the order it happened.
    fn count(&self, key: &str, joined: bool, f: impl FnOnce(bool)) {
        let mut rooms = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if joined {
            let members = rooms.entry(key.to_owned()).or_default();
            *members += 1;
            return f(*members == 1);
        }
        let Some(members) = rooms.get_mut(key) else {
            return f(false);
        };
        *members -= 1;
        let last = *members == 0;
        if last {
            rooms.remove(key);
        }
        f(last);
    }
}

impl GatewayShard {
    /// A connection has joined or left a topic.
    #[inline]
    pub(crate) fn moved(&self, conn: ConnId, topic: &Topic, joined: bool) {
        if self.shared.watch_rooms {
            self.tell_moved(conn, topic, joined);
        }
    }

    #[cold]
    fn tell_moved(&self, conn: ConnId, topic: &Topic, joined: bool) {
        let seat = match self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            Some(sio) => sio
                .sockets
                .iter()
                .map(|seat| &seat.socket)
                .find(|socket| socket.space().room_of(topic).is_some())
                .map(|socket| (socket.id(), socket.space().clone())),
            None => None,
        };
        if let Some((id, space)) = seat
            && let Some(room) = space.room_of(topic)
        {
            self.room_changed(&space, room, id, joined);
        }
    }

    pub(crate) fn room_changed(&self, space: &Space, room: &str, id: SocketId, joined: bool) {
        let hooks = &space.set.rooms;
        if hooks.is_empty() {
            return;
        }
        let key = format!("{}\0{room}", space.name);
        let call = |edge| match joined {
            true => {
                if edge {
                    hooks.created.iter().for_each(|f| f(room));
                }
                hooks.joined.iter().for_each(|f| f(room, id));
            }
            false => {
                hooks.left.iter().for_each(|f| f(room, id));
                if edge {
                    hooks.deleted.iter().for_each(|f| f(room));
                }
            }
        };
        let watch = &self.shared.watch;
        let told = std::panic::AssertUnwindSafe(|| watch.count(&key, joined, call));
        if std::panic::catch_unwind(told).is_err() {
            tracing::error!(room, "a room handler panicked");
        }
    }
}
