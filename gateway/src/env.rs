//! The outside world's two gifts: randomness and the clock.
//!
//! Promises: session ids and hasher seeds come from here, and time from the shard
//! ([`now`]), so that a whole gateway can run on simulated time from a seed: tokio's paused clock
//! drives `now`, and a seeded source can stand in for [`fill`] in one place.

use std::{cell::Cell, collections::hash_map::RandomState, time::Duration};

use ringside_core::{Sink, driver::Local};
use ringside_proto::time::Millis;
use tokio::time::Instant;

/// Fills `bytes` with what nobody can guess.
///
/// # Panics
/// When the system has no source of randomness: ids would be guessable, so there is no going on.
pub(crate) fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system's random source answers");
}

/// The moment `patience` from now, on the runtimes' clock.
pub(crate) fn deadline(patience: Duration) -> Instant {
    Instant::now() + patience
}

/// Seeds for hash tables whose keys peers choose.
pub(crate) type HashState = RandomState;

/// Hashes what the application has named. A peer may look for what it likes there, but what lies there is none of its
/// choosing, so it cannot make the table slow.
pub(crate) type OwnNames = foldhash::fast::FixedState;

/// The shard's time, as the protocol machines count it.
pub(crate) fn now<S: Sink>(local: &Local<S>) -> Millis {
    Millis(local.now().0)
}

/// Measures how long something took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time from here to `end`, if that is longer than `most`.
    #[inline]
    pub(crate) fn longer_than(self, most: Duration, end: Self) -> Option<Duration> {
        // A sum is quicker than a difference, which is hardly ever asked for.
        (end.0 > self.0 + most).then(|| end.0 - self.0)
    }
}

thread_local! {
    /// When the handler that this thread runs began.
    static BEGAN: Cell<Option<Stopwatch>> = const { Cell::new(None) };
}

/// When the handler of an event that runs on this thread began, or went on after an await: the time, for whom a few
/// microseconds do not matter, without a look at the clock, which costs as much as reading a small message does. Where none
/// runs, the time.
pub fn handler_began() -> std::time::Instant {
    BEGAN.get().unwrap_or_else(Stopwatch::start).0.into_std()
}

/// Runs a handler that began then.
pub(crate) fn began<R>(then: Stopwatch, handler: impl FnOnce() -> R) -> R {
    BEGAN.set(Some(then));
    let result = handler();
    BEGAN.set(None);
    result
}

/// Milliseconds since 1970: what is shown to people or stands in certificates, and is never waited for.
pub(crate) fn epoch_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
