//! Connection state recovery: a client that lost its connection comes back as the same socket.
//!
//! ```text
//! every event that can be recovered ──routed──> each shard's log, in the shard's own order
//! a socket's end ──> saved: id, rooms, data        (for `max_disconnection`)
//! CONNECT {pid, offset} ──> the pid names the shard that knows ──> what was missed ──> live again
//! ```
//!
//! While recovery is on, every publish reaches every shard's log (as references to the one frame), so
//! that a client may come back on any shard. An offset is a publisher and its running number, written once
//! at encode. The shard that saved the socket answers with what it routed since, and how far it has
//! heard each publisher; the shard that takes the socket adds what it has routed beyond that, subscribes,
//! and goes on live: in the order of each publisher, nothing twice and nothing left out.
//! Promises: an offset that is unknown, or older than the log, gives `recovered = false` and never a
//! silent hole; a log is bounded by time and bytes; a client may come back as often as it likes, also
//! before the server has noticed that it was gone.
//! Leaves out: other processes, and events with acks, volatile or `latest`, which are not kept.

mod memory;

use std::{
    collections::HashMap,
    rc::Rc,
    sync::{Arc, OnceLock},
    time::Duration,
};

pub(crate) use memory::Memory;
use memory::{Saved, To};
use ringside_core::{Class, CloseReason as CoreReason, ConnId, Destination, Frame, Shard, Topic};
use ringside_proto::{close::CloseReason, socketio::Offset, time::Millis};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Mark, Socket, SocketId, dispatch::Connecting, selector::Selector};
use crate::{session::Session, shard::GatewayShard, sink::GatewaySink};

/// What is remembered for clients that come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// How long a client may be gone. Default: two minutes, as in the reference.
    pub max_disconnection: Duration,
    /// Bytes of events each shard remembers. Default 16 MiB: a minute of 1,000 small events a second.
    /// What is older is forgotten, and whoever needs it is not recovered.
    pub bytes: usize,
    /// Whether a client that comes back skips the namespace's middleware. Default: yes.
    pub skip_middleware: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_disconnection: Duration::from_secs(120),
            bytes: 16 * 1024 * 1024,
            skip_middleware: true,
        }
    }
}

/// What a saved socket is taken to cost, to bound how many are.
const SOCKET_BYTES: usize = 1024;
/// Turns a claim waits for a shard to hear what another has heard, or for an old connection to end.
const TURNS_MAX: u32 = 1_000;

/// What a socket may be recovered by.
pub(crate) struct Ticket {
    pub(crate) pid: SocketId,
    pub(crate) recovered: bool,
    /// Where the log stood when it joined.
    since: OnceLock<u64>,
    /// The client's last event before that.
    resumed_at: Option<Mark>,
}

impl Ticket {
    pub(crate) fn new(pid: SocketId) -> Self {
        Self {
            pid,
            recovered: false,
            since: OnceLock::new(),
            resumed_at: None,
        }
    }
}

/// A client wants to come back.
pub(crate) struct Claim {
    pid: SocketId,
    offset: Option<Mark>,
    connecting: Connecting,
    /// The shard it is on now.
    at: usize,
    turns: u32,
}

impl Claim {
    /// Reads a claim from what a client sent; `None`: it makes none, or none we could honour.
    pub(crate) fn parse(auth: &RawValue) -> Option<(SocketId, Option<Mark>)> {
        #[derive(Deserialize)]
        struct Raw {
            pid: String,
            offset: Option<String>,
        }
        let raw: Raw = serde_json::from_str(auth.get()).ok()?;
        let pid = SocketId::parse(&raw.pid)?;
        let offset = match raw.offset {
            None => None,
            // A text that is no offset of ours must not count as "saw nothing".
            Some(text) => Some(Mark::from_offset(Offset::parse(&text)?)?),
        };
        Some((pid, offset))
    }
}

/// What the shard that saved a socket says.
struct Resumed {
    saved: Saved,
    missed: Vec<Frame>,
    /// How far it has heard each publisher.
    heard: Vec<(u32, u64)>,
    by: usize,
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

impl GatewayShard {
    /// The core routes a frame.
    #[inline]
    pub(crate) fn log_routed(&self, to: Destination, frame: &Frame) {
        if let Some(options) = &self.shared.recovery
            && let Some(mark) = frame.mark()
        {
            let to = match to {
                Destination::Topic(topic) => To::Topic(topic),
                Destination::Conn(conn) => To::Conn(conn),
            };
            let now = self.now();
            let mut memory = self.recovery.borrow_mut();
            memory.push(to, frame, Mark::of(mark), now, options);
        }
    }

    /// A frame goes to whom a selector names.
    pub(crate) fn log_selected(&self, selector: &Arc<Selector>, frame: &Frame) {
        if let Some(options) = &self.shared.recovery
            && let Some(mark) = frame.mark()
        {
            let now = self.now();
            let mut memory = self.recovery.borrow_mut();
            let to = To::Selected(selector.clone());
            memory.push(to, frame, Mark::of(mark), now, options);
        }
    }

