//! Blocks against the states they were made of, with entities coming, going, reborn and resting,
//! and decoders against bytes that no encoder made.

use super::*;
use crate::bits::{BitReader, BitWriter};
use crate::schema::{Field, Kind, Predict, Schema, Scope};
use crate::snapshot::EntityId;
use proptest::prelude::*;

const fn field(name: &'static str, bits: u8, predict: Predict, scope: Scope) -> Field {
    Field {
        name,
        bits,
        kind: Kind::Unsigned,
        predict,
        scope,
    }
}

const MIXED: Schema = Schema {
    name: "Mixed",
    fields: &[
        field("once", 5, Predict::Same, Scope::Once),
        field("x", 16, Predict::Linear, Scope::Always),
        field("bit", 1, Predict::Same, Scope::Always),
        field("wide", 32, Predict::Linear, Scope::Always),
        field("plain", 32, Predict::Same, Scope::Always),
    ],
};

const PLAIN: Schema = Schema {
    name: "Plain",
    fields: &[field("a", 9, Predict::Same, Scope::Always)],
};

/// A state from (index, generation, values); later duplicates of an index are dropped.
fn state(layout: &Layout, mut rows: Vec<(u16, u16, u32)>) -> CellState {
    rows.sort();
    rows.dedup_by_key(|row| row.0);
    let ids = rows
        .iter()
        .map(|&(index, generation, _)| EntityId::new(index, generation));
    let values = layout
        .columns
        .iter()
        .enumerate()
        .flat_map(|(column, field)| {
            rows.iter().map(move |&(_, _, seed)| {
                let mixed = seed.wrapping_mul(column as u32 * 2 + 1) >> column;
                mixed & field.mask()
            })
        });
    CellState {
        ids: ids.collect(),
        values: values.collect(),
    }
}

fn rows() -> impl Strategy<Value = Vec<(u16, u16, u32)>> {
    let value = prop_oneof![any::<u32>(), 0u32..50];
    prop::collection::vec((0u16..60, 0u16..2, value), 0..50)
}

fn without_generations(mut state: CellState) -> CellState {
    for id in &mut state.ids {
        *id = EntityId::new(id.index(), 0);
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn deltas_round_trip(
        older in rows(), base in rows(), now in rows(), keep in 0..3,
        age in 1u32..=255, span in 0u32..=255, mixed: bool,
    ) {
        let layout = Layout::new(if mixed { MIXED } else { PLAIN });
        // A `once` field of an entity that stays does not change.
        let once = |state: &mut CellState, from: &CellState| {
            for (row, id) in state.ids.iter().enumerate() {
                if mixed && let Ok(before) = from.ids.binary_search(id) {
                    state.values[row] = from.values[before];
                }
            }
        };
        let older = state(&layout, older);
        let mut base = state(&layout, if keep > 0 { base } else { vec![(3, 1, 9)] });
        once(&mut base, &older);
        let mut now = if keep == 2 { base.clone() } else { state(&layout, now) };
        once(&mut now, &base);

        let mut out = BitWriter::new();
        let mut scratch = Scratch::default();
        let theirs = (without_generations(base.clone()), without_generations(older.clone()));
        let known = |base, older| Known { base, age, older: (span > 0).then_some((older, span)) };
        put_delta(&mut out, &layout, &known(&base, &older), &now, &mut scratch);
        let bits = out.bit_len() as u64;
        let bytes = out.into_bytes();
        let mut from = BitReader::new(&bytes);
        let mut got = CellState::default();
        let known = known(&theirs.0, &theirs.1);
        get_delta(&mut from, &layout, &known, &mut got, &mut scratch).unwrap();
        prop_assert_eq!(got, without_generations(now));
        prop_assert_eq!(from.bit_position(), bits);
    }

    #[test]
    fn full_blocks_round_trip(rows in rows(), far: bool) {
        let layout = Layout::new(MIXED);
        let rows = rows.into_iter().map(|r| (if far { r.0 * 1090 } else { r.0 }, r.1, r.2));
        let now = state(&layout, rows.collect());
        let mut out = BitWriter::new();
        put_full(&mut out, &layout, &now);
        let bytes = out.into_bytes();
        let mut got = CellState::default();
        get_full(&mut BitReader::new(&bytes), &layout, &mut got).unwrap();
        prop_assert_eq!(got, without_generations(now));
    }

    #[test]
    fn any_bytes_are_an_answer(
        older in rows(), base in rows(), bytes in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let layout = Layout::new(MIXED);
        let (older, base) = (state(&layout, older), state(&layout, base));
        let known = Known { base: &base, age: 2, older: Some((&older, 3)) };
        let mut got = CellState::default();
        let mut scratch = Scratch::default();
        let mut from = BitReader::new(&bytes);
        if get_delta(&mut from, &layout, &known, &mut got, &mut scratch).is_ok() {
            prop_assert!(got.len() <= base.len() + bytes.len() * 8);
            prop_assert!(got.ids.is_sorted_by(|a, b| a.index() < b.index()));
        }
        if get_full(&mut BitReader::new(&bytes), &layout, &mut got).is_ok() {
            prop_assert!(got.len() <= bytes.len() * 8 / 86 + 1);
        }
    }
}
