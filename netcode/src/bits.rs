//! A little-endian bit stream: the first bit is the lowest bit of the first byte.
//!
//! ```text
//! put(0b101, 3), put(0b11, 2), put(0xAB, 8)
//! byte 0: 011_11_101   byte 1: 000_10101
//!         ^low AB       ^padding
//! ```
//!
//! Writing never fails. Reading never panics and never allocates: past the end it gives zeros and
//! remembers that it did, so a decoder reads on and asks [`BitReader::finish`] once.

/// The input ended before the value did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

impl core::fmt::Display for Truncated {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the input ended early")
    }
}

impl core::error::Error for Truncated {}

/// Quotients of a Rice code from here on escape to 32 plain bits: a wild value costs 48 bits.
pub(crate) const RICE_ESCAPE: u32 = 16;

/// Writes bits to the end of a byte vector.
#[derive(Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    pending: u64,
    pending_bits: u32,
}

impl BitWriter {
    /// An empty stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// A stream that continues `bytes` and reuses its memory.
    pub fn append_to(bytes: Vec<u8>) -> Self {
        BitWriter {
            bytes,
            pending: 0,
            pending_bits: 0,
        }
    }

    /// Appends the low `bits` bits of `value`; `bits` is at most 32.
    #[inline(always)]
    pub fn put(&mut self, value: u32, bits: u32) {
        debug_assert!(bits <= 32);
        let kept = u64::from(value) & ((1u64 << bits) - 1);
        self.pending |= kept << self.pending_bits;
        self.pending_bits += bits;
        if self.pending_bits >= 32 {
            self.bytes
                .extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.pending_bits -= 32;
        }
    }

    /// Appends a code for each of `values`: `code` gives bits, none above those it counts, and
    /// how many they are, at most `code_bits_max`, which is at most 32. The same as so many
    /// `put`s, in fewer and steadier steps: codes are joined before they are written, and no step
    /// depends on whether a word is full.
    #[inline(always)]
    pub(crate) fn put_each(
        &mut self,
        values: &[u32],
        code_bits_max: u32,
        code: impl Fn(u32) -> (u32, u32),
    ) {
        match code_bits_max {
            0..=14 => self.put_joined::<4>(values, code),
            15..=28 => self.put_joined::<2>(values, code),
            _ => self.put_joined::<1>(values, code),
        }
    }

    /// [`put_each`](Self::put_each), `JOINED` codes a step: together they have at most 56 bits.
    #[inline(always)]
    fn put_joined<const JOINED: usize>(
        &mut self,
        values: &[u32],
        code: impl Fn(u32) -> (u32, u32),
    ) {
        let mut at = self.bytes.len();
        // What is pending, what is to come, and a whole word beyond the last byte.
        self.bytes.resize(at + 4 + 4 * values.len() + 8, 0);
        let (mut pending, mut bits) = (self.pending, self.pending_bits);
        let mut put = |code: u64, code_bits: u32, bytes: &mut [u8]| {
            pending |= code << bits;
            bits += code_bits;
            bytes[at..at + 8].copy_from_slice(&pending.to_le_bytes());
            at += bits as usize / 8;
            pending >>= bits & !7;
            bits %= 8;
        };
        put(0, 0, &mut self.bytes);
        let mut groups = values.chunks_exact(JOINED);
        for group in &mut groups {
            let (mut joined, mut joined_bits) = (0, 0);
            for &value in group {
                let (code, code_bits) = code(value);
                joined |= u64::from(code) << joined_bits;
                joined_bits += code_bits;
            }
            put(joined, joined_bits, &mut self.bytes);
        }
        for &value in groups.remainder() {
            let (code, code_bits) = code(value);
            put(code.into(), code_bits, &mut self.bytes);
        }
        self.bytes.truncate(at);
        (self.pending, self.pending_bits) = (pending, bits);
    }

    /// Appends one bit.
    #[inline(always)]
    pub fn put_bool(&mut self, value: bool) {
        self.put(u32::from(value), 1);
    }

    /// Appends `value` as a Rice code: `value >> order` in unary, then `order` plain bits; `order`
    /// is at most 15.
    #[inline(always)]
    pub fn put_rice(&mut self, value: u32, order: u32) {
        debug_assert!(order <= 15);
        if value >> order < RICE_ESCAPE {
            let (code, bits) = rice_code(value, order);
            self.put(code, bits);
        } else {
            self.put((1 << RICE_ESCAPE) - 1, RICE_ESCAPE);
            self.put(value, 32);
        }
    }

