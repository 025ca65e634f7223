//! A client's packet as its event brings it: text, so that it is one message, or bytes.
//!
//! Bytes are an attachment: a text and a message of their own behind it, which costs a server twice. Packets are a few
//! bytes and come by the ten thousand a second, so clients write them in base64, without padding. What is no base64
//! is no packet: the room counts it as such.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// The bytes of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packet(pub(super) Bytes);

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
        // Nothing is no packet either.
        let bytes = BASE64_STANDARD_NO_PAD.decode(text).unwrap_or_default();
        Ok(Packet(bytes.into()))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Packet, E> {
        Ok(Packet(Bytes::copy_from_slice(bytes)))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Packet, E> {
        Ok(Packet(bytes.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Packet, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn what_is_no_base64_is_no_packet_and_what_is_no_text_is_refused() {
        assert_eq!(read("\"AQIDBA\"").unwrap(), Packet(vec![1, 2, 3, 4].into()));
        for rubbish in ["\"AQIDBA==\"", "\"A\"", "\"\"", "\"ä\"", "\"A Q\""] {
            assert_eq!(read(rubbish).unwrap(), Packet(Bytes::new()), "{rubbish}");
        }
        assert!(read("7").is_err() && read("null").is_err());
    }
}
