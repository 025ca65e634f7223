//! What the tests of the whole system share: a peer that speaks HTTP and WebSocket byte by byte, and a
//! gateway that tells what it saw.
//!
//! Promises: the peer is written from the standards, not on the gateway's own codecs, and can break
//! every rule; nothing here waits longer than [`PATIENCE`]. Leaves out: stock clients, which are
//! tested from their own languages (`tests/interop`, `tests/proxies`).

pub mod bystander;
pub mod peer;
pub mod world;

use std::{future::Future, time::Duration};

/// How long a test waits for what must happen: far longer than it takes on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must happen.
///
/// # Panics
/// When it has not happened within [`PATIENCE`]; `what` says what was awaited.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {} s", PATIENCE.as_secs()),
    }
}
