//! Planes: the values of one field for many entities, mostly small, written in the cheapest of
//! five forms.
//!
//! ```text
//! 00                                       all zero
//! 01  width  n x width                     equal widths
//! 10  wide narrow count  n x narrow        narrow values, then for the few that need more:
//!     count x { gap: Rice, high bits }     where, and what is missing
//! 11 0 wide narrow  n x { big:1, value }   two widths
//! 11 1 order  n x Rice                     a long tail
//! ```
//!
//! The writer counts how many values exceed each width and so knows every form's size before it
//! writes. Widths are written in as many bits as the field's own width asks for. The number of
//! values is known to both sides and not written.

use super::Malformed;
use super::mark::{STRETCH, for_each_mark};
use crate::bits::{BitReader, BitWriter, RICE_ESCAPE, rice_code};

const ZERO: u32 = 0;
const EQUAL: u32 = 1;
const PATCHED: u32 = 2;
const VARIED: u32 = 3;

/// Bits of a Rice order; orders above 15 would mean values that plain widths suit better.
const ORDER_BITS: u32 = 4;
/// Order of the Golomb codes that carry small counts.
const COUNT_ORDER: u32 = 2;

/// The Rice order for gaps between `count` marks among `places`: near the logarithm of the mean
/// gap times ln 2, which is the best order for gaps that have no pattern.
pub(super) fn gap_order(places: usize, count: usize) -> u32 {
    let mean = places * 7 / (count.max(1) * 10);
    if mean < 2 { 0 } else { mean.ilog2() }
}

/// About how many bits the gaps take.
pub(super) fn gap_cost(places: usize, count: usize) -> usize {
    let order = gap_order(places, count);
    count * (order as usize + 1) + (places >> order).min(15 * count)
}

/// Bits of a count's Golomb code.
pub(super) fn count_cost(count: usize) -> usize {
    let extra = (count + (1 << COUNT_ORDER)).ilog2() - COUNT_ORDER;
    (2 * extra + 1 + COUNT_ORDER) as usize
}

/// Writes a small count.
pub(super) fn put_count(out: &mut BitWriter, count: usize) {
    out.put_golomb(count as u32, COUNT_ORDER);
}

/// Reads a count, refusing more than `max`.
pub(super) fn get_count(from: &mut BitReader<'_>, max: usize) -> Result<usize, Malformed> {
    let count = from.get_golomb(COUNT_ORDER) as usize;
    if count > max {
        Err(Malformed::Count)
    } else {
        Ok(count)
    }
}

/// `over[w]`: how many values need more than `w` bits, for every `w` up to the widest.
fn count_over(values: &[u32], wide: u32) -> [u32; 33] {
    // Two sets of counters, so that neighbours of equal width do not wait for each other.
    let mut of_width = [[0u32; 33]; 2];
    let width = |value: u32| 32 - value.leading_zeros() as usize;
    let zeros = values.iter().map(|&v| u32::from(v == 0)).sum::<u32>();
    if zeros as usize * 4 > values.len() * 3 {
        of_width[0][0] = zeros;
        for_each_above(values, 0, |_, value| of_width[0][width(value)] += 1);
    } else {
        let mut pairs = values.chunks_exact(2);
        for pair in &mut pairs {
            of_width[0][width(pair[0])] += 1;
            of_width[1][width(pair[1])] += 1;
        }
        for &value in pairs.remainder() {
            of_width[0][width(value)] += 1;
        }
    }
    let mut over = [0; 33];
    let mut wider = 0;
    for w in (0..=wide as usize).rev() {
        over[w] = wider;
        wider += of_width[0][w] + of_width[1][w];
    }
    over
}

