//! Pace: how fast a client's messages are read.
//!
//! A client over its rate is not closed: it is read more slowly, so that its own sends back up and
//! nobody else's wait. The generic cell rate algorithm in one word: `full_at` is when the whole burst
//! would be available again.

use std::time::Duration;

use ringside_proto::time::Millis;

use crate::limits::Limits;

/// The state of one session: 8 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// Microseconds, on the shard's clock.
    full_at: u64,
}

/// Microseconds that one message costs.
fn interval(limits: &Limits) -> u64 {
    1_000_000 / u64::from(limits.messages_per_second.max(1))
}

impl Pace {
    /// A message was taken in.
    #[inline]
    pub(crate) fn count(&mut self, now: Millis, limits: &Limits) {
        self.full_at = self.full_at.max(now.0 * 1_000) + interval(limits);
    }

    /// How long to wait before reading on.
    #[inline]
    pub(crate) fn debt(&self, now: Millis, limits: &Limits) -> Option<Duration> {
        let burst = interval(limits) * u64::from(limits.message_burst);
        let over = self
            .full_at
            .saturating_sub(now.0 * 1_000)
            .saturating_sub(burst);
        (over > 0).then(|| Duration::from_micros(over))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_the_rate_holds() {
        let limits = Limits {
            messages_per_second: 100,
            message_burst: 20,
            ..Limits::default()
        };
        let (mut pace, now) = (Pace::default(), Millis(5_000));
        (0..20).for_each(|_| pace.count(now, &limits));
        assert_eq!(pace.debt(now, &limits), None);
        (0..10).for_each(|_| pace.count(now, &limits));
        assert_eq!(pace.debt(now, &limits), Some(Duration::from_millis(100)));
        assert_eq!(pace.debt(Millis(5_100), &limits), None);
    }

    #[test]
    fn without_limits_there_is_no_debt() {
        let (mut pace, limits) = (Pace::default(), Limits::unlimited());
        (0..1_000_000).for_each(|_| pace.count(Millis(1), &limits));
        assert_eq!(pace.debt(Millis(1), &limits), None);
    }
}
