//! Our codecs against other people's: the npm packages behind `tests/differential`, tungstenite,
//! and the corpora of the fuzz targets. The same random packets go through both; no difference may
//! remain that is not listed with its reason beside the comparison.
//!
//! `RINGSIDE_PACKETS` sets how many packets each comparison sees (10,000), `RINGSIDE_SEED` which.

#[path = "proto_reference/corpus.rs"]
mod corpus;
#[path = "proto_reference/engineio.rs"]
mod engineio;
#[path = "proto_reference/peer.rs"]
mod peer;
#[path = "proto_reference/random.rs"]
mod random;
#[path = "proto_reference/socketio.rs"]
mod socketio;
#[path = "proto_reference/tungstenite.rs"]
mod tungstenite;

/// How many packets each comparison sees.
fn packets() -> usize {
    std::env::var("RINGSIDE_PACKETS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000)
}

#[test]
fn the_reference_parsers_agree() {
    peer::install();
    socketio::our_packets_are_read_by_the_reference();
    socketio::its_packets_are_read_by_us();
    socketio::both_accept_and_refuse_the_same();
    socketio::msgpack_is_the_same_both_ways();
    engineio::payloads_are_the_same_both_ways();
    engineio::both_accept_and_refuse_the_same_payloads();
    engineio::webtransport_streams_are_the_same_both_ways();
}
