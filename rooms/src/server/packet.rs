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

use crate::driver::{PacketBytes, SHORT_MAX};

/// The bytes of a packet.
#[derive(Debug)]
pub(super) struct Packet(pub(super) PacketBytes);

/// Bytes of a packet that is read without taking memory: eight inputs of 40 bits.
const USUAL_MAX: usize = 60;

/// Bytes of the largest packet there can be: as many inputs as fit, of as many fields as one has, at four bytes each, and
/// far more than is around them. What is longer is no packet, and is not kept until its room has looked at it.
const PACKET_BYTES_MAX: usize = PACKET_INPUTS_MAX * FIELDS_MAX * 4 + 64;

/// Decodes base64 without padding as [`BASE64_STANDARD_NO_PAD`] does, which is made for long texts: to get going costs it
/// more than a packet's few characters do here. `None`: it is none, or `into` is too small.
fn decode_few<const N: usize>(text: &[u8], into: &mut [u8; N]) -> Option<usize> {
    let mut all = 0;
    let mut decode = |four: [u8; 4]| {
        let [a, b, c, d] = four.map(|character| SIX_BITS[usize::from(character)]);
        all |= a | b | c | d;
        let [_, bytes @ ..] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
        bytes
    };
    let (fours, rest) = text.as_chunks();
    let (threes, _) = into.as_chunks_mut();
    for (three, four) in threes.iter_mut().zip(fours) {
        *three = decode(*four);
    }
    let whole = fours.len() * 3;
    // Two characters more are one byte, three are two, and what is left of their bits is zero, as are those of an A.
    let more = match *rest {
        [] => 0,
        [a, b] => {
            let [x, 0, 0] = decode([a, b, b'A', b'A']) else {
                return None;
            };
            *into.get_mut(whole)? = x;
            1
        }
        [a, b, c] => {
            let [x, y, 0] = decode([a, b, c, b'A']) else {
                return None;
            };
            *into.get_mut(whole..)?.first_chunk_mut()? = [x, y];
            2
        }
        _ => return None,
    };
    (whole + more <= N && all < 64).then_some(whole + more)
}

/// The bits that each character stands for; more than six where it stands for none.
const SIX_BITS: [u32; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = [64; 256];
    let mut n = 0;
    while n < alphabet.len() {
        bits[alphabet[n] as usize] = n as u32;
        n += 1;
    }
    bits
};

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
        if text.len() <= SHORT_MAX / 3 * 4 {
            let mut bytes = [0; SHORT_MAX];
            // Nothing is no packet either.
            let len = decode_few(text.as_bytes(), &mut bytes).unwrap_or(0) as u8;
            return Ok(Packet(PacketBytes::Short { len, bytes }));
        }
        let (mut usual, long);
        let bytes = if text.len() <= USUAL_MAX / 3 * 4 {
            usual = [0; USUAL_MAX];
            let len = decode_few(text.as_bytes(), &mut usual);
            len.and_then(|len| usual.get(..len))
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
    use proptest::prelude::*;
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

    proptest! {
        #[test]
        fn few_are_decoded_as_many_are(text in r"[A-Za-z0-9+/]{0,76}[A-Za-z0-9+/=_ é]{0,3}") {
            prop_assume!(text.len() <= USUAL_MAX / 3 * 4);
            let mut few = [0; USUAL_MAX];
            let len = decode_few(text.as_bytes(), &mut few);
            prop_assert_eq!(len.map(|len| few[..len].to_vec()), BASE64_STANDARD_NO_PAD.decode(&text).ok());
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
