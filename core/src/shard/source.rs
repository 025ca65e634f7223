//! A source: the shard's end of one lane, ring and overflow together.
//!
//! Promises: operations come out in the publisher's order, whichever of the two they went through.
//! A source that goes away takes up everything that is left, so nothing a descriptor owns leaks.

use std::collections::VecDeque;

use crate::{
    core::LaneGate,
    lane::Consumer,
    op::{Decoder, Op},
    spill::Spill,
    sync::Arc,
};

pub(crate) struct Source {
    consumer: Consumer,
    spill: Arc<Spill>,
    /// Taken from the overflow, to be handled before the ring is looked at again.
    taken: VecDeque<Op>,
    decoder: Decoder,
}

impl Source {
    /// The reading end of `lane`. There is one at a time: the shard's, and after that the core's,
    /// which empties every lane when nobody is left to write.
    pub(crate) fn new(lane: LaneGate) -> Self {
        Self {
            consumer: Consumer::resume(lane.ring),
            spill: lane.spill,
            taken: VecDeque::new(),
            decoder: Decoder::default(),
        }
    }

    /// The next operation in the publisher's order.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Op> {
        if let Some(op) = self.taken.pop_front() {
            return Some(op);
        }
        while let Some(desc) = self.consumer.next() {
            // SAFETY: descriptors come from `Publisher`, which makes them with `op::encode`, in the
            // order of the lane, and the lane hands each out once.
            if let Some(op) = unsafe { self.decoder.decode(desc) } {
                return Some(op);
            }
        }
        if !self.spill.is_waiting() {
            return None;
        }
        // The overflow comes after the ring: give the slots back and look once more under its lock.
        self.consumer.release();
        let consumer = &mut self.consumer;
        self.spill.take(|| consumer.refresh() == 0, &mut self.taken);
        self.taken.pop_front()
    }

    /// Hands out up to `max` operations, as [`next`](Self::next) would one by one. Returns how many.
    pub(crate) fn drain(&mut self, max: usize, mut each: impl FnMut(Op)) -> usize {
        let mut done = 0;
        while done < max {
            let before = done;
            if self.taken.is_empty() {
                let decoder = &mut self.decoder;
                let read = self.consumer.drain((max - done) as u32, |desc| {
                    // SAFETY: as in `next`.
                    if let Some(op) = unsafe { decoder.decode(desc) } {
                        done += 1;
                        each(op);
                    }
                });
                // An address alone is no operation yet, but the next descriptor completes it.
                if read > 0 {
                    continue;
                }
            }
            if let Some(op) = self.next() {
                done += 1;
                each(op);
            }
            if done == before {
                break;
            }
        }
        done
    }

    /// Gives the slots of what was read back to the publisher: once per drain.
    pub(crate) fn release(&mut self) {
        self.consumer.release();
    }

    /// Whether there is anything to read: never from a cache.
    pub(crate) fn has_work(&mut self) -> bool {
        !self.taken.is_empty() || self.consumer.refresh() > 0 || self.spill.is_waiting()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // What is still in the ring owns frames and topics.
        while self.next().is_some() {}
        self.consumer.release();
    }
}
