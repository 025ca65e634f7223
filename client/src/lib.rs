//! The Ringside client in Rust.
//!
//! [`swarm`]: thousands of connections on one thread, for bots and load tests.
#![forbid(unsafe_code)]

pub mod swarm;
