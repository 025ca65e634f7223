//! The server's ring of inputs, keyed by the tick each is meant for.
//!
//! Late inputs are dropped and counted: the tick they were for has been simulated. A missing
//! input is replaced by what [`Input::repeated`] keeps of the last one, for a bounded number of
//! ticks, and then by the default. An input for a tick beyond the horizon is refused, so that a
//! client cannot fill memory or reserve the future.
//!
//! How early inputs arrive, their lead, is the time from an input's arrival to the moment when the step of its tick is due,
//! measured within the tick ([`TickLeft`]) and smoothed over about eight inputs: what a client paces itself by.

use super::TickLeft;
use crate::Tick;

/// Leads count as no more than so many ticks, either way: what fits the report, which is a byte of quarter ticks.
const LEAD_MAX: i32 = 32;
/// The newest lead moves the smoothed one by this part of what it differs.
const SMOOTHING: i32 = 8;

/// What a player does in one tick.
pub trait Input: Clone + Default {
    /// What remains of this input when the next one is missing. Held movement stays; actions that
    /// happen once (fire, dash) must be cleared, or a lost packet fires twice.
    #[must_use]
    fn repeated(&self) -> Self;
}

/// Bounds of an [`InputBuffer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputPolicy {
    /// Ticks ahead of the next one for which inputs are kept: a power of two up to 256. 64 is one
    /// second at 60 Hz: more than any sane client leads by.
    pub horizon: u16,
    /// Ticks for which a missing input is repeated before it becomes the default. Six ticks are
    /// 100 ms at 60 Hz: longer, and a disconnected player visibly runs on.
    pub repeat_max: u16,
}

impl Default for InputPolicy {
    fn default() -> Self {
        InputPolicy {
            horizon: 64,
            repeat_max: 6,
        }
    }
}

/// Why an input was not kept. None of these is an error of the connection: all are weather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its tick has already been simulated.
    Late,
    /// Its tick is beyond the horizon.
    Early,
    /// There is already an input for that tick, or this one has been executed: a redundant copy.
    Duplicate,
}

/// Where the input of a tick came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The player sent it for this tick.
    Received,
    /// Nothing arrived; the last input was repeated.
    Repeated,
    /// Nothing arrived for longer than the policy repeats; the default is used.
    Missing,
}

/// The input of one tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken<I> {
    /// What to simulate.
    pub input: I,
    /// Where it came from.
    pub source: Source,
    /// Sequence of the newest input executed so far, this one included: what a snapshot reports
    /// to the player for reconciliation. `None` before the first.
    pub last_seq: Option<u16>,
}

/// What happened to the inputs of one player.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputCounters {
    /// Inputs kept.
    pub accepted: u64,
    /// Inputs that came after their tick.
    pub late: u64,
    /// Inputs for ticks beyond the horizon.
    pub early: u64,
    /// Redundant copies.
    pub duplicate: u64,
    /// Ticks simulated with a repeated input.
    pub repeated: u64,
    /// Ticks simulated with the default input.
    pub missing: u64,
    /// Inputs whose tick the simulation jumped over.
    pub skipped: u64,
}

#[derive(Clone, Debug)]
struct Slot<I> {
    tick: Tick,
    seq: u16,
    input: I,
}

/// One player's inputs, from arrival to simulation.
#[derive(Clone, Debug)]
pub struct InputBuffer<I> {
    policy: InputPolicy,
    /// Indexed by tick modulo the horizon; every slot's tick is in `next .. next + horizon`.
    ring: Box<[Option<Slot<I>>]>,
    next: Tick,
    last: Option<(u16, I)>,
    /// Ticks since the last received input.
    starved: u32,
    /// Smoothed lead of arriving inputs, in 64ths of a tick, times [`SMOOTHING`] so that nothing is lost to rounding; none
    /// before the first.
    lead: Option<i32>,
    counters: InputCounters,
}

impl<I: Input> InputBuffer<I> {
    /// A buffer whose first input is for tick `first`. The horizon is rounded up to a power of
    /// two, which keeps slots apart when tick numbers wrap, and is at most 256.
    pub fn new(policy: InputPolicy, first: Tick) -> Self {
        let horizon = policy.horizon.clamp(1, 256).next_power_of_two();
        InputBuffer {
            policy: InputPolicy { horizon, ..policy },
            ring: (0..horizon).map(|_| None).collect(),
            next: first,
            last: None,
            starved: 0,
            lead: None,
            counters: InputCounters::default(),
        }
    }

