//! The load generator: N connections to any server, a fixed work, and what came of it.
//!
//! ```text
//! ramp ──> settle ──> warm-up ──> measure ──> outcome
//! ```
//! One thread, on the client's [`swarm`](ringside_client::swarm). Promises: with a rate, messages are
//! due at times fixed in advance, and latency counts from those, so a server that stalls is not
//! spared the waiting (no coordinated omission); without one, work is a closed loop, and latency is
//! only what a patient client sees. Leaves out: TLS, and starting or pinning the server.

mod outcome;
mod plan;
mod run;
mod work;

pub use outcome::{Cost, Latency, Outcome, Second};
pub use plan::{Pace, Plan, Work};
pub use run::{Failed, Progress, run};
