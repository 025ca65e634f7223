//! How a puck moves: the step that the server does, and the page ahead of it (`web/js/sim/motion.js`).
//!
//! Promises: a function of the puck's own [`Motion`] and its input alone, so that a page that knows both
//! knows the future; both languages agree to the bit (`tests/motion_twins.rs`). Whatever the input, a puck
//! stays inside the arena and outside the blocks.

use serde::{Deserialize, Serialize};

use super::{
    PIXEL, SIDE,
    trig::direction,
    walls::{BLOCKS, Block},
};

/// A unit in a puck's fixed point.
pub const FINE: i32 = 256;
/// The radius that walls feel, in units. What a zap hits grows with what is carried.
pub const RADIUS: i32 = 22 * PIXEL;
/// Speed gained in a tick of thrust: with friction the most is 11 pixels a tick.
const THRUST: i32 = 11 * PIXEL * FINE / 32;
/// Friction takes one part in so many of the speed.
const FRICTION: i32 = 32;
/// Speed of a dash, 30 pixels a tick: 450 pixels in all.
const DASH_SPEED: i32 = 30 * PIXEL * FINE;
/// Ticks that a dash lasts, in which nothing hits: a quarter of a second.
pub const DASH_TICKS: u8 = 15;
/// Ticks from one dash to the next: three seconds.
pub const DASH_WAIT: u8 = 180;
/// Ticks from one zap to the next: half a second.
pub const ZAP_WAIT: u8 = 30;
/// What is left of the speed after a dash, in 1/256.
const DASH_REST: i32 = 115;

const LEAST: i32 = RADIUS * FINE;
const MOST: i32 = (SIDE - 1 - RADIUS) * FINE;

// The fastest step must be shorter than any block with its margins is thick, or pucks fly through.
const _: () = assert!(DASH_SPEED < (80 * PIXEL + 2 * RADIUS) * FINE);
// The product with a direction must fit 32 bits: JavaScript's shifts know no more.
const _: () = assert!((DASH_SPEED as i64) << 14 < i32::MAX as i64);

/// What a player does in a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controls {
    /// Direction of thrust, 64 to the turn.
    pub heading: u8,
    pub thrust: bool,
    /// Direction of the zap, 1,024 to the turn.
    pub aim: u16,
    pub dash: bool,
    pub fire: bool,
}

/// A puck's motion, and what its player may do next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Motion {
    /// Place and speed in 1/256 unit.
    pub x: i32,
    pub y: i32,
    pub vx: i32,
    pub vy: i32,
    /// Ticks left of a dash.
    pub dash: u8,
    /// Ticks until the next dash.
    pub dash_wait: u8,
    /// Ticks until the next zap.
    pub zap_wait: u8,
}

impl Motion {
    /// At rest, at a place in units, moved inside where it lies outside.
    pub fn at(x: i32, y: i32) -> Self {
        let inside = |at: i32| (at * FINE).clamp(LEAST, MOST);
        Self {
            x: inside(x),
            y: inside(y),
            ..Self::default()
        }
    }

    /// Its place in units.
    pub fn place(&self) -> (i32, i32) {
        (self.x / FINE, self.y / FINE)
    }

    /// One tick. Whether it zaps.
    pub fn step(&mut self, controls: &Controls) -> bool {
        self.dash_wait = self.dash_wait.saturating_sub(1);
        self.zap_wait = self.zap_wait.saturating_sub(1);
        let (hx, hy) = direction(u16::from(controls.heading & 63) * 16);
        if self.dash > 0 {
            self.dash -= 1;
            if self.dash == 0 {
                self.vx = (self.vx * DASH_REST) >> 8;
                self.vy = (self.vy * DASH_REST) >> 8;
            }
        } else if controls.dash && self.dash_wait == 0 {
            (self.dash, self.dash_wait) = (DASH_TICKS, DASH_WAIT);
            let (dx, dy) = if controls.thrust {
                (hx, hy)
            } else {
                direction(controls.aim)
            };
            self.vx = (dx * DASH_SPEED) >> 14;
            self.vy = (dy * DASH_SPEED) >> 14;
        }
        if self.dash == 0 {
            if controls.thrust {
                self.vx += (hx * THRUST) >> 14;
                self.vy += (hy * THRUST) >> 14;
            }
            self.vx = slowed(self.vx);
            self.vy = slowed(self.vy);
        }
        self.travel();
        let zaps = controls.fire && self.zap_wait == 0 && self.dash == 0;
        if zaps {
            self.zap_wait = ZAP_WAIT;
        }
        zaps
    }

