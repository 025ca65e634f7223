//! The walls: the arena's edge and sixteen blocks, the same in each quarter.
//!
//! Pucks bounce off them, a zap is turned once. Promises: what starts outside every block stays outside
//! (a puck's step is shorter than any block is thick, see [`super::motion`]).

use super::{PIXEL, SIDE, trig::ONE};

/// A block, in units: it covers `left ≤ x < right`, `top ≤ y < bottom`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

/// Blocks of one quarter, in pixels right of and below the middle: left, top, right, bottom.
const QUARTER: [[i32; 4]; 4] = [
    [380, 500, 860, 580],
    [1180, 280, 1260, 820],
    [660, 1140, 900, 1380],
    [1320, 1440, 1780, 1520],
];

/// The edge of the arena as a zap meets it.
pub const EDGE: Block = Block {
    left: 0,
    top: 0,
    right: SIDE - 1,
    bottom: SIDE - 1,
};

/// The blocks.
pub const BLOCKS: [Block; 16] = blocks();

const fn blocks() -> [Block; 16] {
    let mut blocks = [EDGE; 16];
    let mut at = 0;
    while at < 16 {
        let [left, top, right, bottom] = QUARTER[at / 4];
        let (left, right) = mirrored(at & 1 != 0, left, right);
        let (top, bottom) = mirrored(at & 2 != 0, top, bottom);
        blocks[at] = Block {
            left,
            top,
            right,
            bottom,
        };
        at += 1;
    }
    blocks
}

const fn mirrored(mirror: bool, near: i32, far: i32) -> (i32, i32) {
    let (near, far) = (near * PIXEL, far * PIXEL);
    if mirror {
        (SIDE / 2 - far, SIDE / 2 - near)
    } else {
        (SIDE / 2 + near, SIDE / 2 + far)
    }
}

impl Block {
    /// Whether a place is in it, or nearer to it than `margin` along both axes.
    pub fn is_near(&self, x: i32, y: i32, margin: i32) -> bool {
        x > self.left - margin
            && x < self.right + margin
            && y > self.top - margin
            && y < self.bottom + margin
    }
}

/// Whether a place is in some block, or nearer than `margin` to one.
pub fn is_blocked(x: i32, y: i32, margin: i32) -> bool {
    BLOCKS.iter().any(|block| block.is_near(x, y, margin))
}

/// How far a ray runs, and which of its components the wall there turns around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meeting {
    pub length: i32,
    pub turns_x: bool,
}

/// Where a ray from inside the arena meets its first wall, if within `reach`.
pub fn first_wall(from: (i32, i32), direction: (i32, i32), reach: i32) -> Option<Meeting> {
    let mut first: Option<Meeting> = None;
    let mut meet = |at: Option<i32>, turns_x| {
        let Some(length) = at.filter(|length| (0..=reach).contains(length)) else {
            return;
        };
        if first.is_none_or(|first| length < first.length) {
            first = Some(Meeting { length, turns_x });
        }
    };
    let ((x, y), (dx, dy)) = (from, direction);
    // The edge is met from inside: the side that the ray points at.
    meet(
        crossing(x, dx, if dx > 0 { EDGE.right } else { EDGE.left }),
        true,
    );
    meet(
        crossing(y, dy, if dy > 0 { EDGE.bottom } else { EDGE.top }),
        false,
    );
    for block in &BLOCKS {
        let at = crossing(x, dx, if dx > 0 { block.left } else { block.right });
        let meets = |at: i32| (block.top..=block.bottom).contains(&along(y, dy, at));
        meet(at.filter(|at| meets(*at)), true);
        let at = crossing(y, dy, if dy > 0 { block.top } else { block.bottom });
        let meets = |at: i32| (block.left..=block.right).contains(&along(x, dx, at));
        meet(at.filter(|at| meets(*at)), false);
    }
    first
}

/// How far along a ray one of its coordinates reaches `line`.
fn crossing(from: i32, direction: i32, line: i32) -> Option<i32> {
    if direction == 0 {
        return None;
    }
    let length = i64::from(line - from) * i64::from(ONE) / i64::from(direction);
    i32::try_from(length).ok()
}

/// A coordinate after `length` along its direction.
pub fn along(from: i32, direction: i32, length: i32) -> i32 {
    from + ((i64::from(direction) * i64::from(length)) >> 14) as i32
}

#[cfg(test)]
mod tests {
    use super::super::trig;
    use super::*;

    #[test]
    fn blocks_are_the_same_in_each_quarter_and_keep_apart() {
        for (at, block) in BLOCKS.iter().enumerate() {
            assert!(block.left < block.right && block.top < block.bottom, "{at}");
            let mirror = |b: &Block| (SIDE - b.right, SIDE - b.left);
            assert!(
                BLOCKS
                    .iter()
                    .any(|other| (other.left, other.right) == mirror(block))
            );
            for other in &BLOCKS[at + 1..] {
                let apart = 120 * PIXEL;
                let overlap = block.left < other.right + apart
                    && other.left < block.right + apart
                    && block.top < other.bottom + apart
                    && other.top < block.bottom + apart;
                assert!(!overlap, "{block:?} and {other:?} leave no way between");
            }
        }
    }

    #[test]
    fn a_ray_stops_at_the_edge_and_at_the_nearer_side_of_a_block() {
        let middle = (SIDE / 2, SIDE / 2);
        let right = trig::direction(0);
        assert_eq!(first_wall(middle, right, 1_000), None);
        let meeting = first_wall(middle, right, SIDE).unwrap();
        assert_eq!((meeting.length, meeting.turns_x), (SIDE / 2 - 1, true));
        let block = BLOCKS[0];
        let above = ((block.left + block.right) / 2, SIDE / 2);
        let meeting = first_wall(above, trig::direction(256), SIDE).unwrap();
        assert_eq!(
            (meeting.length, meeting.turns_x),
            (block.top - SIDE / 2, false)
        );
    }
}
