//! Which tick an input is for: the player's own clock, a little ahead of the server's.
//!
//! The server reports how early inputs arrive, in quarter ticks. This clock runs up to 2 % faster or slower so that they
//! arrive one tick and twice the jitter early, 16 ticks at most, and is set only when it is more than 250 ms off or all
//! come late. After a pause it does not make up for it: more than 8 steps at once are not played. Promises: every tick is
//! given once, in order, but for jumps.

use std::time::Duration;

use ringside_netcode::Tick;

use super::ms;

const SLEW: f64 = 0.02;
const SNAP_MS: f64 = 250.0;
/// However unsteady the link, inputs shall not arrive earlier, in ticks: half of what the server can report. Beyond that
/// nobody would know by how much they are too early, and what is beyond the server's horizon is not kept at all.
const EARLY_MAX: f64 = 16.0;
/// Steps at once, at most: what a slow frame leaves.
const STEPS_MAX: u32 = 8;
/// After a jump the server's report is of before, for so long, beside the round trip.
const SETTLE: Duration = Duration::from_millis(700);
/// Full slew at so many ticks of error.
const GAIN_TICKS: f64 = 4.0;

/// A player's clock.
#[derive(Clone, Debug)]
pub struct Pace {
    tick_ms: f64,
    /// The tick that comes next, a fraction before it is due.
    at: Option<f64>,
    last: Duration,
    rate: f64,
    settled: Duration,
    depth: Option<f64>,
    jumps: u64,
}

impl Pace {
    /// For a game of so many steps a second.
    pub fn new(hz: u32) -> Self {
        Self {
            tick_ms: 1000.0 / f64::from(hz.max(1)),
            at: None,
            last: Duration::ZERO,
            rate: 1.0,
            settled: Duration::ZERO,
            depth: None,
            jumps: 0,
        }
    }

    /// How early inputs should arrive, in ticks, with this deviation of the round trip.
    pub fn wanted(&self, jitter: Duration) -> f64 {
        (1.0 + 2.0 * ms(jitter) / self.tick_ms).min(EARLY_MAX)
    }

    /// A snapshot of `tick` arrived at `now`. `depth`: the server's report, in quarter ticks.
    pub fn heard(
        &mut self,
        tick: Tick,
        now: Duration,
        depth: Option<i8>,
        round_trip: Duration,
        jitter: Duration,
    ) {
        let wanted = self.wanted(jitter);
        if self.at.is_none() {
            let ahead = ms(round_trip) / self.tick_ms + wanted;
            self.at = Some(f64::from(tick.get()) + ahead);
            self.last = now;
            self.rate = 1.0;
            self.settled = now + round_trip + SETTLE;
            return;
        }
        let Some(depth) = depth else { return };
        let depth = f64::from(depth) / 4.0;
        self.depth = Some(depth);
        if now < self.settled {
            return;
        }
        let error = wanted - depth;
        // Inputs that come late are lost, every one: 2 % would take seconds to make up for it.
        if depth < 0.0 || error.abs() * self.tick_ms > SNAP_MS {
            self.jumps += 1;
            self.at = self.at.map(|at| at + error);
            self.rate = 1.0;
            self.settled = now + round_trip + SETTLE;
        } else {
            self.rate = 1.0 + SLEW * (error / GAIN_TICKS).clamp(-1.0, 1.0);
        }
    }

    /// Moves to `now`; gives the ticks that have become due, each the target of an input.
    pub fn due(&mut self, now: Duration) -> impl Iterator<Item = Tick> + use<> {
        let (mut first, mut last) = (1, 0);
        if let Some(at) = &mut self.at {
            let before = at.floor() as u32;
            *at += ms(now.saturating_sub(self.last)) / self.tick_ms * self.rate;
            self.last = self.last.max(now);
            last = at.floor() as u32;
            first = before.wrapping_add(1);
            if last.saturating_sub(before) > STEPS_MAX {
                // Where it is now it would have been anyway; what lies between is not played.
                self.jumps += 1;
                first = last;
            }
        }
        (first..=last).map(Tick::new)
    }

    /// The tick that comes next, with the fraction by which it is due; none before the first snapshot.
    pub fn tick(&self) -> Option<f64> {
        self.at
    }

    /// How early inputs arrive at the server, in ticks, as it said last.
    pub fn depth(&self) -> Option<f64> {
        self.depth
    }

    /// Ticks that were jumped over or given up, by how many jumps.
    pub fn jumps(&self) -> u64 {
        self.jumps
    }

    /// Starts over, with the next snapshot.
    pub fn clear(&mut self) {
        (self.at, self.depth) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const RTT: Duration = Duration::from_millis(100);

    /// A player at a server whose clock began `off` ticks before what the player is told first, over a link that is so
    /// unsteady; returns how early inputs arrive in the end, in ticks, and the ticks that were given.
    fn settles(off: f64, jitter: Duration, seconds: u32) -> (f64, Vec<u32>, Pace) {
        let mut pace = Pace::new(60);
        let mut given = Vec::new();
        let mut lead = 0.0;
        for n in 0..seconds * 60 {
            let now = n * Duration::from_secs(1) / 60;
            let server = f64::from(n) + 1000.0;
            if n.is_multiple_of(3) {
                let report = ((lead + off) * 4.0).clamp(-128.0, 127.0) as i8;
                let depth = (n > 0).then_some(report);
                pace.heard(Tick::new(server as u32), now, depth, RTT, jitter);
            }
            for tick in pace.due(now) {
                given.push(tick.get());
                // It arrives half a round trip later.
                let arrival = server + ms(RTT) / 2.0 / (1000.0 / 60.0);
                lead += (f64::from(tick.get()) - arrival - lead) / 8.0;
            }
        }
        (lead + off, given, pace)
    }

    #[test]
    fn inputs_come_to_arrive_just_early_enough() {
        for off in [0.0, 3.0, -3.0, -40.0, 60.0] {
            let (lead, given, pace) = settles(off, 4 * MS, 30);
            let wanted = pace.wanted(4 * MS);
            assert!(
                (lead - wanted).abs() < 1.0,
                "{off}: {lead}, wanted {wanted}"
            );
            assert!(
                given.windows(2).filter(|two| two[1] != two[0] + 1).count() as u64 <= pace.jumps()
            );
            // Only what is far off is jumped to.
            assert_eq!(
                pace.jumps() > 0,
                off.abs() > 20.0,
                "{off}: {}",
                pace.jumps()
            );
        }
    }

    #[test]
    fn on_the_most_unsteady_link_the_lead_stays_within_what_the_server_can_report() {
        for jitter in [260, 390, 1_036, 60_000] {
            let (lead, _, pace) = settles(0.0, jitter * MS, 60);
            assert!((lead - EARLY_MAX).abs() < 1.0, "{jitter} ms: {lead}");
            assert!(pace.jumps() <= 2, "{jitter} ms: {}", pace.jumps());
        }
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let mut pace = Pace::new(60);
        assert_eq!(pace.due(MS).count(), 0);
        pace.heard(Tick::new(10), Duration::ZERO, None, RTT, MS);
        assert_eq!(pace.due(50 * MS).count(), 3);
        let after: Vec<_> = pace.due(Duration::from_secs(5)).collect();
        assert_eq!((after.len(), pace.jumps()), (1, 1));
        assert_eq!(pace.due(Duration::from_secs(4)).count(), 0);
        pace.clear();
        assert_eq!(
            (pace.tick(), pace.due(Duration::from_secs(6)).count()),
            (None, 0)
        );
    }
}
