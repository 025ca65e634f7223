//! The control queue: how a thread that is not a publisher reaches a shard.
//!
//! Promises: bounded; FIFO per sending thread; an operation for several shards is queued on all of
//! them or on none, because room is reserved on each before anything is put on any. NOT ordered
//! against lanes: whoever has a [`Publisher`](crate::Publisher) uses it for everything.

use crate::{
    op::Op,
    sync::{AtomicUsize, Ordering, sized},
};

/// Operations that may wait for one shard: 4,096 × 40 B = 160 KiB. Control traffic is logins and
/// goodbyes; a shard that is this far behind has other troubles.
pub(crate) const CONTROL_MAX: usize = sized(4_096, 16, 2) as usize;

pub(crate) struct ControlQueue {
    queue: Queue,
    /// Places taken or reserved; never above `CONTROL_MAX`.
    taken: AtomicUsize,
}

impl ControlQueue {
    pub(crate) fn new() -> Self {
        Self {
            queue: Queue::new(),
            taken: AtomicUsize::new(0),
        }
    }

    /// Reserves one place. Follow with [`push`](Self::push) or [`give_back`](Self::give_back).
    pub(crate) fn reserve(&self) -> bool {
        // AcqRel: pairs with the Release decrement in `pop` and `give_back`; the place we get has
        // really been vacated.
        self.taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
                (n < CONTROL_MAX).then_some(n + 1)
            })
            .is_ok()
    }

    pub(crate) fn give_back(&self) {
        // Release: pairs with the Acquire in `reserve`.
        self.taken.fetch_sub(1, Ordering::Release);
    }

    /// Puts `op` into a reserved place.
    pub(crate) fn push(&self, op: Op) {
        self.queue.push(op);
    }

    /// The shard's end.
    pub(crate) fn pop(&self) -> Option<Op> {
        // Relaxed: a hint that saves the queue's fence when nothing is there, which is the rule. What
        // it misses, the shard sees when it parks.
        if self.taken.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let op = self.queue.pop()?;
        self.give_back();
        Some(op)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(not(loom))]
struct Queue(crossbeam_queue::ArrayQueue<Op>);

#[cfg(not(loom))]
impl Queue {
    fn new() -> Self {
        Self(crossbeam_queue::ArrayQueue::new(CONTROL_MAX))
    }

    fn push(&self, op: Op) {
        let full = self.0.push(op).is_err();
        assert!(!full, "a reserved place was missing");
    }

    fn pop(&self) -> Option<Op> {
        self.0.pop()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Loom cannot look into crossbeam's queue, which has models of its own: a lock stands in for it.
#[cfg(loom)]
struct Queue(crate::sync::Mutex<std::collections::VecDeque<Op>>);

#[cfg(loom)]
impl Queue {
    fn new() -> Self {
        Self(crate::sync::Mutex::new(std::collections::VecDeque::new()))
    }

    fn push(&self, op: Op) {
        crate::sync::lock(&self.0).push_back(op);
    }

    fn pop(&self) -> Option<Op> {
        crate::sync::lock(&self.0).pop_front()
    }

    fn is_empty(&self) -> bool {
        crate::sync::lock(&self.0).is_empty()
    }
}
