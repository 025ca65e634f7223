//! The oracle: what the core should do, in the plainest data structures there are.
//!
//! Everything is a `VecDeque` or a map, every message a `Vec` of its own; no sharing, no positions, no
//! orderings. Promises to be obviously right, and to predict every byte and every counter.
//! Leaves out: how many writes the bytes take.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    Class, CloseReason, ConnId, OutboxLimits, Stats, control::CONTROL_MAX, lane::CAPACITY,
    shard::DRAIN_MAX, shard::LINGER_MS, spill::SPILL_MAX,
};

/// Width of the timer wheel's buckets, ms.
const BUCKET_MS: u64 = 64;

#[derive(Clone, Debug)]
pub(super) enum Do {
    Publish {
        topic: usize,
        class: Class,
        bytes: Vec<u8>,
        except: Option<ConnId>,
    },
    Compose {
        topic: usize,
        tag: u8,
    },
    Unicast {
        conn: ConnId,
        class: Class,
        bytes: Vec<u8>,
    },
    Join {
        conn: ConnId,
        topic: usize,
    },
    Leave {
        conn: ConnId,
        topic: usize,
    },
    Disconnect {
        conn: ConnId,
        reason: u16,
    },
}

impl Do {
    fn slots(&self) -> u32 {
        match self {
            Do::Publish { .. } | Do::Compose { .. } => 1,
            _ => 2,
        }
    }

    fn class(&self) -> Class {
        match self {
            Do::Publish { class, .. } | Do::Unicast { class, .. } => *class,
            _ => Class::Reliable,
        }
    }

    fn replaces(&self, older: &Do) -> bool {
        if !matches!(self.class(), Class::Latest(_)) || self.class() != older.class() {
            return false;
        }
        match (self, older) {
            (Do::Publish { topic: a, .. }, Do::Publish { topic: b, .. }) => a == b,
            (Do::Unicast { conn: a, .. }, Do::Unicast { conn: b, .. }) => a == b,
            _ => false,
        }
    }
}

/// What a composer of the tests writes for a connection: nothing, one message, two, or two that stay together
/// (which are twice as long).
pub(super) fn composed(conn: ConnId, tag: u8) -> Vec<(Class, Vec<u8>)> {
    let class = |n: usize| match (conn.slot() + n) % 2 {
        0 => Class::Reliable,
        _ => Class::Volatile,
    };
    let bytes = |n: usize| vec![tag, conn.slot() as u8, n as u8, 0xcc];
    match conn.slot() % 4 {
        3 => vec![(class(0), [bytes(0), bytes(1)].concat())],
        count => (0..count).map(|n| (class(n), bytes(n))).collect(),
    }
}

/// One sender's way to one shard.
#[derive(Default)]
struct Way {
    /// In the ring, not yet shown.
    staged: VecDeque<Do>,
    shown: VecDeque<Do>,
    overflow: VecDeque<Do>,
    /// What the shard took from the overflow.
    taken: VecDeque<Do>,
}

impl Way {
    fn takes(&self, slots: u32) -> bool {
        let used: u32 = self.staged.iter().chain(&self.shown).map(Do::slots).sum();
        self.overflow.is_empty() && used + slots <= CAPACITY
    }

    fn show(&mut self) {
        self.shown.append(&mut self.staged);
    }

    fn next(&mut self) -> Option<Do> {
        if self.taken.is_empty() && self.shown.is_empty() {
            self.taken.append(&mut self.overflow);
        }
        self.taken.pop_front().or_else(|| self.shown.pop_front())
    }
}

#[derive(Default)]
pub(super) struct Conn {
    pub(super) wire: Vec<u8>,
    pub(super) budget: Option<usize>,
    pub(super) dead: bool,
    topics: BTreeSet<usize>,
    /// Code and deadline, once it was asked to end.
    closing: Option<(u16, u64)>,
    noted: Vec<(Class, Vec<u8>)>,
    /// Class, bytes, and how many of them are written.
    backlog: VecDeque<(Class, Vec<u8>, usize)>,
}

