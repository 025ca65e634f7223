//! The table of ARENA-N: bytes a tick, encode and decode microseconds, one line of JSON a scene.
//!
//! `cargo run --release -p ringside-netcode --example arena_n [rounds [scene]]`, a scene being
//! `J100/500` for instance. Frames are whole, headers
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

/// The best of the rounds' medians, in microseconds.
fn best(runs: &[Times], which: fn(&Times) -> &[Duration]) -> f64 {
    let median = |run: &Times| {
        let mut times = which(run).to_vec();
        times.sort_unstable();
        times[times.len() / 2].as_nanos() as f64 / 1000.0
    };
    runs.iter().map(median).fold(f64::INFINITY, f64::min)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds = arguments.next().map_or(Ok(5), |text| text.parse::<usize>());
    let rounds = rounds.expect("the number of rounds").max(1);
    let only = arguments.next();
    let scenes = [Variant::J100, Variant::M100, Variant::M30]
        .into_iter()
        .flat_map(|variant| [(variant, 100), (variant, 500)]);
    for (side, (variant, n)) in [1, 4]
        .into_iter()
        .flat_map(|s| scenes.clone().map(move |v| (s, v)))
    {
        let scene = format!("{variant:?}/{n}");
        if only.as_ref().is_some_and(|only| *only != scene) {
            continue;
        }
        let runs: Vec<Times> = (0..rounds).map(|_| round(variant, n, side)).collect();
        let sizes = &runs[0].sizes;
        println!(
            "{{\"scene\":\"{scene}\",\"cells\":{},\"bytes\":{:.1},\"max\":{},\
             \"capture_us\":{:.2},\"encode_us\":{:.2},\"decode_us\":{:.2}}}",
            side * side,
            sizes.iter().sum::<usize>() as f64 / sizes.len() as f64,
            sizes.iter().max().unwrap_or(&0),
            best(&runs, |t| &t.capture),
            best(&runs, |t| &t.encode),
            best(&runs, |t| &t.decode),
        );
    }
}
