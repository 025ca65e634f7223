//! The server's half of blocks: differences into planes.

use super::{
    ENTERED_ORDER, GAP_ORDER_BITS, Known, LONE_ID_ORDER, Scratch, fill_moving, fold, guess,
    older_of, ratio, rows_of,
};
use crate::bits::BitWriter;
use crate::snapshot::mask::put_mask;
use crate::snapshot::plane::put_plane;
use crate::snapshot::state::{CellState, Layout};

/// Writes the cell in full.
pub(crate) fn put_full(out: &mut BitWriter, layout: &Layout, now: &CellState) {
    out.put_golomb(now.len() as u32, ENTERED_ORDER);
    put_ids(out, now.ids.iter().map(|id| id.index()), now.len());
    for (column, field) in layout.columns.iter().enumerate() {
        for &value in now.column(column) {
            out.put(value, u32::from(field.bits));
        }
    }
}

fn put_ids(out: &mut BitWriter, ids: impl Iterator<Item = u16> + Clone, count: usize) {
    if count == 0 {
        return;
    }
    if count == 1 {
        ids.for_each(|id| out.put_golomb(u32::from(id), LONE_ID_ORDER));
        return;
    }
    let last = ids.clone().last().map_or(0, usize::from);
    let order = (last / count).max(1).ilog2();
    out.put(order, GAP_ORDER_BITS);
    let mut next = 0;
    for id in ids {
        out.put_rice(u32::from(id) - next, order);
        next = u32::from(id) + 1;
    }
}

/// Writes the cell as the difference from what the reader knows.
pub(crate) fn put_delta(
    out: &mut BitWriter,
    layout: &Layout,
    known: &Known<'_>,
    now: &CellState,
    scratch: &mut Scratch,
) {
    let base = known.base;
    let same = scratch.match_rows(base, now);
    if same && base.values == now.values {
        out.put(1, 1);
        return;
    }
    out.put(0, 1);
    if same {
        out.put(0, 1);
        out.put_golomb(0, ENTERED_ORDER);
    } else {
        put_changes_of_members(out, layout, base, now, scratch);
    }
    let gather = known
        .older
        .is_some_and(|(older, _)| scratch.match_older(base, same, older));
    if !layout.motion.is_empty() {
        put_motion(out, layout, known, now, same, gather, scratch);
    }
    let base_rows = (!same).then_some(&scratch.base_rows[..]);
    let now_rows = (!same).then_some(&scratch.now_rows[..]);
    for &column in &layout.plain {
        let bits = u32::from(layout.columns[column].bits);
        let base = rows_of(base.column(column), base_rows, &mut scratch.base);
        let now = rows_of(now.column(column), now_rows, &mut scratch.now);
        scratch.plane.clear();
        let folded = now
            .iter()
            .zip(base)
            .map(|(&n, &b)| fold(n.wrapping_sub(b), bits));
        scratch.plane.extend(folded);
        put_plane(out, &scratch.plane, layout.columns[column].width_bits());
    }
}

fn put_changes_of_members(
    out: &mut BitWriter,
    layout: &Layout,
    base: &CellState,
    now: &CellState,
    scratch: &mut Scratch,
) {
    scratch.mask.clear();
    scratch.mask.resize(base.len(), 1);
    for &row in &scratch.base_rows {
        scratch.mask[row as usize] = 0;
    }
    scratch.expected.clear();
    scratch.expected.resize(base.len(), 0);
    put_mask(out, &scratch.mask, &scratch.expected);
    let rows = &scratch.entered_rows;
    out.put_golomb(rows.len() as u32, ENTERED_ORDER);
    put_ids(
        out,
        rows.iter().map(|&row| now.ids[row as usize].index()),
        rows.len(),
    );
    for (column, field) in layout.columns.iter().enumerate() {
        let values = now.column(column);
        for &row in rows {
            out.put(values[row as usize], u32::from(field.bits));
        }
    }
}

fn put_motion(
    out: &mut BitWriter,
    layout: &Layout,
    known: &Known<'_>,
    now: &CellState,
    same: bool,
    gather: bool,
    scratch: &mut Scratch,
) {
    scratch.expect_moving(layout, known, same, gather);
    let n = scratch.expected.len();
    let base_rows = (!same).then_some(&scratch.base_rows[..]);
    let now_rows = (!same).then_some(&scratch.now_rows[..]);
    let older_rows = gather.then_some(&scratch.older_rows[..]);
    scratch.diff.clear();
    scratch.diff.resize(n, 0);
    for &column in &layout.motion {
        let base = rows_of(known.base.column(column), base_rows, &mut scratch.base);
        let now = rows_of(now.column(column), now_rows, &mut scratch.now);
        for ((diff, &a), &b) in scratch.diff.iter_mut().zip(base).zip(now) {
            *diff |= a ^ b;
        }
    }
    scratch.mask.clear();
    scratch
        .mask
        .extend(scratch.diff.iter().map(|&d| u8::from(d != 0)));
    put_mask(out, &scratch.mask, &scratch.expected);
    fill_moving(&scratch.mask, &mut scratch.moving);
    let all = scratch.moving.len() == n;

    for &column in &layout.motion {
        let field = &layout.columns[column];
        let bits = u32::from(field.bits);
        let base = rows_of(known.base.column(column), base_rows, &mut scratch.base);
        let now = rows_of(now.column(column), now_rows, &mut scratch.now);
        let plane = &mut scratch.plane;
        plane.clear();
        let pairs = now.iter().zip(base);
        match known.older {
            None => plane.extend(pairs.map(|(&n, &b)| fold(n.wrapping_sub(b), bits))),
            Some((older, span)) => {
                let older = older_of(older.column(column), older_rows, base, &mut scratch.older);
                let triples = pairs.zip(older);
                if span == known.age {
                    plane.extend(triples.map(|((&n, &b), &o)| {
                        fold(n.wrapping_sub(b).wrapping_sub(b).wrapping_add(o), bits)
                    }));
                } else {
                    let ratio = ratio(known.age, span);
                    plane.extend(triples.map(|((&n, &b), &o)| {
                        fold(n.wrapping_sub(guess(b, o, ratio, bits)), bits)
                    }));
                }
            }
        }
        if !all {
            for (to, &from) in scratch.moving.iter().enumerate() {
                plane[to] = plane[from as usize];
            }
            plane.truncate(scratch.moving.len());
        }
        put_plane(out, plane, field.width_bits());
    }
}
