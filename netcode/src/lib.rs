//! Netcode for authoritative game servers: fixed ticks, per-tick inputs, bit-packed delta
//! snapshots, interest, bandwidth budgets, rewinding and replay.
//!
//! Everything here is a value: time comes in as an argument (a [`core::time::Duration`] since an
//! epoch of the caller's choice), bytes come in and go out as slices, and the same calls give the
//! same results on every machine. The crate has no sockets, no clock, no threads, no random
//! source and no `unsafe`.
//!
//! What it leaves out: the loop that sleeps until the next deadline, sessions and transports.
//! Those belong to the layers above, which hand bytes and time to the values here.

#![forbid(unsafe_code)]

pub mod arena_n;
pub mod bits;
pub mod budget;
pub mod flow;
pub mod history;
pub mod input;
pub mod interest;
pub mod javascript;
pub mod link;
pub mod replay;
pub mod schema;
pub mod snapshot;
pub mod tick;

/// Derives [`Replicate`]: see [the macro's page](derive@ringside_netcode_derive::Replicate).
pub use ringside_netcode_derive::Replicate;
pub use schema::Replicate;
pub use tick::Tick;

// The derive names this crate as its users do.
extern crate self as ringside_netcode;
