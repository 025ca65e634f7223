//! Where within a tick something arrived: how much of the tick is left until the next step is due.
//!
//! netcode reads no clock: whoever has one makes a [`TickLeft`] of the time that is left. It does not say which step.

use core::time::Duration;

/// What is left of a tick until the next step is due, in 64ths of a tick: [`DUE`](Self::DUE), 0, if that step is due now or
/// overdue; a whole tick, 64, if the one before it has just been run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TickLeft(u8);

impl TickLeft {
    /// The next step is due now, or overdue.
    pub const DUE: Self = TickLeft(0);
    /// 64ths in a tick.
    pub(crate) const ONE: i32 = 64;

    /// So much time of a tick this long; more than a tick counts as a whole one.
    pub fn of(time: Duration, tick: Duration) -> Self {
        if time >= tick {
            return TickLeft(Self::ONE as u8);
        }
        // In 64 bits, which is quick: they hold thousands of years.
        let (time, tick) = (time.as_micros() as u64, tick.as_micros() as u64);
        TickLeft((time * Self::ONE as u64 / tick.max(1)).min(Self::ONE as u64) as u8)
    }

    /// In 64ths of a tick.
    pub fn sixty_fourths(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_becomes_part_of_a_tick_and_never_more_than_one() {
        let of = |time, tick| {
            TickLeft::of(Duration::from_micros(time), Duration::from_micros(tick)).sixty_fourths()
        };
        assert_eq!([of(0, 50_000), of(25_000, 50_000)], [0, 32]);
        assert_eq!([of(49_999, 50_000), of(50_000, 50_000)], [63, 64]);
        assert_eq!([of(u64::MAX, 50_000), of(u64::MAX, 1)], [64, 64]);
        assert_eq!([of(0, 0), of(1, 0)], [64, 64], "ticks of no length");
    }
}
