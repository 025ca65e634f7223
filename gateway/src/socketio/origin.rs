//! Where an event stands in its publisher's sequence: the offset of connection state recovery.
//!
//! ```text
//! mark   63        44 43                    0
//!       +------------+-----------------------+
//!       |   origin   |    running number     |
//!       +------------+-----------------------+
//! ```
//!
//! An origin is a thread, or a [`Publisher`](super::Publisher). What one origin marks reaches every shard
//! in the order of its numbers, because a thread uses one path. A thread that ends leaves its origin to
//! the next new thread, which goes on counting.

use std::{
    cell::Cell,
    num::NonZero,
    sync::{Mutex, MutexGuard},
};

use ringside_proto::socketio::Offset;

const SEQUENCE_BITS: u32 = 44;
const ORIGINS_MAX: u32 = 1 << (64 - SEQUENCE_BITS);

/// A position: never zero, so that a frame can hold one at no cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(NonZero<u64>);

impl Mark {
    pub(crate) fn of(mark: NonZero<u64>) -> Self {
        Self(mark)
    }

    pub(crate) fn get(self) -> NonZero<u64> {
        self.0
    }

    pub(crate) fn origin(self) -> u32 {
        (self.0.get() >> SEQUENCE_BITS) as u32
    }

    pub(crate) fn sequence(self) -> u64 {
        self.0.get() & ((1 << SEQUENCE_BITS) - 1)
    }

    pub(crate) fn offset(self) -> Offset {
        Offset {
            publisher: self.origin(),
            sequence: self.sequence(),
        }
    }

    pub(crate) fn from_offset(offset: Offset) -> Option<Self> {
        let fits = offset.publisher < ORIGINS_MAX && offset.sequence < 1 << SEQUENCE_BITS;
        let bits = u64::from(offset.publisher) << SEQUENCE_BITS | offset.sequence;
        NonZero::new(bits).filter(|_| fits).map(Self)
    }
}

/// Counts one publisher's events.
#[derive(Debug)]
pub(crate) struct Origin {
    id: u32,
    next: Cell<u64>,
}

/// Origins that ended, with their next number; and how many there were ever.
static ENDED: Mutex<(Vec<(u32, u64)>, u32)> = Mutex::new((Vec::new(), 0));

fn ended() -> MutexGuard<'static, (Vec<(u32, u64)>, u32)> {
    ENDED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Origin {
    /// # Panics
    /// When a million publishers live at once, which no machine has memory for.
    pub(crate) fn new() -> Self {
        let mut ended = ended();
        let (id, next) = ended.0.pop().unwrap_or_else(|| {
            ended.1 += 1;
            assert!(ended.1 < ORIGINS_MAX, "too many publishers at once");
            (ended.1 - 1, 1)
        });
        Self {
            id,
            next: Cell::new(next),
        }
    }

    /// The next position.
    pub(crate) fn mark(&self) -> Mark {
        let sequence = self.next.get();
        self.next.set(sequence + 1);
        // Numbers begin with 1.
        let bits = u64::from(self.id) << SEQUENCE_BITS | sequence;
        Mark(NonZero::new(bits).unwrap_or(NonZero::<u64>::MIN))
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        ended().0.push((self.id, self.next.get()));
    }
}

thread_local! {
    static HERE: Origin = Origin::new();
}

/// The next position of this thread.
pub(crate) fn mark_here() -> Mark {
    HERE.with(Origin::mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_up_and_survive_their_text() {
        let origin = Origin::new();
        let (a, b) = (origin.mark(), origin.mark());
        assert_eq!(a.origin(), b.origin());
        assert_eq!(a.sequence() + 1, b.sequence());
        assert_eq!(Mark::from_offset(b.offset()), Some(b));
    }

    #[test]
    fn a_successor_goes_on_counting() {
        let first = Origin::new();
        let last = first.mark();
        drop(first);
        // Other tests make origins too: ours comes back to somebody, above its last number.
        let heirs: Vec<_> = (0..64).map(|_| Origin::new()).collect();
        for heir in &heirs {
            let mark = heir.mark();
            assert!(mark.origin() != last.origin() || mark.sequence() > last.sequence());
        }
    }
}
