//! The layers that travel, and which squares of the arena a player sees.
//!
//! Promises: what is beyond [`SIGHT`] of a player, and some slack, is in none of its frames; standings and stage are in all.

use ringside_rooms::ringside_netcode::{
    interest::{Grid, GridConfig, View},
    snapshot::{Capture, CellId, Decoder, EntityId, LayerId, Layers, Owner},
};

use crate::{
    rules::{PIXEL, SIDE, arena::Arena},
    seen::{MoteSeen, PuckSeen, Stage, Standing},
};

/// Squares of interest along a side, and their size in units: 512 pixels hold a handful of pucks.
pub const SQUARES: u16 = 8;
pub const SQUARE: i32 = SIDE / SQUARES as i32;
/// How far a player sees, in units: the corner of a wide screen, and a little to come.
pub const SIGHT: i32 = 1_150 * PIXEL;
/// What is in view stays for so much longer.
const SLACK: i32 = 200 * PIXEL;

/// The layers, and where things are in them.
#[derive(Debug)]
pub struct Map {
    pub layers: Layers,
    pub puck_grid: Grid,
    mote_grid: Grid,
    pucks: LayerId<PuckSeen>,
    motes: LayerId<MoteSeen>,
    standings: LayerId<Standing>,
    stage: LayerId<Stage>,
}

impl Map {
    pub fn new() -> Self {
        let config = GridConfig {
            origin: (0, 0),
            cell: SQUARE,
            columns: SQUARES,
            rows: SQUARES,
            margin: SQUARE / 10,
        };
        let mut layers = Layers::new();
        let pucks = layers.add::<PuckSeen>(config.cells());
        let motes = layers.add::<MoteSeen>(config.cells());
        let standings = layers.add::<Standing>(1);
        let stage = layers.add::<Stage>(1);
        Self {
            puck_grid: Grid::new(config, &layers, pucks),
            mote_grid: Grid::new(config, &layers, motes),
            layers,
            pucks,
            motes,
            standings,
            stage,
        }
    }

    /// Fits `view` to somebody who looks at a place in units.
    pub fn look(&self, view: &mut View, x: i32, y: i32) {
        self.puck_grid.look(view, x, y, SIGHT, SLACK);
        self.mote_grid.look(view, x, y, SIGHT, SLACK);
        view.insert(self.standings_cell(), 4);
        view.insert(self.stage_cell(), 8);
    }

    /// Takes the whole arena in. `places`: number, entity and square of each player.
    pub fn show(
        &self,
        arena: &Arena,
        places: impl Iterator<Item = (u16, EntityId, CellId)>,
        into: &mut Capture<'_>,
    ) {
        for (id, entity, cell) in places {
            if let Some(puck) = arena.pucks.get(&id) {
                into.add(self.pucks, entity, cell, &PuckSeen::from(puck));
                into.add(
                    self.standings,
                    entity,
                    self.standings_cell(),
                    &Standing::from(puck),
                );
            }
        }
        for (index, mote) in arena.motes.iter() {
            let (x, y) = mote.place();
            let id = EntityId::new(index, mote.generation);
            into.add(
                self.motes,
                id,
                self.mote_grid.cell_of(x, y),
                &MoteSeen::from(mote),
            );
        }
        into.add(
            self.stage,
            EntityId::new(0, 0),
            self.stage_cell(),
            &Stage::from(arena),
        );
    }

    /// How many pucks and motes a client sees that has read its frames with this decoder.
    pub fn visible(&self, decoder: &Decoder) -> (usize, usize) {
        let pucks = decoder.entities(self.pucks).count();
        (pucks, decoder.entities(self.motes).count())
    }

    /// The owner of a puck.
    pub fn owner_of(&self, puck: EntityId) -> Owner {
        Owner::of(self.pucks, puck)
    }

    fn standings_cell(&self) -> CellId {
        self.layers.cell(self.standings, 0)
    }

    /// The square of the well and the round: everybody sees it.
    pub fn stage_cell(&self) -> CellId {
        self.layers.cell(self.stage, 0)
    }
}

impl Default for Map {
    fn default() -> Self {
        Self::new()
    }
}
