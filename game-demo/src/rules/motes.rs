//! Light lying about: motes, where they are, who is near enough to pick one up.
//!
//! Promises: indices are small and dense, and given again only with another generation; a mote lies on free
//! floor; there are never more than [`MOTES_MAX`], further light joins motes that are there. Leaves out: how
//! a mote flies to whoever picks it up, which is the page's to show.

use serde::{Deserialize, Serialize};

use super::{PIXEL, SIDE, random::Random, walls::is_blocked};

/// Motes at once: 400 lie about at the start of a usual round; the rest is spilled light.
pub const MOTES_MAX: usize = 2_000;
/// What one mote can be worth.
pub const VALUE_MAX: u8 = 15;
/// A bucket's side in pixels: more than anybody reaches.
const BUCKET: i32 = 128;
/// Buckets along a side.
const BUCKETS: i32 = 4096 / BUCKET;
/// How far a mote keeps from walls, in units: a puck gets there.
const WALL_MARGIN: i32 = 30 * PIXEL;

/// A mote: its place in pixels, and its worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mote {
    pub x: u16,
    pub y: u16,
    pub value: u8,
    /// How often its index had been used before.
    pub generation: u16,
}

impl Mote {
    /// Its place in units.
    pub fn place(&self) -> (i32, i32) {
        (i32::from(self.x) * PIXEL, i32::from(self.y) * PIXEL)
    }
}

/// All motes.
#[derive(Clone, Debug, Default)]
pub struct Motes {
    slots: Vec<Option<Mote>>,
    generations: Vec<u16>,
    free: Vec<u16>,
    buckets: Vec<Vec<u16>>,
}

impl Motes {
    pub fn new() -> Self {
        Self {
            buckets: vec![Vec::new(); (BUCKETS * BUCKETS) as usize],
            ..Self::default()
        }
    }

    /// The same motes in the same places, as they were saved.
    pub fn restored(saved: impl IntoIterator<Item = (u16, Mote)>) -> Self {
        let mut motes = Self::new();
        for (index, mote) in saved {
            let slot = usize::from(index);
            if slot >= MOTES_MAX || mote.x > 4095 || mote.y > 4095 {
                continue;
            }
            if slot >= motes.slots.len() {
                motes.slots.resize(slot + 1, None);
                motes.generations.resize(slot + 1, 0);
            }
            motes.slots[slot] = Some(mote);
            motes.generations[slot] = mote.generation;
            motes.buckets[bucket(mote.x, mote.y)].push(index);
        }
        motes.free = (0..motes.slots.len() as u16)
            .rev()
            .filter(|&index| motes.slots[usize::from(index)].is_none())
            .collect();
        motes
    }

    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, by index.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &Mote)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(index, mote)| Some((index as u16, mote.as_ref()?)))
    }

    /// Puts light down at a place in units, or adds it to a mote nearby when there are too many.
    pub fn add(&mut self, x: i32, y: i32, value: u8) {
        let pixel = |at: i32| (at / PIXEL).clamp(0, 4095) as u16;
        let (x, y, value) = (pixel(x), pixel(y), value.clamp(1, VALUE_MAX));
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.slots.len() < MOTES_MAX => {
                self.slots.push(None);
                self.generations.push(0);
                (self.slots.len() - 1) as u16
            }
            None => return self.join_some_mote(bucket(x, y), value),
        };
        let generation = &mut self.generations[usize::from(index)];
        *generation = generation.wrapping_add(1);
        self.slots[usize::from(index)] = Some(Mote {
            x,
            y,
            value,
            generation: *generation,
        });
        self.buckets[bucket(x, y)].push(index);
    }

    fn join_some_mote(&mut self, bucket: usize, value: u8) {
        let here = self.buckets[bucket].first().copied().unwrap_or(0);
        if let Some(Some(mote)) = self.slots.get_mut(usize::from(here)) {
            mote.value = mote.value.saturating_add(value).min(VALUE_MAX);
        }
    }

    /// Scatters light around a place in units: in as many motes as it is worth, up to forty.
    pub fn scatter(&mut self, (x, y): (i32, i32), light: u32, random: &mut Random) {
        let count = light.min(40);
        for n in 0..count {
            let value = light / count + u32::from(n < light % count);
            let reach = 40 + random.below(170) as i32;
            let angle = (random.below(64) + n * 1024 / count) as u16;
            let (dx, dy) = super::trig::direction(angle);
            let place = |at: i32, d: i32| {
                (at + d * reach / 1024).clamp(WALL_MARGIN, SIDE - 1 - WALL_MARGIN)
            };
            let (mut px, mut py) = (place(x, dx), place(y, dy));
            if is_blocked(px, py, WALL_MARGIN) {
                (px, py) = (x, y);
            }
            self.add(px, py, value.min(u32::from(VALUE_MAX)) as u8);
        }
    }

    /// A mote of 1 on free floor, anywhere.
    pub fn sow(&mut self, random: &mut Random) {
        let (x, y) = free_place(random, WALL_MARGIN);
        self.add(x, y, 1);
    }

    /// Takes away what lies within `reach` units of a place, up to a worth of `most`. What it was worth.
    pub fn pick_up(&mut self, x: i32, y: i32, reach: i32, most: u32) -> u32 {
        let mut taken = 0;
        self.each_bucket_near(x, y, reach, |motes, bucket| {
            let mut at = 0;
            while at < motes.buckets[bucket].len() {
                let index = motes.buckets[bucket][at];
                let mote = motes.slots[usize::from(index)].filter(|mote| {
                    is_within(mote.place(), (x, y), reach) && taken + u32::from(mote.value) <= most
                });
                match mote {
                    Some(mote) => {
                        taken += u32::from(mote.value);
                        motes.slots[usize::from(index)] = None;
                        motes.free.push(index);
                        motes.buckets[bucket].swap_remove(at);
                    }
                    None => at += 1,
                }
            }
        });
        taken
    }

    /// The mote that is most worth going to from a place: value over distance, within `reach` units.
    pub fn most_tempting(&self, x: i32, y: i32, reach: i32) -> Option<&Mote> {
        let worth = |mote: &Mote| {
            let (mx, my) = mote.place();
            let distance = i64::from((mx - x).abs().max((my - y).abs()) + 60 * PIXEL);
            i64::from(mote.value) * 1_000_000 / distance
        };
        let mut best: Option<(i64, &Mote)> = None;
        let near = |at: i32| ((at - reach) / PIXEL / BUCKET, (at + reach) / PIXEL / BUCKET);
        let ((left, right), (top, bottom)) = (near(x), near(y));
        for row in top.max(0)..=bottom.min(BUCKETS - 1) {
            for column in left.max(0)..=right.min(BUCKETS - 1) {
                for index in &self.buckets[(row * BUCKETS + column) as usize] {
                    let Some(mote) = &self.slots[usize::from(*index)] else {
                        continue;
                    };
                    let worth = worth(mote);
                    if best.is_none_or(|(most, _)| worth > most) {
                        best = Some((worth, mote));
                    }
                }
            }
        }
        best.map(|(_, mote)| mote)
    }

    fn each_bucket_near(
        &mut self,
        x: i32,
        y: i32,
        reach: i32,
        mut each: impl FnMut(&mut Self, usize),
    ) {
        let near = |at: i32| {
            let bucket = |at: i32| (at / PIXEL / BUCKET).clamp(0, BUCKETS - 1);
            bucket(at - reach)..=bucket(at + reach)
        };
        for row in near(y) {
            for column in near(x) {
                each(self, (row * BUCKETS + column) as usize);
            }
        }
    }
}

