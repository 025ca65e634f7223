//! ARENA-N: one moving scene of integers, the workload by which state encoders are compared.
//!
//! `n` entities wander over a square of 4,096 units, bounce off its walls, lose health and toggle
//! flags. Every number follows from one xorshift generator, so any implementation in any language
//! can check itself by hash: [`Arena::hash`] is FNV-1a-32 over all entities' bytes in id order.
//! The scene is part of the crate so that its tests, its benches and its users measure the same
//! thing; nothing else in the crate depends on it.

use crate::Replicate;
use crate::schema::Fnv;

/// How the entities move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Every entity moves every tick, by the law of motion.
    M100,
    /// Each entity moves in three of ten bursts of 32 ticks.
    M30,
    /// As `M100`, with noise of -3 to 4 sixteenths of a unit on each axis that no law predicts.
    J100,
}

/// What is replicated of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Replicate)]
pub struct Mover {
    /// Position in sixteenths of a unit.
    #[rep(predict = linear)]
    pub x: u16,
    /// Position in sixteenths of a unit.
    #[rep(predict = linear)]
    pub y: u16,
    /// Heading in 1/256 of a turn.
    #[rep(wrap, predict = linear)]
    pub dir: u8,
    /// Health, 10 to 100.
    #[rep(bits = 7)]
    pub hp: u8,
    /// Four bits that toggle now and then.
    #[rep(bits = 4)]
    pub flags: u8,
    /// One of four looks; never changes.
    #[rep(bits = 2, once)]
    pub kind: u8,
    /// Speed above 96, in sixteenths of a unit a tick; never changes.
    #[rep(bits = 7, once)]
    pub speed: u8,
}

/// The scene.
#[derive(Clone, Debug)]
pub struct Arena {
    variant: Variant,
    random: u32,
    tick: u32,
    movers: Vec<Mover>,
    turns: Vec<i32>,
    /// 16384 times the cosine of each 1/256 of a turn.
    cosines: [i32; 256],
}

/// The far wall, in sixteenths of a unit.
const WALL: i32 = 65_535;

impl Arena {
    /// The scene at tick 0 with `n` entities.
    pub fn new(variant: Variant, n: usize) -> Self {
        let mut arena = Arena {
            variant,
            random: 0x9E37_79B9,
            tick: 0,
            movers: Vec::with_capacity(n),
            turns: Vec::with_capacity(n),
            cosines: core::array::from_fn(|i| {
                (16384.0 * (core::f64::consts::TAU * i as f64 / 256.0).cos()).round() as i32
            }),
        };
        for _ in 0..n {
            let (a, b) = (arena.next(), arena.next());
            arena.movers.push(Mover {
                x: a as u16,
                y: (a >> 16) as u16,
                dir: b as u8,
                speed: (b >> 8) as u8 & 127,
                hp: 100 - 10 * ((b >> 20) as u8 & 3),
                flags: (b >> 24) as u8 & 3,
                kind: (b >> 26) as u8 & 3,
            });
            arena.turns.push((b >> 16 & 7) as i32 - 3);
        }
        arena
    }

    /// The present tick.
    pub fn tick(&self) -> u32 {
        self.tick
    }

    /// The entities, by id.
    pub fn movers(&self) -> &[Mover] {
        &self.movers
    }

    /// The hash of the present state.
    pub fn hash(&self) -> u32 {
        hash(&self.movers)
    }

    /// Moves on by one tick.
    pub fn step(&mut self) {
        self.tick += 1;
        for i in 0..self.movers.len() {
            let r = self.next();
            if self.variant != Variant::M30 || ((self.tick >> 5) + 7 * i as u32) % 10 < 3 {
                self.advance(i, r);
            }
            let mover = &mut self.movers[i];
            if r >> 8 & 63 == 0 {
                mover.hp = if mover.hp <= 10 { 100 } else { mover.hp - 10 };
            }
            if r >> 14 & 31 == 0 {
                mover.flags ^= 1 << (r >> 19 & 3);
            }
        }
    }

    fn advance(&mut self, i: usize, r: u32) {
        if r & 7 == 0 {
            self.turns[i] = (r >> 3 & 7) as i32 - 3;
        }
        let mover = &mut self.movers[i];
        let speed = 96 + i32::from(mover.speed);
        let mut dir = (i32::from(mover.dir) + self.turns[i]) & 255;
        let cosine = self.cosines[dir as usize];
        let sine = self.cosines[((dir - 64) & 255) as usize];
        let mut x = i32::from(mover.x) + ((cosine * speed) >> 14);
        let mut y = i32::from(mover.y) + ((sine * speed) >> 14);
        if self.variant == Variant::J100 {
            x += (r >> 23 & 7) as i32 - 3;
            y += (r >> 26 & 7) as i32 - 3;
        }
        if !(0..=WALL).contains(&x) {
            x = if x < 0 { -x } else { 2 * WALL - x };
            dir = (128 - dir) & 255;
        }
        if !(0..=WALL).contains(&y) {
            y = if y < 0 { -y } else { 2 * WALL - y };
            dir = (256 - dir) & 255;
        }
        *mover = Mover {
            x: x as u16,
            y: y as u16,
            dir: dir as u8,
            ..*mover
        };
    }

    fn next(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }
}

/// The workload's hash of a state, entities in id order.
pub fn hash(movers: &[Mover]) -> u32 {
    let mut hash = Fnv::new();
    for m in movers {
        hash.bytes(&m.x.to_le_bytes());
        hash.bytes(&m.y.to_le_bytes());
        hash.bytes(&[m.dir, m.hp, m.flags, m.kind]);
    }
    hash.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scene_is_the_published_one() {
        let published = [
            (
                Variant::M100,
                100,
                [0x3109e650, 0x69c6d29f, 0xfc5610d9, 0xb9e81822],
            ),
            (
                Variant::M100,
                500,
                [0xbb908368, 0xf4ab0e09, 0xc2866f85, 0x16eb507e],
            ),
            (
                Variant::M30,
                100,
                [0x3109e650, 0x6c2563aa, 0x098f9374, 0x4b7710b8],
            ),
            (
                Variant::M30,
                500,
                [0xbb908368, 0xc7bd8beb, 0x77c04e55, 0xe548bb99],
            ),
            (
                Variant::J100,
                100,
                [0x3109e650, 0xb302474e, 0x71edf318, 0x2df80db1],
            ),
            (
                Variant::J100,
                500,
                [0xbb908368, 0xb159312e, 0x8d5bf99a, 0x520e9322],
            ),
        ];
        for (variant, n, hashes) in published {
            let mut arena = Arena::new(variant, n);
            for (tick, expected) in [0, 1, 100, 700].into_iter().zip(hashes) {
                while arena.tick() < tick {
                    arena.step();
                }
                assert_eq!(arena.hash(), expected, "{variant:?}/{n} at {tick}");
            }
        }
    }
}
