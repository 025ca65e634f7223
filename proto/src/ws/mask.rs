//! Masking (RFC 6455 §5.3): XOR with a four-byte key, which undoes itself.
//!
//! Sixty-four bytes at a time through fixed-size blocks, which the compiler turns into vector
//! instructions without any `unsafe`; the rest in steps of eight, four and one.

/// Bytes that are XORed as one: wide enough for the widest vectors, and for two in flight.
const BLOCK_BYTES: usize = 64;

/// XORs `bytes` with `key`, the first byte with `key[0]`. Masks and unmasks alike.
#[inline]
pub fn unmask(bytes: &mut [u8], key: [u8; 4]) {
    let word = u32::from_ne_bytes(key);
    let twin = u64::from(word) << 32 | u64::from(word);
    let (blocks, rest) = bytes.as_chunks_mut::<BLOCK_BYTES>();
    if !blocks.is_empty() {
        let mut wide = [0; BLOCK_BYTES];
        wide.as_chunks_mut::<4>().0.fill(key);
        for block in blocks {
            for (byte, key) in block.iter_mut().zip(&wide) {
                *byte ^= key;
            }
        }
    }
    let (eights, rest) = rest.as_chunks_mut::<8>();
    for chunk in eights {
        *chunk = (u64::from_ne_bytes(*chunk) ^ twin).to_ne_bytes();
    }
    let (fours, rest) = rest.as_chunks_mut::<4>();
    for chunk in fours {
        *chunk = (u32::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// The key for what follows `len` bytes that were masked with `key`.
#[inline]
pub(super) fn rotate(mut key: [u8; 4], len: usize) -> [u8; 4] {
    key.rotate_left(len % 4);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_the_sentence_of_the_rfc(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            key in any::<[u8; 4]>(),
            split in 0usize..200,
        ) {
            // "transformed-octet-i = original-octet-i XOR masking-key-octet-(i MOD 4)" (§5.3)
            let expected: Vec<u8> = bytes.iter().enumerate().map(|(i, b)| b ^ key[i % 4]).collect();
            let mut whole = bytes.clone();
            unmask(&mut whole, key);
            prop_assert_eq!(&whole, &expected);
            let mut parts = bytes.clone();
            let split = split.min(parts.len());
            let (head, tail) = parts.split_at_mut(split);
            unmask(head, key);
            unmask(tail, rotate(key, head.len()));
            prop_assert_eq!(&parts, &expected);
        }
    }
}
