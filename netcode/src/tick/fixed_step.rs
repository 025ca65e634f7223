//! The schedule of a simulation that runs at a fixed rate.
//!
//! Deadlines are absolute: tick `n` is due at `start + n / hz`, computed from `n` each time, so
//! rounding never accumulates and a late tick does not make the next one late. What happens when
//! the machine cannot keep up is the caller's choice, [`Overload`].
//!
//! How to drive it: [`FixedStep::poll`] answers `Run` or `WaitUntil`; after a `Run`, simulate one
//! step and call [`FixedStep::finish`]; then poll again. The clock is an argument, and so the
//! whole schedule can run on simulated time.

use super::{Histogram, Tick};
use core::num::NonZeroU32;
use core::time::Duration;

/// One second, as the unit of the schedule's arithmetic.
const SECOND_NANOS: u128 = 1_000_000_000;
/// The stretch of a period that is not stretched: periods are scaled in steps of 1/1024.
const STRETCH_ONE: u32 = 1024;
/// A step may take this much of a dilated period (in 1/1024): the rest is for everything else
/// the thread does.
const DILATE_LOAD: u64 = 922;

/// What to do when steps become due faster than they can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overload {
    /// Run overdue steps back to back, at most `max` behind the clock. What is further behind is
    /// dropped: tick numbers stay consecutive and the game falls behind wall time.
    CatchUp {
        /// Most steps to be behind before time is dropped.
        max: u32,
    },
    /// Run only the newest due step. Tick numbers jump and stay true to wall time; the step says
    /// how many were skipped.
    Skip,
    /// Slow the game down: stretch the period so that steps fit, down to `min_percent` of the
    /// nominal rate, and return to it when load falls. Overdue steps are dropped.
    Dilate {
        /// Lowest rate, in percent of nominal: 1 to 100.
        min_percent: u8,
    },
}

/// How a simulation is paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepConfig {
    /// Steps per second, 1 to 1,000.
    pub hz: u32,
    /// A snapshot is due at the edge of every step whose tick is a multiple of this; at least 1.
    pub snapshot_every: u32,
    /// What to do when overloaded.
    pub overload: Overload,
}

impl Default for StepConfig {
    /// 60 steps and 20 snapshots a second, catching up at most four steps: 67 ms, about as much
    /// as a client's interpolation delay hides.
    fn default() -> Self {
        StepConfig {
            hz: 60,
            snapshot_every: 3,
            overload: Overload::CatchUp { max: 4 },
        }
    }
}

/// Why a [`StepConfig`] was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepConfigError {
    /// `hz` is not in 1..=1000.
    Rate(u32),
    /// `snapshot_every` is zero.
    SnapshotEvery,
    /// `min_percent` is not in 1..=100.
    MinPercent(u8),
}

impl core::fmt::Display for StepConfigError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Rate(hz) => write!(f, "{hz} steps a second is not in 1..=1000"),
            Self::SnapshotEvery => f.write_str("snapshot_every must be at least 1"),
            Self::MinPercent(p) => write!(f, "a minimum rate of {p} % is not in 1..=100"),
        }
    }
}

impl core::error::Error for StepConfigError {}

/// One step to run now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The tick to simulate.
    pub tick: Tick,
    /// Ticks jumped over since the last step; zero unless the policy is [`Overload::Skip`].
    pub skipped: u32,
    /// Whether a snapshot is to be taken at the end of this step.
    pub snapshot: bool,
    /// How long after its deadline the step begins.
    pub late: Duration,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Simulate this step, then call [`FixedStep::finish`].
    Run(Step),
    /// Nothing is due before this time.
    WaitUntil(Duration),
}

/// What the schedule has seen so far.
#[derive(Clone, Debug, Default)]
pub struct StepStats {
    /// Steps run.
    pub steps: u64,
    /// Steps that began more than one period late.
    pub late: u64,
    /// Steps given up: game time that fell behind wall time (`CatchUp`, `Dilate`).
    pub dropped: u64,
    /// Ticks jumped over (`Skip`).
    pub skipped: u64,
    /// How long steps took, from `poll` to `finish`.
    pub cost: Histogram,
    /// How long after their deadlines steps began.
    pub lateness: Histogram,
}

/// A fixed-rate schedule. See the module's page for the order of calls.
#[derive(Clone, Debug)]
pub struct FixedStep {
    hz: NonZeroU32,
    snapshot_every: NonZeroU32,
    overload: Overload,
    /// The next step is due at `anchor + count` periods.
    anchor: Duration,
    count: u64,
    /// Length of a period against nominal, in 1/1024.
    stretch: u32,
    next: Tick,
    started: Option<Duration>,
    /// Smoothed cost of a step, for dilation.
    cost_nanos: u64,
    stats: StepStats,
}

