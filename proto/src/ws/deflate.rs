//! permessage-deflate (RFC 7692), always without context takeover, in both directions.
//!
//! Without context takeover one compressed form serves every receiver, one [`Inflater`] and one
//! [`Deflater`] serve every connection of a thread, and an idle connection keeps no window.
//! The cost is a worse ratio for small messages; it is off unless asked for.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::Misbehaviour;

/// How many times its size a compressed message may inflate to, beyond the free allowance.
pub const INFLATION_RATIO_MAX: usize = 100;

/// Inflated bytes that any message may have, whatever its ratio: short runs of equal bytes are
/// honest and compress better than 100:1.
pub const INFLATION_FREE_BYTES: usize = 64 * 1024;

/// "an empty DEFLATE block", removed by the sender and appended by the receiver (RFC 7692 §7.2).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Inflates messages, one at a time. About 40 KiB of window and tables: keep one per thread.
#[derive(Debug)]
pub struct Inflater(Decompress);

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflater {
    /// An inflater with the largest window, which understands every smaller one.
    pub fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// Inflates the joined fragments of one message to at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`Misbehaviour::InvalidDeflate`], [`Misbehaviour::MessageTooBig`] or
    /// [`Misbehaviour::InflatesTooFar`].
    pub fn inflate(
        &mut self,
        mut compressed: Vec<u8>,
        bytes_max: usize,
    ) -> Result<Vec<u8>, Misbehaviour> {
        let ratio_max = compressed
            .len()
            .saturating_mul(INFLATION_RATIO_MAX)
            .max(INFLATION_FREE_BYTES);
        let limit = bytes_max.min(ratio_max);
        compressed.extend_from_slice(&TAIL);
        self.0.reset(false);
        let mut out = Vec::with_capacity(
            compressed
                .len()
                .saturating_mul(4)
                .min(limit.saturating_add(1))
                .min(64 * 1024),
        );
        loop {
            let used = self.0.total_in() as usize;
            if out.len() == out.capacity() {
                // Growth follows what was really produced, one byte beyond the limit at most.
                out.reserve_exact(
                    (out.len() * 2).max(1024).min(limit.saturating_add(1)) - out.len(),
                );
            }
            let status = self
                .0
                .decompress_vec(&compressed[used..], &mut out, FlushDecompress::Sync)
                .map_err(|_| Misbehaviour::InvalidDeflate)?;
            if out.len() > limit {
                return Err(if out.len() > bytes_max {
                    Misbehaviour::MessageTooBig
                } else {
                    Misbehaviour::InflatesTooFar
                });
            }
            let progressed = self.0.total_in() as usize > used;
            match status {
                // A final block (BFINAL) is allowed; what follows it must only be our tail.
                Status::StreamEnd => return Ok(out),
                _ if self.0.total_in() as usize == compressed.len()
                    && out.len() < out.capacity() =>
                {
                    return Ok(out);
                }
                Status::BufError if !progressed && out.len() < out.capacity() => {
                    return Err(Misbehaviour::InvalidDeflate);
                }
                _ => {}
            }
        }
    }
}

/// Compresses messages, one at a time. About 260 KiB of state: keep one per thread.
#[derive(Debug)]
pub struct Deflater(Compress);

impl Deflater {
    /// A deflater of zlib level `level` (0 to 9) with the full window.
    pub fn new(level: u32) -> Self {
        Self(Compress::new(Compression::new(level.min(9)), false))
    }

    /// Compresses one message to the payload of a frame with RSV1 set.
    pub fn deflate(&mut self, message: &[u8]) -> Vec<u8> {
        self.0.reset();
        let mut out = Vec::with_capacity(message.len() / 2 + 64);
        loop {
            let used = self.0.total_in() as usize;
            if out.len() == out.capacity() {
                out.reserve(out.capacity().max(64));
            }
            // Compressing into memory cannot fail.
            let status = self
                .0
                .compress_vec(&message[used..], &mut out, FlushCompress::Sync);
            let done = self.0.total_in() as usize == message.len() && out.len() < out.capacity();
            if status.is_err() || done {
                break;
            }
        }
        if out.ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        out
    }
}
