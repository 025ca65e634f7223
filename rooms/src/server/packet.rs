//! A client's packet as its event brings it: text, so that it is one message, or bytes.
//!
//! Bytes are an attachment: a text and a message of their own behind it, which costs a server twice. Packets are a few
//! bytes and come by the ten thousand a second, so clients write them in base64, without padding. What is no base64
//! is no packet: the room counts it as such.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use ringside_netcode::{input::PACKET_INPUTS_MAX, schema::FIELDS_MAX};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

use crate::driver::PacketBytes;

/// The bytes of a packet.
#[derive(Debug)]
pub(super) struct Packet(pub(super) PacketBytes);

/// Bytes of a packet that is read without taking memory: eight inputs of 40 bits.
const USUAL_MAX: usize = 60;

/// Bytes of the largest packet there can be: as many inputs as fit, of as many fields as one has, at four bytes each, and
/// far more than is around them. What is longer is no packet, and is not kept until its room has looked at it.
const PACKET_BYTES_MAX: usize = PACKET_INPUTS_MAX * FIELDS_MAX * 4 + 64;

impl<'de> Deserialize<'de> for Packet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(PacketVisitor)
    }
}

struct PacketVisitor;

impl Visitor<'_> for PacketVisitor {
    type Value = Packet;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a packet, in base64 or in bytes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Packet, E> {
        let (mut usual, long);
        // Nothing is no packet either.
        let bytes = if text.len() <= USUAL_MAX / 3 * 4 {
            usual = [0; USUAL_MAX];
            let len = BASE64_STANDARD_NO_PAD.decode_slice(text, &mut usual);
            len.ok().and_then(|len| usual.get(..len))
        } else if text.len() / 4 * 3 > PACKET_BYTES_MAX {
            None
        } else {
            long = BASE64_STANDARD_NO_PAD.decode(text);
            long.as_deref().ok()
        };
        Ok(Packet(bytes.unwrap_or_default().into()))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Packet, E> {
        let fits = bytes.len() <= PACKET_BYTES_MAX;
        Ok(Packet(if fits { bytes } else { &[] }.into()))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ringside_gateway::Args;

    use super::*;

    fn read(json: &str, attachments: &[Bytes]) -> Option<Vec<u8>> {
        let args = format!("[{json}]");
        let packet: Packet = Args::new(&args, false, attachments).parse().ok()?;
        Some(packet.0.as_ref().to_vec())
    }

    #[test]
    fn what_is_longer_than_any_packet_is_not_kept() {
        for (len, kept) in [
            (PACKET_BYTES_MAX, PACKET_BYTES_MAX),
            (PACKET_BYTES_MAX + 3, 0),
        ] {
            let bytes = vec![7; len];
            let text = format!("{:?}", BASE64_STANDARD_NO_PAD.encode(&bytes));
            assert_eq!(read(&text, &[]).unwrap().len(), kept);
            let attached = r#"{"_placeholder":true,"num":0}"#;
            assert_eq!(read(attached, &[bytes.into()]).unwrap().len(), kept);
        }
    }

    #[test]
    fn text_and_bytes_are_read_whatever_their_length() {
        for len in 0..200 {
            let bytes: Vec<u8> = (0..len).collect();
            let text = format!("\"{}\"", BASE64_STANDARD_NO_PAD.encode(&bytes));
            assert_eq!(read(&text, &[]).as_ref(), Some(&bytes));
            let placeholder = r#"{"_placeholder":true,"num":0}"#;
            assert_eq!(read(placeholder, &[bytes.clone().into()]), Some(bytes));
        }
    }

    #[test]
    fn what_is_no_base64_is_no_packet_and_what_is_neither_is_refused() {
        let long = "A".repeat(101);
        for rubbish in ["AQIDBA==", "A", "", "ä", "A Q", &long] {
            let none = read(&format!("\"{rubbish}\""), &[]);
            assert_eq!(none, Some(Vec::new()), "{rubbish}");
        }
        assert_eq!((read("7", &[]), read("null", &[])), (None, None));
    }
}
