//! Topics: what publishers publish to, and which shards care.
//!
//! A topic's `interest` is one word that both sides change:
//!
//! ```text
//! 63                40 39                                   0
//! +-------------------+--------------------------------------+
//! |  joins in flight  |   one bit per shard with subscribers |
//! +-------------------+--------------------------------------+
//! ```
//!
//! Promises: after a publisher's `join`, its later publishes reach that shard, although the shard may
//! at the same moment be losing its last old subscriber: a shard clears its bit only while no join
//! is in flight. Ids of dropped topics are used again with another generation.
//! Leaves out: who subscribes (each shard knows its own, `shard/members.rs`).

use std::collections::{HashMap, VecDeque};

use crate::{
    error::SetupError,
    sync::{Arc, AtomicU64, Mutex, Ordering, Promise, kept, lock},
};

/// Shards in one core. The bits of [`Topic`]'s interest word that are left after the joins' count.
pub const SHARDS_MAX: usize = 40;

/// Topics alive at once in one core: a slot is 20 bits. A topic costs about 150 bytes and, on each
/// shard that subscribes, 60 more.
pub const TOPICS_MAX: usize = 1 << SLOT_BITS;

const SLOT_BITS: u32 = 20;

/// Ids that rest before the oldest of them returns: tables by slot grow no further beyond the most topics
/// there were at once. With the generation, an id is the same again after 16 million others.
const RESTING: usize = 4_096;
const JOIN_ONE: u64 = 1 << SHARDS_MAX;
const SHARDS: u64 = JOIN_ONE - 1;

/// A topic's number, to tell topics apart: slot in the low 20 bits, generation above.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct TopicId(pub(crate) u32);

impl TopicId {
    pub(crate) fn slot(self) -> usize {
        self.0 as usize & (TOPICS_MAX - 1)
    }
}

/// A handle to a topic: cheap to clone, usable from any thread. The topic lives as long as a handle
/// or a subscriber does.
#[derive(Clone)]
pub struct Topic(Arc<Inner>);

pub(crate) struct Inner {
    id: TopicId,
    interest: AtomicU64,
    /// Shards that keep their bit whether or not they have subscribers.
    always: u64,
    directory: Directory,
    name: Option<Box<str>>,
}

impl Topic {
    /// The topic's number: its own as long as a handle or a subscriber lives.
    pub fn id(&self) -> TopicId {
        self.0.id
    }

    /// The topic's name, if it was asked for by name.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Shards with subscribers, one bit each.
    pub(crate) fn shards(&self) -> u64 {
        // Acquire: pairs with the Release of `join_started` and `subscribed`. A publisher that has
        // heard of a join (by whatever channel) sees its bit.
        self.0.interest.load(Ordering::Acquire) & SHARDS
    }

    /// A join is on its way to `shard`: publishes from now on go there.
    pub(crate) fn join_started(&self, shard: usize) {
        let change = |word: u64| Some((word | 1 << shard) + JOIN_ONE);
        // AcqRel: pairs with `shards` (Acquire) and with `leave_if_idle`, which must see the count.
        let _ = self
            .0
            .interest
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
    }

    /// The shard has dealt with one join that was on its way.
    pub(crate) fn join_arrived(&self) {
        // AcqRel: as in `join_started`.
        self.0.interest.fetch_sub(JOIN_ONE, Ordering::AcqRel);
    }

    /// The shard has a subscriber.
    pub(crate) fn subscribed(&self, shard: usize) {
        // AcqRel: pairs with `shards` (Acquire).
        self.0.interest.fetch_or(1 << shard, Ordering::AcqRel);
    }

    /// The shard has no subscriber left: clears its bit, unless a join is in flight to any shard.
    /// Then the bit stays until a later leave, and frames that arrive are counted as stale.
    pub(crate) fn leave_if_idle(&self, shard: usize) -> bool {
        let idle = |word: u64| word < JOIN_ONE || !kept(Promise::JoinsHoldBits);
        let bit = (1 << shard) & !self.0.always;
        let clear = |word: u64| idle(word).then_some(word & !bit);
        // AcqRel: as in `join_started`; a join that starts after this sets the bit again.
        self.0
            .interest
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, clear)
            .is_ok()
    }

    /// Announces that the layer above has sent `shard` a message that will have it subscribe connections:
    /// publishes from now on reach that shard. Follow with [`Shard::join_settled`](crate::Shard::join_settled)
    /// there, or with [`withdraw_join`](Self::withdraw_join) if the message was not sent.
    pub fn announce_join(&self, shard: usize) {
        self.join_started(shard);
    }

    /// Takes one announcement back.
    pub fn withdraw_join(&self) {
        self.join_arrived();
    }

    /// Gives this handle up as a bare pointer, for a lane.
    pub(crate) fn into_inner(self) -> Arc<Inner> {
        self.0
    }

    pub(crate) fn from_inner(inner: Arc<Inner>) -> Self {
        Self(inner)
    }
}

