//! A model of a network: what goes in comes out later, twice, out of order, or never.
//!
//! The model has a seed and no clock: [`Link::send`] takes the time at which a message enters,
//! [`Link::receive`] gives what has arrived by a time, and the same calls give the same arrivals
//! on every machine. It carries values of any type. One link is one direction.
//!
//! Tests use it to prove that nothing is ever decoded wrongly; the demo uses it for its sliders.
//! It does not open sockets and does not sleep.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

/// Most messages on the way; more are lost, as in a full router. At 20 frames a second this is
/// more than three minutes' worth.
pub const IN_FLIGHT_MAX: usize = 4096;
/// A delay is never longer than this, whatever the settings say.
const DELAY_MAX: Duration = Duration::from_secs(60);

/// What a network does to messages. Probabilities are in 1/1000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkConfig {
    /// The delay of every message.
    pub latency: Duration,
    /// Up to this much more, evenly spread.
    pub jitter: Duration,
    /// How many messages in 1000 are lost.
    pub loss: u16,
    /// How many in 1000 arrive twice.
    pub duplication: u16,
    /// How many in 1000 are held back by up to three times the jitter (at least 20 ms), so that
    /// later ones overtake them.
    pub reordering: u16,
    /// Bytes a second; messages queue behind each other. Zero for no limit.
    pub bytes_per_second: u32,
    /// Deliver everything once and in order, as TCP does: a loss becomes a delay (of the latency
    /// there and back) for the message and for all behind it.
    pub ordered: bool,
}

/// What happened to the messages of a link. `sent + duplicated = delivered + lost + in flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Messages that entered.
    pub sent: u64,
    /// Messages that came out, copies included.
    pub delivered: u64,
    /// Messages that never will.
    pub lost: u64,
    /// Copies made.
    pub duplicated: u64,
}

/// A message on its way. Ordered by arrival, then by entry.
#[derive(Clone, Debug)]
struct Travelling<M> {
    arrives: Duration,
    entry: u64,
    message: M,
}

impl<M> PartialEq for Travelling<M> {
    fn eq(&self, other: &Self) -> bool {
        (self.arrives, self.entry) == (other.arrives, other.entry)
    }
}

impl<M> Eq for Travelling<M> {}

impl<M> PartialOrd for Travelling<M> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<M> Ord for Travelling<M> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.arrives, self.entry).cmp(&(other.arrives, other.entry))
    }
}

/// One direction of a network.
#[derive(Clone, Debug)]
pub struct Link<M> {
    config: LinkConfig,
    random: SplitMix,
    travelling: BinaryHeap<Reverse<Travelling<M>>>,
    entries: u64,
    /// When the last bit of the last message leaves, with a limited rate.
    busy_until: Duration,
    /// Nothing arrives before the message ahead, on an ordered link.
    last_arrival: Duration,
    /// Nothing arrives before this.
    stalled_until: Duration,
    counters: LinkCounters,
}

impl<M: Clone> Link<M> {
    /// An idle link.
    pub fn new(config: LinkConfig, seed: u64) -> Self {
        Link {
            config,
            random: SplitMix(seed),
            travelling: BinaryHeap::new(),
            entries: 0,
            busy_until: Duration::ZERO,
            last_arrival: Duration::ZERO,
            stalled_until: Duration::ZERO,
            counters: LinkCounters::default(),
        }
    }

    /// Changes the settings for messages sent from now on.
    pub fn configure(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// The present settings.
    pub fn config(&self) -> LinkConfig {
        self.config
    }

    /// What happened so far.
    pub fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// Messages on the way.
    pub fn in_flight(&self) -> usize {
        self.travelling.len()
    }

    /// Nothing arrives before `until`: the receiver, or the path, has stalled.
    pub fn stall(&mut self, until: Duration) {
        self.stalled_until = self.stalled_until.max(until);
    }

    /// A message of `bytes` bytes enters at `now`.
    pub fn send(&mut self, now: Duration, message: M, bytes: usize) {
        self.counters.sent += 1;
        let left = self.serialise(now, bytes);
        let lost = self.chance(self.config.loss);
        if (lost && !self.config.ordered) || self.travelling.len() >= IN_FLIGHT_MAX {
            self.counters.lost += 1;
            return;
        }
        let mut delay = self.delay();
        if self.config.ordered {
            if lost {
                delay += self.config.latency * 2 + Duration::from_millis(20);
            }
            self.last_arrival = self.last_arrival.max(left + delay.min(DELAY_MAX));
            self.enter(self.last_arrival, message);
            return;
        }
        if self.chance(self.config.reordering) {
            delay += self.up_to((self.config.jitter * 3).max(Duration::from_millis(20)));
        }
        if self.chance(self.config.duplication) && self.travelling.len() + 1 < IN_FLIGHT_MAX {
            let again = self.delay() + self.up_to(Duration::from_millis(20));
            self.counters.duplicated += 1;
            self.enter(left + again.min(DELAY_MAX), message.clone());
        }
        self.enter(left + delay.min(DELAY_MAX), message);
    }

    /// The next message that has arrived by `now`, in order of arrival.
    pub fn receive(&mut self, now: Duration) -> Option<M> {
        let next = self.travelling.peek()?;
        if next.0.arrives > now || now < self.stalled_until {
            return None;
        }
        self.counters.delivered += 1;
        self.travelling
            .pop()
            .map(|Reverse(travelling)| travelling.message)
    }

    /// When the next message arrives, if any is on the way.
    pub fn next_arrival(&self) -> Option<Duration> {
        self.travelling
            .peek()
            .map(|next| next.0.arrives.max(self.stalled_until))
    }

    fn enter(&mut self, arrives: Duration, message: M) {
        self.entries += 1;
        self.travelling.push(Reverse(Travelling {
            arrives,
            entry: self.entries,
            message,
        }));
    }

    /// When the last bit of a message has left, at the link's rate.
    fn serialise(&mut self, now: Duration, bytes: usize) -> Duration {
        let start = now.max(self.busy_until);
        let rate = u64::from(self.config.bytes_per_second);
        let nanos = (bytes as u64)
            .saturating_mul(1_000_000_000)
            .checked_div(rate);
        self.busy_until = start + Duration::from_nanos(nanos.unwrap_or(0)).min(DELAY_MAX);
        self.busy_until
    }

    fn delay(&mut self) -> Duration {
        let jitter = self.up_to(self.config.jitter);
        self.config.latency + jitter
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random.below(nanos.saturating_add(1).max(1)))
    }

