//! Whom an operation reaches: everybody in a namespace, or in rooms, without some.
//!
//! A [`Target`] is made anew for each operation, as in Socket.IO; a [`Room`] is kept by those who publish to
//! the same room again and again, and saves the look-up. Promises: a room that several of its rooms have in
//! common is reached once; an emit is encoded once; one room with no exclusion, or with that of the sender
//! alone, costs a descriptor per shard that has members.

use std::{sync::Arc, time::Duration};

use ringside_core::{Class, ConnId, Frame, Key, Topic};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    AckError, AckReplies, Answer, EmitError, RemoteSocket, Room, Rooms, SocketId, acks,
    adapter::{self, Flags, Operation, Packet, Request},
    local::{self, ask_all},
    origin,
    selector::{RoomKey, Selector},
    space::Space,
};
use crate::{
    shard::Remote,
    shared::{Op, Shared},
    wire::Stamp,
};

/// Whom an operation reaches, and how.
#[derive(Clone)]
#[must_use]
pub struct Target {
    pub(crate) shared: Arc<Shared>,
    pub(crate) space: Arc<Space>,
    rooms: Vec<Box<str>>,
    except: Vec<Box<str>>,
    except_conn: Option<ConnId>,
    class: Class,
    local: bool,
    compress: bool,
    patience: Duration,
}

impl Target {
    pub(crate) fn everybody(shared: Arc<Shared>, space: Arc<Space>) -> Self {
        let patience = shared.limits.ack_timeout();
        Self {
            shared,
            space,
            rooms: Vec::new(),
            except: Vec::new(),
            except_conn: None,
            class: Class::Reliable,
            local: false,
            compress: true,
            patience,
        }
    }

    /// A room to hold on to, for a [`Publisher`](super::Publisher); of this target only the namespace counts.
    ///
    /// # Errors
    /// [`EmitError::TooManyRooms`].
    pub fn hold_room(&self, name: &str) -> Result<Room, EmitError> {
        Ok(Room {
            topic: self.space.room(&self.shared.core, name)?,
            shared: self.shared.clone(),
            space: self.space.clone(),
        })
    }

    pub(crate) fn is_local(&self) -> bool {
        self.local || self.shared.adapter.is_alone()
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    pub(crate) fn delivery(&self) -> Class {
        self.class
    }

    pub(crate) fn except_conn(mut self, conn: ConnId) -> Self {
        self.except_conn = Some(conn);
        self
    }

    pub(crate) fn class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// Only who is in these rooms, or in those named before: their union, each once.
    pub fn to(mut self, rooms: impl Rooms) -> Self {
        rooms.each(&mut |room| self.rooms.push(room.into()));
        self
    }

    /// The same as [`to`](Self::to).
    pub fn in_(self, rooms: impl Rooms) -> Self {
        self.to(rooms)
    }

    /// Without whoever is in these rooms.
    pub fn except(mut self, rooms: impl Rooms) -> Self {
        rooms.each(&mut |room| self.except.push(room.into()));
        self
    }

    /// Only to those that can take it now; who is behind does not get it.
    pub fn volatile(self) -> Self {
        self.class(Class::Volatile)
    }

    /// Who is behind gets only the newest of this key.
    pub fn latest(self, key: Key) -> Self {
        self.class(Class::Latest(key))
    }

    /// Only on this server of a cluster.
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// A wish about compression, handed on to the other servers of a cluster. This server compresses
    /// no single messages.
    pub fn compress(mut self, compress: bool) -> Self {
        self.compress = compress;
        self
    }

    /// How long [`emit_with_ack`](Self::emit_with_ack), and the answers of other servers, are waited for.
    pub fn timeout(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends the event: encoded once, whoever receives it.
    ///
    /// # Errors
    /// [`EmitError`]: nothing was sent, to anybody.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        let mark = self.shared.mark(self.class, origin::mark_here);
        let stamp = Stamp::many(self.except_conn, mark);
        let (parser, nsp) = (self.shared.parser, &self.space.name);
        let frame = parser.event(stamp, nsp, None, event, args)?;
        local::show_outgoing(&self.shared, &self.space, event, &frame);
        if !self.is_local() {
            self.carry(Operation::Broadcast(Packet::event(event, args)?), None);
        }
        self.publish(frame)
    }

    /// Sends an event named `message`.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn send<T: Serialize + ?Sized>(&self, args: &T) -> Result<(), EmitError> {
        self.emit("message", args)
    }

