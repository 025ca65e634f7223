//! The arena's rules: who is in it, and what everybody sees.
//!
//! What travels of a puck is [`Shown`], of a player's wishes [`PuckInput`]; the page's decoder is generated from
//! both.

use std::collections::BTreeMap;

use ringside_rooms::{
    Cx, Game, Input, Keep, Leave, PlayerId, Refusal, Replicate, Source, Subscriber, Who,
    ringside_netcode::{
        self, Tick,
        interest::{Grid, GridConfig, View},
        snapshot::{Capture, CellId, EntityId, LayerId, Layers},
    },
};
use serde::Serialize;

use crate::{
    puck::{Buttons, Puck},
    thin_bot as bot,
};

/// The side of the world in units.
const WORLD: u32 = 65_536;
/// The world is cut into so many cells each way: tens of pucks in each.
const CELLS: u16 = 4;

/// What a player does in a tick.
#[derive(Clone, Debug, Default, PartialEq, Eq, Replicate)]
pub(crate) struct PuckInput {
    #[rep(bits = 6)]
    pub(crate) buttons: u8,
    #[rep(wrap)]
    pub(crate) aim: u8,
}

impl Input for PuckInput {
    /// A missing input goes on moving, but never dashes again.
    fn repeated(&self) -> Self {
        Self {
            buttons: self.buttons & !Buttons::DASH,
            aim: self.aim,
        }
    }
}

/// What everybody sees of a puck. Flags: 1 dashing, 2 thrusting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Replicate)]
pub(crate) struct Shown {
    #[rep(predict = linear)]
    x: u16,
    #[rep(predict = linear)]
    y: u16,
    #[rep(wrap)]
    aim: u8,
    #[rep(bits = 2)]
    flags: u8,
}

/// What everybody knows of a player, beside its name.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Look {
    hue: u8,
}

/// What a joining player is told of the arena.
#[derive(Debug, Serialize)]
pub(crate) struct About {
    world: u32,
}

struct Player {
    puck: Puck,
    entity: EntityId,
    cell: CellId,
    bot: bot::Bot,
}

/// The arena.
pub(crate) struct Arena {
    layers: Layers,
    pucks: LayerId<Shown>,
    grid: Grid,
    players: BTreeMap<PlayerId, Player>,
    /// Tells a puck from one that had its number before.
    generation: u16,
}

impl Arena {
    pub(crate) fn new() -> Self {
        let config = GridConfig {
            origin: (0, 0),
            cell: WORLD as i32 / i32::from(CELLS),
            columns: CELLS,
            rows: CELLS,
            margin: WORLD as i32 / i32::from(CELLS) / 10,
        };
        let mut layers = Layers::new();
        let pucks = layers.add::<Shown>(config.cells());
        Self {
            grid: Grid::new(config, &layers, pucks),
            layers,
            pucks,
            players: BTreeMap::new(),
            generation: 0,
        }
    }
}

/// Spreads players over the colours and over the middle of the arena: steps of the golden ratio.
fn spread(id: PlayerId, steps: u32) -> u16 {
    (u32::from(id.0).wrapping_mul(40_503).wrapping_mul(steps) & 0xffff) as u16
}

fn start(id: PlayerId) -> Puck {
    let near_middle = |at: u16| 24_576 + at / 4;
    Puck::at(near_middle(spread(id, 1)), near_middle(spread(id, 3)))
}

impl Game for Arena {
    type Input = PuckInput;
    type Event = ();

    fn layers(&self) -> &Layers {
        &self.layers
    }

    fn join(&mut self, _: &mut Cx<'_, Self>, id: PlayerId, _: &Who) -> Result<(), Refusal> {
        let puck = start(id);
        let (x, y) = puck.place();
        self.generation = self.generation.wrapping_add(1);
        let player = Player {
            puck,
            entity: EntityId::new(id.0, self.generation),
            cell: self.grid.cell_of(x.into(), y.into()),
            bot: bot::Bot::new(id.0),
        };
        self.players.insert(id, player);
        Ok(())
    }

    fn leave(&mut self, _: &mut Cx<'_, Self>, id: PlayerId, _: Leave) -> Keep {
        self.players.remove(&id);
        Keep::Drop
    }

    fn think(&mut self, id: PlayerId, _: Tick) -> PuckInput {
        let player = self.players.get_mut(&id);
        player
            .map(|player| player.bot.think(&player.puck))
            .unwrap_or_default()
    }

    fn bot_name(&self, n: u16) -> String {
        bot::name(n - 1)
    }

    fn tick(&mut self, cx: &mut Cx<'_, Self>) {
        for given in cx.inputs() {
            let Some(player) = self.players.get_mut(&given.player) else {
                continue;
            };
            // Of somebody who says nothing, the aim stays.
            let aim = if given.source == Source::Missing {
                player.puck.aim
            } else {
                given.input.aim
            };
            player.puck.step(Buttons(given.input.buttons), aim);
            let (x, y) = player.puck.place();
            player.cell = self.grid.cell_after(player.cell, x.into(), y.into());
        }
    }

    fn capture(&self, into: &mut Capture<'_>) {
        for Player {
            puck, entity, cell, ..
        } in self.players.values()
        {
            let (x, y) = puck.place();
            let flags = u8::from(puck.is_dashing()) | u8::from(puck.is_thrusting()) << 1;
            let shown = Shown {
                x,
                y,
                aim: puck.aim,
                flags,
            };
            into.add(self.pucks, *entity, *cell, &shown);
        }
    }

    fn interest(&self, _: Subscriber, view: &mut View) {
        // Everybody sees the whole arena.
        if view.cells().is_empty() {
            for n in 0..CELLS * CELLS {
                view.insert(self.layers.cell(self.pucks, n), 1);
            }
        }
    }

    fn card(&self, id: PlayerId) -> impl Serialize {
        let hue = (spread(id, 1) >> 8) as u8;
        Look { hue }
    }

    fn about(&self) -> impl Serialize {
        About { world: WORLD }
    }
}

#[cfg(test)]
mod tests {
    use ringside_rooms::{Room, RoomOptions};

    use super::*;

    #[test]
    fn a_missing_input_moves_on_but_does_not_dash() {
        let input = PuckInput {
            buttons: Buttons::DASH | Buttons::UP,
            aim: 9,
        };
        let repeated = PuckInput {
            buttons: Buttons::UP,
            aim: 9,
        };
        assert_eq!(input.repeated(), repeated);
    }

    #[test]
    fn bots_fill_the_arena() {
        let options = RoomOptions {
            bots: 12,
            ..RoomOptions::default()
        };
        let room = Room::new(Arena::new(), "TEST", options, 1);
        assert_eq!((room.bots(), room.game().players.len()), (12, 12));
    }
}
