//! A block: what one cell looks like at one tick, either in full or as the difference from a tick
//! that the reader knows.
//!
//! ```text
//! full:   count ids columns
//! delta:  same:1
//!         left: mask over the baseline's entities
//!         entered: count ids columns
//!         moving: mask over those that stayed, expected: those that moved before
//!         motion columns, of the moving: planes of residuals from the linear guess
//!         plain columns, of all that stayed: planes of differences
//! ids:    count = 1: Golomb(6);  count > 1: order:4, gaps: Rice
//! ```
//!
//! The linear guess takes the change from an older known tick to the baseline and continues it.
//! All arithmetic is modulo the field's width, so a wild guess costs bits, never correctness.
//! A block is padded to a whole byte, so blocks can be shared between messages as slices.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub(crate) use decode::{get_delta, get_full};
pub(crate) use encode::{put_delta, put_full};

use super::mark::{STRETCH, for_each_mark};
use super::state::{CellState, Layout};
use crate::schema::sign_extend;
use core::cmp::Ordering;

/// Marks an entity that the older state does not have.
const NO_ROW: u32 = u32::MAX;
/// Golomb order of a single id and of the number of those that enter.
const LONE_ID_ORDER: u32 = 6;
const ENTERED_ORDER: u32 = 2;
const GAP_ORDER_BITS: u32 = 4;

/// The states that reader and writer both know, and how far apart they are.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub base: &'a CellState,
    /// Ticks from the baseline to now.
    pub age: u32,
    /// An older state, and the ticks from it to the baseline.
    pub older: Option<(&'a CellState, u32)>,
}

/// Working memory, kept between blocks.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Rows in the baseline, and in the older state, of the entities that stay.
    base_rows: Vec<u32>,
    now_rows: Vec<u32>,
    older_rows: Vec<u32>,
    entered_rows: Vec<u32>,
    mask: Vec<u8>,
    expected: Vec<u8>,
    diff: Vec<u32>,
    moving: Vec<u32>,
    base: Vec<u32>,
    older: Vec<u32>,
    now: Vec<u32>,
    plane: Vec<u32>,
    entered: CellState,
}

/// How far the linear guess extends the last change: `age / span` in 1/256.
fn ratio(age: u32, span: u32) -> i64 {
    i64::from((age << 8) / span.max(1))
}

/// The column, or the given rows of it gathered into `buffer`.
fn rows_of<'a>(column: &'a [u32], rows: Option<&[u32]>, buffer: &'a mut Vec<u32>) -> &'a [u32] {
    let Some(rows) = rows else { return column };
    buffer.clear();
    buffer.extend(rows.iter().map(|&row| column[row as usize]));
    buffer
}

/// The older values of the entities that stay; where there is none, the baseline's, which means
/// no change.
fn older_of<'a>(
    column: &'a [u32],
    rows: Option<&[u32]>,
    base: &[u32],
    buffer: &'a mut Vec<u32>,
) -> &'a [u32] {
    let Some(rows) = rows else { return column };
    buffer.clear();
    buffer.extend(rows.iter().zip(base).map(|(&row, &base)| match row {
        NO_ROW => base,
        row => column[row as usize],
    }));
    buffer
}

#[inline(always)]
fn fold(difference: u32, bits: u32) -> u32 {
    let top = difference << (32 - bits);
    ((top << 1) ^ (((top as i32) >> 31) as u32)) >> (32 - bits)
}

#[inline(always)]
fn unfold(folded: u32) -> u32 {
    (folded >> 1) ^ (folded & 1).wrapping_neg()
}

#[inline(always)]
fn guess(base: u32, older: u32, ratio: i64, bits: u32) -> u32 {
    let change = i64::from(sign_extend(base.wrapping_sub(older), bits));
    base.wrapping_add(((change * ratio + 128) >> 8) as u32)
}

