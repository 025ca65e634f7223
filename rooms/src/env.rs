//! The outside world's gifts: the clock and randomness. The one place that takes them.
//!
//! A [`Room`](crate::Room) is told the time and its seeds, so that it can be played through on simulated
//! time; only the driver and the server ask here.

use std::time::{Duration, Instant};

use crate::room::Token;

/// Time since a start of one's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since then.
    pub(crate) fn now(&self) -> Duration {
        self.0.elapsed()
    }

    /// The same of an earlier moment.
    pub(crate) fn at(&self, then: Instant) -> Duration {
        then.saturating_duration_since(self.0)
    }
}

/// A token nobody can guess.
pub(crate) fn token() -> Token {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    Token(bytes)
}

/// A number nobody can guess.
pub(crate) fn number() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// # Panics
/// When the system has no source of randomness: tokens would be guessable, so there is no going on.
fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system's random source answers");
}