fn bucket(x: u16, y: u16) -> usize {
    let (column, row) = (i32::from(x) / BUCKET, i32::from(y) / BUCKET);
    (row * BUCKETS + column) as usize
}

/// Whether two places are within `reach` of each other.
pub fn is_within((ax, ay): (i32, i32), (bx, by): (i32, i32), reach: i32) -> bool {
    let square = |d: i32| i64::from(d) * i64::from(d);
    square(ax - bx) + square(ay - by) <= square(reach)
}

/// A place in units that keeps `margin` from all walls. Most places do; after a hundred that don't it is
/// the middle.
pub fn free_place(random: &mut Random, margin: i32) -> (i32, i32) {
    for _ in 0..100 {
        let at = (
            random.between(margin, SIDE - margin),
            random.between(margin, SIDE - margin),
        );
        if !is_blocked(at.0, at.1, margin) {
            return at;
        }
    }
    (SIDE / 2, SIDE / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_is_neither_lost_nor_made_by_scattering_and_picking_up() {
        let (mut motes, mut random) = (Motes::new(), Random::new(3));
        let middle = (SIDE / 2, SIDE / 2);
        for light in [1, 39, 40, 41, 250] {
            motes.scatter(middle, light, &mut random);
            assert_eq!(motes.pick_up(middle.0, middle.1, SIDE, u32::MAX), light);
            assert!(motes.is_empty());
        }
    }

    #[test]
    fn what_does_not_fit_stays() {
        let mut motes = Motes::new();
        motes.add(1_000, 1_000, 5);
        motes.add(1_000, 1_000, 3);
        assert_eq!(motes.pick_up(1_000, 1_000, 100, 4), 3);
        assert_eq!(motes.len(), 1);
        assert_eq!(motes.pick_up(9_000, 1_000, 100, 100), 0, "too far");
    }

    #[test]
    fn an_index_comes_again_with_another_generation_and_survives_saving() {
        let mut motes = Motes::new();
        motes.add(0, 0, 1);
        motes.pick_up(0, 0, 10, 10);
        motes.add(SIDE, SIDE, 1);
        let (index, mote) = motes.iter().next().unwrap();
        assert_eq!((index, mote.generation), (0, 2));
        let again = Motes::restored(motes.iter().map(|(index, mote)| (index, *mote)));
        assert!(again.iter().eq(motes.iter()));
    }

    #[test]
    fn more_than_the_most_join_what_is_there() {
        let (mut motes, mut random) = (Motes::new(), Random::new(1));
        (0..MOTES_MAX + 50).for_each(|_| motes.sow(&mut random));
        assert_eq!(motes.len(), MOTES_MAX);
        for (_, mote) in motes.iter() {
            assert!(!is_blocked(
                mote.place().0,
                mote.place().1,
                WALL_MARGIN - PIXEL
            ));
        }
    }
}