#[derive(Default)]
struct Topic {
    shards: BTreeSet<usize>,
    joins_in_flight: u32,
}

/// Why an operation was refused: this shard is full.
pub(super) type Full = usize;

pub(super) struct Model {
    limits: OutboxLimits,
    topics: Vec<Topic>,
    /// By shard, then publisher.
    ways: Vec<Vec<Way>>,
    control: Vec<VecDeque<Do>>,
    pub(super) conns: BTreeMap<ConnId, Conn>,
    writable: BTreeSet<ConnId>,
    pub(super) closed: Vec<(ConnId, CloseReason)>,
    pub(super) stats: Stats,
}

impl Model {
    pub(super) fn new(
        shards: usize,
        publishers: usize,
        topics: usize,
        limits: OutboxLimits,
    ) -> Self {
        Self {
            limits,
            topics: (0..topics).map(|_| Topic::default()).collect(),
            ways: (0..shards)
                .map(|_| (0..publishers).map(|_| Way::default()).collect())
                .collect(),
            control: (0..shards).map(|_| VecDeque::new()).collect(),
            conns: BTreeMap::new(),
            writable: BTreeSet::new(),
            closed: Vec::new(),
            stats: Stats::default(),
        }
    }

    pub(super) fn open(&mut self, conn: ConnId) {
        self.conns.insert(conn, Conn::default());
        self.stats.connections += 1;
    }

    pub(super) fn writable(&mut self, conn: ConnId) {
        self.writable.insert(conn);
    }

    fn shards_of(&self, what: &Do) -> Vec<usize> {
        match what {
            Do::Publish { topic, .. } | Do::Compose { topic, .. } => {
                self.topics[*topic].shards.iter().copied().collect()
            }
            Do::Unicast { conn, .. }
            | Do::Join { conn, .. }
            | Do::Leave { conn, .. }
            | Do::Disconnect { conn, .. } => vec![conn.shard()],
        }
    }

    fn join_started(&mut self, what: &Do) {
        if let Do::Join { conn, topic } = what {
            self.topics[*topic].shards.insert(conn.shard());
            self.topics[*topic].joins_in_flight += 1;
        }
    }

    /// Any thread's way.
    pub(super) fn control(&mut self, what: Do) -> Result<(), Full> {
        let shards = self.shards_of(&what);
        if let Some(full) = shards
            .iter()
            .find(|s| self.control[**s].len() == CONTROL_MAX)
        {
            return Err(*full);
        }
        self.join_started(&what);
        shards
            .iter()
            .for_each(|s| self.control[*s].push_back(what.clone()));
        Ok(())
    }

