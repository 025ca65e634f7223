//! Engine.IO's framing on a WebTransport stream: length-prefixed packets, no mask, no opcode.
//!
//! ```text
//!  byte 0             then
//!  B l l l l l l l    0, 2 or 8 bytes of length (big endian) for l = 0..=125, 126, 127
//!  B: the payload is bytes (a message); else an Engine.IO text packet
//! ```
//! Source: npm engine.io-parser 5.2.3, `createPacketDecoderStream`. Departures: a binary frame of
//! no byte is accepted (the reference closes the session), and to send one [`encode`] writes the
//! text packet `b`, which the reference's client reads as no bytes.
//!
//! The first packet decides what the stream is: [`Opening`].

use std::ops::{Deref, Range};

use bytes::BufMut;
use serde::Deserialize;

use crate::engineio::{Data, Misbehaviour, Packet, PacketKind, Version};

/// The longest header: one byte and eight of length.
pub const HEADER_BYTES_MAX: usize = 9;

const BINARY: u8 = 0x80;

/// A header: 1, 3 or 9 bytes; derefs to a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; HEADER_BYTES_MAX],
    len: u8,
}

impl Deref for Header {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The header before a payload of `payload_len` bytes.
pub fn header(binary: bool, payload_len: usize) -> Header {
    let mut bytes = [0; HEADER_BYTES_MAX];
    let len = if payload_len < 126 {
        bytes[0] = payload_len as u8;
        1
    } else if payload_len <= 0xffff {
        bytes[0] = 126;
        bytes[1..3].copy_from_slice(&(payload_len as u16).to_be_bytes());
        3
    } else {
        bytes[0] = 127;
        bytes[1..9].copy_from_slice(&(payload_len as u64).to_be_bytes());
        9
    };
    bytes[0] |= if binary { BINARY } else { 0 };
    Header { bytes, len }
}

/// Writes a packet as a frame; see the module for a binary message of no byte.
pub fn encode(out: &mut impl BufMut, packet: &Packet<'_>) {
    match &packet.data {
        Data::Binary(bytes) if bytes.is_empty() => out.put_slice(&[1, b'b']),
        _ => {
            out.put_slice(&header(packet.is_binary(), packet.encoded_len(Version::V4)));
            packet.encode(out, Version::V4);
        }
    }
}

/// The state of one stream. 16 bytes; idle it owns no heap memory.
#[derive(Debug)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
    packet_bytes_max: u32,
    finished: bool,
}

#[derive(Debug, Default)]
struct Partial {
    header: [u8; HEADER_BYTES_MAX],
    header_len: u8,
    /// Of the frame whose header was read: binary, length.
    frame: Option<(bool, usize)>,
    payload: Vec<u8>,
}

impl Decoder {
    /// A decoder that refuses packets above `packet_bytes_max` bytes on their header.
    pub const fn new(packet_bytes_max: u32) -> Self {
        Self {
            partial: None,
            packet_bytes_max,
            finished: false,
        }
    }

    /// Lends the decoder what arrived. Pull until `Ok(None)`; what is not pulled is lost.
    pub fn input<'d>(&'d mut self, bytes: &'d [u8]) -> Input<'d> {
        Input {
            decoder: self,
            bytes,
            at: 0,
            held: Vec::new(),
        }
    }

    /// True if no frame is unfinished: no heap memory is held.
    pub const fn is_idle(&self) -> bool {
        self.partial.is_none()
    }
}

/// Bytes lent to a [`Decoder`]; gives the packets they complete.
#[derive(Debug)]
pub struct Input<'d> {
    decoder: &'d mut Decoder,
    bytes: &'d [u8],
    at: usize,
    /// The payload of the last packet, if it was not whole in `bytes`.
    held: Vec<u8>,
}

/// The next payload: binary or not, and its place in `bytes` (else it is in `held`).
struct Found {
    binary: bool,
    place: Option<Range<usize>>,
}