    /// A socket has joined: what it may miss begins here.
    pub(crate) fn begin_ticket(&self, socket: &Socket) {
        if let Some(ticket) = socket.ticket() {
            let position = self.recovery.borrow().position();
            ticket.since.get_or_init(|| position);
        }
    }

    /// A socket has ended with its connection: it may come back.
    pub(crate) fn save(&self, socket: &Socket, topics: &[Topic], recoverable: bool) {
        let (Some(options), Some(ticket)) = (&self.shared.recovery, socket.ticket()) else {
            return;
        };
        let mut memory = self.recovery.borrow_mut();
        memory.homes.remove(&socket.id());
        memory.back.remove(&ticket.pid);
        let full = memory.saved.len() >= options.bytes / SOCKET_BYTES;
        let since = ticket.since.get().copied().filter(|_| recoverable && !full);
        let Some(since) = since else {
            drop(memory);
            return self.forget_pid(ticket.pid);
        };
        let space = socket.space();
        let mut topics: Vec<_> = topics
            .iter()
            .filter(|topic| space.room_of(topic).is_some())
            .cloned()
            .collect();
        topics.push(space.everybody.clone());
        let until = Millis(self.now().0 + millis(options.max_disconnection));
        memory.saved.insert(
            ticket.pid,
            Saved {
                id: socket.id(),
                conn: socket.conn(),
                space: space.clone(),
                topics,
                extras: socket.peek_extras().cloned(),
                since,
                resumed_at: ticket.resumed_at,
                until,
            },
        );
    }

    /// Nobody comes back by this pid.
    fn forget_pid(&self, pid: SocketId) {
        if let Some((home, _)) = pid.address()
            && home != self.id
        {
            // A home that is behind remembers a little longer; its own sweep does the rest.
            self.tell(home, move |shard, _| {
                shard.recovery.borrow_mut().away.remove(&pid);
            });
        }
    }

    /// Forgets what is too old, from time to time.
    pub(crate) async fn sweep(self: Rc<Self>) {
        let Some(options) = self.shared.recovery else {
            return;
        };
        let often = (options.max_disconnection / 4)
            .clamp(Duration::from_millis(50), Duration::from_secs(10));
        loop {
            tokio::time::sleep(often).await;
            let now = self.now();
            let mut memory = self.recovery.borrow_mut();
            memory.trim(now, &options);
            let long_ago = now.0.saturating_sub(4 * millis(options.max_disconnection));
            memory.heard.retain(|_, heard| heard.at.0 >= long_ago);
            let mut gone = Vec::new();
            memory.saved.retain(|pid, saved| {
                let stays = now < saved.until;
                if !stays {
                    gone.push(*pid);
                }
                stays
            });
            drop(memory);
            gone.into_iter().for_each(|pid| self.forget_pid(pid));
        }
    }

    /// A client claims to have been here before: its pid's shard is asked.
    pub(crate) fn claim(&self, pid: SocketId, offset: Option<Mark>, connecting: Connecting) {
        let claim = Claim {
            pid,
            offset,
            connecting,
            at: self.id,
            turns: 0,
        };
        let home = pid.address().map_or(self.id, |(shard, _)| shard);
        self.pass(home, claim);
    }

    fn pass(&self, to: usize, claim: Claim) {
        // A pid that names no shard of ours, or one that is overloaded: asked here, where nobody knows it.
        let to = if to < self.shared.core.shards() {
            to
        } else {
            self.id
        };
        if self
            .tell(to, move |shard, core| shard.on_claim(core, claim))
            .is_none()
        {
            tracing::warn!(
                shard = to,
                "a client could not be asked after: the shard is behind"
            );
        }
    }

    fn on_claim(self: &Rc<Self>, core: &mut Shard<GatewaySink>, mut claim: Claim) {
        let pid = claim.pid;
        let away = self.recovery.borrow().away.get(&pid).copied();
        if let Some(away) = away.filter(|away| *away != self.id && claim.turns < TURNS_MAX) {
            claim.turns += 1;
            return self.pass(away, claim);
        }
        if let Some(conn) = self.find_pid(pid).filter(|_| claim.turns < TURNS_MAX) {
            // The client is back before we have noticed that it was gone: the old connection ends now.
            if let Some(session) = self.sessions.borrow_mut().get(conn) {
                session.why.get_or_insert(CloseReason::TransportClosed);
            }
            core.close(conn, CoreReason::Gone);
            claim.turns += 1;
            return self.pass(self.id, claim);
        }
        let resumed = self.resumed(&claim);
        let at = claim.at;
        self.tell(at, move |shard, core| {
            shard.on_resumed(core, claim, resumed)
        });
    }

