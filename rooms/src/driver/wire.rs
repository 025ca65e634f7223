//! A room's outlet in a server: the worker's publisher.
//!
//! Promises: frames of a tick are one descriptor a shard, and each client's is put together in its shard from
//! shared blocks; events are encoded once. What cannot be sent is logged: it is a fault of the server, which
//! a room cannot mend.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use ringside_gateway::{
    Ack, Class, ConnId, Copies, EachBytes, EmitError, Publisher, Room as Members, SendPieces,
    Socket,
};
use ringside_netcode::snapshot::{FrameIndex, FrameSet};
use serde_json::value::RawValue;

use crate::room::{ByClient, ClientId, FrameFor, Goodbye, Outlet, To, Urgency};

/// Frames of past ticks that shards may still be sending; older ones are let go of.
const SENDING_MAX: usize = 4;
/// Questions for the time that a client may have on their way: four seconds' worth of a page's.
const TIMES_MAX: usize = 8;

/// A client's socket.
pub(crate) struct Member {
    /// Where its connection is among those of all, which is all that a frame needs.
    place: usize,
    socket: Socket,
}

/// The sockets of a room's clients.
pub(crate) struct Sockets {
    pub(crate) members: Members,
    pub(crate) clients: ByClient<Member>,
    /// The clients' connections, in their order. Empty when somebody has come or gone since it was made.
    conns: Vec<ConnId>,
    /// Answers that are still to be given.
    pub(crate) acks: ByClient<Ack>,
    /// Answers to those who asked for the time, in the order of their questions.
    times: ByClient<VecDeque<Ack>>,
    /// Clients the room is done with since they were last taken.
    pub(crate) dismissed: Vec<ClientId>,
    /// Clients whose frames may be lost.
    lossy: ByClient<()>,
    sending: Vec<Arc<TickFrames>>,
}

impl Sockets {
    pub(crate) fn new(members: Members) -> Self {
        Self {
            members,
            clients: ByClient::default(),
            conns: Vec::new(),
            acks: ByClient::default(),
            times: ByClient::default(),
            dismissed: Vec::new(),
            lossy: ByClient::default(),
            sending: Vec::new(),
        }
    }

    /// A client is to be reached by this socket.
    pub(crate) fn admit(&mut self, client: ClientId, socket: Socket) {
        self.clients.insert(client, Member { place: 0, socket });
        self.conns.clear();
    }

    /// A client is not to be reached any more.
    pub(crate) fn forget(&mut self, client: ClientId) -> Option<Socket> {
        self.conns.clear();
        self.clients.remove(&client).map(|member| member.socket)
    }

    /// Puts the connections in their order, and notes each client's place.
    fn put_in_order(&mut self) {
        if self.conns.len() == self.clients.len() {
            return;
        }
        let mut members: Vec<&mut Member> = self.clients.values_mut().collect();
        members.sort_unstable_by_key(|member| member.socket.conn());
        for (place, member) in members.into_iter().enumerate() {
            member.place = place;
            self.conns.push(member.socket.conn());
        }
    }

    fn socket(&self, client: ClientId) -> Option<&Socket> {
        self.clients.get(&client).map(|member| &member.socket)
    }

    /// A client asked for the time. Of too many questions the oldest is not answered.
    pub(crate) fn asks_time(&mut self, client: ClientId, ack: Option<Ack>) {
        let Some(ack) = ack else { return };
        let waiting = self.times.entry(client).or_default();
        if waiting.len() == TIMES_MAX {
            waiting.pop_front();
        }
        waiting.push_back(ack);
    }
}

/// The frames of a tick, and whose they are, by connection: not everybody gets one.
struct TickFrames {
    frames: FrameSet,
    whose: Vec<(ConnId, Option<Sent>)>,
}

/// One of them, and how it goes.
#[derive(Clone, Copy)]
struct Sent {
    frame: FrameIndex,
    class: Class,
    copies: Copies,
}

impl EachBytes for TickFrames {
    fn each(&self, member: ConnId, send: &mut SendPieces<'_>) {
        let found = self.whose.binary_search_by_key(&member, |(conn, _)| *conn);
        if let Ok(at) = found
            && let Some(sent) = self.whose[at].1
        {
            send(
                sent.class,
                sent.copies,
                self.frames.frame_bytes(sent.frame),
                &mut self.frames.pieces(sent.frame),
            );
        }
    }
}

/// The outlet of one room for the time of one call.
pub(crate) struct Wire<'a> {
    pub(crate) publisher: &'a mut Publisher,
    pub(crate) sockets: &'a mut Sockets,
}

