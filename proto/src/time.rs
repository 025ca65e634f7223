//! Time as an argument: milliseconds since an epoch of the caller's choice.
//!
//! Machines store deadlines in this form because every idle connection keeps some: eight bytes
//! each. A server counts from its start, a simulation from zero. It reads no clock.

use std::ops::Add;
use std::time::Duration;

/// A moment: milliseconds since an epoch the caller chose once for all machines it drives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// The last moment there is; used as "never" where an `Option` would cost eight bytes more.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `elapsed` after the epoch, rounded down to a millisecond.
    pub const fn since_epoch(elapsed: Duration) -> Self {
        Self(elapsed.as_millis() as u64)
    }

    /// This moment and `millis` more; sticks at [`Millis::NEVER`].
    pub const fn plus(self, millis: u32) -> Self {
        Self(self.0.saturating_add(millis as u64))
    }

    /// How long from `earlier` to this moment; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Millis {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(rhs.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}
