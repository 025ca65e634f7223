//! The arena's rules: who is in it, and what everybody sees.
//!
//! The snapshot is a table, little-endian, that `client/web/js/game/snapshot.js` reads:
//!
//! ```text
//! kind u8 (0: everything) | tick u32 | count u16 | count × [ id u16 | x u16 | y u16 | aim u8 | flags u8 ]
//! flags: 1 dashing, 2 thrusting
//! ```

use std::collections::BTreeMap;

use ringside_rooms::{Game, Input, PlayerId, Source, Taken, Tick};
use serde::Serialize;

use crate::{
    puck::{Buttons, Puck},
    thin_bot as bot,
};

/// The side of the world in units.
const WORLD: u32 = 65_536;

/// What a player does in a tick: four bytes on the wire, the first two their number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PuckInput {
    pub(crate) buttons: Buttons,
    pub(crate) aim: u8,
}

impl Input for PuckInput {
    /// A missing input goes on moving, but never dashes again.
    fn repeated(&self) -> Self {
        Self {
            buttons: Buttons(self.buttons.0 & !Buttons::DASH),
            aim: self.aim,
        }
    }
}

/// What everybody knows of a player.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Card {
    id: PlayerId,
    name: String,
    hue: u8,
    bot: bool,
}

/// What a joining player is told of the arena.
#[derive(Debug, Serialize)]
pub(crate) struct About {
    world: u32,
}

struct Player {
    card: Card,
    puck: Puck,
    bot: bot::Bot,
}

/// The arena.
pub(crate) struct Arena {
    players: BTreeMap<PlayerId, Player>,
}

impl Arena {
    pub(crate) fn new() -> Self {
        Self {
            players: BTreeMap::new(),
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
    type Card = Card;
    type About = About;

    fn read_input(message: &[u8]) -> Option<(u16, PuckInput)> {
        let &[low, high, buttons, aim] = message else {
            return None;
        };
        Some((
            u16::from_le_bytes([low, high]),
            PuckInput {
                buttons: Buttons(buttons),
                aim,
            },
        ))
    }

    fn join(&mut self, id: PlayerId, name: &str, bot: bool) -> Card {
        let hue = (spread(id, 1) >> 8) as u8;
        let card = Card {
            id,
            name: name.to_owned(),
            hue,
            bot,
        };
        let player = Player {
            card: card.clone(),
            puck: start(id),
            bot: bot::Bot::new(id.0),
        };
        self.players.insert(id, player);
        card
    }

    fn rename(&mut self, id: PlayerId, name: &str) -> Card {
        let player = self
            .players
            .get_mut(&id)
            .expect("a room renames only players who are in");
        name.clone_into(&mut player.card.name);
        player.card.clone()
    }

    fn leave(&mut self, id: PlayerId) {
        self.players.remove(&id);
    }

    fn think(&mut self, id: PlayerId, _: Tick) -> PuckInput {
        self.players
            .get_mut(&id)
            .map(|player| player.bot.think(&player.puck))
            .unwrap_or_default()
    }

    fn tick(&mut self, _: Tick, inputs: &[(PlayerId, Taken<PuckInput>)]) {
        for (id, taken) in inputs {
            let Some(player) = self.players.get_mut(id) else {
                continue;
            };
            // Of somebody who says nothing, the aim stays.
            let aim = if taken.source == Source::Missing {
                player.puck.aim
            } else {
                taken.input.aim
            };
            player.puck.step(taken.input.buttons, aim);
        }
    }

    fn snapshot(&self, tick: Tick, out: &mut Vec<u8>) {
        out.push(0);
        out.extend(tick.get().to_le_bytes());
        out.extend((self.players.len() as u16).to_le_bytes());
        for (id, Player { puck, .. }) in &self.players {
            let (x, y) = puck.place();
            let flags = u8::from(puck.is_dashing()) | u8::from(puck.is_thrusting()) << 1;
            out.extend([id.0, x, y].into_iter().flat_map(u16::to_le_bytes));
            out.extend([puck.aim, flags]);
        }
    }

    fn about(&self) -> About {
        About { world: WORLD }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_the_table_the_page_reads() {
        let mut arena = Arena::new();
        arena.join(PlayerId(3), "a", false);
        arena.join(PlayerId(700), "b", true);
        let mut bytes = Vec::new();
        arena.snapshot(Tick::new(0x0102_0304), &mut bytes);
        assert_eq!(bytes.len(), 7 + 2 * 8);
        assert_eq!(bytes[..7], [0, 4, 3, 2, 1, 2, 0]);
        assert_eq!(bytes[7..9], 3u16.to_le_bytes());
        assert_eq!(bytes[15..17], 700u16.to_le_bytes());
    }

    #[test]
    fn only_four_bytes_are_an_input() {
        let (seq, input) = Arena::read_input(&[1, 2, Buttons::UP, 200]).unwrap();
        assert_eq!(
            (seq, input.aim, input.buttons),
            (0x0201, 200, Buttons(Buttons::UP))
        );
        for message in [&[][..], &[1, 2, 3], &[1, 2, 3, 4, 5]] {
            assert!(Arena::read_input(message).is_none());
        }
    }

    #[test]
    fn a_missing_input_moves_on_but_does_not_dash() {
        let input = PuckInput {
            buttons: Buttons(Buttons::DASH | Buttons::UP),
            aim: 9,
        };
        assert_eq!(
            input.repeated(),
            PuckInput {
                buttons: Buttons(Buttons::UP),
                aim: 9
            }
        );
    }
}
