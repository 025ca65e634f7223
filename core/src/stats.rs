//! Counters that conserve, readable from any thread.
//!
//! The unit is a *delivery*: one frame for one connection, or, where a frame never met a connection
//! (its lane was full, its topic had nobody left), that one frame. At rest, when no outbox holds a
//! backlog and every lane is drained,
//!
//! ```text
//! accepted = delivered + dropped + replaced + stale + disconnected
//! ```
//!
//! and in between the difference is what waits. Each counter has one writer, so counting is a load
//! and a store, not a locked instruction.

use crossbeam_utils::CachePadded;

use crate::sync::{Ordering, Statistic};

/// A snapshot of the counters of one shard, one publisher, or the whole core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Deliveries that began.
    pub accepted: u64,
    /// Written to the connection's sink in full.
    pub delivered: u64,
    /// `Volatile`, and the lane or the socket was behind.
    pub dropped: u64,
    /// `Latest`, and a newer one of the same key took its place.
    pub replaced: u64,
    /// Nobody was there: the topic had no subscriber left, or the connection was gone.
    pub stale: u64,
    /// The connection ended while they waited.
    pub disconnected: u64,
    /// Writes: calls of [`Sink::submit`](crate::Sink::submit).
    pub writes: u64,
    /// Turns that found something to do.
    pub turns: u64,
    /// Operations that waited in a lane's overflow.
    pub spilled: u64,
    /// Operations refused because a shard had stopped draining.
    pub refused: u64,
    /// Times a sleeping shard was woken.
    pub wakes: u64,
    /// Connections open now.
    pub connections: u64,
    /// Connections closed because they read too slowly.
    pub slow_consumers: u64,
    /// Joins without effect, because the connection subscribed to as many topics as it may.
    pub joins_refused: u64,
}

impl Stats {
    /// Deliveries that began and have not ended: they wait in an outbox.
    pub fn waiting(&self) -> u64 {
        let ended = self.delivered + self.dropped + self.replaced + self.stale + self.disconnected;
        self.accepted.wrapping_sub(ended)
    }
}

macro_rules! counters {
    ($($field:ident),* $(,)?) => {
        /// The shared side of [`Stats`]: written by one thread, read by any.
        #[derive(Default)]
        pub(crate) struct Counters {
            $(pub(crate) $field: Counter,)*
        }

        impl Counters {
            pub(crate) fn read(&self) -> Stats {
                Stats { $($field: self.$field.get(),)* }
            }
        }

        impl std::ops::Add for Stats {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self { $($field: self.$field.wrapping_add(other.$field),)* }
            }
        }
    };
}

counters!(
    accepted,
    delivered,
    dropped,
    replaced,
    stale,
    disconnected,
    writes,
    turns,
    spilled,
    refused,
    wakes,
    connections,
    slow_consumers,
    joins_refused,
);

/// One counter with one writer.
#[derive(Default)]
pub(crate) struct Counter(Statistic);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        // Relaxed: one writer; readers want a recent figure, not an order.
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(n),
            Ordering::Relaxed,
        );
    }

    pub(crate) fn sub(&self, n: u64) {
        // Relaxed: as in `add`.
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_sub(n),
            Ordering::Relaxed,
        );
    }

    pub(crate) fn get(&self) -> u64 {
        // Relaxed: as in `add`.
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters on a cache line of their own, so that counting shards do not disturb each other.
pub(crate) type PaddedCounters = CachePadded<Counters>;