/// Calls `visit` with the place of every value of more than `bits` bits, and the value.
#[inline(always)]
fn for_each_above(values: &[u32], bits: u32, mut visit: impl FnMut(usize, u32)) {
    for (nth, stretch) in values.chunks(STRETCH).enumerate() {
        let mut flags = [0; STRETCH];
        for (flag, &value) in flags.iter_mut().zip(stretch) {
            *flag = u8::from(value >> bits != 0);
        }
        for_each_mark(&flags, |i| visit(nth * STRETCH + i, stretch[i]));
    }
}

enum Form {
    Equal,
    Patched { narrow: u32 },
    Split { narrow: u32 },
    Rice { order: u32 },
}

/// The cheapest form for values of at most `wide` bits, `wide` above zero.
fn choose(values: &[u32], wide: u32, width_bits: u32, over: &[u32; 33]) -> Form {
    let n = values.len();
    let mut best = n * wide as usize + width_bits as usize;
    let mut form = Form::Equal;
    let widths = 2 * width_bits as usize;
    for narrow in 0..wide {
        let rest = over[narrow as usize] as usize;
        let saved = (wide - narrow) as usize;
        let patched = widths + n * narrow as usize + rest * saved + count_cost(rest);
        // The gaps cost a division to know and at least a bit each.
        if patched + rest < best && patched + gap_cost(n, rest) < best {
            best = patched + gap_cost(n, rest);
            form = Form::Patched { narrow };
        }
        let split = widths + 1 + n * (1 + wide as usize) - (n - rest) * saved;
        if split < best {
            (best, form) = (split, Form::Split { narrow });
        }
    }
    let sum: u64 = if u64::from(u32::MAX >> (32 - wide)) * n as u64 <= u64::from(u32::MAX) {
        values.iter().sum::<u32>().into()
    } else {
        values.iter().map(|&v| u64::from(v)).sum()
    };
    let mean = (sum / n as u64).max(1) as u32;
    let near = mean.ilog2();
    for order in near.saturating_sub(1)..=near.min((1 << ORDER_BITS) - 1) {
        let unescaped = 1 + ORDER_BITS as usize + n * (1 + order as usize);
        if unescaped >= best {
            continue;
        }
        // A quotient at or above 16 costs 48 bits, whatever its order.
        let tail: u32 = if wide <= order + RICE_ESCAPE.ilog2() {
            values.iter().map(|&v| v >> order).sum()
        } else {
            values.iter().map(|&v| (v >> order).min(64)).sum()
        };
        let rice = unescaped + tail as usize;
        if rice < best {
            (best, form) = (rice, Form::Rice { order });
        }
    }
    form
}

/// Writes `values`, none of which is wider than a field that names widths in `width_bits` bits.
pub(super) fn put_plane(out: &mut BitWriter, values: &[u32], width_bits: u32) {
    if values.is_empty() {
        return;
    }
    let wide = 32 - values.iter().fold(0, |all, &v| all | v).leading_zeros();
    if wide == 0 {
        out.put(ZERO, 2);
        return;
    }
    let over = count_over(values, wide);
    match choose(values, wide, width_bits, &over) {
        Form::Equal => {
            out.put(EQUAL, 2);
            out.put(wide - 1, width_bits);
            out.put_each(values, wide, |v| (v, wide));
        }
        Form::Patched { narrow } => {
            let rest = over[narrow as usize] as usize;
            out.put(PATCHED, 2);
            out.put(wide - 1, width_bits);
            out.put(narrow, width_bits);
            put_count(out, rest);
            if narrow > 0 {
                let low = (1 << narrow) - 1;
                out.put_each(values, narrow, |v| (v & low, narrow));
            }
            put_patches(out, values, narrow, wide, rest);
        }
        Form::Split { narrow } => {
            out.put(VARIED, 2);
            out.put(0, 1);
            out.put(wide - 1, width_bits);
            out.put(narrow, width_bits);
            for &v in values {
                let big = v >> narrow != 0;
                out.put_bool(big);
                out.put(v, if big { wide } else { narrow });
            }
        }
        Form::Rice { order } => {
            out.put(VARIED, 2);
            out.put(1, 1);
            out.put(order, ORDER_BITS);
            if wide <= order + RICE_ESCAPE.ilog2() {
                // No value is wide enough to escape.
                let (_, longest) = rice_code(u32::MAX >> (32 - wide), order);
                out.put_each(values, longest, |v| rice_code(v, order));
            } else {
                for &v in values {
                    out.put_rice(v, order);
                }
            }
        }
    }
}

