//! Ticks: the numbers that name simulation steps, and the schedule that says when each is due.
//!
//! [`Tick`] wraps around, so it is compared with [`Tick::is_newer`] and never ordered.
//! [`FixedStep`] turns the caller's clock into due ticks. This module does not sleep and does not
//! run anything: the caller polls, works, and reports back.

mod fixed_step;
mod histogram;

pub use fixed_step::{Act, FixedStep, Overload, Step, StepConfig, StepConfigError, StepStats};
pub use histogram::Histogram;

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// The number of a simulation step. It wraps after 2^32 steps (2.2 years at 60 Hz).
///
/// There is no `Ord`: on a circle "less" has no meaning that survives the wrap.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tick(u32);

impl Tick {
    /// The first tick of a fresh simulation.
    pub const ZERO: Tick = Tick(0);

    /// The tick with this number.
    pub const fn new(number: u32) -> Self {
        Tick(number)
    }

    /// The tick's number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The tick after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Tick(self.0.wrapping_add(1))
    }

    /// Ticks from `other` to `self`: positive when `self` is newer. Exact for distances below 2^31.
    pub const fn since(self, other: Tick) -> i32 {
        self.0.wrapping_sub(other.0) as i32
    }

    /// Whether `self` comes after `other`, for ticks less than 2^31 apart.
    pub const fn is_newer(self, other: Tick) -> bool {
        self.since(other) > 0
    }

    /// The low 16 bits, which is what travels.
    pub const fn wire(self) -> u16 {
        self.0 as u16
    }

    /// The tick nearest to `near` whose low 16 bits are `wire`. Right while the two are less than
    /// 2^15 ticks apart (9 minutes at 60 Hz).
    pub const fn from_wire(wire: u16, near: Tick) -> Self {
        let ahead = wire.wrapping_sub(near.0 as u16) as i16;
        Tick(near.0.wrapping_add_signed(ahead as i32))
    }
}

impl Add<u32> for Tick {
    type Output = Tick;
    fn add(self, ticks: u32) -> Tick {
        Tick(self.0.wrapping_add(ticks))
    }
}

impl AddAssign<u32> for Tick {
    fn add_assign(&mut self, ticks: u32) {
        *self = *self + ticks;
    }
}

impl Sub<u32> for Tick {
    type Output = Tick;
    fn sub(self, ticks: u32) -> Tick {
        Tick(self.0.wrapping_sub(ticks))
    }
}

impl fmt::Debug for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn newer_survives_the_wrap() {
        let last = Tick::new(u32::MAX);
        assert!(last.next().is_newer(last));
        assert!(!last.is_newer(last.next()));
        assert!(!last.is_newer(last));
        assert_eq!((last + 5).since(last), 5);
    }

    proptest! {
        #[test]
        fn the_wire_form_finds_its_tick(near: u32, off in -0x7fff_i32..=0x7fff) {
            let near = Tick::new(near);
            let tick = Tick::new(near.get().wrapping_add_signed(off));
            prop_assert_eq!(Tick::from_wire(tick.wire(), near), tick);
        }
    }
}
