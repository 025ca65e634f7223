//! A lane: the single-producer single-consumer ring from one publisher to one shard.
//!
//! ```text
//!   head (consumer's line)            tail (producer's line)
//!     |                                 |        staged, not yet published
//!     v                                 v       v
//!   [d][d][d][d][d][d][d][d][d][d][d][d][s][s][s][ ][ ][ ]     CAPACITY slots of 16 bytes
//! ```
//!
//! Promises: descriptors come out once each, in the order they went in; what is staged is invisible
//! until [`Producer::publish`]; neither side ever waits. The slots are atomic words, so the ring
//! itself is safe code; who owns what a word points to is `op.rs`'s business.
//! Leaves out: what to do when full (`publisher.rs`), and waking the consumer (`doorbell.rs`).

use crossbeam_utils::CachePadded;

use crate::sync::{
    Arc, AtomicPtr, AtomicU32, AtomicU64, Ordering, Promise, Witness, release, sized,
};

/// Slots in a lane. 1024 × 16 B = 16 KiB: a game tick of hundreds of operations fits, and the ring
/// stays in the first-level cache.
pub(crate) const CAPACITY: u32 = sized(1024, 16, 2);

const _: () = assert!(CAPACITY.is_power_of_two());

/// Two words that mean something to `op.rs` and nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Desc {
    pub(crate) word: *mut (),
    pub(crate) meta: u64,
}

struct Slot {
    word: AtomicPtr<()>,
    meta: AtomicU64,
    /// Stands for the slot, in a model: who may touch it is what the positions are for.
    witness: Witness,
}

impl Slot {
    #[inline]
    fn write(&self, desc: Desc) {
        self.witness.write();
        // Relaxed: ordered by the Release store of `tail` in `Producer::publish`.
        self.word.store(desc.word, Ordering::Relaxed);
        self.meta.store(desc.meta, Ordering::Relaxed);
    }

    #[inline]
    fn read(&self) -> Desc {
        self.witness.read();
        // Relaxed: ordered by the Acquire load of `tail` in `Consumer::available`.
        Desc {
            word: self.word.load(Ordering::Relaxed),
            meta: self.meta.load(Ordering::Relaxed),
        }
    }
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Slot>() == 16);

/// The memory both ends share. Positions count up for ever and wrap at 2^32.
pub(crate) struct Ring {
    slots: Box<[Slot]>,
    head: CachePadded<AtomicU32>,
    tail: CachePadded<AtomicU32>,
}

impl Ring {
    pub(crate) fn new() -> Self {
        Self::starting_at(0)
    }

    /// A ring whose positions start anywhere: tests start just below the wrap.
    pub(crate) fn starting_at(position: u32) -> Self {
        let slot = |_| Slot {
            word: AtomicPtr::new(std::ptr::null_mut()),
            meta: AtomicU64::new(0),
            witness: Witness::new(),
        };
        Self {
            slots: (0..CAPACITY).map(slot).collect(),
            head: CachePadded::new(AtomicU32::new(position)),
            tail: CachePadded::new(AtomicU32::new(position)),
        }
    }

    fn slot(&self, position: u32) -> &Slot {
        &self.slots[(position & (CAPACITY - 1)) as usize]
    }
}

/// The writing end. There must be one per ring at a time; the publisher's seat sees to it.
pub(crate) struct Producer {
    ring: Arc<Ring>,
    /// Where the next descriptor goes.
    staged: u32,
    /// The tail as the consumer can see it.
    published: u32,
    /// The consumer's head when last looked at: it can only have moved on.
    head_seen: u32,
}

impl Producer {
    /// Takes up writing where the ring's last producer stopped.
    pub(crate) fn resume(ring: Arc<Ring>) -> Self {
        // Acquire: pairs with the Release store of `tail` in `publish`, made by the seat's previous
        // owner; the seat's lock already orders the two, this keeps the rule visible.
        let staged = ring.tail.load(Ordering::Acquire);
        // Acquire: pairs with the Release store of `head` in `Consumer::release`.
        let head_seen = ring.head.load(Ordering::Acquire);
        Self {
            ring,
            staged,
            published: staged,
            head_seen,
        }
    }

    /// Whether `n` descriptors can be staged now.
    pub(crate) fn has_room(&mut self, n: u32) -> bool {
        let room = |head: u32, staged: u32| CAPACITY - staged.wrapping_sub(head);
        if room(self.head_seen, self.staged) >= n {
            return true;
        }
        // Acquire: pairs with the Release store of `head` in `Consumer::release`; the slots before
        // it have been read and may be written again.
        self.head_seen = self.ring.head.load(Ordering::Acquire);
        room(self.head_seen, self.staged) >= n
    }

    /// Writes a descriptor that nobody sees yet. The caller has asked [`has_room`](Self::has_room).
    pub(crate) fn stage(&mut self, desc: Desc) {
        debug_assert!(self.staged.wrapping_sub(self.head_seen) < CAPACITY);
        self.ring.slot(self.staged).write(desc);
        self.staged = self.staged.wrapping_add(1);
    }

    /// Stages several descriptors at once. The caller has asked for room for all.
    #[inline]
    pub(crate) fn stage_all(&mut self, descs: impl ExactSizeIterator<Item = Desc>) {
        let (ring, first) = (&*self.ring, self.staged);
        debug_assert!(first.wrapping_sub(self.head_seen) + descs.len() as u32 <= CAPACITY);
        let mut count = 0;
        for desc in descs {
            ring.slot(first.wrapping_add(count)).write(desc);
            count += 1;
        }
        self.staged = first.wrapping_add(count);
    }

