//! Servers side by side: started, loaded, measured and stored, in turns.
//!
//! Promises: a fresh process for every repetition; contenders take turns within each repetition, so
//! that a busy machine disturbs all alike; server and generator are pinned to different cores and
//! raised above other work where the system allows; medians are told with the least and the most.
//! Leaves out: building the servers, which `cargo xtask` does.

mod contender;
mod launch;
mod point;
mod report;
mod rooms;
mod stored;
mod table;
mod verdict;

pub use contender::{Contender, Places, everybody};
pub use point::{Point, Runs, Values, points};
pub use report::report;
pub use rooms::rooms_table;
pub use stored::{Figure, Figures, Machine, Stored, civil_date};
pub use table::performance;
pub use verdict::{ACROSS_THREADS, Comparison, MORE_IS_BETTER, compare};
