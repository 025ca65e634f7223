//! What is done to those whom a target reaches, besides sending: fetching, moving, disconnecting.

use std::sync::Arc;

use ringside_core::Topic;

use super::Target;
use crate::{
    shard::Remote,
    shared::Op,
    socketio::{
        Answer, EmitError, RemoteSocket, Rooms,
        adapter::{Operation, Reply},
        local::ask_all,
    },
};

impl Target {
    /// Who it is: every socket, on every server of a cluster.
    pub fn fetch_sockets(&self) -> Answer<Result<Vec<RemoteSocket>, EmitError>> {
        let here = self.selector().map(|selector| {
            let (selector, shared) = (Arc::new(selector), self.shared.clone());
            ask_all(&shared, move |shard, core| shard.describe(core, &selector))
        });
        let elsewhere = self.ask_others(Operation::Fetch);
        let target = self.clone();
        Answer::new(async move {
            let mut all: Vec<_> = here?.await?.into_iter().flatten().collect();
            for reply in elsewhere.await {
                if let Reply::Sockets(sockets) = reply {
                    all.extend(sockets);
                }
            }
            Ok(all
                .into_iter()
                .map(|description| RemoteSocket::new(&target, description))
                .collect())
        })
    }

    /// Has everybody join rooms.
    ///
    /// # Errors
    /// [`EmitError`]: nobody joined, of this server.
    pub fn sockets_join(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        self.move_sockets(rooms, true)
    }

    /// Has everybody leave rooms.
    ///
    /// # Errors
    /// [`EmitError`]: nobody left, of this server.
    pub fn sockets_leave(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        self.move_sockets(rooms, false)
    }

    fn move_sockets(&self, rooms: impl Rooms, joins: bool) -> Result<(), EmitError> {
        let mut names = Vec::new();
        rooms.each(&mut |room| names.push(room.to_owned()));
        if !self.is_local() {
            let operation = match joins {
                true => Operation::Join(names.clone()),
                false => Operation::Leave(names.clone()),
            };
            self.carry(operation, None);
        }
        self.move_here(&names, joins)
    }

    pub(crate) fn move_here(&self, rooms: &[String], joins: bool) -> Result<(), EmitError> {
        let topics = rooms
            .iter()
            .map(|room| self.space.room(&self.shared.core, room));
        let topics: Arc<[Topic]> = topics.collect::<Result<_, _>>()?;
        let selector = Arc::new(self.selector()?);
        let shards = 0..self.shared.core.shards();
        // What this thread publishes next must reach those who join now.
        let announced = shards.flat_map(|shard| topics.iter().map(move |topic| (shard, topic)));
        if joins {
            announced
                .clone()
                .for_each(|(shard, topic)| topic.announce_join(shard));
        }
        let sent = self.shared.send(Op::AppAll(&mut || {
            let (selector, topics) = (selector.clone(), topics.clone());
            Remote::message(move |shard, core| {
                for conn in shard.select(core, &selector) {
                    for topic in &*topics {
                        shard.change(core, topic, conn, joins);
                    }
                }
                if joins {
                    topics.iter().for_each(|topic| core.join_settled(topic));
                }
            })
        }));
        if joins && sent.is_err() {
            announced.for_each(|(_, topic)| topic.withdraw_join());
        }
        sent
    }

    /// Has everybody leave the namespace; with `close`, ends their connections.
    ///
    /// # Errors
    /// [`EmitError`]: nobody was disconnected, of this server.
    pub fn disconnect_sockets(&self, close: bool) -> Result<(), EmitError> {
        if !self.is_local() {
            self.carry(Operation::Disconnect { close }, None);
        }
        self.disconnect_here(close)
    }

    pub(crate) fn disconnect_here(&self, close: bool) -> Result<(), EmitError> {
        let selector = Arc::new(self.selector()?);
        self.shared.send(Op::AppAll(&mut || {
            let selector = selector.clone();
            Remote::message(move |shard, core| {
                for conn in shard.select(core, &selector) {
                    match close {
                        true => shard.expel_client(core, conn),
                        false => shard.expel_from(core, conn, &selector.space),
                    }
                }
            })
        }))
    }
}
