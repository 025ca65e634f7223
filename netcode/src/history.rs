//! The recent past, for judging what a player did by what the player saw.
//!
//! A player aims at a picture that is old: by half a round trip and by the interpolation delay.
//! [`History`] keeps what matters for hits (positions, radii) of the last ticks and gives them as
//! they were at any moment between. [`RewindPolicy`] decides which moment to believe: a stamp that
//! disagrees with the server's own estimate is replaced by it, and nobody is judged by a past
//! beyond the limit.
//!
//! It does not test for hits, and does not know walls: those are judged as they are now.

use crate::Tick;
use crate::input::ViewTick;
use crate::nanos::nanos;
use crate::snapshot::EntityId;
use core::time::Duration;
use std::collections::VecDeque;

/// What is kept of an entity.
pub trait Pose: Clone {
    /// This pose moved `part / whole` of the way to a later one, or `None` when there is no way
    /// between them, as after a teleport.
    fn toward(&self, later: &Self, part: u32, whole: u32) -> Option<Self>;
}

/// A coordinate `part / whole` of the way from `a` to `b`, rounded down.
pub fn between(a: i32, b: i32, part: u32, whole: u32) -> i32 {
    let way = i64::from(b) - i64::from(a);
    let gone = (way * i64::from(part)).div_euclid(i64::from(whole.max(1)));
    (i64::from(a) + gone) as i32
}

/// An angle on a circle of `2^bits` steps, `part / whole` of the shorter way from `a` to `b`.
pub fn between_angles(a: u32, b: u32, bits: u32, part: u32, whole: u32) -> u32 {
    let turn = crate::schema::sign_extend(b.wrapping_sub(a), bits);
    let gone = between(0, turn, part, whole);
    a.wrapping_add_signed(gone) & (u32::MAX >> (32 - bits))
}

#[derive(Clone, Debug)]
struct Moment<P> {
    tick: Tick,
    /// By index of the entity.
    poses: Vec<Option<(u16, P)>>,
}

/// Poses of the last ticks.
#[derive(Clone, Debug)]
pub struct History<P> {
    moments: VecDeque<Moment<P>>,
    capacity: usize,
}

impl<P: Pose> History<P> {
    /// Room for `ticks` ticks, 2 to 256. 32 ticks at 60 Hz are half a second: twice as much as
    /// the usual limit on rewinding. Memory: ticks times entities times the size of a pose.
    pub fn new(ticks: usize) -> Self {
        let capacity = ticks.clamp(2, 256);
        History {
            moments: VecDeque::with_capacity(capacity),
            capacity,
        }
    }

    /// Records the poses at `tick`, which must be newer than the last; otherwise history starts
    /// afresh.
    pub fn record(&mut self, tick: Tick, poses: impl IntoIterator<Item = (EntityId, P)>) {
        if self
            .moments
            .back()
            .is_some_and(|last| !tick.is_newer(last.tick))
        {
            self.moments.clear();
        }
        let full = self.moments.len() == self.capacity;
        let oldest = if full { self.moments.pop_front() } else { None };
        let mut moment = oldest.unwrap_or(Moment {
            tick,
            poses: Vec::new(),
        });
        moment.tick = tick;
        moment.poses.clear();
        for (id, pose) in poses {
            let place = usize::from(id.index());
            if place >= moment.poses.len() {
                moment.poses.resize(place + 1, None);
            }
            moment.poses[place] = Some((id.generation(), pose));
        }
        self.moments.push_back(moment);
    }

    /// The past as it was at `view`, cut to what is recorded. `now` is the present tick, which
    /// tells which lap of the view's counter is meant. `None` when nothing is recorded.
    pub fn rewind(&self, view: ViewTick, now: Tick) -> Option<Rewound<'_, P>> {
        // Sixteenths of a tick before `now`; negative is the future, which is cut to the newest.
        let behind = i32::from(view.behind(now));
        let age = |moment: &Moment<P>| now.since(moment.tick).saturating_mul(16);
        let next = self.moments.partition_point(|moment| age(moment) >= behind);
        let before = self.moments.get(next.saturating_sub(1))?;
        let after = self.moments.get(next).unwrap_or(before);
        let whole = age(before).saturating_sub(age(after)).unsigned_abs();
        let part = age(before).saturating_sub(behind).clamp(0, whole as i32) as u32;
        Some(Rewound {
            before,
            after,
            part,
            whole,
        })
    }
}