    /// Keeps an input for its tick, or says why not. `seq` is the client's own numbering, by
    /// which it recognises the input in snapshots; `left`: what was left of the tick when it arrived.
    pub fn push(
        &mut self,
        seq: u16,
        target: Tick,
        input: I,
        left: TickLeft,
    ) -> Result<(), Refused> {
        let lead = target.since(self.next);
        let fits = lead < i32::from(self.policy.horizon);
        if lead >= 0 && fits && self.slot(target).is_some() {
            self.counters.duplicate += 1;
            return Err(Refused::Duplicate);
        }
        if lead < 0 && !self.is_news(seq) {
            self.counters.duplicate += 1;
            return Err(Refused::Duplicate);
        }
        // Redundant copies, turned away above, tell nothing about timing.
        self.learn(lead, left);
        if lead < 0 {
            self.counters.late += 1;
            return Err(Refused::Late);
        }
        if !fits {
            self.counters.early += 1;
            return Err(Refused::Early);
        }
        *self.slot(target) = Some(Slot {
            tick: target,
            seq,
            input,
        });
        self.counters.accepted += 1;
        Ok(())
    }

    /// The input to simulate `tick` with. Ticks are taken in order; inputs of ticks that were
    /// jumped over are dropped. A tick taken twice counts as missing.
    pub fn take(&mut self, tick: Tick) -> Taken<I> {
        let jumped = tick
            .since(self.next)
            .clamp(0, i32::from(self.policy.horizon));
        for n in 0..jumped as u32 {
            let skipped = self.next + n;
            self.counters.skipped += u64::from(self.slot(skipped).take().is_some());
        }
        let found = self.slot(tick).take_if(|slot| slot.tick == tick);
        if !self.next.is_newer(tick) {
            self.next = tick.next();
        }
        let (input, source) = match (found, &self.last) {
            (Some(slot), _) => {
                self.starved = 0;
                self.last = Some((slot.seq, slot.input.clone()));
                (slot.input, Source::Received)
            }
            (None, Some((_, last))) if self.starved < u32::from(self.policy.repeat_max) => {
                self.starved += 1;
                self.counters.repeated += 1;
                (last.repeated(), Source::Repeated)
            }
            (None, _) => {
                self.counters.missing += 1;
                (I::default(), Source::Missing)
            }
        };
        Taken {
            input,
            source,
            last_seq: self.last_seq(),
        }
    }

    /// Sequence of the newest input executed, for the snapshot header.
    pub fn last_seq(&self) -> Option<u16> {
        self.last.as_ref().map(|(seq, _)| *seq)
    }

    /// How early inputs arrive, smoothed, in quarter ticks rounded down: the feedback by which a client slows
    /// down or hurries. From arrival until the step of the input's tick is due: 0 is less than a quarter tick, and what is
    /// negative came too late. 0 before the first input.
    pub fn depth_quarters(&self) -> i8 {
        let quarter = TickLeft::ONE / 4 * SMOOTHING;
        self.lead
            .map_or(0, |lead| lead.div_euclid(quarter).clamp(-128, 127) as i8)
    }

    /// What happened so far.
    pub fn counters(&self) -> InputCounters {
        self.counters
    }

    /// Whether `seq` is newer than every input executed.
    fn is_news(&self, seq: u16) -> bool {
        self.last_seq()
            .is_none_or(|last| seq.wrapping_sub(last) as i16 > 0)
    }

    /// An input has come for a tick so many after the next one; below 0, for one that has been simulated.
    fn learn(&mut self, ticks: i32, left: TickLeft) {
        let most = LEAD_MAX * TickLeft::ONE;
        let lead = ticks.clamp(-LEAD_MAX, LEAD_MAX) * TickLeft::ONE;
        let lead = (lead + i32::from(left.sixty_fourths())).min(most);
        // It came after its step, and be it by a moment.
        let lead = if ticks < 0 { lead.min(-1) } else { lead };
        self.lead = Some(match self.lead {
            None => lead * SMOOTHING,
            Some(smoothed) => smoothed + lead - smoothed.div_euclid(SMOOTHING),
        });
    }

