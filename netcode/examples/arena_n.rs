//! The table of ARENA-N: bytes a tick, encode and decode microseconds, one line of JSON a scene.
//!
//! `cargo run --release -p ringside-netcode --example arena_n [rounds]`. Frames are whole, headers
//! included, and every decoded tick is checked by hash. Times are the best of the rounds' medians;
//! taking the scene into the world (`capture_us`) is given beside encoding it.

use ringside_netcode::Tick;
use ringside_netcode::arena_n::{Arena, Mover, Variant, hash};
use ringside_netcode::interest::{Grid, GridConfig, View};
use ringside_netcode::snapshot::{
    Decoder, EntityId, FrameRequest, Layers, Viewer, ViewerConfig, World,
};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Times {
    capture: Vec<Duration>,
    encode: Vec<Duration>,
    decode: Vec<Duration>,
    sizes: Vec<usize>,
}

fn round(variant: Variant, n: usize, side: u16) -> Times {
    let mut layers = Layers::new();
    let cell = 65536 / i32::from(side);
    let shape = GridConfig {
        origin: (0, 0),
        cell,
        columns: side,
        rows: side,
        margin: cell / 10,
    };
    let layer = layers.add::<Mover>(shape.cells());
    let grid = Grid::new(shape, &layers, layer);
    let mut view = View::new();
    (0..side * side).for_each(|n| view.insert(layers.cell(layer, n), 1));
    let mut world = World::new(layers.clone());
    let mut viewer = Viewer::new(ViewerConfig {
        bound_in_flight: false,
        ..ViewerConfig::default()
    });
    let mut decoder = Decoder::new(layers);
    let mut arena = Arena::new(variant, n);
    let place = |m: &Mover| grid.cell_of(m.x.into(), m.y.into());
    let mut cells: Vec<_> = arena.movers().iter().map(place).collect();
    let mut movers = vec![Mover::default(); n];
    let mut bytes = Vec::new();
    let mut times = Times::default();
    for t in 0..=700 {
        if t > 0 {
            arena.step();
        }
        for (mover, cell) in arena.movers().iter().zip(&mut cells) {
            *cell = grid.cell_after(*cell, mover.x.into(), mover.y.into());
        }
        let start = Instant::now();
        let mut capture = world.capture(Tick::new(t));
        for (n, (mover, cell)) in arena.movers().iter().zip(&cells).enumerate() {
            capture.add(layer, EntityId::new(n as u16, 0), *cell, mover);
        }
        capture.commit();
        let captured = start.elapsed();

        let now = Duration::from_millis(50) * t;
        let request = FrameRequest {
            now,
            view: &view,
            feedback: None,
            owner: None,
        };
        let start = Instant::now();
        let frame = viewer
            .frame(&mut world, &request)
            .expect("nothing holds it");
        let encoded = start.elapsed();
        bytes.clear();
        world.copy_frame(frame, &mut bytes);

        let start = Instant::now();
        decoder.read(&bytes).expect("a good frame");
        let decoded = start.elapsed();
        for entity in decoder.entities(layer) {
            movers[usize::from(entity.index)] = entity.value;
        }
        assert_eq!(
            hash(&movers),
            arena.hash(),
            "a figure without a right hash is none"
        );
        if t > 100 {
            times.capture.push(captured);
            times.encode.push(encoded);
            times.decode.push(decoded);
            times.sizes.push(bytes.len());
        }
    }
    times
}

fn main() {
    let rounds = std::env::args()
        .nth(1)
        .map_or(Ok(5), |text| text.parse::<usize>());
    let rounds = rounds.expect("the number of rounds").max(1);
    for side in [1, 4] {
        for variant in [Variant::J100, Variant::M100, Variant::M30] {
            for n in [100, 500] {
                let runs: Vec<Times> = (0..rounds).map(|_| round(variant, n, side)).collect();
                let best = |which: fn(&Times) -> &Vec<Duration>| {
                    let median = |run: &Times| {
                        let mut times = which(run).clone();
                        times.sort_unstable();
                        times[times.len() / 2].as_nanos() as f64 / 1000.0
                    };
                    runs.iter().map(median).fold(f64::INFINITY, f64::min)
                };
                let sizes = &runs[0].sizes;
                println!(
                    "{{\"scene\":\"{variant:?}/{n}\",\"cells\":{},\"bytes\":{:.1},\"max\":{},\
                     \"capture_us\":{:.2},\"encode_us\":{:.2},\"decode_us\":{:.2}}}",
                    side * side,
                    sizes.iter().sum::<usize>() as f64 / sizes.len() as f64,
                    sizes.iter().max().unwrap_or(&0),
                    best(|t| &t.capture),
                    best(|t| &t.encode),
                    best(|t| &t.decode),
                );
            }
        }
    }
}