impl Input<'_> {
    /// The next packet, or `Ok(None)` when all bytes are used up.
    ///
    /// # Errors
    /// The session must be closed. Afterwards every call gives `Ok(None)`.
    #[allow(clippy::should_implement_trait)] // lends from itself, which `Iterator` cannot
    pub fn next(&mut self) -> Result<Option<Packet<'_>>, Misbehaviour> {
        let result = match self.advance() {
            Ok(None) => return Ok(None),
            Ok(Some(Found {
                binary,
                place: Some(place),
            })) => packet(binary, &self.bytes[place]),
            Ok(Some(Found {
                binary,
                place: None,
            })) => packet(binary, &self.held),
            Err(misbehaviour) => Err(misbehaviour),
        };
        if result.is_err() {
            self.decoder.finished = true;
            self.decoder.partial = None;
        }
        result.map(Some)
    }

    /// The bytes that belong to no packet given so far.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn advance(&mut self) -> Result<Option<Found>, Misbehaviour> {
        if self.decoder.finished || self.at == self.bytes.len() {
            return Ok(None);
        }
        if self.decoder.partial.is_none() {
            let rest = &self.bytes[self.at..];
            if let Some((binary, len, header_len)) =
                parse_header(rest, self.decoder.packet_bytes_max)?
                && len <= rest.len() - header_len
            {
                let start = self.at + header_len;
                self.at = start + len;
                return Ok(Some(Found {
                    binary,
                    place: Some(start..start + len),
                }));
            }
        }
        let mut partial = self.decoder.partial.take().unwrap_or_default();
        let found = self.advance_slowly(&mut partial)?;
        if found.is_none() {
            self.decoder.partial = Some(partial);
        }
        Ok(found.map(|binary| Found {
            binary,
            place: None,
        }))
    }

    fn advance_slowly(&mut self, partial: &mut Partial) -> Result<Option<bool>, Misbehaviour> {
        let (binary, len) = match partial.frame {
            Some(frame) => frame,
            None => {
                let old = usize::from(partial.header_len);
                let rest = &self.bytes[self.at..];
                let take = rest.len().min(HEADER_BYTES_MAX - old);
                partial.header[old..old + take].copy_from_slice(&rest[..take]);
                let candidate = &partial.header[..old + take];
                let Some((binary, len, header_len)) =
                    parse_header(candidate, self.decoder.packet_bytes_max)?
                else {
                    partial.header_len += take as u8;
                    self.at += take;
                    return Ok(None);
                };
                self.at += header_len - old;
                partial.header_len = 0;
                partial.frame = Some((binary, len));
                (binary, len)
            }
        };
        let rest = &self.bytes[self.at..];
        let take = rest.len().min(len - partial.payload.len());
        partial.payload.extend_from_slice(&rest[..take]);
        self.at += take;
        if partial.payload.len() < len {
            return Ok(None);
        }
        self.held = std::mem::take(&mut partial.payload);
        Ok(Some(binary))
    }
}

/// Reads a header: binary, payload length, header length.
fn parse_header(
    bytes: &[u8],
    bytes_max: u32,
) -> Result<Option<(bool, usize, usize)>, Misbehaviour> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let binary = first & BINARY != 0;
    let (len, header_len) = match first & !BINARY {
        126 => match rest.first_chunk::<2>() {
            Some(len) => (u64::from(u16::from_be_bytes(*len)), 3),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(len) => (u64::from_be_bytes(*len), 9),
            None => return Ok(None),
        },
        len => (u64::from(len), 1),
    };
    if len > u64::from(bytes_max) {
        return Err(Misbehaviour::PayloadTooBig);
    }
    if len == 0 && !binary {
        return Err(Misbehaviour::EmptyFrame);
    }
    Ok(Some((binary, len as usize, header_len)))
}

fn packet(binary: bool, payload: &[u8]) -> Result<Packet<'_>, Misbehaviour> {
    if binary {
        Packet::decode_binary(payload, Version::V4)
    } else {
        let text = simdutf8::basic::from_utf8(payload).map_err(|_| Misbehaviour::InvalidUtf8)?;
        Packet::decode_text(text, Version::V4)
    }
}

/// What the first packet of a stream asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// `0`: a new session; answer with the open packet.
    Fresh,
    /// `0{"sid":"..."}`: replace polling of this session; answer nothing.
    Upgrade {
        /// The session's id as the client claims it.
        sid: String,
    },
}

impl Opening {
    /// Judges the first packet.
    ///
    /// # Errors
    /// [`Misbehaviour::UnexpectedPacket`], [`Misbehaviour::InvalidOpen`]: close the session.
    pub fn from_packet(packet: &Packet<'_>) -> Result<Self, Misbehaviour> {
        #[derive(Deserialize)]
        struct Claim {
            sid: String,
        }
        match (packet.kind, &packet.data) {
            (PacketKind::Open, Data::Text("")) => Ok(Self::Fresh),
            (PacketKind::Open, Data::Text(text)) => serde_json::from_str::<Claim>(text)
                .map(|claim| Self::Upgrade { sid: claim.sid })
                .map_err(|_| Misbehaviour::InvalidOpen),
            _ => Err(Misbehaviour::UnexpectedPacket),
        }
    }
}
