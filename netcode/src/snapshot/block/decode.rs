//! The client's half of blocks: planes back into states. Any bytes give an answer or an error;
//! nothing is allocated from a count that the input could not carry.

use super::{
    ENTERED_ORDER, GAP_ORDER_BITS, Known, LONE_ID_ORDER, Scratch, fill_moving, guess, older_of,
    ratio, rows_of, unfold,
};
use crate::bits::BitReader;
use crate::schema::{Field, Scope};
use crate::snapshot::mask::get_mask;
use crate::snapshot::plane::get_plane;
use crate::snapshot::state::{CellState, Layout};
use crate::snapshot::{EntityId, Malformed};
use core::cmp::Ordering;

/// Reads a full block into `now`.
pub(crate) fn get_full(
    from: &mut BitReader<'_>,
    layout: &Layout,
    now: &mut CellState,
) -> Result<(), Malformed> {
    now.clear();
    let count = get_entered_count(from, layout)?;
    get_ids(from, count, &mut now.ids)?;
    for field in &layout.columns {
        now.values
            .extend((0..count).map(|_| from.get(u32::from(field.bits))));
    }
    Ok(())
}

/// Reads how many entities follow. Each takes at least its columns' bits, so the count is bounded
/// by what is left of the input.
fn get_entered_count(from: &mut BitReader<'_>, layout: &Layout) -> Result<usize, Malformed> {
    let count = from.get_golomb(ENTERED_ORDER);
    if u64::from(count) * u64::from(layout.full_bits + 1) > from.bits_left() {
        return Err(Malformed::Count);
    }
    Ok(count as usize)
}

fn get_ids(
    from: &mut BitReader<'_>,
    count: usize,
    ids: &mut Vec<EntityId>,
) -> Result<(), Malformed> {
    ids.clear();
    let order = match count {
        0 => return Ok(()),
        1 => LONE_ID_ORDER,
        _ => from.get(GAP_ORDER_BITS),
    };
    let mut next = 0u64;
    for _ in 0..count {
        let gap = if count == 1 {
            from.get_golomb(order)
        } else {
            from.get_rice(order)
        };
        let id = u16::try_from(next + u64::from(gap)).map_err(|_| Malformed::Id)?;
        ids.push(EntityId::new(id, 0));
        next = u64::from(id) + 1;
    }
    Ok(())
}

/// Reads a delta block into `now`.
pub(crate) fn get_delta(
    from: &mut BitReader<'_>,
    layout: &Layout,
    known: &Known<'_>,
    now: &mut CellState,
    scratch: &mut Scratch,
) -> Result<(), Malformed> {
    let base = known.base;
    now.clear();
    if from.get_bool() {
        now.clone_from(base);
        return Ok(());
    }
    scratch.mask.clear();
    scratch.mask.resize(base.len(), 0);
    get_mask(from, &mut scratch.mask)?;
    let same = !scratch.mask.contains(&1);
    if !same {
        let stay = scratch
            .mask
            .iter()
            .enumerate()
            .filter(|(_, left)| **left == 0);
        scratch.base_rows.clear();
        scratch.base_rows.extend(stay.map(|(row, _)| row as u32));
    }
    let entered = get_entered_count(from, layout)?;
    scratch.entered.clear();
    if entered > 0 {
        get_ids(from, entered, &mut scratch.entered.ids)?;
        for field in &layout.columns {
            let values = (0..entered).map(|_| from.get(u32::from(field.bits)));
            scratch.entered.values.extend(values);
        }
    }
    get_stayed(from, layout, known, same, now, scratch)?;
    if from.is_truncated() {
        return Err(Malformed::Truncated);
    }
    if entered > 0 {
        merge(now, &scratch.entered, layout.columns.len())?;
    }
    Ok(())
}

