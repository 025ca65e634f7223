//! The rules of GLIMMER, and nothing else: no sockets, no clock, no names, integers throughout.
//!
//! ```text
//! motion   how a puck moves: the part that the page predicts, and computes to the same bit
//! walls    what a puck bounces off and a zap is turned by
//! motes    light lying about: who picks it up, where it falls
//! arena    one tick of everything: zaps, spills, banking, the well, rounds
//! ```
//!
//! Promises: the same seed and the same inputs give the same game, on every machine. Lengths are units,
//! 16 to a pixel of the page at its usual size, 65,536 to a side of the arena; speeds are in 1/256 unit a
//! tick; a turn has 1,024 parts, 0 to the right, clockwise on the screen; a tick is 1/60 s.

pub mod arena;
pub mod motes;
pub mod motion;
pub mod puck;
pub mod random;
pub mod trig;
pub mod walls;
pub mod zap;

/// Units of a pixel.
pub const PIXEL: i32 = 16;
/// The side of the arena, in units.
pub const SIDE: i32 = 4096 * PIXEL;
/// Ticks a second.
pub const HZ: u32 = 60;
