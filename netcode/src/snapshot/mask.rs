//! Masks: one bit for each of many entities, written as what differs from an expectation that
//! both sides share.
//!
//! ```text
//! 0                              as expected
//! 1 0 count  count x gap: Rice   the few places that differ
//! 1 1 n x bit                    all of them
//! ```

use super::Malformed;
use super::mark::{STRETCH, for_each_mark};
use super::plane::{count_cost, gap_cost, gap_order, get_count, put_count};
use crate::bits::{BitReader, BitWriter};

/// Writes `mask` (0 or 1 each) against `expected`, of the same length.
pub(super) fn put_mask(out: &mut BitWriter, mask: &[u8], expected: &[u8]) {
    if mask == expected {
        out.put(0, 1);
        return;
    }
    let n = mask.len();
    let differ = mask.iter().zip(expected).filter(|(a, b)| a != b).count();
    if count_cost(differ) + gap_cost(n, differ) < n {
        out.put(0b01, 2);
        put_count(out, differ);
        let order = gap_order(n, differ);
        let mut next = 0;
        let stretches = mask.chunks(STRETCH).zip(expected.chunks(STRETCH));
        for (nth, (mask, expected)) in stretches.enumerate() {
            let mut differs = [0; STRETCH];
            for ((flag, a), b) in differs.iter_mut().zip(mask).zip(expected) {
                *flag = a ^ b;
            }
            for_each_mark(&differs, |i| {
                let i = nth * STRETCH + i;
                out.put_rice((i - next) as u32, order);
                next = i + 1;
            });
        }
    } else {
        out.put(0b11, 2);
        for &bit in mask {
            out.put(u32::from(bit), 1);
        }
    }
}

/// Turns `mask`, which holds the expectation, into what was written.
pub(super) fn get_mask(from: &mut BitReader<'_>, mask: &mut [u8]) -> Result<(), Malformed> {
    if !from.get_bool() {
        return Ok(());
    }
    if from.get_bool() {
        for bit in mask {
            *bit = from.get(1) as u8;
        }
        return Ok(());
    }
    let differ = get_count(from, mask.len())?;
    let order = gap_order(mask.len(), differ);
    let mut next = 0;
    for _ in 0..differ {
        let at = from.get_rice(order) as usize + next;
        *mask.get_mut(at).ok_or(Malformed::Place)? ^= 1;
        next = at + 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masks_round_trip(bits in prop::collection::vec((0u8..2, 0u8..20), 0..300)) {
            let expected: Vec<u8> = bits.iter().map(|b| b.0).collect();
            for rare in [0, 1, 20] {
                let mask: Vec<u8> = bits.iter().map(|b| b.0 ^ u8::from(b.1 < rare)).collect();
                let mut out = BitWriter::new();
                put_mask(&mut out, &mask, &expected);
                let bytes = out.into_bytes();
                let mut got = expected.clone();
                get_mask(&mut BitReader::new(&bytes), &mut got).unwrap();
                prop_assert_eq!(got, mask);
            }
        }
    }
}
