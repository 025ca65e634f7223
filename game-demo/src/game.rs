//! GLIMMER as a game of a room: the rules, given players, names, views and memory.
//!
//! Promises: everything that decides is in `rules`; a zap is judged by what its player saw, as far back as the room
//! believes the stamp; what a player asks for its own laboratory (no lag compensation, hitboxes shown, state as
//! JSON) changes nobody else's game. Chat is bounded in length and rate.

mod play;

use std::collections::BTreeMap;

use ringside_rooms::{
    Audience, Cx, Game, Keep, Leave, LoadError, PlayerId, Refusal, Subscriber, Who,
    ringside_netcode::{
        Tick,
        history::{History, Pose, between},
        interest::View,
        snapshot::{Capture, CellId, EntityId, Layers, Owner},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    bot::{self, Bot},
    events::{Event, Lab, Said, Talk},
    map::{Map, SQUARE, SQUARES},
    rules::{
        HZ, PIXEL, SIDE,
        arena::{Arena, Saved},
    },
    seen::PuckInput,
};

/// Ticks of the past that zaps can be judged by: half a second.
const PAST_TICKS: usize = 32;
/// How long a seat waits for a lost player.
const KEPT: std::time::Duration = std::time::Duration::from_secs(60);

/// What is remembered of a puck: where it was, and in which life.
#[derive(Clone, Copy, Debug)]
struct Past {
    x: i32,
    y: i32,
    life: u8,
}

impl Pose for Past {
    fn toward(&self, later: &Self, part: u32, whole: u32) -> Option<Self> {
        (self.life == later.life).then(|| Self {
            x: between(self.x, later.x, part, whole),
            y: between(self.y, later.y, part, whole),
            life: self.life,
        })
    }
}

/// A player, beside its puck.
#[derive(Debug)]
struct Seat {
    entity: EntityId,
    cell: CellId,
    hue: u8,
    bot: Bot,
    lab: Lab,
    talk: Talk,
}

/// The game.
#[derive(Debug)]
pub struct Glimmer {
    arena: Arena,
    seats: BTreeMap<PlayerId, Seat>,
    /// Tells a puck from one that had its number before.
    generation: u16,
    past: History<Past>,
    map: Map,
}

/// A game as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    arena: Saved,
    seats: Vec<(PlayerId, u16, u8)>,
    generation: u16,
}

impl Glimmer {
    /// A new game, with rounds of so many ticks.
    pub fn new(seed: u64, round_ticks: u32) -> Self {
        Self {
            arena: Arena::new((seed ^ (seed >> 32)) as u32, round_ticks),
            seats: BTreeMap::new(),
            generation: 0,
            past: History::new(PAST_TICKS),
            map: Map::new(),
        }
    }

    /// The arena, for tests.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    fn place(&self, player: PlayerId) -> Option<(i32, i32)> {
        let puck = self.arena.pucks.get(&player.0)?;
        Some(puck.motion.place())
    }

    fn seat(&mut self, player: PlayerId, generation: u16, hue: u8) {
        let (x, y) = self.place(player).unwrap_or((SIDE / 2, SIDE / 2));
        let seat = Seat {
            entity: EntityId::new(player.0, generation),
            cell: self.map.puck_grid.cell_of(x, y),
            hue,
            bot: Bot::new(player.0),
            lab: Lab::default(),
            talk: Talk::default(),
        };
        self.seats.insert(player, seat);
    }
}

impl Game for Glimmer {
    type Input = PuckInput;
    type Event = Event;

    fn layers(&self) -> &Layers {
        &self.map.layers
    }

    fn join(&mut self, _: &mut Cx<'_, Self>, player: PlayerId, who: &Who) -> Result<(), Refusal> {
        self.generation = self.generation.wrapping_add(1);
        self.arena.join(player.0, !who.bot);
        self.seat(player, self.generation, hue(self.generation));
        Ok(())
    }

    fn leave(&mut self, _: &mut Cx<'_, Self>, player: PlayerId, why: Leave) -> Keep {
        if why == Leave::Lost {
            return Keep::For(KEPT);
        }
        self.arena.leave(player.0);
        self.seats.remove(&player);
        Keep::Drop
    }

