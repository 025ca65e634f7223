//! The frame header of RFC 6455 §5.2 as values, and its parser.
//!
//! ```text
//!  byte 0            byte 1            then
//!  F R R R  o o o o  M l l l l l l l   0, 2 or 8 bytes of length (big endian), 0 or 4 of mask
//!  I 1 2 3  opcode   A  length or
//!  N                 S  126 / 127
//!                    K
//! ```
//!
//! Everything that can be judged from a header alone is judged here; what needs the frames before
//! it (continuation, message size) is judged by the decoder.

use super::Misbehaviour;

/// The longest header: 2 bytes, 8 of length, 4 of mask.
pub const HEADER_BYTES_MAX: usize = 14;

/// "All control frames MUST have a payload length of 125 bytes or less" (RFC 6455 §5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// Which end of the connection we are. The client masks what it sends, the server does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We accepted the connection: what arrives must be masked.
    Server,
    /// We opened the connection: what arrives must not be masked.
    Client,
}

/// The opcodes RFC 6455 §5.2 defines; all others are a protocol error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OpCode {
    /// A further fragment of a message.
    Continuation = 0x0,
    /// UTF-8 text.
    Text = 0x1,
    /// Bytes.
    Binary = 0x2,
    /// The last frame of a direction.
    Close = 0x8,
    /// "Are you there?", answered by a pong with the same payload.
    Ping = 0x9,
    /// The answer to a ping, or an unasked sign of life.
    Pong = 0xA,
}

impl OpCode {
    /// The opcode of these four bits, or nothing if RFC 6455 reserves them.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    /// Close, ping and pong: never fragmented, at most 125 bytes, allowed between fragments.
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// A close code of RFC 6455 §7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The endpoint goes away: a server shutting down, a page left.
    pub const GOING_AWAY: Self = Self(1001);
    /// Broken framing.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A kind of data the endpoint cannot accept.
    pub const UNSUPPORTED: Self = Self(1003);
    /// Never on the wire: the close frame held no code.
    pub const NO_STATUS: Self = Self(1005);
    /// Never on the wire: the stream ended without a close frame.
    pub const ABNORMAL: Self = Self(1006);
    /// Text that is not UTF-8, or another mismatch of kind and content.
    pub const INVALID_DATA: Self = Self(1007);
    /// A policy was violated: a limit other than size.
    pub const POLICY: Self = Self(1008);
    /// The message is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// The client misses an extension.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// The server met an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The service restarts; come back soon (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// The service is overloaded; come back later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// Whether an endpoint may put this code into a close frame (RFC 6455 §7.4.1 and §7.4.2:
    /// "1005 ... MUST NOT be set as a status code in a Close control frame", the same for 1006
    /// and 1015; 3000-4999 are free; the rest is reserved or undefined).
    pub const fn is_allowed_on_wire(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// A parsed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) fin: bool,
    pub(super) compressed: bool,
    pub(super) op: OpCode,
    pub(super) mask: [u8; 4],
    pub(super) payload_len: u64,
    pub(super) header_len: usize,
}

/// Reads a header from the start of `bytes`; `Ok(None)` if more bytes are needed.
///
/// `deflate`: RSV1 is allowed on the first frame of a message (RFC 7692 §6).
#[inline]
pub(super) fn parse(
    bytes: &[u8],
    role: Role,
    deflate: bool,
) -> Result<Option<FrameHeader>, Misbehaviour> {
    let &[first, second, ref rest @ ..] = bytes else {
        // One byte is enough to refuse reserved bits, but not to accept anything.
        return match bytes.first() {
            Some(&first) => judge_first(first, deflate).map(|_| None),
            None => Ok(None),
        };
    };
    let (op, compressed) = judge_first(first, deflate)?;
    let fin = first & 0x80 != 0;
    let masked = second & 0x80 != 0;
    match role {
        // "a server MUST close the connection upon receiving a frame that is not masked" (§5.1).
        Role::Server if !masked => return Err(Misbehaviour::UnmaskedFrame),
        // "A client MUST close a connection if it detects a masked frame" (§5.1).
        Role::Client if masked => return Err(Misbehaviour::MaskedFrame),
        _ => {}
    }
    let short = second & 0x7f;
    if op.is_control() {
        if !fin {
            return Err(Misbehaviour::FragmentedControl);
        }
        if short as usize > CONTROL_BYTES_MAX {
            return Err(Misbehaviour::OversizedControl);
        }
    }
    let (payload_len, rest, mut header_len) = match short {
        126 => match rest.split_first_chunk::<2>() {
            Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest, 4),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk::<8>() {
            Some((len, rest)) => (u64::from_be_bytes(*len), rest, 10),
            None => return Ok(None),
        },
        _ => (u64::from(short), rest, 2),
    };
    // "the minimal number of bytes MUST be used to encode the length" (§5.2).
    if (short == 126 && payload_len < 126) || (short == 127 && payload_len <= 0xffff) {
        return Err(Misbehaviour::NonMinimalLength);
    }
    // "the most significant bit MUST be 0" (§5.2).
    if payload_len >> 63 != 0 {
        return Err(Misbehaviour::LengthTopBit);
    }
    let mask = if masked {
        match rest.first_chunk::<4>() {
            Some(mask) => {
                header_len += 4;
                *mask
            }
            None => return Ok(None),
        }
    } else {
        [0; 4]
    };
    Ok(Some(FrameHeader {
        fin,
        compressed,
        op,
        mask,
        payload_len,
        header_len,
    }))
}

/// Judges FIN, RSV and opcode.
#[inline]
fn judge_first(first: u8, deflate: bool) -> Result<(OpCode, bool), Misbehaviour> {
    let Some(op) = OpCode::from_bits(first & 0x0f) else {
        return Err(Misbehaviour::ReservedOpcode);
    };
    let rsv = first & 0x70;
    if rsv == 0 {
        return Ok((op, false));
    }
    // "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values"
    // (§5.2); RFC 7692 §6 gives RSV1 a meaning on the first frame of a data message only.
    if rsv == 0x40 && deflate && matches!(op, OpCode::Text | OpCode::Binary) {
        return Ok((op, true));
    }
    Err(Misbehaviour::ReservedBits)
}