/// A moment of the past.
#[derive(Clone, Copy, Debug)]
pub struct Rewound<'h, P> {
    before: &'h Moment<P>,
    after: &'h Moment<P>,
    part: u32,
    whole: u32,
}

impl<P: Pose> Rewound<'_, P> {
    /// The pose of an entity at that moment, if it was there. What appeared or vanished between
    /// two ticks is there at the nearer one, and so is what jumped.
    pub fn pose(&self, id: EntityId) -> Option<P> {
        let at = |moment: &Moment<P>| {
            let (generation, pose) = moment.poses.get(usize::from(id.index()))?.clone()?;
            (generation == id.generation()).then_some(pose)
        };
        let (before, after) = (at(self.before), at(self.after));
        if self.part == 0 {
            return before;
        }
        if self.part == self.whole {
            return after;
        }
        let way = before.as_ref().zip(after.as_ref());
        let between = way.and_then(|(a, b)| a.toward(b, self.part, self.whole));
        between.or(if self.part * 2 < self.whole {
            before
        } else {
            after
        })
    }
}

/// How far into the past a player may reach, and how well a stamp must agree with the estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewindPolicy {
    /// Simulation steps per second, at least 1.
    pub hz: u32,
    /// The furthest past anyone is judged by. 250 ms: beyond it those who are shot behind their
    /// cover suffer more than those who lag.
    pub max: Duration,
    /// How far a stamp may be from the server's own estimate.
    pub tolerance: Duration,
}

/// What became of a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It agrees with the estimate.
    Accepted,
    /// It does not; the estimate is used instead.
    Replaced,
}

impl RewindPolicy {
    /// The usual policy at a rate: at most 250 ms back, stamps within 50 ms of the estimate.
    pub fn at(hz: u32) -> Self {
        RewindPolicy {
            hz,
            max: Duration::from_millis(250),
            tolerance: Duration::from_millis(50),
        }
    }

    /// The moment to judge by. `expected` is how old the server takes the player's picture to be:
    /// half a round trip and the interpolation delay.
    pub fn judge(&self, now: Tick, claimed: ViewTick, expected: Duration) -> (ViewTick, Verdict) {
        let expected = self.sixteenths(expected);
        self.bounds().judge(now, claimed, expected)
    }

    /// The policy as stamps have it, for who judges many of them.
    pub fn bounds(&self) -> RewindBounds {
        RewindBounds {
            max: self.sixteenths(self.max),
            tolerance: self.sixteenths(self.tolerance),
        }
    }

    /// A duration in sixteenths of a tick, cut to what a stamp can say.
    pub fn sixteenths(&self, time: Duration) -> i32 {
        // In 64 bits, for dividing 128 takes several times as long; what does not fit is cut anyway.
        let product = nanos(time).saturating_mul(16 * u64::from(self.hz));
        i32::try_from(product / 1_000_000_000)
            .unwrap_or(i32::MAX)
            .min(i32::from(i16::MAX))
    }
}

/// A [`RewindPolicy`] in sixteenths of a tick: see [`RewindPolicy::bounds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewindBounds {
    /// The furthest past anyone is judged by; at least 0.
    pub max: i32,
    /// How far a stamp may be from the server's own estimate.
    pub tolerance: i32,
}