    /// A publisher's way.
    pub(super) fn send(&mut self, publisher: usize, what: Do) -> Result<(), Full> {
        let shards = self.shards_of(&what);
        for &shard in &shards {
            let way = &self.ways[shard][publisher];
            let waits =
                way.overflow.len() < SPILL_MAX || way.overflow.iter().any(|old| what.replaces(old));
            if what.class() != Class::Volatile && !way.takes(what.slots()) && !waits {
                self.stats.refused += 1;
                self.flush(publisher);
                return Err(shard);
            }
        }
        self.join_started(&what);
        for &shard in &shards {
            let way = &mut self.ways[shard][publisher];
            if way.takes(what.slots()) {
                way.staged.push_back(what.clone());
            } else if what.class() == Class::Volatile {
                self.stats.accepted += 1;
                self.stats.dropped += 1;
            } else {
                way.show();
                let older = way.overflow.iter().position(|old| what.replaces(old));
                if let Some(at) = older {
                    way.overflow.remove(at);
                    self.stats.accepted += 1;
                    self.stats.replaced += 1;
                }
                way.overflow.push_back(what.clone());
                self.stats.spilled += 1;
            }
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, publisher: usize) {
        self.ways.iter_mut().for_each(|ways| ways[publisher].show());
    }

    pub(super) fn turn(&mut self, shard: usize, now: u64) {
        for _ in 0..DRAIN_MAX {
            let Some(what) = self.control[shard].pop_front() else {
                break;
            };
            self.apply(shard, what, now);
        }
        for publisher in 0..self.ways[shard].len() {
            for _ in 0..DRAIN_MAX {
                let Some(what) = self.ways[shard][publisher].next() else {
                    break;
                };
                self.apply(shard, what, now);
            }
        }
        let here: Vec<ConnId> = self
            .conns
            .keys()
            .copied()
            .filter(|c| c.shard() == shard)
            .collect();
        for conn in here {
            let was_asked = self.writable.remove(&conn);
            if was_asked {
                self.write_backlog(conn);
            }
            self.write_notes(conn);
            let Some(state) = self.conns.get(&conn) else {
                continue;
            };
            match state.closing {
                Some((reason, _)) if state.backlog.is_empty() => {
                    self.end(conn, CloseReason::Requested(reason));
                }
                Some((_, at)) if now / BUCKET_MS >= at.div_ceil(BUCKET_MS) => {
                    self.end(conn, CloseReason::LingerExpired);
                }
                _ => {}
            }
        }
    }

    fn stale(&mut self) {
        self.stats.accepted += 1;
        self.stats.stale += 1;
    }

    fn open_conn(&mut self, conn: ConnId) -> Option<&mut Conn> {
        self.conns
            .get_mut(&conn)
            .filter(|conn| conn.closing.is_none())
    }

    fn members(&self, shard: usize, topic: usize) -> Vec<ConnId> {
        let on = |(conn, state): (&ConnId, &Conn)| {
            (conn.shard() == shard && state.topics.contains(&topic)).then_some(*conn)
        };
        self.conns.iter().filter_map(on).collect()
    }

    fn apply(&mut self, shard: usize, what: Do, now: u64) {
        match what {
            Do::Publish {
                topic,
                class,
                bytes,
                except,
            } => {
                let members = self.members(shard, topic);
                if members.is_empty() {
                    return self.stale();
                }
                for conn in members.into_iter().filter(|conn| Some(*conn) != except) {
                    let conn = self.conns.get_mut(&conn).unwrap();
                    conn.noted.push((class, bytes.clone()));
                }
            }
            Do::Compose { topic, tag } => {
                let members = self.members(shard, topic);
                if members.is_empty() {
                    return self.stale();
                }
                for conn in members {
                    self.conns
                        .get_mut(&conn)
                        .unwrap()
                        .noted
                        .extend(composed(conn, tag));
                }
            }
            Do::Unicast { conn, class, bytes } => match self.open_conn(conn) {
                Some(conn) => conn.noted.push((class, bytes)),
                None => self.stale(),
            },
            Do::Join { conn, topic } => {
                self.subscribe(conn, topic);
                self.topics[topic].joins_in_flight -= 1;
                self.clear_if_idle(shard, topic);
            }
            Do::Leave { conn, topic } => self.unsubscribe(conn, topic),
            Do::Disconnect { conn, reason } => {
                if let Some(state) = self.open_conn(conn) {
                    state.closing = Some((reason, now + LINGER_MS));
                    self.leave_all(conn);
                }
            }
        }
    }

    pub(super) fn subscribe(&mut self, conn: ConnId, topic: usize) {
        if let Some(state) = self.open_conn(conn) {
            state.topics.insert(topic);
            self.topics[topic].shards.insert(conn.shard());
        }
    }

    pub(super) fn unsubscribe(&mut self, conn: ConnId, topic: usize) {
        if self
            .conns
            .get_mut(&conn)
            .is_some_and(|state| state.topics.remove(&topic))
        {
            self.clear_if_idle(conn.shard(), topic);
        }
    }

    fn leave_all(&mut self, conn: ConnId) {
        let topics = std::mem::take(&mut self.conns.get_mut(&conn).unwrap().topics);
        topics
            .into_iter()
            .for_each(|topic| self.clear_if_idle(conn.shard(), topic));
    }

    fn clear_if_idle(&mut self, shard: usize, topic: usize) {
        if self.members(shard, topic).is_empty() && self.topics[topic].joins_in_flight == 0 {
            self.topics[topic].shards.remove(&shard);
        }
    }

    fn write_backlog(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if conn.dead && !conn.backlog.is_empty() {
            return self.end(id, CloseReason::Gone);
        }
        while let Some((_, bytes, written)) = conn.backlog.front_mut() {
            let rest = bytes.len() - *written;
            let n = conn.budget.map_or(rest, |budget| budget.min(rest));
            conn.wire.extend_from_slice(&bytes[*written..*written + n]);
            conn.budget = conn.budget.map(|budget| budget - n);
            *written += n;
            if n < rest {
                break;
            }
            conn.backlog.pop_front();
            self.stats.delivered += 1;
        }
    }

    fn write_notes(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let noted = std::mem::take(&mut conn.noted);
        self.stats.accepted += noted.len() as u64;
        if noted.is_empty() {
            return;
        }
        if conn.dead && conn.backlog.is_empty() {
            self.stats.disconnected += noted.len() as u64;
            return self.end(id, CloseReason::Gone);
        }
        let mut blocked = !conn.backlog.is_empty();
        let mut full = false;
        for (class, bytes) in noted {
            let n = match (blocked, conn.budget) {
                (true, _) => 0,
                (false, None) => bytes.len(),
                (false, Some(budget)) => budget.min(bytes.len()),
            };
            conn.wire.extend_from_slice(&bytes[..n]);
            conn.budget = conn.budget.map(|budget| budget - n);
            if n == bytes.len() {
                self.stats.delivered += 1;
                continue;
            }
            blocked = true;
            let waiting: usize = conn.backlog.iter().map(|(_, bytes, _)| bytes.len()).sum();
            if n > 0 {
                conn.backlog.push_back((class, bytes, n));
            } else if full {
                self.stats.disconnected += 1;
            } else if class == Class::Volatile {
                self.stats.dropped += 1;
            } else {
                let mut waiting = waiting;
                let unsent = |(other, _, written): &(Class, Vec<u8>, usize)| {
                    *other == class && *written == 0
                };
                if let Class::Latest(_) = class
                    && let Some(at) = conn.backlog.iter().position(unsent)
                {
                    waiting -= conn.backlog.remove(at).unwrap().1.len();
                    self.stats.replaced += 1;
                }
                let fits = waiting + bytes.len() <= self.limits.bytes
                    && conn.backlog.len() < self.limits.messages;
                if fits || conn.backlog.is_empty() {
                    conn.backlog.push_back((class, bytes, 0));
                } else {
                    self.stats.disconnected += 1;
                    full = true;
                }
            }
        }
        if full {
            self.stats.slow_consumers += 1;
            self.end(id, CloseReason::SlowConsumer);
        }
    }

    pub(super) fn end(&mut self, id: ConnId, reason: CloseReason) {
        if !self.conns.contains_key(&id) {
            return;
        }
        self.leave_all(id);
        let conn = self.conns.remove(&id).unwrap();
        self.stats.accepted += conn.noted.len() as u64;
        self.stats.disconnected += (conn.noted.len() + conn.backlog.len()) as u64;
        self.stats.connections -= 1;
        self.closed.push((id, reason));
    }

    /// Every way is empty and no outbox holds anything.
    pub(super) fn is_at_rest(&self) -> bool {
        let empty = |way: &Way| {
            way.staged.is_empty()
                && way.shown.is_empty()
                && way.overflow.is_empty()
                && way.taken.is_empty()
        };
        self.ways.iter().flatten().all(empty)
            && self.control.iter().all(VecDeque::is_empty)
            && self.conns.values().all(|conn| conn.backlog.is_empty())
    }
}
