//! Glow: a whole multiplayer game in a hundred lines. Walk in the dark; your light grows while you stand still.
//!
//! `cargo run -p ringside-rooms --example glow`; pages join the kind `glow` with `client/web/js/game/room.js`.

use ringside_rooms::ringside_netcode::{
    self, interest::View, snapshot::Capture, snapshot::EntityId, snapshot::LayerId,
    snapshot::Layers,
};
use ringside_rooms::{
    Audience, Cx, Game, Input, Keep, Leave, PlayerId, Refusal, Replicate, RoomOptions, Server,
    Subscriber, Who,
};
use std::{collections::BTreeMap, time::Duration};

/// What a player does in a tick. Its fields are its wire form.
#[derive(Clone, Default, PartialEq, Replicate)]
struct Walk {
    #[rep(bits = 2)]
    x: i8,
    #[rep(bits = 2)]
    y: i8,
}

impl Input for Walk {
    fn repeated(&self) -> Self {
        self.clone() // a packet was lost: go on as before
    }
}

/// What everybody sees of a player.
#[derive(Clone, Copy, Default, Replicate)]
struct Lamp {
    #[rep(bits = 12, predict = linear)]
    x: u16,
    #[rep(bits = 12, predict = linear)]
    y: u16,
    light: u8,
}

struct Glow(Layers, LayerId<Lamp>, BTreeMap<PlayerId, Lamp>);

impl Game for Glow {
    type Input = Walk;
    type Event = PlayerId; // who shines brightest

    fn layers(&self) -> &Layers {
        &self.0
    }

    fn join(&mut self, _: &mut Cx<'_, Self>, player: PlayerId, _: &Who) -> Result<(), Refusal> {
        self.2.insert(player, Lamp::default());
        Ok(())
    }

    fn leave(&mut self, _: &mut Cx<'_, Self>, player: PlayerId, why: Leave) -> Keep {
        if why == Leave::Lost {
            return Keep::For(Duration::from_secs(30)); // it may come back, by any transport
        }
        self.2.remove(&player);
        Keep::Drop
    }

    fn tick(&mut self, cx: &mut Cx<'_, Self>) {
        for given in cx.inputs() {
            let lamp = self.2.entry(given.player).or_default();
            let moved = |at: u16, by: i8| (i32::from(at) + i32::from(by)).clamp(0, 4095) as u16;
            (lamp.x, lamp.y) = (moved(lamp.x, given.input.x), moved(lamp.y, given.input.y));
            lamp.light = match given.input == Walk::default() {
                true => lamp.light.saturating_add(1),
                false => 0,
            };
            if lamp.light == 254 {
                cx.emit(Audience::All, &given.player);
            }
        }
    }

    fn capture(&self, into: &mut Capture<'_>) {
        for (id, lamp) in &self.2 {
            into.add(self.1, EntityId::new(id.0, 0), self.0.cell(self.1, 0), lamp);
        }
    }

    fn interest(&self, _: Subscriber, view: &mut View) {
        view.insert(self.0.cell(self.1, 0), 1); // one cell: everybody sees everybody
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut server = Server::builder();
    server.define("glow", RoomOptions::default(), |_seed| {
        let mut layers = Layers::new();
        let lamps = layers.add(1);
        Glow(layers, lamps, BTreeMap::new())
    });
    server.listen("127.0.0.1:3000")?.wait();
    Ok(())
}