    /// Does it here: by the fast path, if that is possible.
    pub(crate) fn publish(&self, frame: Frame) -> Result<(), EmitError> {
        let is_plain = self.except.is_empty() && self.rooms.len() <= 1;
        match self.rooms.first() {
            None if is_plain => {
                let everybody = &self.space.everybody;
                self.shared.send(Op::Publish(everybody, self.class, frame))
            }
            Some(room) if is_plain && SocketId::parse(room).is_none() => {
                let topic = self.space.room(&self.shared.core, room)?;
                self.shared.send(Op::Publish(&topic, self.class, frame))
            }
            _ => {
                let (selector, class) = (Arc::new(self.selector()?), self.class);
                self.shared.send(Op::AppAll(&mut || {
                    let (selector, frame) = (selector.clone(), frame.clone());
                    Remote::message(move |shard, core| {
                        shard.log_selected(&selector, &frame);
                        let conns = shard.select(core, &selector);
                        core.deliver(conns, class, frame);
                    })
                }))
            }
        }
    }

    /// Sends the event and waits for everybody's answer. The event is sent now, not when the future is
    /// first polled. Whoever does not answer in time, or goes, is named in
    /// [`AckReplies::missing`].
    pub fn emit_with_ack<R: DeserializeOwned + Send + 'static>(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Answer<Result<AckReplies<R>, AckError>> {
        acks::ask_many(self, self.class, self.patience, event, args)
    }

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
                if let adapter::Reply::Sockets(sockets) = reply {
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

    /// Sends an event to the other servers of a cluster, to their
    /// [`on_server_side`](super::Namespace::on_server_side). Where there are none, nothing happens.
    ///
    /// # Errors
    /// [`EmitError::Encode`].
    pub fn server_side_emit<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
    ) -> Result<(), EmitError> {
        let packet = Packet::event(event, args)?;
        if !self.shared.adapter.is_alone() {
            self.carry(Operation::ServerSideEmit(packet), None);
        }
        Ok(())
    }

    /// As [`server_side_emit`](Self::server_side_emit), and waits for the other servers' answers, as long
    /// as [`timeout`](Self::timeout) says. Those that answered in time, as JSON.
    ///
    /// # Errors
    /// [`EmitError::Encode`].
    pub fn server_side_emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
    ) -> Result<Answer<Vec<serde_json::Value>>, EmitError> {
        let packet = Packet::event(event, args)?;
        let replies = self.ask_others(Operation::ServerSideEmit(packet));
        Ok(Answer::new(async move {
            let answer = |reply| match reply {
                adapter::Reply::Answer(answer) => Some(answer),
                _ => None,
            };
            replies.await.into_iter().filter_map(answer).collect()
        }))
    }

    /// Hands an operation to the other servers.
    pub(crate) fn carry(&self, operation: Operation, replies: Option<adapter::Replies>) {
        let request = Request {
            namespace: self.space.name.clone(),
            rooms: self.rooms.clone(),
            except: self.except.clone(),
            flags: Flags {
                volatile: self.class == Class::Volatile,
                compress: self.compress,
                timeout: self.patience,
            },
            operation,
        };
        self.shared.adapter.carry(request, replies);
    }

    /// Asks the other servers, and waits for their replies as long as the target's patience.
    fn ask_others(&self, operation: Operation) -> Answer<Vec<adapter::Reply>> {
        let asked = (!self.is_local()).then(|| {
            let (replies, all) = adapter::Replies::new();
            let late = replies.clone();
            self.shared.later(self.patience, move || late.finish());
            self.carry(operation, Some(replies));
            all
        });
        Answer::new(async move {
            match asked {
                Some(all) => all.await.unwrap_or_default(),
                None => Vec::new(),
            }
        })
    }

    /// A target that another server has sent.
    pub(crate) fn of_request(request: &Request, shared: &Arc<Shared>) -> Option<Self> {
        let space = shared.spaces.find(&request.namespace)?;
        let class = match request.flags.volatile {
            true => Class::Volatile,
            false => Class::Reliable,
        };
        Some(Self {
            rooms: request.rooms.clone(),
            except: request.except.clone(),
            class,
            local: true,
            compress: request.flags.compress,
            patience: request.flags.timeout,
            ..Self::everybody(shared.clone(), space)
        })
    }

    /// The same for one socket by its id, wherever it is.
    pub(crate) fn only(&self, id: SocketId) -> Self {
        Self::everybody(self.shared.clone(), self.space.clone()).to(id)
    }

    pub(crate) fn selector(&self) -> Result<Selector, EmitError> {
        let keys = |names: &[Box<str>]| {
            names
                .iter()
                .map(|name| RoomKey::new(name, &self.space, &self.shared.core))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Selector {
            space: self.space.clone(),
            rooms: keys(&self.rooms)?,
            except: keys(&self.except)?,
            except_conn: self.except_conn,
        })
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("namespace", &self.space.name)
            .field("rooms", &self.rooms)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}
