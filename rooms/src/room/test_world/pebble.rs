//! A game that checks what its room does to it: nobody joins or leaves twice, no tick is jumped over, and each has one
//! input of every player.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ringside_netcode::{
    Tick,
    input::Input,
    interest::View,
    snapshot::{Capture, CellId, EntityId, LayerId, Layers, Owner},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Replicate,
    cx::{Audience, Cx},
    game::{Game, Keep, Leave, LoadError, PlayerId, Refusal, Subscriber, Who},
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Replicate)]
pub(crate) struct Push {
    force: u8,
}

pub(crate) fn push(force: u8) -> Push {
    Push { force }
}

impl Input for Push {
    fn repeated(&self) -> Self {
        push(0)
    }
}

/// What is seen of a player.
#[derive(Clone, Copy, Debug, PartialEq, Replicate)]
pub(crate) struct Stone {
    pub(crate) pushes: u32,
    #[rep(owner)]
    pub(crate) secret: u32,
}

/// A game that checks what its room does to it. Players of odd and of even numbers live in two cells and see
/// their own only.
#[derive(Debug)]
pub(crate) struct Pebble {
    layers: Layers,
    pub(super) stones: LayerId<Stone>,
    generation: u16,
    entities: BTreeMap<PlayerId, EntityId>,
    /// The sum of all forces received from each.
    pub(crate) pushes: BTreeMap<PlayerId, u32>,
    /// Who left, and why.
    pub(crate) left: Vec<(PlayerId, Leave)>,
    /// Events emitted so far, with those whom each concerned.
    pub(crate) emitted: Vec<(String, BTreeSet<PlayerId>)>,
    away: BTreeSet<PlayerId>,
    ticked: Option<Tick>,
    /// It panics when it hears this.
    pub(crate) fragile: bool,
}

impl Pebble {
    pub(crate) const KEPT: Duration = Duration::from_secs(5);

    pub(crate) fn new() -> Self {
        let mut layers = Layers::new();
        Self {
            stones: layers.add::<Stone>(2),
            layers,
            generation: 0,
            entities: BTreeMap::new(),
            pushes: BTreeMap::new(),
            left: Vec::new(),
            emitted: Vec::new(),
            away: BTreeSet::new(),
            ticked: None,
            fragile: false,
        }
    }

    fn cell(&self, player: PlayerId) -> CellId {
        self.layers.cell(self.stones, player.0 % 2)
    }

    fn emit(&mut self, cx: &mut Cx<'_, Self>, audience: Audience, text: String) {
        let everybody = self.entities.keys().copied();
        let to = match &audience {
            Audience::All => everybody.collect(),
            Audience::Player(id) => everybody.filter(|other| other == id).collect(),
            Audience::Players(ids) => everybody.filter(|id| ids.contains(id)).collect(),
            Audience::Seeing(_) => unreachable!("who sees what is the room's to know"),
        };
        cx.emit(audience, &text);
        self.emitted.push((text, to));
    }
}

#[derive(Serialize, Deserialize)]
struct Saved {
    generation: u16,
    players: Vec<(PlayerId, u16, u32)>,
}

impl Game for Pebble {
    type Input = Push;
    type Event = String;

    fn layers(&self) -> &Layers {
        &self.layers
    }

    fn join(&mut self, cx: &mut Cx<'_, Self>, player: PlayerId, who: &Who) -> Result<(), Refusal> {
        self.generation = self.generation.wrapping_add(1);
        let entity = EntityId::new(player.0, self.generation);
        assert!(
            self.entities.insert(player, entity).is_none(),
            "{player:?} joined twice"
        );
        self.pushes.insert(player, 0);
        self.emit(cx, Audience::All, format!("{} joined", who.name));
        Ok(())
    }

    fn leave(&mut self, cx: &mut Cx<'_, Self>, player: PlayerId, why: Leave) -> Keep {
        assert!(
            self.entities.contains_key(&player),
            "{player:?} left without being there"
        );
        self.left.push((player, why));
        if why == Leave::Lost {
            assert!(self.away.insert(player), "{player:?} was lost twice");
            return Keep::For(Self::KEPT);
        }
        self.away.remove(&player);
        self.entities.remove(&player);
        self.pushes.remove(&player);
        self.emit(cx, Audience::All, format!("{player:?} left"));
        Keep::Drop
    }

    fn back(&mut self, _: &mut Cx<'_, Self>, player: PlayerId) {
        self.away.remove(&player);
    }

    fn tick(&mut self, cx: &mut Cx<'_, Self>) {
        assert!(
            self.ticked.is_none_or(|last| cx.tick() == last.next()),
            "a tick was jumped over"
        );
        self.ticked = Some(cx.tick());
        let given = cx.inputs().iter().map(|given| given.player);
        assert!(
            given.eq(self.entities.keys().copied()),
            "one input a player, by number"
        );
        for given in cx.inputs() {
            *self.pushes.entry(given.player).or_default() += u32::from(given.input.force);
            let behind = given.view.behind(cx.tick());
            assert!(
                (0..=240).contains(&behind),
                "judged by {behind}/16 ticks ago"
            );
        }
        let number = cx.tick().get();
        if number.is_multiple_of(7) {
            self.emit(cx, Audience::All, format!("tick {number}"));
        }
        if number.is_multiple_of(5)
            && let Some(&last) = self.entities.keys().next_back()
        {
            self.emit(
                cx,
                Audience::Player(last),
                format!("you are the last at {number}"),
            );
        }
    }

    fn capture(&self, into: &mut Capture<'_>) {
        for (player, entity) in &self.entities {
            let stone = Stone {
                pushes: self.pushes[player],
                secret: 1000 + u32::from(player.0),
            };
            into.add(self.stones, *entity, self.cell(*player), &stone);
        }
    }

    fn interest(&self, who: Subscriber, view: &mut View) {
        match who {
            Subscriber::Player(player) => view.insert(self.cell(player), 1),
            Subscriber::Spectator(gaze) => {
                view.clear();
                view.insert(self.cell(gaze.player.unwrap_or_default()), 1);
            }
        }
    }

    fn owner(&self, player: PlayerId) -> Option<Owner> {
        let entity = self.entities.get(&player)?;
        Some(Owner::of(self.stones, *entity))
    }

    fn think(&mut self, _: PlayerId, _: Tick) -> Push {
        push(1)
    }

    fn message(&mut self, cx: &mut Cx<'_, Self>, _: PlayerId, message: &RawValue) {
        assert!(!self.fragile, "it was told so");
        self.emit(cx, Audience::All, message.get().to_owned());
    }

    fn save(&self) -> Option<Vec<u8>> {
        let entities = self.entities.iter();
        let saved = Saved {
            generation: self.generation,
            players: entities
                .map(|(id, e)| (*id, e.generation(), self.pushes[id]))
                .collect(),
        };
        serde_json::to_vec(&saved).ok()
    }

    fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let saved: Saved = serde_json::from_slice(bytes).map_err(|_| LoadError::Damaged)?;
        let mut game = Self::new();
        game.generation = saved.generation;
        for (id, generation, pushes) in saved.players {
            game.entities.insert(id, EntityId::new(id.0, generation));
            game.pushes.insert(id, pushes);
            game.away.insert(id);
        }
        Ok(game)
    }
}
