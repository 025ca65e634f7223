//! Time as a number of nanoseconds, for what is reckoned for every client and tick.
//!
//! A [`Duration`] is two numbers, and every sum of two carries from one to the other. 64 bits of nanoseconds hold five
//! centuries; what is longer counts as that. Signatures of this crate have durations: this is for what lies behind them.

use core::time::Duration;

/// The time in nanoseconds.
#[inline]
pub(crate) const fn nanos(time: Duration) -> u64 {
    let whole = time.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(time.subsec_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_its_nanoseconds_and_five_centuries_are_the_most() {
        assert_eq!(nanos(Duration::new(3, 7)), 3_000_000_007);
        assert_eq!(nanos(Duration::from_nanos(u64::MAX)), u64::MAX);
        assert_eq!(nanos(Duration::MAX), u64::MAX);
    }
}