fn put_patches(out: &mut BitWriter, values: &[u32], narrow: u32, wide: u32, rest: usize) {
    let order = gap_order(values.len(), rest);
    let mut next = 0;
    for_each_above(values, narrow, |i, v| {
        out.put_rice((i - next) as u32, order);
        out.put(v >> narrow, wide - narrow);
        next = i + 1;
    });
}

/// Reads `n` values into `values`. `n` is bounded by what the caller already holds.
pub(super) fn get_plane(
    from: &mut BitReader<'_>,
    values: &mut Vec<u32>,
    n: usize,
    width_bits: u32,
) -> Result<(), Malformed> {
    values.clear();
    if n == 0 {
        return Ok(());
    }
    match from.get(2) {
        ZERO => values.resize(n, 0),
        EQUAL => {
            let wide = from.get(width_bits) + 1;
            values.extend((0..n).map(|_| from.get(wide)));
        }
        PATCHED => {
            let wide = from.get(width_bits) + 1;
            let narrow = from.get(width_bits);
            let rest = get_count(from, n)?;
            if narrow >= wide {
                return Err(Malformed::Width);
            }
            if narrow > 0 {
                values.extend((0..n).map(|_| from.get(narrow)));
            } else {
                values.resize(n, 0);
            }
            let order = gap_order(n, rest);
            let mut next = 0;
            for _ in 0..rest {
                let at = from.get_rice(order) as usize + next;
                let place = values.get_mut(at).ok_or(Malformed::Place)?;
                *place |= from.get(wide - narrow) << narrow;
                next = at + 1;
            }
        }
        _ if from.get_bool() => {
            let order = from.get(ORDER_BITS);
            values.extend((0..n).map(|_| from.get_rice(order)));
        }
        _ => {
            let wide = from.get(width_bits) + 1;
            let narrow = from.get(width_bits);
            values.extend((0..n).map(|_| {
                let big = from.get_bool();
                from.get(if big { wide } else { narrow })
            }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Vec<u32>> {
        let one = (0u32..=32, any::<u32>(), 0u32..8).prop_map(|(bits, v, rare)| {
            let bits = if rare == 0 { bits } else { bits / 6 };
            if bits == 0 { 0 } else { v >> (32 - bits) }
        });
        prop::collection::vec(one, 0..300)
    }

    proptest! {
        #[test]
        fn planes_round_trip(values in values()) {
            let mut out = BitWriter::new();
            put_plane(&mut out, &values, 5);
            let bits = out.bit_len() as u64;
            let bytes = out.into_bytes();
            let mut from = BitReader::new(&bytes);
            let mut got = vec![7; 3];
            get_plane(&mut from, &mut got, values.len(), 5).unwrap();
            prop_assert_eq!(got, values);
            prop_assert_eq!(from.bit_position(), bits);
        }

        /// No form may cost more than the simplest.
        #[test]
        fn equal_widths_are_the_worst_case(values in values()) {
            let wide = values.iter().map(|v| 32 - v.leading_zeros()).max().unwrap_or(0) as usize;
            let mut out = BitWriter::new();
            put_plane(&mut out, &values, 5);
            prop_assert!(out.bit_len() <= 2 + 5 + values.len() * wide + 16);
        }

        #[test]
        fn any_bytes_are_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..64), n in 0usize..200) {
            let mut from = BitReader::new(&bytes);
            let mut got = Vec::new();
            if get_plane(&mut from, &mut got, n, 5).is_ok() {
                prop_assert_eq!(got.len(), n);
            }
        }
    }
}
