//! ARENA-N through the whole path: world, viewer, frame bytes, decoder. Every decoded tick is
//! checked by hash, and the mean bytes a tick stay within the figures the project promises.
//!
//! A frame counts whole, header included. The table is printed with `--nocapture`.

use ringside_netcode::Tick;
use ringside_netcode::arena_n::{Arena, Mover, Variant, hash};
use ringside_netcode::interest::{Grid, GridConfig, View};
use ringside_netcode::schema::{Field, Predict, Replicate, Schema};
use ringside_netcode::snapshot::{
    CellId, Decoder, Delivery, EntityId, FrameRequest, LayerId, Layers, Viewer, ViewerConfig, World,
};
use std::time::Duration;

/// A mover whose motion is not predicted.
#[derive(Clone, Copy)]
struct Still(Mover);

impl Replicate for Still {
    const SCHEMA: Schema = {
        const FIELDS: [Field; 7] = {
            let mut fields = [Mover::SCHEMA.fields[0]; 7];
            let mut n = 0;
            while n < 7 {
                fields[n] = Field {
                    predict: Predict::Same,
                    ..Mover::SCHEMA.fields[n]
                };
                n += 1;
            }
            fields
        };
        Schema {
            name: "Still",
            fields: &FIELDS,
        }
    };
    fn store(&self, row: &mut [u32]) {
        self.0.store(row);
    }
    fn load(row: &[u32]) -> Self {
        Still(Mover::load(row))
    }
}

struct Run {
    variant: Variant,
    n: usize,
    /// Ticks after which frames are acknowledged; a datagram client's baseline is as old.
    age: usize,
    /// Cells along each axis; 0 for one cell without a grid.
    grid: u16,
}

struct Figures {
    mean: f64,
    max: usize,
}

fn measure<T: Replicate>(run: &Run, wrap: fn(Mover) -> T, unwrap: fn(T) -> Mover) -> Figures {
    let mut layers = Layers::new();
    let config = GridConfig {
        origin: (0, 0),
        cell: if run.grid == 0 {
            65536
        } else {
            65536 / i32::from(run.grid)
        },
        columns: run.grid.max(1),
        rows: run.grid.max(1),
        margin: 65536 / 4 / 10,
    };
    let layer: LayerId<T> = layers.add(config.cells());
    let grid = Grid::new(config, &layers, layer);
    let mut view = View::new();
    for n in 0..run.grid.max(1).pow(2) {
        view.insert(layers.cell(layer, n), 1);
    }
    let mut world = World::new(layers.clone());
    let delivery = if run.age == 1 {
        Delivery::Ordered
    } else {
        Delivery::Datagram
    };
    let config = ViewerConfig {
        delivery,
        bound_in_flight: false,
        ..ViewerConfig::default()
    };
    let mut viewer = Viewer::new(config);
    let mut decoder = Decoder::new(layers);
    let mut arena = Arena::new(run.variant, run.n);
    let mut cells: Vec<CellId> = arena
        .movers()
        .iter()
        .map(|m| grid.cell_of(m.x.into(), m.y.into()))
        .collect();
    let (mut sizes, mut bytes, mut movers) =
        (Vec::new(), Vec::new(), vec![Mover::default(); run.n]);
    for t in 0..=700u32 {
        if t > 0 {
            arena.step();
        }
        let mut capture = world.capture(Tick::new(t));
        for (n, (mover, cell)) in arena.movers().iter().zip(&mut cells).enumerate() {
            *cell = grid.cell_after(*cell, mover.x.into(), mover.y.into());
            capture.add(layer, EntityId::new(n as u16, 0), *cell, &wrap(*mover));
        }
        capture.commit();
        let now = Duration::from_millis(50) * t;
        if t as usize >= run.age {
            viewer.acknowledge(Tick::new(t - run.age as u32).wire(), 0, now);
        }
        let request = FrameRequest {
            now,
            view: &view,
            feedback: None,
            owner: None,
        };
        let frame = viewer
            .frame(&mut world, &request)
            .expect("nothing holds it");
        let frames = world.take_frames();
        bytes.clear();
        frames.copy_to(frame, &mut bytes);
        assert_eq!(bytes.len(), frames.frame_bytes(frame));
        let info = decoder.read(&bytes).expect("a good frame");
        if t > 100 {
            assert_eq!(usize::from(info.age), run.age);
            sizes.push(bytes.len());
        }
        for entity in decoder.entities(layer) {
            assert_eq!(entity.tick, Tick::new(t));
            movers[usize::from(entity.index)] = unwrap(entity.value);
        }
        assert_eq!(
            hash(&movers),
            arena.hash(),
            "{:?}/{} at {t}",
            run.variant,
            run.n
        );
    }
    assert_eq!(sizes.len(), 600);
    Figures {
        mean: sizes.iter().sum::<usize>() as f64 / sizes.len() as f64,
        max: *sizes.iter().max().expect("measured"),
    }
}

fn check(what: &str, run: Run, figures: Figures, limit: f64) {
    let Figures { mean, max } = figures;
    println!(
        "{what:<28} {:?}/{:<4} mean {mean:>7.1} B  max {max:>5} B",
        run.variant, run.n
    );
    assert!(
        mean <= limit,
        "{what}: {mean:.1} B a tick, promised {limit}"
    );
}

fn linear(run: &Run) -> Figures {
    measure::<Mover>(run, |m| m, |m| m)
}

#[test]
fn linear_one_tick_old() {
    let promised = [
        (Variant::J100, 170.0, 820.0),
        (Variant::M100, 165.0, 800.0),
        (Variant::M30, 65.0, 280.0),
    ];
    for (variant, small, large) in promised {
        for (n, limit) in [(100, small), (500, large)] {
            let run = Run {
                variant,
                n,
                age: 1,
                grid: 0,
            };
            let figures = linear(&run);
            check("linear, age 1", run, figures, limit);
        }
    }
}

#[test]
fn linear_two_ticks_old() {
    for (n, limit) in [(100, 230.0), (500, 1100.0)] {
        let run = Run {
            variant: Variant::J100,
            n,
            age: 2,
            grid: 0,
        };
        let figures = linear(&run);
        check("linear, age 2", run, figures, limit);
    }
}

#[test]
fn plain_one_tick_old() {
    for (n, limit) in [(100, 300.0), (500, 1450.0)] {
        let run = Run {
            variant: Variant::J100,
            n,
            age: 1,
            grid: 0,
        };
        let figures = measure::<Still>(&run, Still, |s| s.0);
        check("plain, age 1", run, figures, limit);
    }
}

#[test]
fn a_grid_of_four_by_four() {
    for (n, limit) in [(100, 235.0), (500, 900.0)] {
        let run = Run {
            variant: Variant::J100,
            n,
            age: 1,
            grid: 4,
        };
        let figures = linear(&run);
        check("linear, age 1, 4x4 cells", run, figures, limit);
    }
}
