//! A game that counts the ticks of each of its players, and falls over when told to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, mpsc::Receiver},
};

use ringside_netcode::{
    Replicate,
    input::Input,
    interest::View,
    snapshot::{Capture, EntityId, LayerId, Layers},
};
use ringside_rooms::{
    Audience, Cx, Game, Keep, Leave, LoadError, PlayerId, Refusal, Subscriber, Who,
};
use serde_json::value::RawValue;

use crate::world::DEADLINE;

#[derive(Clone, Default, PartialEq, Replicate)]
pub(crate) struct Step {
    by: u8,
}

impl Input for Step {
    fn repeated(&self) -> Self {
        Self::default()
    }
}

#[derive(Clone, Copy, Replicate)]
pub(crate) struct Walker {
    pub(crate) ticks: u32,
}

/// A game that counts the ticks of each of its players, and falls over when told to, or when it is saved next.
pub(crate) struct Walk {
    layers: Layers,
    pub(crate) walkers: LayerId<Walker>,
    ticks: BTreeMap<PlayerId, u32>,
    falls_when_saved: bool,
    /// Told to wait, it does until the other end is dropped. What can be sent meanwhile shows that it waits.
    gate: Option<Arc<Mutex<Receiver<()>>>>,
}

impl Walk {
    pub(crate) fn new() -> Self {
        let mut layers = Layers::new();
        let walkers = layers.add(1);
        let ticks = BTreeMap::new();
        Self {
            layers,
            walkers,
            ticks,
            falls_when_saved: false,
            gate: None,
        }
    }

    pub(crate) fn behind(gate: Arc<Mutex<Receiver<()>>>) -> Self {
        Self {
            gate: Some(gate),
            ..Self::new()
        }
    }
}

impl Game for Walk {
    type Input = Step;
    type Event = String;

    fn layers(&self) -> &Layers {
        &self.layers
    }

    fn join(&mut self, _: &mut Cx<'_, Self>, player: PlayerId, _: &Who) -> Result<(), Refusal> {
        self.ticks.insert(player, 0);
        Ok(())
    }

    fn leave(&mut self, _: &mut Cx<'_, Self>, player: PlayerId, why: Leave) -> Keep {
        if why == Leave::Lost {
            return Keep::For(DEADLINE);
        }
        self.ticks.remove(&player);
        Keep::Drop
    }

    fn tick(&mut self, cx: &mut Cx<'_, Self>) {
        for given in cx.inputs() {
            *self.ticks.entry(given.player).or_default() += 1;
        }
    }

    fn capture(&self, into: &mut Capture<'_>) {
        let cell = self.layers.cell(self.walkers, 0);
        for (id, ticks) in &self.ticks {
            let walker = Walker { ticks: *ticks };
            into.add(self.walkers, EntityId::new(id.0, 0), cell, &walker);
        }
    }

    fn interest(&self, _: Subscriber, view: &mut View) {
        view.insert(self.layers.cell(self.walkers, 0), 1);
    }

    fn message(&mut self, cx: &mut Cx<'_, Self>, _: PlayerId, message: &RawValue) {
        assert_ne!(message.get(), "\"fall over\"", "it was told to");
        if let (Some(gate), "\"wait\"") = (&self.gate, message.get()) {
            while gate.lock().unwrap().recv().is_ok() {}
        }
        self.falls_when_saved |= message.get() == "\"fall over when saved\"";
        cx.emit(Audience::All, &message.get().to_owned());
    }

    fn save(&self) -> Option<Vec<u8>> {
        assert!(!self.falls_when_saved, "it was told to");
        serde_json::to_vec(&self.ticks.iter().collect::<Vec<_>>()).ok()
    }

    fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let ticks: Vec<(PlayerId, u32)> =
            serde_json::from_slice(bytes).map_err(|_| LoadError::Damaged)?;
        let mut game = Self::new();
        game.ticks = ticks.into_iter().collect();
        Ok(game)
    }
}
