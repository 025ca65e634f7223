//! One Engine.IO packet: its kinds, its text form and its binary form.
//!
//! ```text
//!  text frame      t data        t: one digit, '0' to '6'; data: UTF-8
//!  binary frame    data          version 4: always a message
//!                  t data        version 3: t is the byte 0 to 6
//!  in payloads     b base64      version 4: a binary message; version 3: b t base64
//! ```
//! Source: Engine.IO protocol, "Packet encoding"; npm engine.io-parser 5.2.3 and 2.2.1.
//! Left out: the joining of packets to payloads, see [`super::payload`].

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use bytes::BufMut;

use super::Misbehaviour;

/// Padding is optional on input: `Buffer.from(x, "base64")` of the reference needs none.
pub(super) const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The revision of Engine.IO a client speaks: `EIO=4` or `EIO=3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// Clients of Socket.IO 2.x: the client pings, payloads are length-prefixed.
    V3,
    /// Clients of Socket.IO 3.x and 4.x: the server pings, payloads are separated.
    V4,
}

/// What carries a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
    /// A bidirectional stream of WebTransport.
    WebTransport,
}

impl Transport {
    /// The name in the query and in the open packet.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
            Self::WebTransport => "webtransport",
        }
    }

    /// The transport of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Polling, Self::WebSocket, Self::WebTransport]
            .into_iter()
            .find(|it| it.name() == name)
    }
}

/// The seven types of packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketKind {
    /// Opens a session; over WebTransport also the client's first packet.
    Open = 0,
    /// Closes the session.
    Close = 1,
    /// Asks for a pong; with `probe` as data it tries a new transport.
    Ping = 2,
    /// Answers a ping with the same data.
    Pong = 3,
    /// Carries data of the layer above.
    Message = 4,
    /// Makes the probed transport the one in use.
    Upgrade = 5,
    /// Ends a pending poll, means nothing.
    Noop = 6,
}

impl PacketKind {
    /// All kinds, in order of their number.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Close,
        Self::Ping,
        Self::Pong,
        Self::Message,
        Self::Upgrade,
        Self::Noop,
    ];

    /// The digit of the text form.
    pub const fn digit(self) -> u8 {
        b'0' + self as u8
    }

    /// The kind of this digit.
    #[inline]
    pub const fn from_digit(digit: u8) -> Option<Self> {
        Self::from_number(digit.wrapping_sub(b'0'))
    }

    /// The kind of this number (the first byte of a binary packet of version 3).
    #[inline]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Open,
            1 => Self::Close,
            2 => Self::Ping,
            3 => Self::Pong,
            4 => Self::Message,
            5 => Self::Upgrade,
            6 => Self::Noop,
            _ => return None,
        })
    }
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// Text, possibly empty.
    Text(&'a str),
    /// Bytes; owned when they came as base64.
    Binary(Cow<'a, [u8]>),
}

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its type.
    pub kind: PacketKind,
    /// Its data; bytes only in messages (version 3: in any type).
    pub data: Data<'a>,
}

impl<'a> Packet<'a> {
    /// A packet with text.
    pub const fn text(kind: PacketKind, text: &'a str) -> Self {
        Self {
            kind,
            data: Data::Text(text),
        }
    }

    /// A packet without data.
    pub const fn bare(kind: PacketKind) -> Self {
        Self::text(kind, "")
    }

    /// A binary message.
    pub const fn binary(bytes: &'a [u8]) -> Self {
        Self {
            kind: PacketKind::Message,
            data: Data::Binary(Cow::Borrowed(bytes)),
        }
    }

    /// Decodes a text frame (both versions), or one part of a payload of version 4.
    ///
    /// # Errors
    /// [`Misbehaviour::EmptyPacket`], [`Misbehaviour::UnknownPacketType`],
    /// [`Misbehaviour::InvalidBase64`].
    #[inline]
    pub fn decode_text(text: &'a str, version: Version) -> Result<Self, Misbehaviour> {
        let Some(&first) = text.as_bytes().first() else {
            return Err(Misbehaviour::EmptyPacket);
        };
        match PacketKind::from_digit(first) {
            Some(kind) => Ok(Self::text(kind, &text[1..])),
            None if first == b'b' => Self::decode_base64(&text[1..], version),
            None => Err(Misbehaviour::UnknownPacketType),
        }
    }

    /// Decodes what follows the `b`.
    fn decode_base64(text: &str, version: Version) -> Result<Self, Misbehaviour> {
        let (kind, text) = match version {
            Version::V4 => (PacketKind::Message, text),
            Version::V3 => {
                let first = text.bytes().next().ok_or(Misbehaviour::EmptyPacket)?;
                (
                    PacketKind::from_digit(first).ok_or(Misbehaviour::UnknownPacketType)?,
                    &text[1..],
                )
            }
        };
        let bytes = LENIENT
            .decode(text)
            .map_err(|_| Misbehaviour::InvalidBase64)?;
        Ok(Self {
            kind,
            data: Data::Binary(Cow::Owned(bytes)),
        })
    }

    /// Decodes a binary frame.
    ///
    /// # Errors
    /// Version 3 only: [`Misbehaviour::EmptyPacket`], [`Misbehaviour::UnknownPacketType`].
    #[inline]
    pub fn decode_binary(bytes: &'a [u8], version: Version) -> Result<Self, Misbehaviour> {
        match version {
            Version::V4 => Ok(Self::binary(bytes)),
            Version::V3 => {
                let (&first, rest) = bytes.split_first().ok_or(Misbehaviour::EmptyPacket)?;
                let kind = PacketKind::from_number(first).ok_or(Misbehaviour::UnknownPacketType)?;
                Ok(Self {
                    kind,
                    data: Data::Binary(Cow::Borrowed(rest)),
                })
            }
        }
    }

    /// Whether this packet travels in a binary frame.
    pub const fn is_binary(&self) -> bool {
        matches!(self.data, Data::Binary(_))
    }

    /// Writes the payload of a WebSocket frame: text or binary as [`Packet::is_binary`] says.
    pub fn encode(&self, out: &mut impl BufMut, version: Version) {
        match (&self.data, version) {
            (Data::Text(text), _) => {
                out.put_u8(self.kind.digit());
                out.put_slice(text.as_bytes());
            }
            (Data::Binary(bytes), Version::V4) => out.put_slice(bytes),
            (Data::Binary(bytes), Version::V3) => {
                out.put_u8(self.kind as u8);
                out.put_slice(bytes);
            }
        }
    }

    /// How many bytes [`Packet::encode`] writes.
    pub fn encoded_len(&self, version: Version) -> usize {
        match (&self.data, version) {
            (Data::Text(text), _) => 1 + text.len(),
            (Data::Binary(bytes), Version::V4) => bytes.len(),
            (Data::Binary(bytes), Version::V3) => 1 + bytes.len(),
        }
    }

    /// Writes the text form, bytes as base64: what a payload of version 4 holds.
    pub fn encode_as_text(&self, out: &mut impl BufMut, version: Version) {
        match &self.data {
            Data::Text(_) => self.encode(out, version),
            Data::Binary(bytes) => {
                out.put_u8(b'b');
                if version == Version::V3 {
                    out.put_u8(self.kind.digit());
                }
                // Three bytes become four characters, so blocks of 768 need no padding between.
                let mut block = [0; 1024];
                for part in bytes.chunks(768) {
                    let len = STANDARD.encode_slice(part, &mut block).unwrap_or_default();
                    out.put_slice(&block[..len]);
                }
            }
        }
    }

    /// How many bytes [`Packet::encode_as_text`] writes.
    pub fn encoded_as_text_len(&self, version: Version) -> usize {
        match &self.data {
            Data::Text(_) => self.encoded_len(version),
            Data::Binary(bytes) => {
                1 + usize::from(version == Version::V3) + bytes.len().div_ceil(3) * 4
            }
        }
    }
}
