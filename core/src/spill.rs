//! The overflow of a lane: where operations wait when the ring is full.
//!
//! Promises: order. Once something waits here, everything later of the same publisher waits here
//! too, and the shard comes for it only after it has emptied the ring. The shard comes by itself, so
//! a publisher that falls idle leaves nothing behind.
//! Leaves out: speed. It is a lock, taken only while a shard is behind.

use std::collections::VecDeque;

use crate::{
    op::Op,
    sync::{AtomicBool, Mutex, Ordering, lock, sized},
};

/// Operations that may wait for one shard, of one publisher. 16,384 × 40 B = 640 KiB: what a shard
/// that is late by a whole tick of a thousand clients' replies needs, and no more. While the shard
/// works off what it took, as many may gather behind it.
pub(crate) const SPILL_MAX: usize = sized(16_384, 24, 2) as usize;

pub(crate) struct Spill {
    /// Whether anything waits: lets the shard pass by without the lock.
    waiting: AtomicBool,
    queue: Mutex<VecDeque<Op>>,
}

/// What became of an operation that had to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spilled {
    /// It waits.
    Waits,
    /// It waits in place of an older one of the same key.
    Replaced,
}

impl Spill {
    pub(crate) fn new() -> Self {
        Self {
            waiting: AtomicBool::new(false),
            queue: Mutex::new(VecDeque::new()),
        }
    }

    /// Publisher: whether nothing waits, so that the ring may be used again.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.queue).is_empty()
    }

    /// Publisher: whether `op` may wait. Only this publisher adds, so room does not go away.
    pub(crate) fn has_room_for(&self, op: &Op) -> bool {
        let queue = lock(&self.queue);
        queue.len() < SPILL_MAX || position_of_older(&queue, op).is_some()
    }

    /// Publisher: adds `op`. The ring's tail has been published before this, so that a shard that
    /// finds `op` here finds everything earlier there.
    pub(crate) fn push(&self, op: Op) -> Spilled {
        let mut queue = lock(&self.queue);
        let older = position_of_older(&queue, &op);
        if let Some(at) = older {
            queue.remove(at);
        }
        queue.push_back(op);
        // Release: pairs with the Acquire load in `take`; the shard looks into the queue, whose
        // lock does the rest.
        self.waiting.store(true, Ordering::Release);
        if older.is_some() {
            Spilled::Replaced
        } else {
            Spilled::Waits
        }
    }

    /// Shard: whether it is worth calling [`take`](Self::take).
    pub(crate) fn is_waiting(&self) -> bool {
        // Acquire: pairs with the Release store in `push`.
        self.waiting.load(Ordering::Acquire)
    }

    /// Shard: takes everything that waits, if `ring_is_empty` still holds under the lock: what was
    /// put into the ring before comes before.
    pub(crate) fn take(&self, ring_is_empty: impl FnOnce() -> bool, into: &mut VecDeque<Op>) {
        let mut queue = lock(&self.queue);
        if ring_is_empty() {
            std::mem::swap(&mut *queue, into);
            // Relaxed: both sides change the flag under the lock.
            self.waiting.store(false, Ordering::Relaxed);
        }
    }
}

fn position_of_older(queue: &VecDeque<Op>, op: &Op) -> Option<usize> {
    let latest = op.latest()?;
    queue
        .iter()
        .position(|waiting| waiting.latest() == Some(latest))
}
