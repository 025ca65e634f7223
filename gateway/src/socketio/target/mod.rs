//! Whom an operation reaches: everybody in a namespace, or in rooms, without some; and sending to them.
//!
//! What else is done to them is in `members`, the way to other servers in `others`.
//!
//! A [`Target`] is made anew for each operation, as in Socket.IO; a [`Room`] is kept by those who publish to
//! the same room again and again, and saves the look-up. Promises: a room that several of its rooms have in
//! common is reached once; an emit is encoded once; one room with no exclusion, or with that of the sender
//! alone, costs a descriptor per shard that has members.

mod members;
mod others;

use std::{sync::Arc, time::Duration};

use ringside_core::{Class, ConnId, Frame, Key};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    AckError, AckReplies, Answer, EmitError, Room, Rooms, SocketId, acks,
    adapter::{Operation, Packet},
    emitter::Manner,
    local, origin,
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
    local: bool,
    pub(crate) manner: Manner,
}

impl Target {
    pub(crate) fn everybody(shared: Arc<Shared>, space: Arc<Space>) -> Self {
        let manner = Manner::plain(&shared);
        Self {
            shared,
            space,
            rooms: Vec::new(),
            except: Vec::new(),
            except_conn: None,
            local: false,
            manner,
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

    pub(crate) fn except_conn(mut self, conn: ConnId) -> Self {
        self.except_conn = Some(conn);
        self
    }

    pub(crate) fn in_manner(self, manner: Manner) -> Self {
        Self { manner, ..self }
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
    pub fn volatile(mut self) -> Self {
        self.manner.class = Class::Volatile;
        self
    }

    /// Who is behind gets only the newest of this key.
    pub fn latest(mut self, key: Key) -> Self {
        self.manner.class = Class::Latest(key);
        self
    }

    /// Only on this server of a cluster.
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// Whether the message may be compressed, for those clients with which compression was agreed on
    /// ([`Builder::compression`](crate::Builder::compression)): `false` for what is compressed already, such
    /// as pictures. Default: yes.
    pub fn compress(mut self, compress: bool) -> Self {
        self.manner.compress = compress;
        self
    }

    /// How long [`emit_with_ack`](Self::emit_with_ack), and the answers of other servers, are waited for.
    pub fn timeout(mut self, patience: Duration) -> Self {
        self.manner.patience = patience;
        self
    }

    /// Sends the event: encoded once, whoever receives it.
    ///
    /// # Errors
    /// [`EmitError`]: nothing was sent, to anybody.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        let stamp = self.stamp();
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

    /// What a frame to them carries besides its packet.
    fn stamp(&self) -> Stamp {
        let mark = self.shared.mark(self.manner.class, origin::mark_here);
        Stamp::many(self.except_conn, mark).compress(self.manner.compress)
    }

    /// Does it here: by the fast path, if that is possible.
    pub(crate) fn publish(&self, frame: Frame) -> Result<(), EmitError> {
        let class = self.manner.class;
        let is_plain = self.except.is_empty() && self.rooms.len() <= 1;
        match self.rooms.first() {
            None if is_plain => {
                let everybody = &self.space.everybody;
                self.shared.send(Op::Publish(everybody, class, frame))
            }
            Some(room) if is_plain && SocketId::parse(room).is_none() => {
                let topic = self.space.room(&self.shared.core, room)?;
                self.shared.send(Op::Publish(&topic, class, frame))
            }
            _ => {
                let selector = Arc::new(self.selector()?);
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
        acks::ask_many(self, event, args)
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
