//! The connections of a shard: slots, lives, and what each has noted in the current turn.
//!
//! Promises: finding, noting and closing are O(1); a stale [`ConnId`] finds nobody. What every
//! delivery touches is 32 bytes a connection, side by side.

use std::collections::VecDeque;

use super::{
    backlog::Backlog,
    members::Membership,
    turn::{NONE, Turn},
};
use crate::ident::{CONNS_PER_SHARD_MAX, ConnId};

pub(crate) struct Conn {
    generation: u32,
    /// The first item noted in this turn, or `NONE`.
    pub(crate) first: u32,
    /// Head and tail of the further items, in the turn's links.
    pub(crate) link: u32,
    last_link: u32,
    pub(crate) state: State,
    pub(crate) backlog: Option<Box<Backlog>>,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Conn>() == 32);

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody: the slot is free.
    Free,
    /// Open, and the sink takes what it is given as far as anybody knows.
    Open,
    /// Ends once its backlog is written; takes nothing new.
    Closing {
        /// The asker's code.
        reason: u16,
    },
}

pub(crate) struct Conns {
    shard: u8,
    conns: Vec<Conn>,
    /// Apart from `conns`, for deliveries do not need them.
    pub(crate) memberships: Vec<Vec<Membership>>,
    /// Oldest first: a slot rests as long as possible before it returns.
    free: VecDeque<u32>,
}

impl Conns {
    pub(crate) fn new(shard: u8) -> Self {
        Self {
            shard,
            conns: Vec::new(),
            memberships: Vec::new(),
            free: VecDeque::new(),
        }
    }

    /// A new connection, or `None` when all slots are taken.
    pub(crate) fn open(&mut self) -> Option<ConnId> {
        let slot = match self.free.pop_front() {
            Some(slot) => slot,
            None if self.conns.len() < CONNS_PER_SHARD_MAX => {
                self.conns.push(Conn {
                    generation: 0,
                    first: NONE,
                    link: NONE,
                    last_link: NONE,
                    state: State::Free,
                    backlog: None,
                });
                self.memberships.push(Vec::new());
                self.conns.len() as u32 - 1
            }
            None => return None,
        };
        let conn = &mut self.conns[slot as usize];
        conn.state = State::Open;
        Some(ConnId::new(self.shard, slot, conn.generation))
    }

    /// Ends a life of a slot. Its memberships must be gone.
    pub(crate) fn free(&mut self, slot: u32) {
        debug_assert!(self.memberships[slot as usize].is_empty());
        self.memberships[slot as usize] = Vec::new();
        let conn = &mut self.conns[slot as usize];
        conn.generation = conn.generation.wrapping_add(1);
        conn.state = State::Free;
        conn.backlog = None;
        self.free.push_back(slot);
    }

    /// The slot of a living connection.
    pub(crate) fn find(&self, id: ConnId) -> Option<u32> {
        let conn = self.conns.get(id.slot())?;
        let same = conn.generation == id.generation()
            && conn.state != State::Free
            && id.shard() == usize::from(self.shard);
        same.then_some(id.slot() as u32)
    }

    pub(crate) fn id(&self, slot: u32) -> ConnId {
        ConnId::new(self.shard, slot, self.conns[slot as usize].generation)
    }

    pub(crate) fn get(&self, slot: u32) -> &Conn {
        &self.conns[slot as usize]
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut Conn {
        &mut self.conns[slot as usize]
    }

    /// Notes an item for a connection: the inner loop of every fan-out.
    #[inline]
    pub(crate) fn note(&mut self, slot: u32, item: u32, turn: &mut Turn) {
        let conn = &mut self.conns[slot as usize];
        if conn.first == NONE {
            conn.first = item;
            turn.dirty.push(slot);
            return;
        }
        let link = turn.links.len() as u32;
        turn.links.push((item, NONE));
        match conn.link {
            NONE => conn.link = link,
            _ => turn.links[conn.last_link as usize].1 = link,
        }
        conn.last_link = link;
    }

    /// Takes a connection's notes, in order, into `into`.
    pub(crate) fn take_notes(&mut self, slot: u32, turn: &Turn, into: &mut Vec<u32>) {
        let conn = &mut self.conns[slot as usize];
        into.clear();
        if conn.first == NONE {
            return;
        }
        into.push(std::mem::replace(&mut conn.first, NONE));
        let mut link = std::mem::replace(&mut conn.link, NONE);
        while link != NONE {
            let (item, next) = turn.links[link as usize];
            into.push(item);
            link = next;
        }
    }

    /// The item a connection noted, if it noted just one and has nothing waiting.
    #[inline]
    pub(crate) fn only_note(&self, slot: u32) -> Option<u32> {
        let conn = &self.conns[slot as usize];
        let plain = conn.link == NONE && conn.first != NONE && conn.backlog.is_none();
        plain.then_some(conn.first)
    }

    /// Forgets that note, for it is being written.
    #[inline]
    pub(crate) fn forget_only_note(&mut self, slot: u32) -> ConnId {
        let conn = &mut self.conns[slot as usize];
        conn.first = NONE;
        ConnId::new(self.shard, slot, conn.generation)
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        let used = |slot: &u32| self.conns[*slot as usize].state != State::Free;
        (0..self.conns.len() as u32).filter(used)
    }
}