impl RewindBounds {
    /// The moment to judge by: [`RewindPolicy::judge`], with `expected` in sixteenths of a tick.
    pub fn judge(&self, now: Tick, claimed: ViewTick, expected: i32) -> (ViewTick, Verdict) {
        let behind = i32::from(claimed.behind(now));
        let off = i64::from(behind.abs_diff(expected));
        let (believed, verdict) = match off <= i64::from(self.tolerance) {
            true => (behind, Verdict::Accepted),
            false => (expected, Verdict::Replaced),
        };
        let cut = believed.min(self.max).max(0);
        let view = ViewTick((now.wire() << 4).wrapping_sub(cut as u16));
        (view, verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct At(i32);

    impl Pose for At {
        fn toward(&self, later: &Self, part: u32, whole: u32) -> Option<Self> {
            let near = self.0.abs_diff(later.0) < 1000;
            near.then(|| At(between(self.0, later.0, part, whole)))
        }
    }

    const ID: EntityId = EntityId::new(3, 1);

    /// x = 160 a tick, from tick `first` on.
    fn history(first: Tick, ticks: u32) -> History<At> {
        let mut history = History::new(32);
        for n in 0..ticks {
            history.record(first + n, [(ID, At(160 * n as i32))]);
        }
        history
    }

    #[test]
    fn moments_between_ticks_are_interpolated() {
        let first = Tick::new(u32::MAX - 10);
        let history = history(first, 20);
        let now = first + 19;
        for sixteenths in 0..=19 * 16u16 {
            let view = ViewTick((now.wire() << 4).wrapping_sub(sixteenths));
            let pose = history.rewind(view, now).unwrap().pose(ID);
            assert_eq!(pose, Some(At(160 * 19 - 10 * i32::from(sixteenths))));
        }
    }

    #[test]
    fn the_past_and_the_future_are_cut_to_what_is_recorded() {
        let history = history(Tick::ZERO, 100);
        let now = Tick::new(99);
        let far = ViewTick::new(now - 90, 0);
        assert_eq!(
            history.rewind(far, now).unwrap().pose(ID),
            Some(At(160 * 68))
        );
        let future = ViewTick::new(now + 5, 0);
        assert_eq!(
            history.rewind(future, now).unwrap().pose(ID),
            Some(At(160 * 99))
        );
        assert!(History::<At>::new(8).rewind(far, now).is_none());
    }

    #[test]
    fn a_teleport_is_not_a_way() {
        let mut history = History::new(4);
        history.record(Tick::new(1), [(ID, At(0))]);
        history.record(Tick::new(2), [(ID, At(50_000))]);
        let at = |s| {
            history
                .rewind(ViewTick::new(Tick::new(1), s), Tick::new(2))
                .unwrap()
                .pose(ID)
        };
        assert_eq!((at(7), at(9)), (Some(At(0)), Some(At(50_000))));
    }

    #[test]
    fn another_generation_was_not_there() {
        let mut history = History::new(4);
        history.record(Tick::new(1), [(EntityId::new(3, 0), At(0))]);
        history.record(Tick::new(2), [(ID, At(5))]);
        let at = |s| {
            history
                .rewind(ViewTick::new(Tick::new(1), s), Tick::new(2))
                .unwrap()
                .pose(ID)
        };
        assert_eq!((at(3), at(12)), (None, Some(At(5))));
    }

    proptest! {
        #[test]
        fn no_stamp_reaches_beyond_the_limit(now: u32, claimed: u16, expected_ms in 0u64..600) {
            let policy = RewindPolicy::at(60);
            let expected = Duration::from_millis(expected_ms);
            let now = Tick::new(now);
            let (view, verdict) = policy.judge(now, ViewTick(claimed), expected);
            let behind = view.behind(now);
            prop_assert!((0..=240).contains(&behind), "{}", behind);
            let believed = policy.sixteenths(expected).min(240);
            prop_assert!(i32::from(behind).abs_diff(believed) <= 48);
            if verdict == Verdict::Accepted {
                let honest = i32::from(ViewTick(claimed).behind(now)).clamp(0, 240);
                prop_assert_eq!(i32::from(behind), honest);
            }
        }

        #[test]
        fn angles_take_the_shorter_way(a in 0u32..256, b in 0u32..256, part in 0u32..=16) {
            let mid = between_angles(a, b, 8, part, 16);
            let way = |x: u32, y: u32| (y.wrapping_sub(x) as u8 as i8).unsigned_abs();
            prop_assert!(mid < 256);
            prop_assert!(u32::from(way(a, mid)) + u32::from(way(mid, b)) <= u32::from(way(a, b)).max(1));
        }
    }
}
