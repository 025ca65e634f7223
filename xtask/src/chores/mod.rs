//! One file a chore: its arguments, its help and what it does.

pub mod bench;
pub mod conformance;
pub mod fuzz;
pub mod loss;
pub mod rivals;
pub mod test;
pub mod tidy;
pub mod verify;
