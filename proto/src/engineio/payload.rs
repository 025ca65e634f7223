//! Polling payloads of Engine.IO 4: several packets in one HTTP body.
//!
//! ```text
//!  packet 0x1e packet 0x1e ... packet      binary packets as base64
//! ```
//! Source: Engine.IO protocol, "Payload encoding"; npm engine.io-parser 5.2.3. The forms of
//! version 3 are [`decode_v3`], [`encode_v3_text`] and [`encode_v3_binary`].

use bytes::BufMut;

pub use super::payload_v3::{PacketsV3, decode_v3, encode_v3_binary, encode_v3_text};
use super::{Misbehaviour, Packet, Version};

/// Parts the packets of a payload of version 4.
pub const SEPARATOR: u8 = 0x1e;

/// The packets of a payload of version 4, decoded one by one; ends after the first error.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: Option<&'a str>,
}

/// Reads a payload of version 4.
///
/// # Errors
/// [`Misbehaviour::InvalidUtf8`]. Errors of single packets come out of the iterator, after the
/// packets before them, as in the reference.
pub fn decode(body: &[u8]) -> Result<Packets<'_>, Misbehaviour> {
    let text = simdutf8::basic::from_utf8(body).map_err(|_| Misbehaviour::InvalidUtf8)?;
    Ok(Packets { rest: Some(text) })
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, Misbehaviour>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let (part, rest) = match rest.split_once(SEPARATOR as char) {
            Some((part, rest)) => (part, Some(rest)),
            None => (rest, None),
        };
        let packet = Packet::decode_text(part, Version::V4);
        self.rest = if packet.is_ok() { rest } else { None };
        Some(packet)
    }
}

/// Writes a payload of version 4.
pub fn encode<'a>(out: &mut impl BufMut, packets: impl IntoIterator<Item = &'a Packet<'a>>) {
    let mut first = true;
    for packet in packets {
        if !first {
            out.put_u8(SEPARATOR);
        }
        first = false;
        packet.encode_as_text(out, Version::V4);
    }
}

/// How many bytes [`encode`] writes.
pub fn encoded_len<'a>(packets: impl IntoIterator<Item = &'a Packet<'a>>) -> usize {
    let mut packets = packets
        .into_iter()
        .map(|packet| packet.encoded_as_text_len(Version::V4));
    let first = packets.next().unwrap_or(0);
    packets.fold(first, |len, packet| len + 1 + packet)
}
