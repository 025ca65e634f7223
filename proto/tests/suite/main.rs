//! The tests of the protocols from outside: properties, vectors, hostile peers, machines on
//! simulated time. One binary, since each links everything. What needs Node or another crate's
//! codec is in the package `ringside-tests`.

mod close_reasons;
mod engineio_packets;
mod engineio_sessions;
mod msgpack;
mod security;
mod shapes;
mod socketio_args;
mod socketio_machines;
mod socketio_packets;
mod tidy;
mod vectors;
mod webtransport;
mod ws_deflate;
mod ws_stream;

use proptest::test_runner::Config;

/// Cases per property: enough to meet every branch, few enough for a test that always runs.
fn cases(count: u32) -> Config {
    Config {
        cases: count,
        failure_persistence: None,
        ..Config::default()
    }
}

/// Cuts `bytes` at positions derived from `cuts`: any split of a stream into chunks.
fn chunks(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    at.push(0);
    at.push(bytes.len());
    at.sort_unstable();
    at.windows(2)
        .map(|pair| bytes[pair[0]..pair[1]].to_vec())
        .collect()
}
