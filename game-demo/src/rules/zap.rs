//! The zap: a ray that one wall may turn, and what it hits first.
//!
//! Walls are where they are; targets are where the caller says they were, so that lag compensation is the
//! caller's choice and this stays geometry. Promises: of several targets the first along the ray is hit;
//! nothing beyond [`REACH`] is.

use super::{
    PIXEL,
    trig::direction,
    walls::{along, first_wall},
};

/// How far a zap reaches, its turn included, in units.
pub const REACH: i32 = 1_050 * PIXEL;

/// Somebody who may be hit: place and radius in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub x: i32,
    pub y: i32,
    pub radius: i32,
}

/// A zap's way: where it began, turned (if it did) and ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ray {
    pub from: (i32, i32),
    pub turn: Option<(i32, i32)>,
    pub to: (i32, i32),
    legs: [Leg; 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Leg {
    from: (i32, i32),
    direction: (i32, i32),
    length: i32,
}

impl Leg {
    fn end(&self) -> (i32, i32) {
        let Self {
            from,
            direction,
            length,
        } = *self;
        (
            along(from.0, direction.0, length),
            along(from.1, direction.1, length),
        )
    }

    /// How far along it meets a target.
    fn meets(&self, target: &Target) -> Option<i32> {
        let (dx, dy) = (
            i64::from(target.x - self.from.0),
            i64::from(target.y - self.from.1),
        );
        let (c, s) = (i64::from(self.direction.0), i64::from(self.direction.1));
        let ahead = ((dx * c + dy * s) >> 14) as i32;
        let aside = ((dx * s - dy * c) >> 14).abs();
        let radius = i64::from(target.radius);
        let met =
            aside <= radius && ahead >= -target.radius && ahead <= self.length + target.radius;
        met.then(|| ahead.clamp(0, self.length))
    }
}

impl Ray {
    /// The way of a zap from a place within the arena.
    pub fn cast(from: (i32, i32), aim: u16) -> Self {
        let straight = Leg {
            from,
            direction: direction(aim),
            length: REACH,
        };
        let Some(wall) = first_wall(from, straight.direction, REACH) else {
            return Self {
                from,
                turn: None,
                to: straight.end(),
                legs: [straight, Leg::default()],
            };
        };
        let first = Leg {
            length: wall.length,
            ..straight
        };
        let (dx, dy) = first.direction;
        let turned = if wall.turns_x { (-dx, dy) } else { (dx, -dy) };
        // A step off the wall, or the turned ray would meet the same wall again.
        let end = first.end();
        let off = (end.0 + turned.0.signum() * 2, end.1 + turned.1.signum() * 2);
        let rest = REACH - wall.length;
        let length = first_wall(off, turned, rest).map_or(rest, |wall| wall.length);
        let second = Leg {
            from: off,
            direction: turned,
            length,
        };
        Self {
            from,
            turn: Some(end),
            to: second.end(),
            legs: [first, second],
        }
    }

    /// The first of some targets that it meets, and where that is.
    pub fn first_hit<Id: Copy>(
        &self,
        targets: impl IntoIterator<Item = (Id, Target)>,
    ) -> Option<(Id, (i32, i32))> {
        let mut best: Option<(i32, Id, (i32, i32))> = None;
        for (id, target) in targets {
            let mut before = 0;
            for leg in &self.legs {
                if let Some(ahead) = leg.meets(&target) {
                    let at = Leg {
                        length: ahead,
                        ..*leg
                    }
                    .end();
                    if best.is_none_or(|(length, ..)| before + ahead < length) {
                        best = Some((before + ahead, id, at));
                    }
                    break;
                }
                if self.turn.is_none() {
                    break;
                }
                before += leg.length;
            }
        }
        best.map(|(_, id, at)| (id, at))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SIDE, walls::BLOCKS};
    use super::*;

    const MIDDLE: (i32, i32) = (SIDE / 2, SIDE / 2);

    fn target(x: i32, y: i32) -> Target {
        Target {
            x: MIDDLE.0 + x * PIXEL,
            y: MIDDLE.1 + y * PIXEL,
            radius: 22 * PIXEL,
        }
    }

    #[test]
    fn the_first_along_the_ray_is_hit_and_the_one_behind_it_is_not() {
        let ray = Ray::cast(MIDDLE, 0);
        let hit = ray.first_hit([
            (1, target(700, 0)),
            (2, target(300, 20)),
            (3, target(200, 30)),
        ]);
        assert_eq!(hit.map(|(id, _)| id), Some(2));
        assert_eq!(ray.first_hit([(1, target(1_100, 0))]), None, "out of reach");
        assert_eq!(ray.first_hit([(1, target(-100, 0))]), None, "behind");
    }

    #[test]
    fn a_zap_turns_once_at_a_wall_and_hits_round_the_corner() {
        // Down onto the top of a block, at half a right angle: back up on the other side.
        let block = BLOCKS[0];
        let from = (block.left + 100 * PIXEL, block.top - 200 * PIXEL);
        let ray = Ray::cast(from, 128);
        let (tx, ty) = ray.turn.expect("it meets the block");
        assert!((tx - from.0 - 200 * PIXEL).abs() < 8 && (ty - block.top).abs() < 8);
        let beyond = Target {
            x: from.0 + 400 * PIXEL,
            y: from.1,
            radius: 22 * PIXEL,
        };
        assert!(ray.first_hit([((), beyond)]).is_some());
        let under = Target {
            y: block.bottom + 40 * PIXEL,
            ..beyond
        };
        assert!(ray.first_hit([((), under)]).is_none(), "walls stop it");
    }

    #[test]
    fn every_ray_stays_in_the_arena_and_out_of_the_blocks() {
        let mut random = super::super::random::Random::new(11);
        for _ in 0..20_000 {
            let from = super::super::motes::free_place(&mut random, 22 * PIXEL);
            let ray = Ray::cast(from, random.below(1024) as u16);
            for (x, y) in ray.turn.into_iter().chain([ray.to]) {
                assert!(
                    (-8..SIDE + 8).contains(&x) && (-8..SIDE + 8).contains(&y),
                    "{ray:?}"
                );
                assert!(!super::super::walls::is_blocked(x, y, -8), "{ray:?}");
            }
        }
    }
}