    fn resumed(&self, claim: &Claim) -> Option<Resumed> {
        let now = self.now();
        let mut memory = self.recovery.borrow_mut();
        let saved = memory.saved.remove(&claim.pid)?;
        if *saved.space.name != *claim.connecting.name || now >= saved.until {
            return None;
        }
        let missed = memory.missed(&saved, claim.offset)?;
        let options = self.shared.recovery?;
        let recent = now.0.saturating_sub(2 * millis(options.max_disconnection));
        let heard = memory
            .heard
            .iter()
            .filter(|(_, heard)| heard.at.0 >= recent);
        Some(Resumed {
            heard: heard
                .map(|(origin, heard)| (*origin, heard.sequence))
                .collect(),
            saved,
            missed,
            by: self.id,
        })
    }

    /// The living connection of a pid.
    fn find_pid(&self, pid: SocketId) -> Option<ConnId> {
        let mut sessions = self.sessions.borrow_mut();
        let (shard, slot) = pid.address()?;
        let at_home = (shard == self.id).then(|| sessions.at(slot)).flatten();
        let back = self.recovery.borrow().back.get(&pid).copied();
        at_home.into_iter().chain(back).find(|conn| {
            let sio = sessions.get(*conn).and_then(Session::sio);
            sio.is_some_and(|sio| {
                sio.sockets
                    .iter()
                    .any(|seat| seat.socket.ticket().is_some_and(|ticket| ticket.pid == pid))
            })
        })
    }

    /// What the claim's shard said.
    fn on_resumed(
        self: &Rc<Self>,
        core: &mut Shard<GatewaySink>,
        mut claim: Claim,
        resumed: Option<Resumed>,
    ) {
        let Some(mut resumed) = resumed else {
            return self.admit_anew(core, claim.connecting);
        };
        if resumed.by != self.id {
            if self.recovery.borrow().is_behind(&resumed.heard) {
                // We have not yet routed what it has seen there: it would see that again.
                claim.turns += 1;
                if claim.turns > TURNS_MAX {
                    return self.admit_anew(core, claim.connecting);
                }
                self.tell(self.id, move |shard, core| {
                    shard.on_resumed(core, claim, Some(resumed));
                });
                return;
            }
            self.add_beyond(&mut resumed);
        }
        self.take_over(core, claim, resumed);
    }

    /// Adds what this shard has routed beyond what the other had heard.
    fn add_beyond(&self, resumed: &mut Resumed) {
        let heard: HashMap<u32, u64> = resumed.heard.iter().copied().collect();
        let topics: Vec<_> = resumed.saved.topics.iter().map(Topic::id).collect();
        let memory = self.recovery.borrow();
        for event in &memory.log {
            let known = heard.get(&event.mark.origin()).copied().unwrap_or(0);
            if !matches!(event.to, To::Conn(_))
                && event.mark.sequence() > known
                && event.was_for(&resumed.saved, &topics)
            {
                resumed.missed.push(event.frame.clone());
            }
        }
    }

    fn take_over(self: &Rc<Self>, core: &mut Shard<GatewaySink>, claim: Claim, resumed: Resumed) {
        let Resumed { saved, missed, .. } = resumed;
        let Claim {
            pid,
            offset,
            connecting,
            ..
        } = claim;
        let Some(options) = self.shared.recovery else {
            return;
        };
        let (now, conn) = (self.now(), connecting.conn);
        let is_there = self.is_connecting(&connecting);
        // What it missed is in this shard's log as its own, so that it may come back from here.
        let owner = if is_there { conn } else { saved.conn };
        let since = {
            let mut memory = self.recovery.borrow_mut();
            let since = memory.position();
            for frame in &missed {
                if let Some(mark) = frame.mark() {
                    memory.push(To::Conn(owner), frame, Mark::of(mark), now, &options);
                }
            }
            since
        };
        if let Some((home, _)) = pid.address() {
            let here = self.id;
            self.tell(home, move |shard, _| {
                let mut memory = shard.recovery.borrow_mut();
                match here == home {
                    true => memory.away.remove(&pid),
                    false => memory.away.insert(pid, here),
                };
            });
        }
        if !is_there {
            // Gone again before it was back.
            let saved = Saved {
                since,
                resumed_at: offset,
                ..saved
            };
            self.recovery.borrow_mut().saved.insert(pid, saved);
            return self.done_connecting(&connecting);
        }
        let ticket = Ticket {
            pid,
            recovered: true,
            since: OnceLock::from(since),
            resumed_at: offset,
        };
        let Some(entry) = self.enter(&connecting) else {
            return self.admit_anew(core, connecting);
        };
        let socket = Socket::come_back(saved.id, entry, self.shared.clone(), ticket, saved.extras);
        {
            let mut memory = self.recovery.borrow_mut();
            memory.homes.insert(saved.id, conn);
            memory.back.insert(pid, conn);
        }
        // A namespace made from a pattern may be another by now: its rooms are the same, by their names.
        let mut topics = saved.topics;
        topics.retain(|topic| topic.id() != saved.space.everybody.id());
        topics.push(socket.space().everybody.clone());
        self.admit_again(core, &connecting, socket, |shard, core| {
            for topic in &topics {
                shard.change(core, topic, conn, true);
            }
            for frame in missed {
                core.deliver([conn], Class::Reliable, frame);
            }
        });
    }
}