    /// Appends `value` as an exponential Golomb code: short for small values, at most
    /// 65 - `order` bits. Every additional power of two costs two bits.
    #[inline]
    pub fn put_golomb(&mut self, value: u32, order: u32) {
        let shifted = u64::from(value) + (1 << order);
        let extra = 63 - shifted.leading_zeros() - order;
        self.put(((1u64 << extra) - 1) as u32, extra);
        self.put(0, 1);
        let low = extra + order;
        self.put(shifted as u32 & low_mask(low), low);
    }

    /// Bits written so far.
    pub fn bit_len(&self) -> usize {
        self.bytes.len() * 8 + self.pending_bits as usize
    }

    /// Pads with zero bits up to a whole byte and gives the bytes back.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.align();
        self.bytes
    }

    /// Pads with zero bits up to a whole byte and shows what has been written.
    pub fn align(&mut self) -> &[u8] {
        // Fewer than 32 bits are pending: a whole word, of which what is not needed is cut, is quicker than some of its bytes.
        let len = self.bytes.len() + (self.pending_bits as usize).div_ceil(8);
        self.bytes
            .extend_from_slice(&(self.pending as u32).to_le_bytes());
        self.bytes.truncate(len);
        self.pending = 0;
        self.pending_bits = 0;
        &self.bytes
    }

    /// Forgets what was written and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.pending = 0;
        self.pending_bits = 0;
    }
}

/// The Rice code of a value whose quotient does not escape, and its length, at most 31 bits.
#[inline(always)]
pub(crate) const fn rice_code(value: u32, order: u32) -> (u32, u32) {
    let quotient = value >> order;
    let low = value & low_mask(order);
    // `quotient` ones, a zero, then the low bits.
    (((2 * low + 1) << quotient) - 1, quotient + 1 + order)
}

const fn low_mask(bits: u32) -> u32 {
    ((1u64 << bits) - 1) as u32
}

/// Reads bits from a byte slice.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// Position in bits. It may run past the end, which is how truncation is noticed; a reader
    /// makes at most 2^32 reads of at most 64 bits, far from overflow.
    at: u64,
    /// The bits from there on, so many of them.
    word: u64,
    word_bits: u32,
}

/// Bits that one look at the bytes gives at least: a word, but for those of its first byte that lie before the position.
const PEEKED_BITS: u32 = 57;

