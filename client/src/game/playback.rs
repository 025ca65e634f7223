//! Smooth motion out of snapshots: a playback clock a little behind the server, and values between two snapshots.
//!
//! The delay adapts: a snapshot should be there before playback has used up the one before it, for 95 of 100. Playback
//! is slewed by at most 5 % towards where it should be and set only when it is more than 250 ms off. Past the newest
//! snapshot things go on for a moment, and then hold still. Promises: what is kept is bounded; each entity is shown by
//! the ticks at which its own cell was refreshed; who has gone is not shown once playback is there.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use ringside_netcode::Tick;

use super::ms;

/// States kept of an entity: 1.6 s at 20 a second, more than any delay that is playable.
const KEPT: usize = 32;
/// Arrivals that decide where the server's clock stands and how late packets come: 3 s at 20 a second.
const ARRIVALS: usize = 60;
const SLEW: f64 = 0.05;
const SNAP_MS: f64 = 250.0;
/// What a frame at 60 Hz adds: a snapshot that comes just after a frame is drawn in the next.
const MARGIN_MS: f64 = 8.0;

/// Bounds of a [`Playback`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaybackConfig {
    /// Steps a second.
    pub hz: u32,
    /// The least delay.
    pub delay_min: Duration,
    /// The most.
    pub delay_max: Duration,
    /// How far beyond the newest snapshot things go on.
    pub extrapolate: Duration,
}

impl Default for PlaybackConfig {
    fn default() -> Self {
        Self {
            hz: 60,
            delay_min: Duration::from_millis(100),
            delay_max: Duration::from_millis(400),
            extrapolate: Duration::from_millis(100),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    /// Server's clock minus ours, less what the way took.
    lead: f64,
    /// How long the snapshot before had to last.
    gap: f64,
}

/// Where playback stands.
#[derive(Clone, Debug)]
pub struct Playback {
    config: PlaybackConfig,
    tick_ms: f64,
    delay_ms: f64,
    arrivals: VecDeque<Arrival>,
    lead: f64,
    newest: Option<Tick>,
    at: Option<f64>,
    sampled_at: Option<Duration>,
    underruns: u64,
}

impl Playback {
    /// Nothing to play yet.
    pub fn new(config: PlaybackConfig) -> Self {
        Self {
            tick_ms: 1000.0 / f64::from(config.hz.max(1)),
            delay_ms: ms(config.delay_min),
            config,
            arrivals: VecDeque::with_capacity(ARRIVALS),
            lead: 0.0,
            newest: None,
            at: None,
            sampled_at: None,
            underruns: 0,
        }
    }

    /// A snapshot of `tick` arrived at `now`. False: it is no newer than one before.
    pub fn push(&mut self, tick: Tick, now: Duration) -> bool {
        if self.newest.is_some_and(|newest| !tick.is_newer(newest)) {
            return false;
        }
        let (time, now) = (self.time(tick), ms(now));
        let arrival = Arrival {
            lead: time - now,
            gap: now
                - self
                    .newest
                    .map_or(f64::from(tick.get()), |newest| f64::from(newest.get()))
                    * self.tick_ms,
        };
        self.newest = Some(tick);
        if self.arrivals.len() == ARRIVALS {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(arrival);
        // The largest lead is the packet that waited least on its way.
        let leads = self.arrivals.iter().map(|arrival| arrival.lead);
        self.lead = leads.fold(f64::MIN, f64::max);
        let mut gaps: Vec<f64> = self.arrivals.iter().map(|arrival| arrival.gap).collect();
        gaps.sort_by(f64::total_cmp);
        let slow = gaps[(gaps.len() * 95).div_ceil(100) - 1];
        let needed = slow + self.lead + MARGIN_MS;
        self.delay_ms = needed.clamp(ms(self.config.delay_min), ms(self.config.delay_max));
        true
    }

    fn time(&self, tick: Tick) -> f64 {
        f64::from(tick.get()) * self.tick_ms
    }

    /// Behind the server's clock as it is heard here.
    pub fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.delay_ms / 1000.0)
    }

    /// Moments at which there was nothing newer to show.
    pub fn underruns(&self) -> u64 {
        self.underruns
    }

    /// Where playback stands, in ticks.
    pub fn tick(&self) -> Option<f64> {
        self.at.map(|at| at / self.tick_ms)
    }

    /// Moves playback to `now`; returns its tick, if there is anything to play.
    pub fn advance(&mut self, now: Duration) -> Option<f64> {
        let newest = self.newest?;
        let target = ms(now) + self.lead - self.delay_ms;
        let passed = ms(now.saturating_sub(self.sampled_at.unwrap_or(now)));
        self.sampled_at = Some(now);
        let mut at = match self.at {
            Some(at) if (target - at - passed).abs() <= SNAP_MS => {
                let most = SLEW * passed;
                at + passed + (target - at - passed).clamp(-most, most)
            }
            _ => target,
        };
        let last = self.time(newest);
        self.underruns += u64::from(at > last);
        at = at.min(last + ms(self.config.extrapolate));
        self.at = Some(at);
        self.tick()
    }

    /// Starts over, with the next snapshot.
    pub fn clear(&mut self) {
        *self = Self::new(self.config);
    }
}

struct Shown<T> {
    states: VecDeque<(Tick, T)>,
    seen: Tick,
    gone: Option<Tick>,
}

/// The entities of one layer, by playback.
pub struct Timeline<T> {
    entities: HashMap<u16, Shown<T>>,
}

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self {
            entities: HashMap::new(),
        }
    }
}