fn log(sent: Result<(), EmitError>) {
    match sent {
        // It has gone meanwhile: the room will hear of it.
        Ok(()) | Err(EmitError::Disconnected) => {}
        Err(error) => tracing::warn!(%error, "a room could not send"),
    }
}

impl Outlet for Wire<'_> {
    fn answer(&mut self, client: ClientId, answer: &RawValue) {
        if let Some(ack) = self.sockets.acks.remove(&client) {
            log(self.publisher.acknowledge(ack, &(answer,)));
        }
    }

    fn share(&mut self, client: ClientId, shared: bool) {
        let Some(socket) = self.sockets.socket(client) else {
            return;
        };
        let members = &self.sockets.members;
        log(match shared {
            true => self.publisher.join(members, socket),
            false => self.publisher.leave(members, socket),
        });
    }

    fn dismiss(&mut self, client: ClientId, why: Option<Goodbye>) {
        self.sockets.acks.remove(&client);
        self.sockets.lossy.remove(&client);
        self.sockets.times.remove(&client);
        self.sockets.dismissed.push(client);
        let Some(socket) = self.sockets.forget(client) else {
            return;
        };
        log(self.publisher.leave(&self.sockets.members, &socket));
        if let Some(why) = why {
            log(self
                .publisher
                .emit_to(&socket, Class::Reliable, "bye", &(why,)));
        }
    }

    fn event(&mut self, to: To<'_>, name: &'static str, argument: &RawValue, urgency: Urgency) {
        let class = match urgency {
            Urgency::Reliable => Class::Reliable,
            Urgency::Volatile => Class::Volatile,
        };
        let (publisher, sockets) = (&mut *self.publisher, &*self.sockets);
        log(match to {
            To::Shared => publisher.emit(&sockets.members, class, name, &(argument,)),
            To::Clients(clients) => {
                let sockets = clients.iter().filter_map(|client| sockets.socket(*client));
                publisher.emit_to_each(sockets, class, name, &(argument,))
            }
        });
    }

    fn frames(&mut self, frames: FrameSet, whose: &[FrameFor]) -> Option<FrameSet> {
        self.sockets.put_in_order();
        let Sockets {
            members,
            clients,
            conns,
            sending,
            lossy,
            ..
        } = &mut *self.sockets;
        // The oldest is done with, if no shard holds it any more: its memory serves again.
        let done = sending
            .first()
            .is_some_and(|oldest| Arc::strong_count(oldest) == 1);
        let spare = if done {
            Arc::into_inner(sending.remove(0))
        } else {
            None
        };
        let (used, mut by_conn) = match spare {
            Some(spare) => (Some(spare.frames), spare.whose),
            None => (None, Vec::new()),
        };
        by_conn.clear();
        by_conn.extend(conns.iter().map(|conn| (*conn, None)));
        for it in whose {
            let Some(member) = clients.get(&it.client) else {
                continue;
            };
            let class = match lossy.contains_key(&it.client) {
                true => Class::Volatile,
                false => Class::Reliable,
            };
            let copies = match it.twice {
                true => Copies::Two,
                false => Copies::One,
            };
            by_conn[member.place].1 = Some(Sent {
                frame: it.frame,
                class,
                copies,
            });
        }
        let tick = Arc::new(TickFrames {
            frames,
            whose: by_conn,
        });
        if sending.len() == SENDING_MAX {
            sending.remove(0);
        }
        sending.push(tick.clone());
        log(self.publisher.emit_each(members, "s", tick));
        used
    }

    fn lossy(&mut self, client: ClientId, lossy: bool) {
        match lossy {
            true => self.sockets.lossy.insert(client, ()),
            false => self.sockets.lossy.remove(&client),
        };
    }

    fn frame(&mut self, client: ClientId, frame: &[u8]) {
        if let Some(socket) = self.sockets.socket(client) {
            let bytes = bytes::Bytes::copy_from_slice(frame);
            log(self.publisher.emit_to(socket, Class::Reliable, "s", &bytes));
        }
    }

    fn time(&mut self, client: ClientId, time: Duration) {
        let waiting = self.sockets.times.get_mut(&client);
        if let Some(ack) = waiting.and_then(VecDeque::pop_front) {
            let milliseconds = time.as_secs_f64() * 1000.0;
            log(self.publisher.acknowledge(ack, &(milliseconds,)));
        }
    }

    fn is_gone(&self, client: ClientId) -> bool {
        let socket = self.sockets.socket(client);
        socket.is_none_or(|socket| !socket.is_connected())
    }
}