impl<'a> BitReader<'a> {
    /// A reader at the first bit of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        BitReader {
            bytes,
            at: 0,
            word: 0,
            word_bits: 0,
        }
    }

    /// At least [`PEEKED_BITS`] from the present position, zeros past the end.
    #[inline(always)]
    fn peek(&self) -> u64 {
        let byte = usize::try_from(self.at / 8).unwrap_or(usize::MAX);
        let word = match self
            .bytes
            .get(byte..)
            .and_then(|rest| rest.first_chunk::<8>())
        {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => self.peek_tail(byte),
        };
        word >> (self.at % 8)
    }

    /// The last bytes, of which there are fewer than eight from `byte` on. A packet of inputs mostly consists of them.
    fn peek_tail(&self, byte: usize) -> u64 {
        let rest = self.bytes.get(byte..).unwrap_or(&[]);
        match self.bytes.last_chunk::<8>() {
            Some(last) => {
                let before = 8 * (8 - rest.len() as u32);
                let last = u64::from_le_bytes(*last);
                last.checked_shr(before).unwrap_or(0)
            }
            None => rest
                .iter()
                .rfold(0, |word, byte| word << 8 | u64::from(*byte)),
        }
    }

    /// The next `bits` bits, at most 32; zeros past the end.
    #[inline(always)]
    pub fn get(&mut self, bits: u32) -> u32 {
        debug_assert!(bits <= 32);
        if self.word_bits < bits {
            (self.word, self.word_bits) = (self.peek(), PEEKED_BITS);
        }
        let value = self.word & ((1u64 << bits) - 1);
        self.word >>= bits;
        self.word_bits -= bits;
        self.at += u64::from(bits);
        value as u32
    }

    /// Moves on by so many bits, which were looked at before.
    #[inline(always)]
    fn skip(&mut self, bits: u32) {
        self.at += u64::from(bits);
        self.word_bits = 0;
    }

    /// The next bit.
    #[inline(always)]
    pub fn get_bool(&mut self) -> bool {
        self.get(1) != 0
    }

    /// A value written by [`BitWriter::put_rice`] with the same `order`.
    #[inline]
    pub fn get_rice(&mut self, order: u32) -> u32 {
        let quotient = (!self.peek()).trailing_zeros();
        if quotient < RICE_ESCAPE {
            self.skip(quotient + 1);
            (quotient << order) | self.get(order)
        } else {
            self.skip(RICE_ESCAPE);
            self.get(32)
        }
    }

    /// A value written by [`BitWriter::put_golomb`] with the same `order`. A code that no writer
    /// makes gives some value; it is the caller who knows what is in range.
    #[inline]
    pub fn get_golomb(&mut self, order: u32) -> u32 {
        let extra = (!self.peek()).trailing_zeros().min(32 - order);
        self.skip(extra + 1);
        let low = extra + order;
        let value = (1u64 << low) + u64::from(self.get(low)) - (1 << order);
        value as u32
    }

    /// Moves on to the next whole byte.
    pub fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
        self.word_bits = 0;
    }

    /// Bits read so far.
    pub fn bit_position(&self) -> u64 {
        self.at
    }

    /// Bits not yet read.
    pub fn bits_left(&self) -> u64 {
        (self.bytes.len() as u64 * 8).saturating_sub(self.at)
    }

    /// Whether some read went past the end.
    pub fn is_truncated(&self) -> bool {
        self.at > self.bytes.len() as u64 * 8
    }

    /// The bytes after the last one read from, or an error if some read went past the end.
    pub fn finish(self) -> Result<&'a [u8], Truncated> {
        if self.is_truncated() {
            return Err(Truncated);
        }
        Ok(&self.bytes[self.at.div_ceil(8) as usize..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Op {
        Plain(u32, u32),
        Rice(u32, u32),
        Golomb(u32, u32),
        Align,
    }

    fn op() -> impl Strategy<Value = Op> {
        let value = prop_oneof![any::<u32>(), 0u32..300];
        prop_oneof![
            (value.clone(), 0u32..=32).prop_map(|(v, n)| Op::Plain(v & low_mask(n), n)),
            (value.clone(), 0u32..=15).prop_map(|(v, k)| Op::Rice(v, k)),
            (value, 0u32..=16).prop_map(|(v, k)| Op::Golomb(v, k)),
            Just(Op::Align),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ops in prop::collection::vec(op(), 0..200)) {
            let mut w = BitWriter::new();
            for op in &ops {
                match *op {
                    Op::Plain(v, n) => w.put(v, n),
                    Op::Rice(v, k) => w.put_rice(v, k),
                    Op::Golomb(v, k) => w.put_golomb(v, k),
                    Op::Align => { w.align(); }
                }
            }
            let bits = w.bit_len();
            let bytes = w.into_bytes();
            prop_assert_eq!(bytes.len(), bits.div_ceil(8));
            let mut r = BitReader::new(&bytes);
            for op in &ops {
                match *op {
                    Op::Plain(v, n) => prop_assert_eq!(r.get(n), v),
                    Op::Rice(v, k) => prop_assert_eq!(r.get_rice(k), v),
                    Op::Golomb(v, k) => prop_assert_eq!(r.get_golomb(k), v),
                    Op::Align => r.align(),
                }
            }
            prop_assert_eq!(r.bit_position(), bits as u64);
            prop_assert_eq!(r.finish(), Ok(&[][..]));
        }

        #[test]
        fn any_bytes_can_be_read(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            ops in prop::collection::vec(op(), 0..60),
        ) {
            let mut r = BitReader::new(&bytes);
            for op in &ops {
                match *op {
                    Op::Plain(_, n) => { r.get(n); }
                    Op::Rice(_, k) => { r.get_rice(k); }
                    Op::Golomb(_, k) => { r.get_golomb(k); }
                    Op::Align => r.align(),
                }
            }
            let past = r.bit_position() > bytes.len() as u64 * 8;
            prop_assert_eq!(r.is_truncated(), past);
            prop_assert_eq!(r.finish().is_err(), past);
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let mut w = BitWriter::new();
        w.put(0b101, 3);
        w.put(0b11, 2);
        w.put(0xAB, 8);
        assert_eq!(w.into_bytes(), [0b0111_1101, 0b0001_0101]);
    }
}
