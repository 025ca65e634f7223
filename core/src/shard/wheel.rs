//! The timer wheel: one deadline per connection, nearly free to move.
//!
//! Every message from a peer moves its deadline, and hardly any deadline is ever reached. So moving
//! one later only stores it; the wheel looks again when the old time comes, and files it anew.
//!
//! ```text
//! hand
//!  v
//! [ ][o-o][ ][o][ ] … 512 buckets of 64 ms: 32.8 s once round; later deadlines are looked at
//!                     once a round
//! ```
//!
//! Promises: never early, at most one bucket late, 16 bytes a connection, no allocation beyond the
//! table. Leaves out: what a deadline means.

use crate::ident::Millis;

/// Width of a bucket, and so the precision: heartbeats are tens of seconds, and linger is seconds.
const BUCKET_MS: u64 = 64;
const BUCKETS: usize = 512;
const NONE: u32 = u32::MAX;
/// The last bucket time: some 8 years after the epoch.
const NEVER: u32 = NONE - 1;

/// Links of a doubly linked list per bucket, and the deadline.
#[derive(Clone, Copy)]
struct Entry {
    next: u32,
    prev: u32,
    /// Bucket times since the epoch: wraps after 8 years.
    deadline: u32,
    /// The bucket time under which it is filed, or `NONE`: always in the hand's future, so whatever
    /// moves to an earlier time is filed anew.
    filed: u32,
}

const _: () = assert!(size_of::<Entry>() == 16);

pub(crate) struct Wheel {
    entries: Vec<Entry>,
    heads: Box<[u32; BUCKETS]>,
    /// Bucket time up to which everything has been looked at.
    hand: u32,
    filed: u32,
}

