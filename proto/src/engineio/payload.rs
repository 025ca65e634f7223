//! Polling payloads: several packets in one HTTP body.
//!
//! ```text
//!  version 4           packet 0x1e packet 0x1e ... packet      binary packets as base64
//!  version 3, text     length ':' packet ...                   length in UTF-16 units
//!  version 3, binary   0|1 digit... 0xff packet ...            0 text, 1 binary; length in bytes
//! ```
//! Source: Engine.IO protocol, "Payload encoding"; npm engine.io-parser 5.2.3 and 2.2.1.

use bytes::BufMut;

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
