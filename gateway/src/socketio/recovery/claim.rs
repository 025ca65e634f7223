//! Claims: who says to have been here before is asked after where that would be known.
//!
//! ```text
//! the shard it is on ── claim ──> the pid's home ──> where the socket was last    (saves it, or ends its old connection)
//!                    <── what was missed, and how far each publisher was heard ──
//! ```
//!
//! Promises: a claim ends in a recovered socket or in a new one, never in none; what waits for another shard waits
//! a bounded number of turns.

use std::{collections::HashMap, rc::Rc, sync::OnceLock, time::Duration};

use ringside_core::{Class, CloseReason as CoreReason, ConnId, Frame, Shard, Topic};
use ringside_proto::{close::CloseReason, socketio::Offset};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Ticket,
    memory::{Saved, To},
    millis,
};
use crate::{
    session::{Session, SocketIo},
    shard::GatewayShard,
    sink::GatewaySink,
    socketio::{Mark, Socket, SocketId, dispatch::Connecting},
};

/// Turns a claim waits for a shard to hear what another has heard, or for an old connection to end.
const TURNS_MAX: u32 = 1_000;
/// After so many, the next ones are taken apart: the other shard's thread may not be running at all just now.
const TURNS_AT_ONCE: u32 = 100;
/// Time between those: with all of them a claim waits for about two seconds.
const PAUSE: Duration = Duration::from_millis(2);

/// A client wants to come back.
pub(crate) struct Claim {
    pid: SocketId,
    offset: Option<Mark>,
    connecting: Connecting,
    /// The shard it is on now.
    at: usize,
    /// The pid's home has seen it.
    known_at_home: bool,
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

impl GatewayShard {
    /// A client claims to have been here before: its pid's shard is asked.
    pub(crate) fn claim(&self, pid: SocketId, offset: Option<Mark>, connecting: Connecting) {
        let claim = Claim {
            pid,
            offset,
            connecting,
            at: self.id,
            known_at_home: false,
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
        if !claim.known_at_home {
            // From now on it is where it claims to be: whoever is asked after next was told so only after this.
            claim.known_at_home = true;
            let mut memory = self.recovery.borrow_mut();
            let before = match claim.at == self.id {
                true => memory.away.remove(&pid),
                false => memory.away.insert(pid, claim.at),
            };
            drop(memory);
            if let Some(before) = before.filter(|before| *before != self.id) {
                return self.pass(before, claim);
            }
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
        if claim.turns < TURNS_MAX && self.is_ending(pid) {
            // It is saved when the core has told of its end.
            claim.turns += 1;
            return self.pass(self.id, claim);
        }
        let resumed = self.resumed(&claim);
        let at = claim.at;
        if at == self.id {
            // At once: what is routed before it is subscribed again would be neither missed nor live.
            return self.on_resumed(core, claim, resumed);
        }
        self.tell(at, move |shard, core| {
            shard.on_resumed(core, claim, resumed)
        });
    }

    fn resumed(&self, claim: &Claim) -> Option<Resumed> {
        let now = self.now();
        let mut memory = self.recovery.borrow_mut();
        let saved = *memory.saved.remove(&claim.pid)?;
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
            sio.is_some_and(|sio| is_of(sio, pid))
        })
    }

    /// Whether a connection of this pid has ended, and the core has not told so yet.
    fn is_ending(&self, pid: SocketId) -> bool {
        let mut sessions = self.sessions.borrow_mut();
        let mut sockets = sessions.replaced().filter_map(Session::sio);
        sockets.any(|sio| is_of(sio, pid))
    }

    /// Nobody came back by this claim.
    fn give_up(self: &Rc<Self>, core: &mut Shard<GatewaySink>, claim: Claim) {
        self.forget_pid(claim.pid);
        self.admit_anew(core, claim.connecting);
    }

    /// What the claim's shard said.
    fn on_resumed(
        self: &Rc<Self>,
        core: &mut Shard<GatewaySink>,
        mut claim: Claim,
        resumed: Option<Resumed>,
    ) {
        let Some(mut resumed) = resumed else {
            return self.give_up(core, claim);
        };
        if resumed.by != self.id {
            if self.recovery.borrow().is_behind(&resumed.heard) {
                // We have not yet routed what it has seen there: it would see that again.
                claim.turns += 1;
                if claim.turns > TURNS_MAX {
                    return self.give_up(core, claim);
                }
                return self.look_again(claim, resumed);
            }
            self.add_beyond(&mut resumed);
        }
        self.take_over(core, claim, resumed);
    }

    /// Goes on with a claim once this shard has had time to hear more.
    fn look_again(self: &Rc<Self>, claim: Claim, resumed: Resumed) {
        let pause = claim.turns > TURNS_AT_ONCE;
        let look = |shard: &Rc<Self>| {
            shard.tell(shard.id, move |shard, core| {
                shard.on_resumed(core, claim, Some(resumed));
            });
        };
        if !pause {
            return look(self);
        }
        let this = self.clone();
        self.local.spawn(async move {
            tokio::time::sleep(PAUSE).await;
            look(&this);
        });
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
        if !is_there {
            // Gone again before it was back.
            let saved = Saved {
                since,
                resumed_at: offset,
                ..saved
            };
            self.recovery
                .borrow_mut()
                .saved
                .insert(pid, Box::new(saved));
            return self.done_connecting(&connecting);
        }
        let ticket = Ticket {
            pid,
            recovered: true,
            since: OnceLock::from(since),
            resumed_at: offset,
        };
        let Some(entry) = self.enter(&connecting) else {
            self.forget_pid(pid);
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

/// Whether a session has the socket of this pid.
fn is_of(sio: &SocketIo, pid: SocketId) -> bool {
    let mut tickets = sio.sockets.iter().filter_map(|seat| seat.socket.ticket());
    tickets.any(|ticket| ticket.pid == pid)
}
