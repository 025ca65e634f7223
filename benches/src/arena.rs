//! ARENA-N as the game of a room: what `arena-room` serves and the swarm's players check.
//!
//! Every entity is seen by everybody, twenty times a second; players' inputs are read and counted and change
//! nothing, so that the scene stays the one whose hashes are known. `rivals/js/colyseus.mjs` is the same room.

use ringside_netcode::{
    arena_n::{Arena, Mover, Variant},
    interest::View,
    snapshot::{Capture, EntityId, LayerId, Layers},
};
use ringside_rooms::{
    Cx, Game, Input, Keep, Leave, PlayerId, Refusal, Replicate, Subscriber, Who, ringside_netcode,
};

/// Snapshots, and steps, a second.
pub const HZ: u32 = 20;

/// What a player does in a tick: one byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Replicate)]
pub struct Steer {
    /// Whether it thrusts.
    pub thrust: bool,
    /// Where to, 128 to the turn.
    #[rep(bits = 7, wrap)]
    pub heading: u8,
}

impl Input for Steer {
    fn repeated(&self) -> Self {
        *self
    }
}

/// The layers of the room, and its only one: server and players must agree on them.
pub fn layers() -> (Layers, LayerId<Mover>) {
    let mut layers = Layers::new();
    let movers = layers.add(1);
    (layers, movers)
}

/// The scene as a game.
#[derive(Debug)]
pub struct ArenaGame {
    scene: Arena,
    /// Those that never move, beside the scene.
    standing: Vec<Mover>,
    layers: Layers,
    movers: LayerId<Mover>,
    thrusts: u64,
}

impl ArenaGame {
    /// The noisy scene of so many entities, and so many more that stand still.
    pub fn new(entities: usize, standing: usize) -> Self {
        let (layers, movers) = layers();
        Self {
            scene: Arena::new(Variant::J100, entities),
            standing: Arena::new(Variant::J100, standing).movers().to_vec(),
            layers,
            movers,
            thrusts: 0,
        }
    }
}

impl Game for ArenaGame {
    type Input = Steer;
    type Event = ();

    fn layers(&self) -> &Layers {
        &self.layers
    }

    fn join(&mut self, _: &mut Cx<'_, Self>, _: PlayerId, _: &Who) -> Result<(), Refusal> {
        Ok(())
    }

    fn leave(&mut self, _: &mut Cx<'_, Self>, _: PlayerId, _: Leave) -> Keep {
        Keep::Drop
    }

    fn tick(&mut self, cx: &mut Cx<'_, Self>) {
        let thrusts = cx.inputs().iter().filter(|given| given.input.thrust);
        self.thrusts += thrusts.count() as u64;
        self.scene.step();
    }

    fn capture(&self, into: &mut Capture<'_>) {
        let everywhere = self.layers.cell(self.movers, 0);
        let all = self.scene.movers().iter().chain(&self.standing);
        for (n, mover) in all.enumerate() {
            into.add(self.movers, EntityId::new(n as u16, 0), everywhere, mover);
        }
    }

    fn interest(&self, _: Subscriber, view: &mut View) {
        view.insert(self.layers.cell(self.movers, 0), 1);
    }
}
