//! Marks: finding the places of the few among many, 64 at a time.
//!
//! Asking each of many whether it is one of the few is a branch that cannot be predicted. Here a
//! stretch of flags, which vector instructions make, becomes one word, and the word is asked for
//! its next one.

/// How many flags are looked at together.
pub(super) const STRETCH: usize = 64;

/// Calls `visit` with the place of every flag that is 1, in ascending order; the others are 0.
#[inline(always)]
pub(super) fn for_each_mark(flags: &[u8; STRETCH], mut visit: impl FnMut(usize)) {
    let (eights, _) = flags.as_chunks::<8>();
    let mut word = 0;
    for (nth, eight) in eights.iter().enumerate() {
        // The product's top byte has bit `i` from byte `i`; no two terms meet, so none carries.
        let byte = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word |= byte << (8 * nth);
    }
    while word != 0 {
        visit(word.trailing_zeros() as usize);
        word &= word - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn marks_are_found_in_order(flags in prop::array::uniform32((0u8..2, 0u8..2))) {
            let mut both = [0; STRETCH];
            for (i, &(a, b)) in flags.iter().enumerate() {
                (both[i], both[32 + i]) = (a, b);
            }
            let mut found = Vec::new();
            for_each_mark(&both, |place| found.push(place));
            let expected: Vec<usize> = (0..STRETCH).filter(|&i| both[i] == 1).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
