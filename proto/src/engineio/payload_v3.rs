//! Polling payloads of Engine.IO 3, as text and as bytes.
//!
//! ```text
//!  text     length ':' packet ...           length: UTF-16 units, decimal; bytes as b + type + base64
//!  bytes    0|1 digit... 255 packet ...     0 text, 1 binary; each digit a byte 0 to 9; length: bytes
//! ```
//! Source: npm engine.io-parser 2.2.1. Departures: a length has at most ten digits, and a binary
//! payload marks its packets with 0 or 1 (the reference takes anything but 0 for 1).

use bytes::BufMut;

use super::{Data, Misbehaviour, Packet, Version};

/// Ends the digits of a length in the binary form.
const LENGTH_END: u8 = 255;

/// Ten digits hold every length below 10 GB; no body may be that long.
const LENGTH_DIGITS_MAX: usize = 10;

/// The packets of a payload of version 3; ends after the first error.
#[derive(Clone, Debug)]
pub struct PacketsV3<'a> {
    rest: Rest<'a>,
}

#[derive(Clone, Debug)]
enum Rest<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Done,
}

/// Reads a payload of version 3; `binary` if its type is `application/octet-stream`.
///
/// # Errors
/// [`Misbehaviour::InvalidUtf8`], and [`Misbehaviour::EmptyPacket`] for an empty text body. Errors
/// of single packets come out of the iterator.
pub fn decode_v3(body: &[u8], binary: bool) -> Result<PacketsV3<'_>, Misbehaviour> {
    if binary {
        return Ok(PacketsV3 {
            rest: Rest::Binary(body),
        });
    }
    let text = simdutf8::basic::from_utf8(body).map_err(|_| Misbehaviour::InvalidUtf8)?;
    if text.is_empty() {
        return Err(Misbehaviour::EmptyPacket);
    }
    Ok(PacketsV3 {
        rest: Rest::Text(text),
    })
}

impl<'a> Iterator for PacketsV3<'a> {
    type Item = Result<Packet<'a>, Misbehaviour>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = match self.rest {
            Rest::Text(text) => next_text(text),
            Rest::Binary(bytes) => next_binary(bytes),
            Rest::Done => return None,
        };
        match step {
            Ok(Some((packet, rest))) => {
                self.rest = rest;
                Some(Ok(packet))
            }
            Ok(None) => {
                self.rest = Rest::Done;
                None
            }
            Err(misbehaviour) => {
                self.rest = Rest::Done;
                Some(Err(misbehaviour))
            }
        }
    }
}

type Step<'a> = Result<Option<(Packet<'a>, Rest<'a>)>, Misbehaviour>;

fn next_text(mut text: &str) -> Step<'_> {
    loop {
        if text.is_empty() {
            return Ok(None);
        }
        let (digits, rest) = text.split_once(':').ok_or(Misbehaviour::InvalidLength)?;
        if digits.is_empty()
            || digits.len() > LENGTH_DIGITS_MAX
            || !digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(Misbehaviour::InvalidLength);
        }
        let units: u64 = digits.parse().map_err(|_| Misbehaviour::InvalidLength)?;
        let len = utf16_prefix(rest, units).ok_or(Misbehaviour::InvalidLength)?;
        let (packet, rest) = rest.split_at(len);
        // A packet of no length is skipped, as in the reference ("0:" is an empty payload).
        if packet.is_empty() {
            text = rest;
            continue;
        }
        return Ok(Some((
            Packet::decode_text(packet, Version::V3)?,
            Rest::Text(rest),
        )));
    }
}

/// The length in bytes of the first `units` UTF-16 units of `text`, if there are as many and they
/// end between two characters.
fn utf16_prefix(text: &str, units: u64) -> Option<usize> {
    let mut left = units;
    for (at, char) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(char.len_utf16() as u64)?;
    }
    (left == 0).then_some(text.len())
}

fn next_binary(bytes: &[u8]) -> Step<'_> {
    let Some((&marker, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let digits = rest
        .iter()
        .take(LENGTH_DIGITS_MAX + 1)
        .position(|byte| *byte == LENGTH_END)
        .ok_or(Misbehaviour::InvalidLength)?;
    let mut len = 0u64;
    for digit in &rest[..digits] {
        if *digit > 9 {
            return Err(Misbehaviour::InvalidLength);
        }
        len = len * 10 + u64::from(*digit);
    }
    let rest = &rest[digits + 1..];
    let len = usize::try_from(len).ok().filter(|len| *len <= rest.len());
    let (packet, rest) = rest.split_at(
        len.filter(|_| digits > 0)
            .ok_or(Misbehaviour::InvalidLength)?,
    );
    let packet = match marker {
        0 => {
            let text = simdutf8::basic::from_utf8(packet).map_err(|_| Misbehaviour::InvalidUtf8)?;
            Packet::decode_text(text, Version::V3)?
        }
        1 => Packet::decode_binary(packet, Version::V3)?,
        _ => return Err(Misbehaviour::InvalidLength),
    };
    Ok(Some((packet, Rest::Binary(rest))))
}

/// Writes a payload of version 3 as text (`text/plain; charset=UTF-8`).
pub fn encode_v3_text<'a>(
    out: &mut impl BufMut,
    packets: impl IntoIterator<Item = &'a Packet<'a>>,
) {
    let mut empty = true;
    for packet in packets {
        empty = false;
        let units = match &packet.data {
            Data::Text(text) => 1 + text.chars().map(char::len_utf16).sum::<usize>(),
            Data::Binary(_) => packet.encoded_as_text_len(Version::V3),
        };
        put_digits(out, units, b'0');
        out.put_u8(b':');
        packet.encode_as_text(out, Version::V3);
    }
    if empty {
        out.put_slice(b"0:");
    }
}

/// Writes a payload of version 3 as bytes (`application/octet-stream`): for clients that did not
/// ask for base64, when a packet is binary.
pub fn encode_v3_binary<'a>(
    out: &mut impl BufMut,
    packets: impl IntoIterator<Item = &'a Packet<'a>>,
) {
    for packet in packets {
        out.put_u8(u8::from(packet.is_binary()));
        put_digits(out, packet.encoded_len(Version::V3), 0);
        out.put_u8(LENGTH_END);
        packet.encode(out, Version::V3);
    }
}

/// Writes a decimal number, most significant digit first, each digit plus `zero`.
fn put_digits(out: &mut impl BufMut, mut number: usize, zero: u8) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = zero + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}
