//! The stage of the snapshot benches: ARENA-N in a world of cells, with viewers and a decoder.
//!
//! Wall time (`benches/snapshot.rs`) and instruction counts (`instructions/snapshot.rs`) measure
//! the same stage. What it cannot show: sockets, envelopes, and games whose motion is not ARENA-N's.

use ringside_netcode::Tick;
use ringside_netcode::arena_n::{Arena, Mover, Variant, hash};
use ringside_netcode::interest::{Grid, GridConfig, View};
use ringside_netcode::snapshot::{
    CellId, Decoder, EntityId, FrameIndex, FrameRequest, Held, LayerId, Layers, Viewer,
    ViewerConfig, World,
};
use std::time::Duration;

/// The scene and the world that replicates it.
pub struct Stage {
    /// The scene.
    pub arena: Arena,
    /// The world.
    pub world: World,
    /// Its only layer.
    pub layer: LayerId<Mover>,
    /// The layer's grid.
    pub grid: Grid,
    /// The cell of each entity.
    pub cells: Vec<CellId>,
}

impl Stage {
    /// The scene after its 100 warm-up ticks, on a grid of `side` x `side` cells. Nothing is
    /// captured yet.
    pub fn new(variant: Variant, n: usize, side: u16) -> Self {
        let mut layers = Layers::new();
        let config = GridConfig {
            origin: (0, 0),
            cell: 65536 / i32::from(side),
            columns: side,
            rows: side,
            margin: 65536 / i32::from(side) / 10,
        };
        let layer = layers.add::<Mover>(config.cells());
        let grid = Grid::new(config, &layers, layer);
        let mut arena = Arena::new(variant, n);
        (0..100).for_each(|_| arena.step());
        let cells = arena
            .movers()
            .iter()
            .map(|m| grid.cell_of(m.x.into(), m.y.into()));
        Stage {
            cells: cells.collect(),
            world: World::new(layers),
            arena,
            layer,
            grid,
        }
    }

    /// A view of the whole scene.
    pub fn everything(&self) -> View {
        let mut view = View::new();
        for n in 0..self.world.layers().cell_count() - 1 {
            view.insert(self.world.layers().cell(self.layer, n as u16), 1);
        }
        view
    }

    /// Moves the scene on by one tick.
    pub fn step(&mut self) {
        self.arena.step();
        for (mover, cell) in self.arena.movers().iter().zip(&mut self.cells) {
            *cell = self.grid.cell_after(*cell, mover.x.into(), mover.y.into());
        }
    }

    /// Takes the scene into the world.
    pub fn capture(&mut self) {
        let mut capture = self.world.capture(Tick::new(self.arena.tick()));
        for (n, (mover, cell)) in self.arena.movers().iter().zip(&self.cells).enumerate() {
            capture.add(self.layer, EntityId::new(n as u16, 0), *cell, mover);
        }
        capture.commit();
    }

    /// The present time, at 20 ticks a second.
    pub fn now(&self) -> Duration {
        Duration::from_millis(50) * self.arena.tick()
    }

    /// One viewer's frame of the captured tick.
    pub fn frame(&mut self, viewer: &mut Viewer, view: &View) -> Result<FrameIndex, Held> {
        let request = FrameRequest {
            now: self.now(),
            view,
            feedback: None,
            owner: None,
        };
        viewer.frame(&mut self.world, &request)
    }

    /// Panics unless the decoder shows the scene as it is.
    pub fn check(&self, decoder: &Decoder) {
        let mut movers = vec![Mover::default(); self.arena.movers().len()];
        for entity in decoder.entities(self.layer) {
            movers[usize::from(entity.index)] = entity.value;
        }
        assert_eq!(
            hash(&movers),
            self.arena.hash(),
            "a figure without a right hash is none"
        );
    }
}

/// A viewer without a bound on frames in flight: benches acknowledge nothing.
pub fn viewer(budget: Option<(u32, u32)>) -> Viewer {
    Viewer::new(ViewerConfig {
        budget,
        bound_in_flight: false,
        ..ViewerConfig::default()
    })
}

/// A stage in its steady state: one viewer of everything, three ticks sent, the fourth captured.
pub fn steady(variant: Variant, n: usize, side: u16) -> (Stage, Viewer, View) {
    let mut stage = Stage::new(variant, n, side);
    let mut viewer = viewer(None);
    let view = stage.everything();
    for _ in 0..3 {
        stage.step();
        stage.capture();
        stage.frame(&mut viewer, &view).expect("nothing holds it");
    }
    stage.step();
    stage.capture();
    (stage, viewer, view)
}
