//! A puck: how it moves. Integers only, so that every machine and language computes the same.
//!
//! Positions are world units (65,536 to a side, 16 to a pixel) with 8 bits below the point; a step is
//! 1/60 s. Promises: a puck stays inside the walls, whatever its input.

/// One world unit, in the puck's fixed point.
const UNIT: i32 = 256;
/// The wall's distance from the edge: a puck's radius.
const WALL: i32 = 500 * UNIT;
/// The other wall.
const FAR_WALL: i32 = 65_535 * UNIT - WALL;
/// Speed gained in a step of thrust.
const THRUST: i32 = 11 * UNIT / 2;
/// Speed gained in each step of a dash.
const DASH: i32 = 26 * UNIT;
/// Steps a dash pushes for: a quarter of a second.
const DASH_STEPS: u8 = 15;
/// Steps from one dash to the next: three seconds.
const DASH_WAIT: u8 = 180;

/// What is held down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Buttons(pub(crate) u8);

impl Buttons {
    pub(crate) const UP: u8 = 1;
    const DOWN: u8 = 2;
    const LEFT: u8 = 4;
    pub(crate) const RIGHT: u8 = 8;
    pub(crate) const DASH: u8 = 16;

    fn has(self, button: u8) -> bool {
        self.0 & button != 0
    }

    /// Where it pushes: −1, 0 or 1 on each axis.
    fn direction(self) -> (i32, i32) {
        let axis = |plus, minus| i32::from(self.has(plus)) - i32::from(self.has(minus));
        (axis(Self::RIGHT, Self::LEFT), axis(Self::DOWN, Self::UP))
    }
}

/// A player's puck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Puck {
    x: i32,
    y: i32,
    vx: i32,
    vy: i32,
    pub(crate) aim: u8,
    dash: u8,
    wait: u8,
    thrusting: bool,
}

impl Puck {
    /// A puck at rest, at a place in world units.
    pub(crate) fn at(x: u16, y: u16) -> Self {
        let inside = |at: u16| (i32::from(at) * UNIT).clamp(WALL, FAR_WALL);
        let (x, y) = (inside(x), inside(y));
        Self {
            x,
            y,
            vx: 0,
            vy: 0,
            aim: 0,
            dash: 0,
            wait: 0,
            thrusting: false,
        }
    }

    /// Its place in world units.
    pub(crate) fn place(&self) -> (u16, u16) {
        ((self.x / UNIT) as u16, (self.y / UNIT) as u16)
    }

    pub(crate) fn is_dashing(&self) -> bool {
        self.dash > 0
    }

    pub(crate) fn is_thrusting(&self) -> bool {
        self.thrusting
    }

    /// One step.
    pub(crate) fn step(&mut self, buttons: Buttons, aim: u8) {
        self.aim = aim;
        let (dx, dy) = buttons.direction();
        self.thrusting = (dx, dy) != (0, 0);
        self.wait = self.wait.saturating_sub(1);
        self.dash = self.dash.saturating_sub(1);
        if buttons.has(Buttons::DASH) && self.wait == 0 && self.thrusting {
            (self.dash, self.wait) = (DASH_STEPS, DASH_WAIT);
        }
        let push = if self.is_dashing() { DASH } else { THRUST };
        // Diagonally the same force: 181/256 is the root of one half.
        let push = if dx != 0 && dy != 0 {
            push * 181 / 256
        } else {
            push
        };
        self.vx = slowed(self.vx + dx * push);
        self.vy = slowed(self.vy + dy * push);
        (self.x, self.vx) = bounced(self.x + self.vx, self.vx);
        (self.y, self.vy) = bounced(self.y + self.vy, self.vy);
    }
}

/// Friction: a fortieth of the speed in a step.
fn slowed(v: i32) -> i32 {
    v - v / 40
}

/// Off the wall with four fifths of the speed.
fn bounced(at: i32, v: i32) -> (i32, i32) {
    if (WALL..=FAR_WALL).contains(&at) {
        (at, v)
    } else {
        (at.clamp(WALL, FAR_WALL), -v * 4 / 5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_puck_stays_inside_whatever_is_pressed() {
        for seed in 1..=64u32 {
            let mut random = seed.wrapping_mul(0x9E37_79B9) | 1;
            let mut puck = Puck::at(0, u16::MAX);
            for _ in 0..5_000 {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                puck.step(Buttons((random >> 8) as u8), random as u8);
                assert!((WALL..=FAR_WALL).contains(&puck.x), "seed {seed}: {puck:?}");
                assert!((WALL..=FAR_WALL).contains(&puck.y), "seed {seed}: {puck:?}");
            }
        }
    }

    #[test]
    fn thrust_moves_and_friction_stops() {
        let mut puck = Puck::at(30_000, 30_000);
        (0..60).for_each(|_| puck.step(Buttons(Buttons::RIGHT), 0));
        let (x, y) = puck.place();
        assert!(x > 32_000 && y == 30_000);
        (0..600).for_each(|_| puck.step(Buttons(0), 0));
        let rest = puck.place();
        puck.step(Buttons(0), 0);
        assert_eq!(puck.place(), rest);
    }

    #[test]
    fn a_dash_is_faster_and_has_to_wait() {
        let run = |buttons| {
            let mut puck = Puck::at(10_000, 10_000);
            (0..20).for_each(|_| puck.step(Buttons(buttons), 0));
            puck
        };
        let (plain, dashed) = (run(Buttons::RIGHT), run(Buttons::RIGHT | Buttons::DASH));
        assert!(dashed.x > plain.x + 1_000 * UNIT);
        assert!(
            !dashed.is_dashing() && dashed.wait > 0,
            "one dash, then the wait"
        );
    }
}
