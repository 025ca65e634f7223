//! What the benchmarks of the workspace share: the stages they measure on.
//!
//! The benchmarks themselves are in `benches/` (wall time) and `instructions/` (instruction counts);
//! rivals, in `rivals/`, are outside the workspace. Nothing here is for use elsewhere.

pub mod arena;
pub mod codec;
pub mod compare;
pub mod cost;
pub mod crowd;
pub mod load;
pub mod need;
pub mod page;
pub mod ratio;
pub mod snapshot;
pub mod stage;
pub mod trust;