/// Reads the entities that stay into `now`.
fn get_stayed(
    from: &mut BitReader<'_>,
    layout: &Layout,
    known: &Known<'_>,
    same: bool,
    now: &mut CellState,
    scratch: &mut Scratch,
) -> Result<(), Malformed> {
    let base = known.base;
    let gather = known
        .older
        .is_some_and(|(older, _)| scratch.match_older(base, same, older));
    // A schema without motion has no mask and no motion planes.
    let mut all_moving = true;
    if !layout.motion.is_empty() {
        scratch.expect_moving(layout, known, same, gather);
        get_mask(from, &mut scratch.expected)?;
        fill_moving(&scratch.expected, &mut scratch.moving);
        all_moving = scratch.moving.len() == scratch.expected.len();
    }
    let base_rows = (!same).then_some(&scratch.base_rows[..]);
    let older_rows = gather.then_some(&scratch.older_rows[..]);
    match base_rows {
        None => now.ids.extend_from_slice(&base.ids),
        Some(rows) => now
            .ids
            .extend(rows.iter().map(|&row| base.ids[row as usize])),
    }
    let n = now.ids.len();
    // Columns are filled in the order in which they travel, not in their own.
    now.values.resize(n * layout.columns.len(), 0);
    let unchanging = layout
        .columns
        .iter()
        .enumerate()
        .filter(|(_, f)| f.scope == Scope::Once);
    for (column, _) in unchanging {
        let base = rows_of(base.column(column), base_rows, &mut scratch.base);
        now.values[column * n..][..n].copy_from_slice(base);
    }
    for &column in &layout.motion {
        let field = &layout.columns[column];
        get_plane(
            from,
            &mut scratch.plane,
            scratch.moving.len(),
            field.width_bits(),
        )?;
        let base = rows_of(base.column(column), base_rows, &mut scratch.base);
        let motion = Motion {
            base,
            older: known.older.map(|(older, span)| {
                let older = older_of(older.column(column), older_rows, base, &mut scratch.older);
                (older, (span != known.age).then(|| ratio(known.age, span)))
            }),
            field,
        };
        let now = &mut now.values[column * n..][..n];
        if all_moving {
            motion.apply_to_all(&scratch.plane, now);
        } else {
            motion.apply_to(&scratch.moving, &scratch.plane, now);
        }
    }
    for &column in &layout.plain {
        let field = &layout.columns[column];
        get_plane(from, &mut scratch.plane, n, field.width_bits())?;
        let base = rows_of(base.column(column), base_rows, &mut scratch.base);
        let places = now.values[column * n..][..n]
            .iter_mut()
            .zip(base)
            .zip(&scratch.plane);
        places.for_each(|((n, &b), &r)| *n = b.wrapping_add(unfold(r)) & field.mask());
    }
    Ok(())
}

/// One motion column: what the guess is made from.
struct Motion<'a> {
    base: &'a [u32],
    /// Older values, and by how much to scale the change since (`None`: by one).
    older: Option<(&'a [u32], Option<i64>)>,
    field: &'a Field,
}

impl Motion<'_> {
    /// Adds the residuals to the guesses, when there is one for every entity. The common case,
    /// and written so that it becomes vector instructions.
    fn apply_to_all(&self, residuals: &[u32], now: &mut [u32]) {
        let (bits, mask) = (u32::from(self.field.bits), self.field.mask());
        let places = now.iter_mut().zip(residuals).zip(self.base);
        match self.older {
            None => places.for_each(|((n, &r), &b)| *n = b.wrapping_add(unfold(r)) & mask),
            Some((older, None)) => places.zip(older).for_each(|(((n, &r), &b), &o)| {
                let guess = b.wrapping_add(b).wrapping_sub(o);
                *n = guess.wrapping_add(unfold(r)) & mask;
            }),
            Some((older, Some(ratio))) => places.zip(older).for_each(|(((n, &r), &b), &o)| {
                *n = guess(b, o, ratio, bits).wrapping_add(unfold(r)) & mask;
            }),
        }
    }

    /// Adds the residuals of the entities in `rows`; the others stay as in the baseline.
    fn apply_to(&self, rows: &[u32], residuals: &[u32], now: &mut [u32]) {
        let (bits, mask) = (u32::from(self.field.bits), self.field.mask());
        now.copy_from_slice(self.base);
        for (&row, &residual) in rows.iter().zip(residuals) {
            let row = row as usize;
            let base = self.base[row];
            let guess = match self.older {
                None => base,
                Some((older, None)) => base.wrapping_add(base).wrapping_sub(older[row]),
                Some((older, Some(ratio))) => guess(base, older[row], ratio, bits),
            };
            now[row] = guess.wrapping_add(unfold(residual)) & mask;
        }
    }
}

/// Adds the entities that entered to those that stayed, in order of index.
fn merge(now: &mut CellState, entered: &CellState, columns: usize) -> Result<(), Malformed> {
    let stayed = core::mem::take(now);
    let total = stayed.len() + entered.len();
    // Where each entity of the result comes from: a row of `stayed`, or of `entered` after it.
    let mut rows = Vec::with_capacity(total);
    let (mut s, mut e) = (0, 0);
    while s < stayed.len() || e < entered.len() {
        let order = match (stayed.ids.get(s), entered.ids.get(e)) {
            (Some(a), Some(b)) => a.index().cmp(&b.index()),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        match order {
            Ordering::Less => {
                rows.push(s);
                s += 1;
            }
            Ordering::Greater => {
                rows.push(stayed.len() + e);
                e += 1;
            }
            Ordering::Equal => return Err(Malformed::Id),
        }
    }
    let pick = |row: usize| match row.checked_sub(stayed.len()) {
        None => stayed.ids[row],
        Some(row) => entered.ids[row],
    };
    now.ids.extend(rows.iter().map(|&row| pick(row)));
    for column in 0..columns {
        let (old, new) = (stayed.column(column), entered.column(column));
        now.values
            .extend(rows.iter().map(|&row| match row.checked_sub(old.len()) {
                None => old[row],
                Some(row) => new[row],
            }));
    }
    Ok(())
}