impl std::fmt::Debug for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Topic({:?}, {:#x})", self.name(), self.0.id.0)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.directory.forget(self.id, self.name.as_deref());
    }
}

/// All topics alive: names and free ids. Cold: asked when a topic is made or dropped.
#[derive(Clone)]
pub(crate) struct Directory(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    named: HashMap<Box<str>, Named>,
    /// Oldest first, so that an id rests as long as possible before it returns.
    free: VecDeque<u32>,
    made: u32,
    /// What new topics get as `always`.
    always: u64,
}

struct Named {
    id: TopicId,
    #[cfg(not(loom))]
    topic: std::sync::Weak<Inner>,
}

impl Directory {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Table::default())))
    }

    /// Topics made from now on reach every one of `shards` shards.
    pub(crate) fn reach_all(&self, shards: usize) {
        lock(&self.0).always = SHARDS >> (SHARDS_MAX - shards);
    }

    /// A topic without a name.
    pub(crate) fn anonymous(&self) -> Result<Topic, SetupError> {
        let mut table = lock(&self.0);
        let (id, always) = (table.take_id()?, table.always);
        drop(table);
        Ok(self.make(id, None, always))
    }

    /// The living topic of this name, or a new one.
    #[cfg(not(loom))]
    pub(crate) fn named(&self, name: &str) -> Result<Topic, SetupError> {
        let mut table = lock(&self.0);
        if let Some(topic) = table
            .named
            .get(name)
            .and_then(|named| named.topic.upgrade())
        {
            return Ok(Topic(topic));
        }
        let id = table.take_id()?;
        let topic = self.make(id, Some(name.into()), table.always);
        table.named.insert(
            name.into(),
            Named {
                id,
                topic: Arc::downgrade(&topic.0),
            },
        );
        Ok(topic)
    }

    fn make(&self, id: TopicId, name: Option<Box<str>>, always: u64) -> Topic {
        let directory = self.clone();
        Topic(Arc::new(Inner {
            id,
            interest: AtomicU64::new(always),
            always,
            directory,
            name,
        }))
    }

    fn forget(&self, id: TopicId, name: Option<&str>) {
        let mut table = lock(&self.0);
        // A successor may bear the name already: `named` makes one once the old cannot be upgraded.
        if let Some(name) = name
            && table.named.get(name).is_some_and(|named| named.id == id)
        {
            table.named.remove(name);
        }
        table.free.push_back(id.0);
    }
}

impl Table {
    fn take_id(&mut self) -> Result<TopicId, SetupError> {
        let has_rested = self.free.len() >= RESTING;
        if (self.made as usize) < TOPICS_MAX && !has_rested {
            self.made += 1;
            return Ok(TopicId(self.made - 1));
        }
        let old = self.free.pop_front().ok_or(SetupError::TooManyTopics)?;
        Ok(TopicId(old.wrapping_add(1 << SLOT_BITS)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_shard_keeps_its_bit_while_a_join_is_in_flight() {
        let topic = Directory::new().anonymous().unwrap();
        topic.subscribed(2);
        topic.join_started(2);
        assert!(!topic.leave_if_idle(2));
        assert_eq!(topic.shards(), 1 << 2);
        topic.join_arrived();
        assert!(topic.leave_if_idle(2));
        assert_eq!(topic.shards(), 0);
    }

    #[test]
    fn a_name_means_one_topic_while_anybody_holds_it() {
        let directory = Directory::new();
        let first = directory.named("lobby").unwrap();
        assert_eq!(directory.named("lobby").unwrap().id(), first.id());
        let id = first.id();
        drop(first);
        assert_ne!(directory.named("lobby").unwrap().id(), id);
        assert_eq!(
            lock(&directory.0).named.len(),
            0,
            "dropped at once, so the name is gone"
        );
    }

    #[test]
    fn ids_return_with_another_generation_only_when_all_were_used() {
        let directory = Directory::new();
        lock(&directory.0).made = TOPICS_MAX as u32 - 1;
        let last = directory.anonymous().unwrap();
        assert_eq!(
            directory.anonymous().unwrap_err(),
            SetupError::TooManyTopics
        );
        let (id, slot) = (last.id(), last.id().slot());
        drop(last);
        let next = directory.anonymous().unwrap();
        assert_eq!(next.id().slot(), slot);
        assert_ne!(next.id(), id);
    }
}