fn bucket_time(at: Millis) -> u32 {
    // Rounded up: a deadline is never reached early. Later than the wheel can count is never.
    at.0.div_ceil(BUCKET_MS).min(u64::from(NEVER)) as u32
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            heads: Box::new([NONE; BUCKETS]),
            hand: 0,
            filed: 0,
        }
    }

    /// Sets or moves a slot's deadline.
    #[inline]
    pub(crate) fn set(&mut self, slot: u32, at: Millis) {
        let deadline = bucket_time(at).max(self.hand + 1);
        if let Some(entry) = self.entries.get_mut(slot as usize)
            && entry.filed != NONE
            && entry.filed <= deadline
        {
            entry.deadline = deadline;
            return;
        }
        self.file(slot, deadline);
    }

    /// Whether a slot has a deadline.
    pub(crate) fn is_set(&self, slot: u32) -> bool {
        self.entries
            .get(slot as usize)
            .is_some_and(|entry| entry.filed != NONE)
    }

    /// Forgets a slot's deadline.
    pub(crate) fn clear(&mut self, slot: u32) {
        if self.is_set(slot) {
            self.unlink(slot);
        }
    }

    /// Moves the hand to `now` and hands out every slot whose deadline has passed.
    pub(crate) fn advance(&mut self, now: Millis, mut expired: impl FnMut(u32)) {
        let until = (now.0 / BUCKET_MS) as u32;
        // After a long sleep once round is enough: everything is looked at.
        let mut steps = until.saturating_sub(self.hand).min(BUCKETS as u32);
        if self.filed == 0 {
            steps = 0;
        }
        let first = until - steps;
        for time in first + 1..=until {
            self.hand = time;
            let mut slot = self.heads[time as usize % BUCKETS];
            while slot != NONE {
                let Entry { next, deadline, .. } = self.entries[slot as usize];
                if deadline <= until {
                    self.unlink(slot);
                    expired(slot);
                } else if deadline as usize % BUCKETS == time as usize % BUCKETS {
                    self.entries[slot as usize].filed = deadline;
                } else {
                    self.unlink(slot);
                    self.file(slot, deadline);
                }
                slot = next;
            }
        }
        self.hand = self.hand.max(until);
    }

    /// When the hand should next be moved, if anything is filed.
    pub(crate) fn next(&self) -> Option<Millis> {
        if self.filed == 0 {
            return None;
        }
        let ahead = (1..=BUCKETS as u32)
            .find(|step| self.heads[(self.hand + step) as usize % BUCKETS] != NONE)
            .expect("something is filed");
        Some(Millis(u64::from(self.hand + ahead) * BUCKET_MS))
    }

    fn file(&mut self, slot: u32, deadline: u32) {
        if self.entries.len() <= slot as usize {
            let empty = Entry {
                next: NONE,
                prev: NONE,
                deadline: 0,
                filed: NONE,
            };
            self.entries.resize(slot as usize + 1, empty);
        }
        self.clear(slot);
        let head = &mut self.heads[deadline as usize % BUCKETS];
        let next = std::mem::replace(head, slot);
        if next != NONE {
            self.entries[next as usize].prev = slot;
        }
        self.entries[slot as usize] = Entry {
            next,
            prev: NONE,
            deadline,
            filed: deadline,
        };
        self.filed += 1;
    }

    fn unlink(&mut self, slot: u32) {
        let Entry {
            next, prev, filed, ..
        } = self.entries[slot as usize];
        if prev == NONE {
            self.heads[filed as usize % BUCKETS] = next;
        } else {
            self.entries[prev as usize].next = next;
        }
        if next != NONE {
            self.entries[next as usize].prev = prev;
        }
        self.entries[slot as usize].filed = NONE;
        self.filed -= 1;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Set(u32, u64),
        Clear(u32),
        Advance(u64),
    }

    const ROUND_MS: u64 = BUCKET_MS * BUCKETS as u64;

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0u32..8, 0u64..100_000).prop_map(|(slot, after)| Step::Set(slot, after)),
            // Whole rounds ahead: the bucket comes up, the deadline does not.
            2 => (0u32..8, 1u64..4).prop_map(|(slot, rounds)| Step::Set(slot, rounds * ROUND_MS)),
            1 => (0u32..8).prop_map(Step::Clear),
            3 => (0u64..40_000).prop_map(Step::Advance),
            1 => Just(Step::Advance(ROUND_MS)),
        ];
        proptest::collection::vec(step, 1..60)
    }

    #[test]
    fn a_deadline_brought_forward_after_a_whole_round_is_met() {
        let mut wheel = Wheel::new();
        wheel.set(0, Millis(ROUND_MS));
        wheel.set(0, Millis(2 * ROUND_MS));
        wheel.advance(Millis(ROUND_MS), |_| panic!("early"));
        wheel.set(0, Millis(ROUND_MS + 1_000));
        let mut met = false;
        wheel.advance(Millis(ROUND_MS + 1_000 + BUCKET_MS), |_| met = true);
        assert!(met);
    }

    #[test]
    fn never_is_not_now() {
        let mut wheel = Wheel::new();
        wheel.set(0, Millis(u64::MAX));
        wheel.advance(Millis(10 * ROUND_MS), |_| panic!("early"));
        assert!(wheel.is_set(0));
    }

    proptest! {
        /// The oracle is a map of deadlines. Never early, at most a bucket late, once each.
        #[test]
        fn deadlines_are_met(steps in steps()) {
            let (mut wheel, mut oracle, mut now) = (Wheel::new(), BTreeMap::new(), 0);
            for step in steps {
                match step {
                    Step::Set(slot, after) => {
                        wheel.set(slot, Millis(now + after));
                        oracle.insert(slot, now + after);
                    }
                    Step::Clear(slot) => {
                        wheel.clear(slot);
                        oracle.remove(&slot);
                    }
                    Step::Advance(by) => {
                        now += by;
                        let mut expired = Vec::new();
                        wheel.advance(Millis(now), |slot| expired.push(slot));
                        for slot in expired {
                            let due = oracle.remove(&slot);
                            prop_assert!(due.is_some_and(|due| due <= now), "early: {due:?} at {now}");
                        }
                        for due in oracle.values() {
                            prop_assert!(due + 2 * BUCKET_MS > now, "late: {due} at {now}");
                        }
                    }
                }
                prop_assert_eq!(wheel.next().is_some(), !oracle.is_empty());
                if let Some(next) = wheel.next() {
                    prop_assert!(next.0 + BUCKET_MS > now);
                }
            }
        }
    }
}