    fn chance(&mut self, per_mille: u16) -> bool {
        self.random.below(1000) < u64::from(per_mille)
    }
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"): small, and
/// good enough for weather.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix(pub u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; the bias of the multiplication is far below what loss rates need.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn run(config: LinkConfig, seed: u64, count: u32) -> (Vec<(Duration, u32)>, LinkCounters) {
        let mut link = Link::new(config, seed);
        let mut got = Vec::new();
        for n in 0..count {
            link.send(MS * 50 * n, n, 100);
        }
        while let Some(at) = link.next_arrival() {
            got.extend(link.receive(at).map(|n| (at, n)));
        }
        (got, link.counters())
    }

    #[test]
    fn the_same_seed_gives_the_same_weather() {
        let config = LinkConfig {
            latency: 75 * MS,
            jitter: 30 * MS,
            loss: 30,
            duplication: 20,
            reordering: 50,
            ..LinkConfig::default()
        };
        assert_eq!(run(config, 7, 500), run(config, 7, 500));
        assert_ne!(run(config, 7, 500), run(config, 8, 500));
    }

    #[test]
    fn rates_are_about_what_was_asked_for() {
        let config = LinkConfig {
            loss: 100,
            duplication: 50,
            ..LinkConfig::default()
        };
        let (_, counters) = run(config, 1, 4000);
        assert!((320..480).contains(&counters.lost), "{counters:?}");
        assert!((120..240).contains(&counters.duplicated), "{counters:?}");
    }

    #[test]
    fn an_ordered_link_keeps_everything_in_order() {
        let config = LinkConfig {
            latency: 40 * MS,
            jitter: 90 * MS,
            loss: 100,
            ordered: true,
            ..LinkConfig::default()
        };
        let (got, counters) = run(config, 3, 1000);
        assert_eq!(counters.lost, 0);
        assert!(got.iter().map(|(_, n)| *n).eq(0..1000));
    }

    #[test]
    fn a_slow_link_queues() {
        let config = LinkConfig {
            bytes_per_second: 1000,
            ..LinkConfig::default()
        };
        let mut link = Link::new(config, 0);
        for n in 0..10 {
            link.send(Duration::ZERO, n, 100);
        }
        assert_eq!(link.next_arrival(), Some(100 * MS));
        let by_half = core::iter::from_fn(|| link.receive(500 * MS)).count();
        assert_eq!(by_half, 5);
    }

    #[test]
    fn a_stall_delivers_all_at_once_when_it_ends() {
        let mut link = Link::new(LinkConfig::default(), 0);
        link.stall(1000 * MS);
        (0..5).for_each(|n| link.send(MS * n, n, 10));
        assert_eq!(link.receive(999 * MS), None);
        assert_eq!(core::iter::from_fn(|| link.receive(1000 * MS)).count(), 5);
    }

    proptest! {
        #[test]
        fn messages_are_conserved(
            seed: u64, latency in 0u32..200, jitter in 0u32..100,
            loss in 0u16..1000, duplication in 0u16..1000, reordering in 0u16..1000, ordered: bool,
        ) {
            let config = LinkConfig {
                latency: MS * latency, jitter: MS * jitter, loss, duplication, reordering,
                bytes_per_second: 0, ordered,
            };
            let (got, counters) = run(config, seed, 200);
            prop_assert_eq!(counters.sent, 200);
            prop_assert_eq!(counters.delivered, got.len() as u64);
            prop_assert_eq!(counters.sent + counters.duplicated, counters.delivered + counters.lost);
            prop_assert!(got.iter().all(|(at, n)| *at >= MS * (50 * n + latency)));
        }
    }
}
