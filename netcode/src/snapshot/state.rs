//! The state of one cell at one tick: which entities are in it, and their shared fields in
//! columns.
//!
//! Both ends hold cell states: the server the true ones, the client what it decoded. They are
//! equal, except that the server's ids also carry generations.

use super::EntityId;
use crate::schema::{Field, Predict, Schema, Scope};

/// A schema, sorted by how its fields travel.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub schema: Schema,
    /// The fields that everyone who sees the entity gets, in wire order: the columns.
    pub columns: Vec<Field>,
    /// Index in the schema of each column.
    pub places: Vec<usize>,
    /// Columns predicted linearly; one mask says which entities change any of them.
    pub motion: Vec<usize>,
    /// Columns that change on their own.
    pub plain: Vec<usize>,
    /// Schema indices of the fields for the owner alone.
    pub owner: Vec<usize>,
    /// Bits of an entity's columns.
    pub full_bits: u32,
}

impl Layout {
    /// Panics if the schema is not valid: it is written in code, not received.
    pub fn new(schema: Schema) -> Self {
        assert!(
            schema.is_valid(),
            "schema {}: fields or widths out of bounds",
            schema.name
        );
        let mut layout = Layout {
            schema,
            columns: Vec::new(),
            places: Vec::new(),
            motion: Vec::new(),
            plain: Vec::new(),
            owner: Vec::new(),
            full_bits: 0,
        };
        for (place, field) in schema.fields.iter().enumerate() {
            let column = layout.columns.len();
            match (field.scope, field.predict) {
                (Scope::Owner, _) => {
                    layout.owner.push(place);
                    continue;
                }
                (Scope::Once, _) => {}
                (Scope::Always, Predict::Linear) => layout.motion.push(column),
                (Scope::Always, Predict::Same) => layout.plain.push(column),
            }
            layout.columns.push(*field);
            layout.places.push(place);
            layout.full_bits += u32::from(field.bits);
        }
        layout
    }

    /// Bits of an entity's owner-only fields.
    pub fn owner_bits(&self) -> u32 {
        self.owner
            .iter()
            .map(|&place| u32::from(self.schema.fields[place].bits))
            .sum()
    }
}

/// Which entities are in a cell, in ascending order of index, and their columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CellState {
    pub ids: Vec<EntityId>,
    /// Column after column, each as long as `ids`.
    pub values: Vec<u32>,
}

impl CellState {
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn column(&self, column: usize) -> &[u32] {
        let n = self.ids.len();
        &self.values[column * n..][..n]
    }

    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.ids.capacity() * size_of::<EntityId>()
            + self.values.capacity() * size_of::<u32>()
    }

    pub fn clear(&mut self) {
        self.ids.clear();
        self.values.clear();
    }
}