    /// Moves along x, then along y; on either the walls stop it.
    fn travel(&mut self) {
        let before = self.x;
        self.x += self.vx;
        let wall = self
            .block()
            .map(|block| side(before, block.left, block.right));
        (self.x, self.vx) = self.bounced(self.x, self.vx, wall);
        let before = self.y;
        self.y += self.vy;
        let wall = self
            .block()
            .map(|block| side(before, block.top, block.bottom));
        (self.y, self.vy) = self.bounced(self.y, self.vy, wall);
    }

    /// The block it overlaps.
    fn block(&self) -> Option<&'static Block> {
        BLOCKS.iter().find(|block| overlaps(block, self.x, self.y))
    }

    /// Back from a wall with four fifths of the speed, or all of it in a dash.
    fn bounced(&self, at: i32, speed: i32, wall: Option<i32>) -> (i32, i32) {
        let stopped = wall.unwrap_or(at).clamp(LEAST, MOST);
        if stopped == at {
            return (at, speed);
        }
        let back = if self.dash > 0 {
            -speed
        } else {
            -(speed * 4) / 5
        };
        (stopped, back)
    }
}

/// Where a puck that came from `before` stops at a block.
fn side(before: i32, near: i32, far: i32) -> i32 {
    let (near, far) = ((near - RADIUS) * FINE, (far + RADIUS) * FINE);
    if before <= near { near } else { far }
}

/// Whether a puck there, in fine units, overlaps a block.
fn overlaps(block: &Block, x: i32, y: i32) -> bool {
    x > (block.left - RADIUS) * FINE
        && x < (block.right + RADIUS) * FINE
        && y > (block.top - RADIUS) * FINE
        && y < (block.bottom + RADIUS) * FINE
}

/// Friction. The last step is always at least 1, so that a puck comes to rest.
fn slowed(speed: i32) -> i32 {
    speed - speed / FRICTION - speed.signum()
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    fn run(motion: &mut Motion, ticks: u32, controls: Controls) {
        (0..ticks).for_each(|_| {
            motion.step(&controls);
        });
    }

    const RIGHT: Controls = Controls {
        heading: 0,
        thrust: true,
        aim: 0,
        dash: false,
        fire: false,
    };

    #[test]
    fn a_puck_stays_inside_and_out_of_the_blocks_whatever_is_pressed() {
        for seed in 0..64 {
            let mut random = Random::new(seed);
            let mut motion = Motion::at(SIDE / 2, SIDE / 2);
            let mut controls = Controls::default();
            for _ in 0..5_000 {
                if random.below(9) == 0 {
                    controls = Controls {
                        heading: random.below(64) as u8,
                        thrust: random.below(4) > 0,
                        aim: random.below(1024) as u16,
                        dash: random.below(3) == 0,
                        fire: random.below(2) == 0,
                    };
                }
                motion.step(&controls);
                let Motion { x, y, .. } = motion;
                assert!(
                    (LEAST..=MOST).contains(&x) && (LEAST..=MOST).contains(&y),
                    "seed {seed}: {motion:?}"
                );
                assert!(
                    !BLOCKS.iter().any(|block| overlaps(block, x, y)),
                    "seed {seed}: {motion:?}"
                );
            }
        }
    }

    #[test]
    fn thrust_moves_and_friction_stops_for_good() {
        let mut motion = Motion::at(SIDE / 2, SIDE / 2);
        run(&mut motion, 120, RIGHT);
        assert!(motion.x > (SIDE / 2 + 500 * PIXEL) * FINE && motion.y == SIDE / 2 * FINE);
        run(&mut motion, 600, Controls::default());
        assert_eq!((motion.vx, motion.vy), (0, 0));
    }

    #[test]
    fn a_dash_goes_450_pixels_once_in_three_seconds() {
        let mut motion = Motion::at(SIDE / 2, SIDE / 2);
        let dash = Controls {
            dash: true,
            aim: 256,
            ..Controls::default()
        };
        run(&mut motion, u32::from(DASH_TICKS), dash);
        assert_eq!(motion.place(), (SIDE / 2, SIDE / 2 + 450 * PIXEL));
        assert_eq!(motion.dash, 1);
        run(&mut motion, u32::from(DASH_WAIT - DASH_TICKS), dash);
        assert_eq!(motion.dash, 0);
        run(&mut motion, 1, dash);
        assert_eq!(motion.dash, DASH_TICKS);
    }

    #[test]
    fn a_zap_waits_for_the_one_before_and_for_the_end_of_a_dash() {
        let mut motion = Motion::at(SIDE / 2, SIDE / 2);
        let fire = Controls {
            fire: true,
            ..Controls::default()
        };
        let zaps = (0..120).filter(|_| motion.step(&fire)).count();
        assert_eq!(zaps, 4);
        motion.zap_wait = 0;
        let both = Controls { dash: true, ..fire };
        assert!(!motion.step(&both));
    }
}
