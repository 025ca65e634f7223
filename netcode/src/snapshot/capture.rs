//! Taking a snapshot: the game's entities into the cells of the world's newest tick.
//!
//! Entities come in any order; they are sorted into their cells, cell by cell into columns. It
//! encodes nothing: see [`World`](super::World).

use super::layers::LayerId;
use super::state::CellState;
use super::world::{HISTORY, World};
use super::{CellId, EntityId};
use crate::Tick;
use crate::schema::Replicate;

/// An entity taken in, before it is sorted into its cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Staged {
    cell: CellId,
    id: EntityId,
    row: u32,
}

/// A snapshot being taken. Dropped uncommitted, it leaves no trace.
#[must_use]
#[derive(Debug)]
pub struct Capture<'w> {
    world: &'w mut World,
    tick: Tick,
}

impl<'w> Capture<'w> {
    pub(super) fn new(world: &'w mut World, tick: Tick) -> Self {
        world.staged.clear();
        world.rows.clear();
        Capture { world, tick }
    }

    /// Takes an entity in. An entity is in one cell; of two entities with the same index in the
    /// same cell the first stays. A cell that is not of the layer counts as hidden: nobody sees
    /// the entity.
    pub fn add<T: Replicate>(&mut self, layer: LayerId<T>, id: EntityId, cell: CellId, value: &T) {
        let world = &mut *self.world;
        if world.layer_of_cell.get(usize::from(cell.0)) != Some(&layer.index) {
            return;
        }
        let fields = T::SCHEMA.fields.len();
        let row = world.rows.len();
        world.rows.resize(row + fields, 0);
        value.store(&mut world.rows[row..]);
        world.staged.push(Staged {
            cell,
            id,
            row: row as u32,
        });
    }

    /// Makes this the newest snapshot. A tick that is not newer than the last one starts history
    /// afresh: no block is made against the future.
    pub fn commit(self) {
        let Capture { world, tick } = self;
        if world.tick().is_some_and(|last| !tick.is_newer(last)) {
            world.history.clear();
        }
        world.forget_blocks();
        world.frames.clear();
        let key = |s: &Staged| (s.cell, s.id);
        if !world.staged.is_sorted_by_key(key) {
            world.staged.sort_by_key(key);
        }
        let same =
            |a: &mut Staged, b: &mut Staged| a.cell == b.cell && a.id.index() == b.id.index();
        world.staged.dedup_by(same);

        let full = world.history.len() == HISTORY;
        let mut past = if full {
            world.history.pop_front()
        } else {
            None
        }
        .unwrap_or_default();
        past.tick = tick;
        past.cells
            .resize_with(world.layer_of_cell.len(), CellState::default);
        past.cells.iter_mut().for_each(CellState::clear);
        for members in world.staged.chunk_by(|a, b| a.cell == b.cell) {
            let cell = usize::from(members[0].cell.0);
            let layout = &world.layers.specs[usize::from(world.layer_of_cell[cell])].layout;
            let state = &mut past.cells[cell];
            state.ids.extend(members.iter().map(|s| s.id));
            for (&place, field) in layout.places.iter().zip(&layout.columns) {
                let values = members.iter().map(|s| world.rows[s.row as usize + place]);
                state
                    .values
                    .extend(values.map(|value| value & field.mask()));
            }
        }
        world.history.push_back(past);
        collect_owned(world);
    }
}

/// Keeps the owner-only values of the tick, by layer and id.
fn collect_owned(world: &mut World) {
    world.owned.clear();
    world.owned_values.clear();
    for s in &world.staged {
        let layer = world.layer_of_cell[usize::from(s.cell.0)];
        let layout = &world.layers.specs[usize::from(layer)].layout;
        if !layout.owner.is_empty() {
            world
                .owned
                .push((layer, s.id, world.owned_values.len() as u32));
            let values = layout
                .owner
                .iter()
                .map(|&place| world.rows[s.row as usize + place]);
            world.owned_values.extend(values);
        }
    }
    world.owned.sort_unstable_by_key(|o| (o.0, o.1));
}
