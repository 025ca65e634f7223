//! A packet as the event `i` carries it: base64 without padding, so that it is one message and not a text and its bytes.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use ringside_netcode::{
    bits::BitWriter,
    input::{InputPacket, WireInput},
};

/// The only argument of the event `i`.
pub fn packet_text<I: WireInput>(packet: &InputPacket<I>) -> String {
    let mut out = BitWriter::new();
    packet.write(&mut out);
    BASE64_STANDARD_NO_PAD.encode(out.into_bytes())
}