impl<T: Clone> Timeline<T> {
    /// What a decoder shows after a frame of `tick`: index, the tick it was so at, and the value of each.
    pub fn push(
        &mut self,
        tick: Tick,
        entities: impl IntoIterator<Item = (u16, Tick, T)>,
        playback: &Playback,
    ) {
        for (index, at, value) in entities {
            let fresh = || Shown {
                states: VecDeque::new(),
                seen: tick,
                gone: None,
            };
            let shown = self.entities.entry(index).or_insert_with(fresh);
            // Back after it had gone: another one, or seen again; there is no way from there to here.
            if shown.gone.is_some() {
                *shown = fresh();
            }
            shown.seen = tick;
            if shown
                .states
                .back()
                .is_none_or(|(last, _)| at.is_newer(*last))
            {
                if shown.states.len() == KEPT {
                    shown.states.pop_front();
                }
                shown.states.push_back((at, value));
            }
        }
        let shows = playback.tick();
        self.entities.retain(|_, shown| {
            if shown.seen != tick {
                shown.gone.get_or_insert(tick);
            }
            let over = |gone: Tick| shows.is_some_and(|shows| f64::from(gone.get()) < shows);
            !shown.gone.is_some_and(over)
        });
    }

    /// Everybody who is there where playback stands, as `blend(from, to, part)` makes it of two states.
    pub fn sample(
        &self,
        playback: &Playback,
        blend: impl Fn(&T, &T, f64) -> T,
    ) -> impl Iterator<Item = (u16, T)> {
        let shows = playback.tick();
        self.entities.iter().filter_map(move |(index, shown)| {
            let shows = shows?;
            if shown
                .gone
                .is_some_and(|gone| f64::from(gone.get()) <= shows)
            {
                return None;
            }
            let at = |n: usize| f64::from(shown.states[n].0.get());
            let mut to = shown.states.len().checked_sub(1)?;
            while to > 0 && at(to - 1) >= shows {
                to -= 1;
            }
            // One that has just come is shown at once, where it came.
            if to == 0 {
                return Some((*index, shown.states[0].1.clone()));
            }
            let part = (shows - at(to - 1)) / (at(to) - at(to - 1));
            let (from, to) = (&shown.states[to - 1].1, &shown.states[to].1);
            Some((*index, blend(from, to, part.max(0.0))))
        })
    }

    /// The newest value of an entity.
    pub fn newest(&self, index: u16) -> Option<&T> {
        let shown = self
            .entities
            .get(&index)
            .filter(|shown| shown.gone.is_none())?;
        shown.states.back().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn lerp(a: &f64, b: &f64, part: f64) -> f64 {
        a + (b - a) * part
    }

    /// Ten seconds of one that moves a unit a tick, snapshots every three ticks, each `late(n)` ms late; the largest
    /// step of what is shown from one frame to the next, and the playback.
    fn largest_step(late: impl Fn(u64) -> u64) -> (f64, Playback) {
        let mut playback = Playback::new(PlaybackConfig::default());
        let mut timeline = Timeline::default();
        let (mut last, mut largest) = (None, 0.0f64);
        let mut coming: VecDeque<(Duration, u32)> = (0..200u64)
            .map(|n| ((50 * n + late(n)) as u32 * MS, 3 * n as u32))
            .collect();
        for frame in 0..600u32 {
            let now = frame * Duration::from_secs(1) / 60;
            while coming.front().is_some_and(|(at, _)| *at <= now) {
                let (_, n) = coming.pop_front().expect("looked");
                let tick = Tick::new(n);
                if playback.push(tick, now) {
                    timeline.push(tick, [(1, tick, f64::from(n))], &playback);
                }
            }
            playback.advance(now);
            let shown = timeline.sample(&playback, lerp).next().map(|(_, at)| at);
            // The first second settles.
            if let (Some(shown), Some(last), true) = (shown, last, frame > 60) {
                let step: f64 = shown - last;
                largest = largest.max(step.abs());
            }
            last = shown;
        }
        (largest, playback)
    }

    #[test]
    fn motion_is_even_whatever_the_network_does() {
        let (largest, playback) = largest_step(|_| 40);
        assert!(largest < 1.06, "{largest}");
        assert!(playback.delay() <= 110 * MS);
        let (largest, playback) = largest_step(|n| 40 + n * 7_919 % 60);
        assert!(largest < 1.06, "{largest}");
        assert!(
            playback.delay() > 100 * MS && playback.delay() < 250 * MS,
            "{:?}",
            playback.delay()
        );
    }

    #[test]
    fn who_has_gone_is_gone_when_playback_is_there_and_a_stop_is_a_stop() {
        let mut playback = Playback::new(PlaybackConfig::default());
        let mut timeline = Timeline::default();
        for n in 0..40u32 {
            let (tick, now) = (Tick::new(3 * n), n * 50 * MS);
            assert!(playback.push(tick, now) && !playback.push(tick, now));
            let both = [(1, tick, 1.0), (2, tick, 2.0)];
            let here = if n < 30 { 2 } else { 1 };
            timeline.push(tick, both.into_iter().take(here), &playback);
            playback.advance(now);
        }
        let shown: Vec<u16> = timeline
            .sample(&playback, lerp)
            .map(|(index, _)| index)
            .collect();
        assert_eq!(
            (shown, timeline.newest(1), timeline.newest(2)),
            (vec![1], Some(&1.0), None)
        );
        // Nothing comes any more: it goes on for a tenth of a second and stays.
        for n in 0..200u32 {
            playback.advance(39 * 50 * MS + n * 10 * MS);
        }
        let tick = playback.tick().expect("it plays");
        assert!((tick - f64::from(39 * 3 + 6)).abs() < 0.01, "{tick}");
        assert!(playback.underruns() > 100);
        playback.clear();
        assert_eq!(playback.advance(MS), None);
    }
}
