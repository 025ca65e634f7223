//! Which tick an input is for: the player's own clock, a little ahead of the server's.
//!
//! The server reports how early inputs arrive: the time until the step of their tick is due, in quarter ticks rounded down.
//! This clock runs up to 2 % faster or slower so that they arrive 25 ms early (but no more than a tick and a half), and
//! twice the jitter; 16 ticks at most. It is set only when it is more than 250 ms off or all come late. After a pause it
//! does not make up for it: more than 8 steps at once are not played. Promises: every tick is given once, in order, but for
//! jumps. The twin of `client/web/js/game/pace.js`.

use std::time::Duration;

use ringside_netcode::Tick;

use super::ms;

const SLEW: f64 = 0.02;
const SNAP_MS: f64 = 250.0;
/// How early inputs should arrive on a steady link: what a page's frames and timers are off by; and no more ticks than that,
/// for whoever steps so often sends often.
const EARLY_MS: f64 = 25.0;
const EARLY_TICKS: f64 = 1.5;
/// However unsteady the link, inputs shall not arrive earlier, in ticks: half of what the server can report. Beyond that
/// nobody would know by how much they are too early, and what is beyond the server's horizon is not kept at all.
const EARLY_MAX: f64 = 16.0;
/// Steps at once, at most: what a slow frame leaves.
const STEPS_MAX: u32 = 8;
/// What the server reports is of before for so long, beside the round trip: after the start,
const SETTLE: Duration = Duration::from_millis(700);
/// and after a jump at least for so many ticks, of which it has forgotten all but a twentieth then.
const SETTLE_TICKS: f64 = 24.0;
/// Full slew at so much of error: it is made up for in seconds, at any rate of steps.
const GAIN_MS: f64 = 65.0;

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
        let steady = EARLY_TICKS.min(EARLY_MS / self.tick_ms);
        (steady + 2.0 * ms(jitter) / self.tick_ms).min(EARLY_MAX)
    }

    /// A snapshot of `tick` arrived at `now`. `depth`: the server's report, in quarter ticks rounded down.
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
        // The middle of the quarter.
        let depth = (f64::from(depth) + 0.5) / 4.0;
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
            let forgets = Duration::from_secs_f64(SETTLE_TICKS * self.tick_ms / 1000.0);
            self.settled = now + round_trip + SETTLE.max(forgets);
        } else {
            self.rate = 1.0 + SLEW * (error * self.tick_ms / GAIN_MS).clamp(-1.0, 1.0);
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

    /// How early inputs arrive at the server, in ticks, as it said last: within an eighth.
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
#[path = "pace_tests.rs"]
mod tests;