impl Scratch {
    /// Finds which entities stay, and their rows. An index that another generation took over
    /// counts as one entity leaving and one entering. Returns whether all stay and none enters.
    fn match_rows(&mut self, base: &CellState, now: &CellState) -> bool {
        if base.ids == now.ids {
            return true;
        }
        for rows in [
            &mut self.base_rows,
            &mut self.now_rows,
            &mut self.entered_rows,
        ] {
            rows.clear();
        }
        let (mut b, mut n) = (0, 0);
        while n < now.ids.len() {
            let order = match base.ids.get(b) {
                Some(id) => id.index().cmp(&now.ids[n].index()),
                None => Ordering::Greater,
            };
            match order {
                Ordering::Less => b += 1,
                Ordering::Equal if base.ids[b] == now.ids[n] => {
                    self.base_rows.push(b as u32);
                    self.now_rows.push(n as u32);
                    b += 1;
                    n += 1;
                }
                Ordering::Equal => {
                    self.entered_rows.push(n as u32);
                    b += 1;
                    n += 1;
                }
                Ordering::Greater => {
                    self.entered_rows.push(n as u32);
                    n += 1;
                }
            }
        }
        false
    }

    /// Finds the rows in the older state of those that stay: by index alone, since that is all
    /// the reader knows. Returns whether `older_rows` is needed at all.
    fn match_older(&mut self, base: &CellState, same: bool, older: &CellState) -> bool {
        let alike = || {
            let pairs = base.ids.iter().zip(&older.ids);
            base.len() == older.len()
                && pairs.fold(true, |all, (a, b)| all & (a.index() == b.index()))
        };
        if same && alike() {
            return false;
        }
        self.older_rows.clear();
        let mut o = 0;
        let mut push = |row: usize| {
            let index = base.ids[row].index();
            while older.ids.get(o).is_some_and(|id| id.index() < index) {
                o += 1;
            }
            let found = older.ids.get(o).is_some_and(|id| id.index() == index);
            self.older_rows.push(if found { o as u32 } else { NO_ROW });
        };
        if same {
            (0..base.len()).for_each(&mut push);
        } else {
            self.base_rows.iter().for_each(|&row| push(row as usize));
        }
        true
    }

    /// Fills `expected`: those that moved from the older state to the baseline, and those whose
    /// past is not known.
    fn expect_moving(&mut self, layout: &Layout, known: &Known<'_>, same: bool, gather: bool) {
        let n = if same {
            known.base.len()
        } else {
            self.base_rows.len()
        };
        self.expected.clear();
        let Some((older, _)) = known.older else {
            self.expected.resize(n, 1);
            return;
        };
        let base_rows = (!same).then_some(&self.base_rows[..]);
        let older_rows = gather.then_some(&self.older_rows[..]);
        self.diff.clear();
        self.diff.resize(n, 0);
        for &column in &layout.motion {
            let base = rows_of(known.base.column(column), base_rows, &mut self.base);
            let older = older_of(older.column(column), older_rows, base, &mut self.older);
            for ((diff, &a), &b) in self.diff.iter_mut().zip(base).zip(older) {
                *diff |= a ^ b;
            }
        }
        self.expected
            .extend(self.diff.iter().map(|&d| u8::from(d != 0)));
        if gather {
            for (expected, &row) in self.expected.iter_mut().zip(&self.older_rows) {
                *expected |= u8::from(row == NO_ROW);
            }
        }
    }
}

/// The places of the ones in `mask`.
fn fill_moving(mask: &[u8], moving: &mut Vec<u32>) {
    moving.clear();
    if !mask.contains(&0) {
        moving.extend(0..mask.len() as u32);
        return;
    }
    for (nth, stretch) in mask.chunks(STRETCH).enumerate() {
        let mut flags = [0; STRETCH];
        flags[..stretch.len()].copy_from_slice(stretch);
        for_each_mark(&flags, |i| moving.push((nth * STRETCH + i) as u32));
    }
}
