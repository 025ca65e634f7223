//! How long to wait before the next attempt to connect.
//!
//! Promises: the wait doubles from `min` to `max` and is spread by `jitter` (0 to 1) around its value,
//! also when it has reached `max`, and never above it: clients that lost one server together don't
//! come back together. The same seed gives the same waits, here and in the browser client.

use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Backoff {
    pub(crate) attempts: u32,
    pub(crate) min: Duration,
    pub(crate) max: Duration,
    pub(crate) jitter: f64,
    seed: u32,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration, jitter: f64, seed: u32) -> Self {
        Self {
            attempts: 0,
            min,
            max,
            jitter,
            seed,
        }
    }

    /// How long to wait; counts the attempt.
    pub(crate) fn duration(&mut self) -> Duration {
        let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let doublings = i32::try_from(self.attempts.min(30)).unwrap_or(30);
        self.attempts = self.attempts.saturating_add(1);
        let jitter = self.jitter.clamp(0.0, 1.0);
        let base = millis(self.min) * 2f64.powi(doublings);
        let top = millis(self.max).min(base * (1.0 + jitter));
        let bottom = top * (1.0 - jitter) / (1.0 + jitter);
        Duration::from_millis((bottom + self.next() * (top - bottom)).round() as u64)
    }

    /// The next number in [0, 1) (splitmix32).
    fn next(&mut self) -> f64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9);
        let mut z = (self.seed ^ (self.seed >> 16)).wrapping_mul(0x21f0_aaad);
        z = (z ^ (z >> 15)).wrapping_mul(0x735a_2d97);
        f64::from(z ^ (z >> 15)) / 4_294_967_296.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(jitter: f64, seed: u32, count: usize) -> Vec<u64> {
        let (min, max) = (Duration::from_millis(100), Duration::from_millis(1000));
        let mut backoff = Backoff::new(min, max, jitter, seed);
        (0..count)
            .map(|_| backoff.duration().as_millis() as u64)
            .collect()
    }

    #[test]
    fn without_jitter_it_doubles_up_to_the_most() {
        assert_eq!(waits(0.0, 1, 6), [100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        assert_eq!(waits(0.5, 7, 50), waits(0.5, 7, 50));
        assert_ne!(waits(0.5, 7, 50), waits(0.5, 8, 50));
    }

    #[test]
    fn the_same_waits_as_the_browser_client() {
        // Printed by `new Backoff(100, 1000, 0.5, 7)` of client/web/js/backoff.js.
        assert_eq!(waits(0.5, 7, 6), BROWSER);
    }

    const BROWSER: [u64; 6] = [139, 296, 275, 589, 587, 903];

    #[test]
    fn it_stays_spread_at_the_most_and_below_it() {
        let late = &waits(0.5, 3, 200)[10..];
        assert!(late.iter().all(|wait| (333..=1000).contains(wait)));
        let (least, most) = (late.iter().min(), late.iter().max());
        assert!(
            least < Some(&400) && most > Some(&950),
            "{least:?} {most:?}"
        );
    }
}