impl FixedStep {
    /// A schedule whose first step, tick `first`, is due at `start`.
    pub fn new(config: StepConfig, first: Tick, start: Duration) -> Result<Self, StepConfigError> {
        if let Overload::Dilate { min_percent: p } = config.overload
            && !(1..=100).contains(&p)
        {
            return Err(StepConfigError::MinPercent(p));
        }
        let hz = NonZeroU32::new(config.hz).filter(|hz| hz.get() <= 1000);
        Ok(FixedStep {
            hz: hz.ok_or(StepConfigError::Rate(config.hz))?,
            snapshot_every: NonZeroU32::new(config.snapshot_every)
                .ok_or(StepConfigError::SnapshotEvery)?,
            overload: config.overload,
            anchor: start,
            count: 0,
            stretch: STRETCH_ONE,
            next: first,
            started: None,
            cost_nanos: 0,
            stats: StepStats::default(),
        })
    }

    /// The nominal length of a step, which is what the simulation should integrate with even
    /// while the schedule is dilated.
    pub fn period(&self) -> Duration {
        Duration::from_secs(1) / self.hz.get()
    }

    /// The present rate against the nominal one, in percent: below 100 only while dilated.
    pub fn rate_percent(&self) -> u32 {
        STRETCH_ONE * 100 / self.stretch
    }

    /// The tick that runs next, unless some are skipped.
    pub fn next_tick(&self) -> Tick {
        self.next
    }

    /// When the next step is due.
    pub fn deadline(&self) -> Duration {
        self.anchor + self.periods(self.count)
    }

    /// What was seen so far.
    pub fn stats(&self) -> &StepStats {
        &self.stats
    }

    /// Starts the statistics over, for instance after each report.
    pub fn clear_stats(&mut self) {
        self.stats = StepStats::default();
    }

    /// Says what to do at `now`. A clock that goes backwards only delays the next step.
    pub fn poll(&mut self, now: Duration) -> Act {
        let deadline = self.deadline();
        if now < deadline {
            return Act::WaitUntil(deadline);
        }
        let behind = self.whole_periods(now - deadline);
        let mut skipped = 0;
        match self.overload {
            Overload::CatchUp { max } => {
                let kept = behind.min(u64::from(max));
                self.drop_periods(behind - kept);
            }
            Overload::Dilate { .. } => self.drop_periods(behind),
            Overload::Skip => {
                // A tick number is 32 bits; a jump beyond that is as good as any other.
                skipped = u32::try_from(behind).unwrap_or(u32::MAX);
                self.count += u64::from(skipped);
                self.next += skipped;
                self.stats.skipped += u64::from(skipped);
            }
        }
        let late = now.saturating_sub(self.deadline());
        self.stats.steps += 1;
        self.stats.late += u64::from(behind > 0);
        self.stats.lateness.record(now - deadline);
        let step = Step {
            tick: self.next,
            skipped,
            snapshot: self.next.get().is_multiple_of(self.snapshot_every.get()),
            late,
        };
        self.started = Some(now);
        self.next = self.next.next();
        self.count += 1;
        Act::Run(step)
    }

    /// Tells that the step from the last `poll` is done.
    pub fn finish(&mut self, now: Duration) {
        let Some(started) = self.started.take() else {
            return;
        };
        let cost = now.saturating_sub(started);
        self.stats.cost.record(cost);
        if let Overload::Dilate { min_percent } = self.overload {
            self.dilate(cost, min_percent);
        }
    }

    /// Fits the period to what steps cost: at once when they cost more, slowly when they cost
    /// less, so that one cheap step does not bring the overload back.
    fn dilate(&mut self, cost: Duration, min_percent: u8) {
        let cost = u64::try_from(cost.as_nanos())
            .unwrap_or(u64::MAX)
            .min(1 << 40);
        self.cost_nanos = (self.cost_nanos * 7 + cost) / 8;
        let nominal = (SECOND_NANOS / u128::from(self.hz.get())) as u64;
        let wanted = self.cost_nanos * u64::from(STRETCH_ONE) / nominal * 1024 / DILATE_LOAD;
        let longest = STRETCH_ONE * 100 / u32::from(min_percent);
        let wanted = (wanted as u32).clamp(STRETCH_ONE, longest);
        let eased = self.stretch - (self.stretch - STRETCH_ONE).div_ceil(16);
        let stretch = wanted.max(eased);
        if stretch != self.stretch {
            // The tick now running keeps its deadline; the new period counts from there.
            self.anchor += self.periods(self.count - 1);
            self.count = 1;
            self.stretch = stretch;
        }
    }

    /// The length of `count` periods.
    fn periods(&self, count: u64) -> Duration {
        let scaled = u128::from(count) * SECOND_NANOS * u128::from(self.stretch);
        let nanos = scaled / (u128::from(self.hz.get()) * u128::from(STRETCH_ONE));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many whole periods fit into `time`.
    fn whole_periods(&self, time: Duration) -> u64 {
        let scaled = time.as_nanos() * u128::from(self.hz.get()) * u128::from(STRETCH_ONE);
        u64::try_from(scaled / (SECOND_NANOS * u128::from(self.stretch))).unwrap_or(u64::MAX)
    }

    /// Moves every deadline from now on by whole periods: the phase stays.
    fn drop_periods(&mut self, count: u64) {
        self.anchor += self.periods(count);
        self.stats.dropped += count;
    }
}

#[cfg(test)]
mod tests;
