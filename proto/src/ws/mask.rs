//! Masking (RFC 6455 §5.3): XOR with a four-byte key, which undoes itself.
//!
//! Sixteen bytes at a time through fixed-size chunks, which the compiler turns into vector
//! instructions without any `unsafe`; the rest in steps of eight, four and one.

/// XORs `bytes` with `key`, the first byte with `key[0]`. Masks and unmasks alike.
#[inline]
pub fn unmask(bytes: &mut [u8], key: [u8; 4]) {
    let word = u32::from_ne_bytes(key);
    let twin = u64::from(word) << 32 | u64::from(word);
    let (chunks, rest) = bytes.as_chunks_mut::<16>();
    let wide = u128::from(twin) << 64 | u128::from(twin);
    for chunk in chunks {
        *chunk = (u128::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
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
