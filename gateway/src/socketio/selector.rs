//! Which sockets an operation is for: the union of rooms, minus others, each socket once.
//!
//! Every shard evaluates it over its own connections, in the order of the operation: no global lock, and
//! what the same thread joined before counts. A room that bears a socket's id has no members in any table:
//! the id itself leads to its socket.

use std::sync::Arc;

use ringside_core::{ConnId, Core, SetupError, Shard, Topic, TopicId};

use super::{SocketId, space::Space};
use crate::{shard::GatewayShard, sink::GatewaySink};

/// A room, and the socket it may be the own room of.
pub(crate) struct RoomKey {
    topic: Topic,
    id: Option<SocketId>,
}

impl RoomKey {
    pub(crate) fn new(name: &str, space: &Space, core: &Core) -> Result<Self, SetupError> {
        Ok(Self {
            topic: space.room(core, name)?,
            id: SocketId::parse(name),
        })
    }

    fn holds(&self, topics: &[TopicId], id: SocketId) -> bool {
        self.id == Some(id) || topics.contains(&self.topic.id())
    }
}

/// Whom an operation is for.
pub(crate) struct Selector {
    pub(crate) space: Arc<Space>,
    /// None: everybody in the namespace.
    pub(crate) rooms: Vec<RoomKey>,
    pub(crate) except: Vec<RoomKey>,
    pub(crate) except_conn: Option<ConnId>,
}

impl Selector {
    /// Whether it was for a socket that was in these topics.
    pub(crate) fn was_for(&self, topics: &[TopicId], id: SocketId, conn: ConnId) -> bool {
        let everybody = self.space.everybody.id();
        topics.contains(&everybody)
            && self.except_conn != Some(conn)
            && (self.rooms.is_empty() || self.rooms.iter().any(|room| room.holds(topics, id)))
            && !self.except.iter().any(|room| room.holds(topics, id))
    }
}

impl GatewayShard {
    /// The connections of this shard that a selector names, each once.
    pub(crate) fn select(&self, core: &Shard<GatewaySink>, selector: &Selector) -> Vec<ConnId> {
        let mut conns = Vec::new();
        if selector.rooms.is_empty() {
            conns.extend(core.subscribers(&selector.space.everybody));
        } else {
            self.gather(core, selector, &selector.rooms, &mut conns);
        }
        let mut except = Vec::new();
        self.gather(core, selector, &selector.except, &mut except);
        except.extend(selector.except_conn);
        except.sort_unstable();
        conns.sort_unstable();
        conns.dedup();
        conns.retain(|conn| except.binary_search(conn).is_err());
        conns
    }

    fn gather(
        &self,
        core: &Shard<GatewaySink>,
        selector: &Selector,
        rooms: &[RoomKey],
        into: &mut Vec<ConnId>,
    ) {
        for room in rooms {
            into.extend(core.subscribers(&room.topic));
            if let Some(id) = room.id {
                into.extend(self.find_socket(id, &selector.space));
            }
        }
    }

    /// The connection of a socket of this shard, by the socket's id.
    pub(crate) fn find_socket(&self, id: SocketId, space: &Arc<Space>) -> Option<ConnId> {
        let mut sessions = self.sessions.borrow_mut();
        let (shard, slot) = id.address()?;
        let at_home = (shard == self.id).then(|| sessions.at(slot)).flatten();
        // One that came back elsewhere keeps an id that names its first home.
        let moved = self.recovery.borrow().home_of(id);
        at_home.into_iter().chain(moved).find(|conn| {
            let sio = sessions.get(*conn).and_then(|session| session.sio());
            sio.is_some_and(|sio| sio.find_id(id, space).is_some())
        })
    }
}