    /// Shows everything staged to the consumer. Returns whether there was anything.
    pub(crate) fn publish(&mut self) -> bool {
        if self.published == self.staged {
            return false;
        }
        self.published = self.staged;
        // Release: pairs with the Acquire load of `tail` in `Consumer::available`. The slots written
        // above are visible to a consumer that sees this tail.
        self.ring
            .tail
            .store(self.staged, release(Promise::LaneTail));
        true
    }
}

/// The reading end, owned by the shard.
pub(crate) struct Consumer {
    ring: Arc<Ring>,
    head: u32,
    /// The head as the producer can see it.
    released: u32,
    tail_seen: u32,
}

impl Consumer {
    /// Takes up reading where the ring's last consumer stopped.
    pub(crate) fn resume(ring: Arc<Ring>) -> Self {
        // Acquire: pairs with the Release store of `head` in `release`, made by the last consumer;
        // the ring's owner orders the two already, this keeps the rule visible.
        let head = ring.head.load(Ordering::Acquire);
        Self {
            ring,
            head,
            released: head,
            tail_seen: head,
        }
    }

    /// How many descriptors can be read now.
    pub(crate) fn available(&mut self) -> u32 {
        if self.tail_seen == self.head {
            // Acquire: pairs with the Release store of `tail` in `Producer::publish`.
            self.tail_seen = self.ring.tail.load(Ordering::Acquire);
        }
        self.tail_seen.wrapping_sub(self.head)
    }

    /// As [`available`](Self::available), but never from the cache: the doorbell's last look.
    pub(crate) fn refresh(&mut self) -> u32 {
        // Acquire: as in `available`.
        self.tail_seen = self.ring.tail.load(Ordering::Acquire);
        self.tail_seen.wrapping_sub(self.head)
    }

    /// The next descriptor, if one is known to be there. Its slot stays taken until
    /// [`release`](Self::release).
    pub(crate) fn next(&mut self) -> Option<Desc> {
        if self.available() == 0 {
            return None;
        }
        let desc = self.ring.slot(self.head).read();
        self.head = self.head.wrapping_add(1);
        Some(desc)
    }

    /// Hands out up to `max` of the descriptors that are there, in order, as [`next`](Self::next)
    /// would one by one. Returns how many.
    #[inline]
    pub(crate) fn drain(&mut self, max: u32, mut each: impl FnMut(Desc)) -> u32 {
        let count = self.available().min(max);
        let (ring, head) = (&*self.ring, self.head);
        for n in 0..count {
            let position = head.wrapping_add(n);
            // Before `each`, which may panic: what it was given is not handed out again. The loop
            // itself reads no `head`, so it waits for no store.
            self.head = position.wrapping_add(1);
            each(ring.slot(position).read());
        }
        count
    }

    /// Gives the slots read so far back to the producer: once per drain, not once per descriptor.
    pub(crate) fn release(&mut self) {
        if self.released == self.head {
            return;
        }
        self.released = self.head;
        // Release: pairs with the Acquire load of `head` in `Producer::has_room`. The reads above
        // are done before the producer may write these slots again.
        self.ring.head.store(self.head, release(Promise::LaneHead));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn desc(n: usize) -> Desc {
        Desc {
            word: std::ptr::without_provenance_mut(n),
            meta: n as u64,
        }
    }

    #[test]
    fn staged_descriptors_are_invisible_until_published() {
        let ring = Arc::new(Ring::new());
        let (mut producer, mut consumer) = (Producer::resume(ring.clone()), Consumer::resume(ring));
        producer.stage(desc(1));
        assert_eq!(consumer.next(), None);
        assert!(producer.publish());
        assert!(!producer.publish());
        assert_eq!(consumer.next(), Some(desc(1)));
        assert_eq!(consumer.next(), None);
    }

    #[test]
    fn a_full_ring_has_no_room_until_the_consumer_releases() {
        // Start just below the wrap of the positions, so that the ring is full across it.
        let ring = Arc::new(Ring::starting_at(u32::MAX - CAPACITY / 2));
        let (mut producer, mut consumer) = (Producer::resume(ring.clone()), Consumer::resume(ring));
        for n in 0..CAPACITY {
            assert!(producer.has_room(1));
            producer.stage(desc(n as usize));
        }
        producer.publish();
        assert!(!producer.has_room(1));
        assert_eq!(consumer.next(), Some(desc(0)));
        assert!(!producer.has_room(1), "read, but not yet given back");
        consumer.release();
        assert!(producer.has_room(1));
        assert!(!producer.has_room(2));
        for n in 1..CAPACITY {
            assert_eq!(consumer.next(), Some(desc(n as usize)));
        }
        assert_eq!(consumer.next(), None);
    }

    #[test]
    fn a_second_producer_takes_up_where_the_first_stopped() {
        let ring = Arc::new(Ring::new());
        let mut consumer = Consumer::resume(ring.clone());
        for n in 0..3 {
            let mut producer = Producer::resume(ring.clone());
            producer.stage(desc(n));
            producer.publish();
        }
        for n in 0..3 {
            assert_eq!(consumer.next(), Some(desc(n)));
        }
    }
}
