//! Tag: a whole multiplayer game. Whoever is "it" and touches somebody passes it on.
//!
//! `cargo run -p ringside-rooms --example tag`, then join the kind `tag` with `client/web/js/game/room.js`.

use ringside_rooms::{
    Audience, Cx, Game, Input, Keep, Leave, PlayerId, Refusal, Replicate, RoomOptions, Server,
    Subscriber, Who,
    ringside_netcode::{
        self,
        interest::View,
        snapshot::{Capture, EntityId, LayerId, Layers},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// What a player does in a tick. Its fields are its wire form.
#[derive(Clone, Default, PartialEq, Replicate)]
struct Steer {
    #[rep(bits = 2)]
    x: i8,
    #[rep(bits = 2)]
    y: i8,
}

impl Input for Steer {
    fn repeated(&self) -> Self {
        self.clone() // a lost packet: go on as before
    }
}

/// What everybody sees of a player.
#[derive(Clone, Copy, Replicate)]
struct Runner {
    #[rep(bits = 12, predict = linear)]
    x: u16,
    #[rep(bits = 12, predict = linear)]
    y: u16,
    it: bool,
}

struct Tag {
    layers: Layers,
    runners: LayerId<Runner>,
    players: BTreeMap<PlayerId, Runner>,
}

impl Tag {
    fn new() -> Self {
        let mut layers = Layers::new();
        let runners = layers.add::<Runner>(1); // one cell: everybody sees everybody
        Self {
            layers,
            runners,
            players: BTreeMap::new(),
        }
    }
}

impl Game for Tag {
    type Input = Steer;
    type Event = (PlayerId, PlayerId); // who tagged whom

    fn layers(&self) -> &Layers {
        &self.layers
    }

    fn join(&mut self, cx: &mut Cx<'_, Self>, player: PlayerId, _: &Who) -> Result<(), Refusal> {
        let (x, y) = (cx.random_below(4096) as u16, cx.random_below(4096) as u16);
        self.players.insert(
            player,
            Runner {
                x,
                y,
                it: self.players.is_empty(),
            },
        );
        Ok(())
    }

    fn leave(&mut self, _: &mut Cx<'_, Self>, player: PlayerId, why: Leave) -> Keep {
        if why == Leave::Lost {
            return Keep::For(Duration::from_secs(30)); // on any transport, the player comes back to this
        }
        let gone = self.players.remove(&player);
        if let (Some(Runner { it: true, .. }), Some(next)) =
            (gone, self.players.values_mut().next())
        {
            next.it = true;
        }
        Keep::Drop
    }

    fn tick(&mut self, cx: &mut Cx<'_, Self>) {
        for given in cx.inputs() {
            let Some(runner) = self.players.get_mut(&given.player) else {
                continue;
            };
            let moved = |at: u16, by: i8| (i32::from(at) + 8 * i32::from(by)).clamp(0, 4095) as u16;
            (runner.x, runner.y) = (
                moved(runner.x, given.input.x),
                moved(runner.y, given.input.y),
            );
        }
        let Some((&hunter, &at)) = self.players.iter().find(|(_, r)| r.it) else {
            return;
        };
        let near = |r: &Runner| r.x.abs_diff(at.x) < 64 && r.y.abs_diff(at.y) < 64;
        let caught = self
            .players
            .iter()
            .find(|(id, r)| **id != hunter && near(r));
        if let Some((&prey, _)) = caught.filter(|_| cx.tick().get().is_multiple_of(60)) {
            self.players.entry(hunter).and_modify(|r| r.it = false);
            self.players.entry(prey).and_modify(|r| r.it = true);
            cx.emit(Audience::All, &(hunter, prey));
        }
    }

    fn capture(&self, into: &mut Capture<'_>) {
        for (id, runner) in &self.players {
            into.add(
                self.runners,
                EntityId::new(id.0, 0),
                self.layers.cell(self.runners, 0),
                runner,
            );
        }
    }

    fn interest(&self, _: Subscriber, view: &mut View) {
        view.insert(self.layers.cell(self.runners, 0), 1);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut server = Server::builder();
    server.define(
        "tag",
        RoomOptions {
            seats: 8,
            ..RoomOptions::default()
        },
        |_| Tag::new(),
    );
    let server = server.listen("127.0.0.1:3000")?;
    println!("tag is served at http://{}", server.address());
    server.wait();
    Ok(())
}