    fn slot(&mut self, tick: Tick) -> &mut Option<Slot<I>> {
        // The horizon is a power of two.
        let place = tick.get() as usize & (self.ring.len() - 1);
        &mut self.ring[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Keys {
        held: u8,
        fire: bool,
    }

    impl Input for Keys {
        fn repeated(&self) -> Self {
            Keys {
                fire: false,
                ..*self
            }
        }
    }

    const DUE: TickLeft = TickLeft::DUE;

    fn left(sixty_fourths: u64) -> TickLeft {
        TickLeft::of(
            Duration::from_micros(sixty_fourths),
            Duration::from_micros(64),
        )
    }

    fn buffer() -> InputBuffer<Keys> {
        InputBuffer::new(InputPolicy::default(), Tick::new(u32::MAX - 3))
    }

    #[test]
    fn movement_repeats_six_ticks_and_fire_never() {
        let mut b = buffer();
        let start = b.next;
        b.push(
            7,
            start,
            Keys {
                held: 3,
                fire: true,
            },
            DUE,
        )
        .unwrap();
        assert_eq!(b.take(start).source, Source::Received);
        for n in 1..=6 {
            let t = b.take(start + n);
            assert_eq!((t.source, t.last_seq), (Source::Repeated, Some(7)));
            assert_eq!(
                t.input,
                Keys {
                    held: 3,
                    fire: false
                }
            );
        }
        let t = b.take(start + 7);
        assert_eq!((t.source, t.input), (Source::Missing, Keys::default()));
        assert_eq!((b.counters().repeated, b.counters().missing), (6, 1));
    }

    #[test]
    fn inputs_outside_the_window_are_refused_and_counted() {
        let mut b = buffer();
        let start = b.next;
        assert_eq!(
            b.push(0, start + 64, Keys::default(), DUE),
            Err(Refused::Early)
        );
        assert_eq!(
            b.push(0, start - 1, Keys::default(), DUE),
            Err(Refused::Late)
        );
        assert_eq!(b.push(0, start + 63, Keys::default(), DUE), Ok(()));
        assert_eq!(
            b.push(0, start + 63, Keys::default(), DUE),
            Err(Refused::Duplicate)
        );
        b.push(1, start, Keys::default(), DUE).unwrap();
        b.take(start);
        assert_eq!(
            b.push(1, start, Keys::default(), DUE),
            Err(Refused::Duplicate)
        );
        let c = b.counters();
        assert_eq!((c.early, c.late, c.duplicate, c.accepted), (1, 1, 2, 2));
    }

    /// What is told of inputs that all come so many ticks and 64ths early, after others that came two ticks early.
    fn told(ticks: i32, within: u64) -> i8 {
        let mut b = buffer();
        let start = b.next;
        for n in 0..200u32 {
            let (ahead, within) = if n < 8 { (2, 0) } else { (ticks, within) };
            let target = Tick::new((start + n).get().wrapping_add_signed(ahead));
            // Late ones are no error here.
            let _ = b.push(n as u16, target, Keys::default(), left(within));
            b.take(start + n);
        }
        b.depth_quarters()
    }

    #[test]
    fn depth_is_the_lead_within_the_tick_in_quarters_rounded_down() {
        for ticks in 0..31 {
            for within in 0..=64 {
                let quarters = (ticks * 64 + within as i32) / 16;
                assert_eq!(i32::from(told(ticks, within)), quarters);
            }
        }
    }

    #[test]
    fn what_came_after_its_step_is_told_as_late_and_nothing_wraps() {
        // A moment before the step that follows, and in the moment after its own.
        assert_eq!(told(-1, 0), -4);
        assert_eq!(told(-1, 63), -1);
        assert_eq!(told(-1, 64), -1);
        assert_eq!(told(-3, 32), -10);
        assert_eq!(told(-2_000_000_000, 0), -128);
        assert_eq!(told(63, 64), 127);
        assert_eq!(told(2_000_000_000, 64), 127);
        assert_eq!(buffer().depth_quarters(), 0);
    }

    #[test]
    fn the_first_lead_is_believed_and_later_ones_by_an_eighth() {
        let mut b = buffer();
        let start = b.next;
        b.push(0, start + 2, Keys::default(), left(32)).unwrap();
        assert_eq!(b.depth_quarters(), 10);
        b.push(1, start + 6, Keys::default(), left(32)).unwrap();
        assert_eq!(b.depth_quarters(), 12);
    }

    proptest! {
        /// Against a map from tick to input: exactly one input per tick, the first one sent for it.
        #[test]
        fn a_tick_gets_the_first_input_sent_for_it(
            sends in prop::collection::vec((0i32..90, -4i32..70, 0u64..=64, any::<u8>()), 0..200),
        ) {
            let mut b = buffer();
            let start = b.next;
            let mut model: HashMap<u32, u8> = HashMap::new();
            let mut now = 0;
            for (seq, (advance, lead, within, held)) in sends.into_iter().enumerate() {
                if advance > 80 {
                    let to = now + advance as u32 - 80;
                    let got = b.take(start + to);
                    match model.remove(&to) {
                        Some(held) => {
                            prop_assert_eq!(got.source, Source::Received);
                            prop_assert_eq!(got.input.held, held);
                        }
                        None => prop_assert_ne!(got.source, Source::Received),
                    }
                    now = to + 1;
                }
                let target = start.get().wrapping_add_signed(now as i32 + lead);
                let kept = b.push(seq as u16, Tick::new(target), Keys { held, fire: true }, left(within));
                let at = now as i32 + lead;
                match kept {
                    Ok(()) => prop_assert!(model.insert(at as u32, held).is_none()),
                    Err(Refused::Duplicate) => prop_assert!(lead < 0 || model.contains_key(&(at as u32))),
                    Err(Refused::Late) => prop_assert!(lead < 0),
                    Err(Refused::Early) => prop_assert!(lead >= 64),
                }
            }
        }
    }
}
