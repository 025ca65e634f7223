//! Frames out: headers as small values, whole frames into any `BufMut`.
//!
//! A frame of ours is never fragmented. A server writes [`server_header`] into the headroom before
//! a payload that was encoded once for all receivers. A client masks with a key that it is given:
//! this crate owns no randomness, so the unpredictability RFC 6455 §5.3 asks for is the caller's.

use std::ops::Deref;

use bytes::BufMut;

use super::frame::{CONTROL_BYTES_MAX, CloseCode, HEADER_BYTES_MAX, OpCode, Role};
use super::{Misbehaviour, mask};

/// The longest reason of a close frame: a control frame's 125 bytes less two of code.
pub const CLOSE_REASON_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;

const COMPRESSED: u8 = 0x40;

/// The bytes of a frame header; derefs to a slice of 2 to 14 bytes (a server's: at most 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; HEADER_BYTES_MAX],
    len: u8,
}

impl Header {
    #[inline]
    fn new(op: OpCode, payload_len: usize, mask_key: Option<[u8; 4]>) -> Self {
        let mut bytes = [0; HEADER_BYTES_MAX];
        bytes[0] = 0x80 | op as u8;
        let mut len = if payload_len < 126 {
            bytes[1] = payload_len as u8;
            2
        } else if payload_len <= 0xffff {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&(payload_len as u16).to_be_bytes());
            4
        } else {
            bytes[1] = 127;
            bytes[2..10].copy_from_slice(&(payload_len as u64).to_be_bytes());
            10
        };
        if let Some(key) = mask_key {
            bytes[1] |= 0x80;
            bytes[len..len + 4].copy_from_slice(&key);
            len += 4;
        }
        Self {
            bytes,
            len: len as u8,
        }
    }

    /// The same header for a payload that permessage-deflate compressed: RSV1 set (RFC 7692 §6).
    #[must_use]
    pub fn compressed(mut self) -> Self {
        self.bytes[0] |= COMPRESSED;
        self
    }
}

impl Deref for Header {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The header a server puts before a payload of `payload_len` bytes: 2, 4 or 10 bytes.
#[inline]
pub fn server_header(op: OpCode, payload_len: usize) -> Header {
    Header::new(op, payload_len, None)
}

/// The header a client puts before a payload masked with `key`: 6, 8 or 14 bytes.
#[inline]
pub fn client_header(op: OpCode, payload_len: usize, key: [u8; 4]) -> Header {
    Header::new(op, payload_len, Some(key))
}

/// The length of a whole frame, header and payload, as `role` sends it.
pub const fn frame_len(role: Role, payload_len: usize) -> usize {
    let header = match payload_len {
        0..126 => 2,
        126..=0xffff => 4,
        _ => 10,
    };
    let mask = match role {
        Role::Server => 0,
        Role::Client => 4,
    };
    header + mask + payload_len
}

/// Writes a server's frame.
pub fn encode_frame(out: &mut impl BufMut, op: OpCode, payload: &[u8]) {
    out.put_slice(&server_header(op, payload.len()));
    out.put_slice(payload);
}

/// Bytes that are masked at a time: a multiple of four, so the key needs no turning between blocks, and few
/// enough to stay in the first cache.
const BLOCK_BYTES: usize = 512;

/// Where a client's bytes are masked. On a cache line of its own: where the stack happens to lie would
/// otherwise decide about half of the time.
#[repr(align(64))]
struct Block([u8; BLOCK_BYTES]);

/// Writes a client's frame, masked with `key`.
pub fn encode_masked_frame(out: &mut impl BufMut, op: OpCode, payload: &[u8], key: [u8; 4]) {
    out.put_slice(&client_header(op, payload.len(), key));
    // Masked through a small block on the stack, since `BufMut` cannot be read back.
    let mut block = Block([0; BLOCK_BYTES]);
    for part in payload.chunks(BLOCK_BYTES) {
        let block = &mut block.0[..part.len()];
        block.copy_from_slice(part);
        mask::unmask(block, key);
        out.put_slice(block);
    }
}

/// The payload of a close frame: code, then as much of the reason as fits on a char boundary.
///
/// A code that must not be on the wire (1005, 1006, 1015, reserved ones) gives an empty payload.
pub fn close_payload(out: &mut impl BufMut, code: CloseCode, reason: &str) {
    if code.is_allowed_on_wire() {
        out.put_u16(code.0);
        let mut len = reason.len().min(CLOSE_REASON_BYTES_MAX);
        while !reason.is_char_boundary(len) {
            len -= 1;
        }
        out.put_slice(&reason.as_bytes()[..len]);
    }
}

/// Writes a server's whole close frame; at most 127 bytes.
pub fn encode_close(out: &mut impl BufMut, code: CloseCode, reason: &str) {
    let mut payload = [0; CONTROL_BYTES_MAX];
    let mut rest = &mut payload[..];
    close_payload(&mut rest, code, reason);
    let len = CONTROL_BYTES_MAX - rest.len();
    encode_frame(out, OpCode::Close, &payload[..len]);
}

/// How many pongs we owe a peer that has not read them yet.
///
/// A peer that pings without reading would otherwise grow our outbox for free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PendingPongs(u16);

impl PendingPongs {
    /// Counts a ping whose pong goes to the outbox; refuses the one above `max` (default 60).
    ///
    /// # Errors
    /// [`Misbehaviour::TooManyPings`] when `max` pongs wait already.
    pub fn on_ping(&mut self, max: u16) -> Result<(), Misbehaviour> {
        if self.0 >= max {
            return Err(Misbehaviour::TooManyPings);
        }
        self.0 += 1;
        Ok(())
    }

    /// The outbox ran empty: nothing is owed any more.
    pub fn on_flushed(&mut self) {
        self.0 = 0;
    }
}
