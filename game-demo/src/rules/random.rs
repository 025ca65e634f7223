//! The arena's own dice: xorshift, so that a seed is a whole game.

use serde::{Deserialize, Serialize};

/// A generator of 32-bit numbers with a state that is never zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Random(u32);

impl Random {
    /// A generator that follows from its seed.
    pub fn new(seed: u32) -> Self {
        let mixed = (seed ^ 0x9E37_79B9).wrapping_mul(0x85EB_CA6B);
        Self((mixed ^ (mixed >> 15)).max(1))
    }

    /// The next number.
    pub fn number(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// A number below `bound`; 0 when there is none.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.number()) * u64::from(bound)) >> 32) as u32
    }

    /// From `low` up to, without, `high`.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low).max(0) as u32) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all_of_it() {
        let mut random = Random::new(0);
        let mut seen = [0u32; 7];
        (0..7_000).for_each(|_| seen[random.below(7) as usize] += 1);
        assert!(seen.iter().all(|n| (800..1200).contains(n)), "{seen:?}");
        assert_eq!(random.below(0), 0);
    }
}
