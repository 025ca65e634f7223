//! The doorbell: how a publisher wakes a shard that sleeps, and only then.
//!
//! ```text
//! shard                                publisher
//!   parked = 1                           tail = n   (Release)
//!   fence(SeqCst)  <---- one of ---->    fence(SeqCst)
//!   look at every lane once more         parked ? swap to 0, wake
//!   sleep
//! ```
//!
//! Promises: no lost wake-up. Of the two fences one comes first: either the publisher's look at
//! `parked` comes after the shard set it, or the shard's last look comes after the tail was
//! published. A shard that is awake costs its publishers one load.
//! Leaves out: how sleeping works. A [`Waker`] may be a runtime's or a thread's.

use std::task::Waker;

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU32, Mutex, Ordering, Promise, full_fence, lock};

const AWAKE: u32 = 0;
const PARKED: u32 = 1;

pub(crate) struct Doorbell {
    parked: CachePadded<AtomicU32>,
    waker: Mutex<Option<Waker>>,
}

impl Doorbell {
    pub(crate) fn new() -> Self {
        Self {
            parked: CachePadded::new(AtomicU32::new(AWAKE)),
            waker: Mutex::new(None),
        }
    }

    /// Sets whom to wake. The shard calls this before it parks, whenever its waker has changed.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        let mut held = lock(&self.waker);
        match &*held {
            Some(old) if old.will_wake(waker) => {}
            _ => *held = Some(waker.clone()),
        }
    }

    /// The shard wants to sleep. It must look at everything once more after this.
    pub(crate) fn park(&self) {
        // AcqRel: pairs with the swap in `ring`, so that a shard that woke for another reason knows
        // of a ring it has not heard yet. The order against the lanes is the fence's.
        self.parked.swap(PARKED, Ordering::AcqRel);
        // SeqCst: partner of the fence in `publisher_fence`.
        full_fence(Promise::ShardFence);
    }

    /// The shard stays awake after all, or has woken for another reason.
    pub(crate) fn unpark(&self) {
        // AcqRel: as in `park`. A publisher that still sees `PARKED` wakes the shard once too often.
        self.parked.swap(AWAKE, Ordering::AcqRel);
    }

    /// The publisher's half: once per flush, after all tails are published, before any `ring`.
    pub(crate) fn publisher_fence() {
        // SeqCst: partner of the fence in `park`.
        full_fence(Promise::PublisherFence);
    }

    /// Wakes the shard if it sleeps. Returns whether it did.
    pub(crate) fn ring(&self) -> bool {
        // Relaxed: ordered by the fence; AcqRel: of several publishers only one wakes, and what it
        // did before is visible to the shard by the waker.
        if self.parked.load(Ordering::Relaxed) == AWAKE
            || self.parked.swap(AWAKE, Ordering::AcqRel) == AWAKE
        {
            return false;
        }
        if let Some(waker) = &*lock(&self.waker) {
            waker.wake_by_ref();
        }
        true
    }
}
