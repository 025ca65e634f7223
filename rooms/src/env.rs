//! The clock of the rooms: the one place that reads it.
//!
//! A [`Room`](crate::room::Room) is told the time, so that it can be played through on simulated time;
//! only the driver asks here.

use std::time::{Duration, Instant};

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
}
