//! A player's puck: its motion, the light it carries, and whether it can be hit.

use serde::{Deserialize, Serialize};

use super::{
    PIXEL,
    motion::{Controls, Motion, RADIUS},
    trig::root,
    zap::Target,
};

/// The most a puck carries.
pub const LIGHT_MAX: u32 = 250;
/// From so much on everybody sees it on the map.
pub const RICH: u32 = 12;
/// Ticks for which a puck that was hit stays cracked: hit again, it shatters. Three seconds.
pub const CRACKED_TICKS: u8 = 180;
/// Ticks from shattering to coming back: two seconds.
pub const AWAY_TICKS: u8 = 120;
/// Ticks after coming back in which nothing hits it, unless it zaps: a second and a half.
pub const FRESH_TICKS: u8 = 90;
/// What a zap forgives, in units: nobody sees four pixels.
const FORGIVEN: i32 = 4 * PIXEL;

/// A puck.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Puck {
    pub motion: Motion,
    pub aim: u16,
    pub thrusting: bool,
    /// Light carried.
    pub light: u32,
    /// Light banked in this round.
    pub score: u32,
    /// Pucks shattered in this round.
    pub zaps: u32,
    /// Ticks for which it is cracked.
    pub cracked: u8,
    /// Ticks until it is back; 0 when it is here.
    pub away: u8,
    /// Ticks in which nothing hits it.
    pub fresh: u8,
    /// Zaps so far, for those who draw them.
    pub shots: u8,
    /// How often it came into the arena: places before and after have no way between them.
    pub life: u8,
    /// Light banked since it came to the well.
    pub banking: u32,
}

impl Puck {
    /// A new puck at a place in units.
    pub fn at(x: i32, y: i32) -> Self {
        Self {
            motion: Motion::at(x, y),
            fresh: FRESH_TICKS,
            life: 1,
            ..Self::default()
        }
    }

    pub fn is_here(&self) -> bool {
        self.away == 0
    }

    /// How large it is, in units: light enlarges it, to twice at most.
    pub fn radius(&self) -> i32 {
        RADIUS + root(i64::from(self.light) * 500)
    }

    /// Whether a zap would do anything to it now.
    pub fn is_vulnerable(&self) -> bool {
        self.is_here() && self.motion.dash == 0 && self.fresh == 0
    }

    /// What a zap meets.
    pub fn target(&self) -> Target {
        let (x, y) = self.motion.place();
        Target {
            x,
            y,
            radius: self.radius() + FORGIVEN,
        }
    }

    /// One tick of its own. Whether it zaps.
    pub fn step(&mut self, controls: &Controls) -> bool {
        self.aim = controls.aim;
        self.cracked = self.cracked.saturating_sub(1);
        self.fresh = self.fresh.saturating_sub(1);
        self.thrusting = self.is_here() && controls.thrust;
        if !self.is_here() {
            return false;
        }
        let zaps = self.motion.step(controls);
        if zaps {
            self.shots = self.shots.wrapping_add(1);
            self.fresh = 0;
        }
        zaps
    }

    /// Comes back at a place in units.
    pub fn come_back(&mut self, x: i32, y: i32) {
        self.motion = Motion::at(x, y);
        (self.away, self.cracked, self.fresh) = (0, 0, FRESH_TICKS);
        self.life = self.life.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_makes_it_larger_up_to_twice() {
        let mut puck = Puck::at(30_000, 30_000);
        assert_eq!(puck.radius(), RADIUS);
        puck.light = LIGHT_MAX;
        assert!((2 * RADIUS - 32..=2 * RADIUS + 32).contains(&puck.radius()));
    }

    #[test]
    fn nothing_hits_who_is_away_fresh_or_dashing_and_zapping_ends_freshness() {
        let mut puck = Puck::at(30_000, 30_000);
        assert!(!puck.is_vulnerable(), "fresh");
        let fire = Controls {
            fire: true,
            ..Controls::default()
        };
        assert!(puck.step(&fire));
        assert!(puck.is_vulnerable());
        let dash = Controls {
            dash: true,
            ..Controls::default()
        };
        puck.step(&dash);
        assert!(!puck.is_vulnerable(), "dashing");
        puck.away = 1;
        assert!(!puck.step(&fire), "who is away does nothing");
    }
}