    fn tick(&mut self, cx: &mut Cx<'_, Self>) {
        let tick = cx.tick();
        let (happened, hitboxes) = self.play(tick, cx.inputs());
        for (id, puck) in &self.arena.pucks {
            if let Some(seat) = self.seats.get_mut(&PlayerId(*id)) {
                let (x, y) = puck.motion.place();
                seat.cell = self.map.puck_grid.cell_after(seat.cell, x, y);
            }
        }
        let here = self.arena.pucks.iter().filter(|(_, puck)| puck.is_here());
        let poses = here.filter_map(|(id, puck)| {
            let (x, y) = puck.motion.place();
            let entity = self.seats.get(&PlayerId(*id))?.entity;
            Some((
                entity,
                Past {
                    x,
                    y,
                    life: puck.life,
                },
            ))
        });
        self.past.record(tick, poses);
        for what in happened {
            self.tell(cx, what);
        }
        for (by, boxes) in play::by_player(hitboxes) {
            cx.emit_volatile(Audience::Player(by), &Event::Hitboxes(boxes));
        }
        if tick.get().is_multiple_of(3) {
            let readers = self
                .seats
                .iter()
                .filter(|(_, seat)| seat.lab.json)
                .map(|(id, _)| *id);
            for player in readers.collect::<Vec<_>>() {
                if let Some(state) = self.as_json(player) {
                    cx.emit_volatile(Audience::Player(player), &state);
                }
            }
        }
    }

    fn capture(&self, into: &mut Capture<'_>) {
        let seats = self.seats.iter();
        let places = seats.map(|(player, seat)| (player.0, seat.entity, seat.cell));
        self.map.show(&self.arena, places, into);
    }

    fn interest(&self, who: Subscriber, view: &mut View) {
        let middle = (SIDE / 2, SIDE / 2);
        let (x, y) = match who {
            Subscriber::Player(player) => self.place(player).unwrap_or(middle),
            Subscriber::Spectator(gaze) => {
                let inside = |at: i32| at.clamp(0, SIDE - 1);
                let free = gaze.at.map(|(x, y)| (inside(x), inside(y)));
                gaze.player
                    .and_then(|player| self.place(player))
                    .or(free)
                    .unwrap_or(middle)
            }
        };
        self.map.look(view, x, y);
    }

    fn owner(&self, player: PlayerId) -> Option<Owner> {
        let seat = self.seats.get(&player)?;
        Some(self.map.owner_of(seat.entity))
    }

    fn think(&mut self, player: PlayerId, tick: Tick) -> PuckInput {
        let Some(seat) = self.seats.get_mut(&player) else {
            return PuckInput::default();
        };
        seat.bot.think(player.0, &self.arena, tick.get()).into()
    }

    fn bot_name(&self, number: u16) -> String {
        bot::name(number.saturating_sub(1))
    }

    fn message(&mut self, cx: &mut Cx<'_, Self>, player: PlayerId, message: &RawValue) {
        let Some(seat) = self.seats.get_mut(&player) else {
            return;
        };
        match serde_json::from_str(message.get()) {
            Ok(Said::Lab(lab)) => seat.lab = lab,
            Ok(Said::Chat(text)) => match seat.talk.say(&text, cx.tick().get()) {
                Ok(text) => cx.emit(
                    Audience::All,
                    &Event::Chat {
                        who: player.0,
                        text,
                    },
                ),
                Err(why) => cx.emit_volatile(Audience::Player(player), &Event::Hush { why }),
            },
            Err(_) => cx.emit_volatile(
                Audience::Player(player),
                &Event::Hush {
                    why: "this is no message of the game",
                },
            ),
        }
    }

    fn card(&self, player: PlayerId) -> impl Serialize {
        let hue = self.seats.get(&player).map_or(0, |seat| seat.hue);
        Card { hue }
    }

    fn about(&self) -> impl Serialize {
        About {
            square: SQUARE / PIXEL,
            squares: SQUARES,
            hz: HZ,
        }
    }

    fn save(&self) -> Option<Vec<u8>> {
        let seats = self.seats.iter();
        let kept = Kept {
            arena: self.arena.save(),
            seats: seats
                .map(|(player, seat)| (*player, seat.entity.generation(), seat.hue))
                .collect(),
            generation: self.generation,
        };
        serde_json::to_vec(&kept).ok()
    }

    fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let kept: Kept = serde_json::from_slice(bytes).map_err(|_| LoadError::Damaged)?;
        let mut game = Self {
            arena: Arena::load(kept.arena),
            seats: BTreeMap::new(),
            generation: kept.generation,
            past: History::new(PAST_TICKS),
            map: Map::new(),
        };
        for (player, generation, hue) in kept.seats {
            game.seat(player, generation, hue);
        }
        Ok(game)
    }
}

/// What everybody knows of a player, beside its name.
#[derive(Serialize)]
struct Card {
    hue: u8,
}

/// What a joining player is told of the game.
#[derive(Serialize)]
struct About {
    /// Side of a square of interest, in pixels, and how many there are each way.
    square: i32,
    squares: u16,
    hz: u32,
}

/// Spreads players over the colours, by steps of the golden ratio; gold is the colour of light alone.
fn hue(n: u16) -> u8 {
    const GOLD: std::ops::Range<u8> = 20..48;
    let hue = ((u32::from(n.wrapping_mul(40_503)) * 228) >> 16) as u8;
    if hue < GOLD.start { hue } else { hue + 28 }
}

#[cfg(test)]
#[path = "game_tests.rs"]
mod tests;
