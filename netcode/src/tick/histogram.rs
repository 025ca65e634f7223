//! A histogram of durations with a fixed size and a fixed relative error.
//!
//! Sixteen buckets per power of two: a quantile is at most 1/16 above the true value. It holds
//! 2 KB, allocates nothing after construction and never forgets; [`Histogram::clear`] starts over.

use crate::nanos::nanos;
use core::time::Duration;

/// Buckets per power of two, as a power of two.
const SUB_BITS: u32 = 4;
/// Longer durations count as this long: 2^36 ns are 68 s, far beyond any tick.
const TOP_BITS: u32 = 36;
const BUCKETS: usize = ((TOP_BITS - SUB_BITS + 1) << SUB_BITS) as usize;

/// Counts of durations, in nanoseconds up to 68 seconds.
#[derive(Clone)]
pub struct Histogram {
    counts: Box<[u32; BUCKETS]>,
    total: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            counts: Box::new([0; BUCKETS]),
            total: 0,
            max: Duration::ZERO,
        }
    }
}

impl core::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.total)
            .field("p50", &self.quantile(500))
            .field("p99", &self.quantile(990))
            .field("max", &self.max)
            .finish()
    }
}

fn bucket(nanos: u64) -> usize {
    let nanos = nanos.min((1 << TOP_BITS) - 1);
    let power = (63 - (nanos | 1).leading_zeros()).max(SUB_BITS) - SUB_BITS;
    // Below 2^SUB_BITS `power` is 0 and the value is its own bucket; above, the top bit of the
    // shifted value moves on to the next group of buckets.
    ((power << SUB_BITS) as u64 + (nanos >> power)) as usize
}

/// The largest value that falls into bucket `index`.
fn upper(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 << SUB_BITS {
        return index;
    }
    let power = (index >> SUB_BITS) - 1;
    let mantissa = index - (power << SUB_BITS);
    ((mantissa + 1) << power) - 1
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, value: Duration) {
        let nanos = nanos(value);
        let count = &mut self.counts[bucket(nanos)];
        *count = count.saturating_add(1);
        self.total += 1;
        self.max = self.max.max(value);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The longest duration counted, exactly.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The duration that `per_mille` thousandths of the counted ones do not exceed, rounded up to
    /// its bucket's edge. Zero when nothing was counted.
    pub fn quantile(&self, per_mille: u32) -> Duration {
        let rank = (self.total * u64::from(per_mille.min(1000)))
            .div_ceil(1000)
            .max(1);
        let mut seen = 0;
        for (index, &count) in self.counts.iter().enumerate() {
            seen += u64::from(count);
            if seen >= rank {
                return Duration::from_nanos(upper(index)).min(self.max);
            }
        }
        self.max
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
        self.max = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_histogram_answers_zero() {
        assert_eq!(Histogram::default().quantile(990), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_values(nanos in 0u64..1 << TOP_BITS) {
            let index = bucket(nanos);
            prop_assert!(index < BUCKETS);
            prop_assert!(nanos <= upper(index));
            prop_assert!(index == 0 || nanos > upper(index - 1));
        }

        #[test]
        fn quantiles_are_within_a_sixteenth(
            mut values in prop::collection::vec(0u64..1 << 34, 1..200),
            per_mille in 1u32..=1000,
        ) {
            let mut histogram = Histogram::default();
            for &v in &values {
                histogram.record(Duration::from_nanos(v));
            }
            values.sort_unstable();
            let rank = (values.len() * per_mille as usize).div_ceil(1000).max(1);
            let truth = values[rank - 1];
            let told = histogram.quantile(per_mille).as_nanos() as u64;
            prop_assert!(told >= truth && told <= truth + truth / 16 + 1, "{told} for {truth}");
        }
    }
}
