//! Compression of WebSocket messages (permessage-deflate), where it was asked for and agreed on.
//!
//! Promises: off by default; a message is compressed once per shard for all who get it in the same turn;
//! an idle connection keeps no window. Small messages go as they are.

use ringside_proto::ws::deflate::Deflater;

/// How WebSocket messages are compressed; see [`Builder::compression`](crate::Builder::compression).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Bytes from which a message is compressed. Default 1,024: below that it saves less than a packet
    /// on the wire.
    pub threshold: usize,
    /// zlib's level, 1 (quick) to 9 (small). Default 3.
    pub level: u32,
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            threshold: 1024,
            level: 3,
        }
    }
}

/// Compresses for one shard, and remembers the last message: the next connection mostly gets the same.
pub(crate) struct Deflating {
    deflater: Deflater,
    threshold: usize,
    /// The last message and its compressed form. They hold one message at most.
    plain: Vec<u8>,
    compressed: Vec<u8>,
}

impl Deflating {
    pub(crate) fn new(compression: Compression) -> Self {
        Self {
            deflater: Deflater::new(compression.level),
            threshold: compression.threshold.max(1),
            plain: Vec::new(),
            compressed: Vec::new(),
        }
    }

    /// The compressed form of a message, if that is worth it.
    pub(crate) fn of(&mut self, message: &[u8]) -> Option<&[u8]> {
        if message.len() < self.threshold {
            return None;
        }
        // Comparing costs a hundredth of compressing.
        if self.plain != message {
            self.compressed = self.deflater.deflate(message);
            self.plain.clear();
            self.plain.extend_from_slice(message);
        }
        (self.compressed.len() < message.len()).then_some(&self.compressed)
    }

    /// The turn is over: nobody else gets the last message.
    pub(crate) fn forget(&mut self) {
        self.plain = Vec::new();
        self.compressed = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_long_and_shrinks_is_compressed() {
        let mut deflating = Deflating::new(Compression {
            threshold: 100,
            level: 6,
        });
        assert_eq!(deflating.of(&[7; 99]), None);
        let small = deflating.of(&[7; 100]).unwrap().to_vec();
        assert!(small.len() < 100);
        assert_eq!(deflating.of(&[7; 100]), Some(&*small));
        let noise: Vec<u8> = (1..=200u32)
            .map(|n| (n.wrapping_mul(n).wrapping_mul(2_654_435_769) >> 24) as u8)
            .collect();
        let again = deflating.of(&noise).map(<[u8]>::len);
        assert!(again.is_none_or(|len| len < noise.len()));
        assert_eq!(deflating.of(&[7; 100]), Some(&*small));
        deflating.forget();
        assert_eq!(deflating.of(&[7; 100]), Some(&*small));
    }
}
