//! Who sees the same shares the work: what is encoded depends on the cells and on the ages of
//! baselines, not on the number of clients.

use ringside_netcode::Tick;
use ringside_netcode::arena_n::{Arena, Mover, Variant};
use ringside_netcode::interest::{Grid, GridConfig, View};
use ringside_netcode::snapshot::{
    Delivery, EncodeCounters, EntityId, FrameRequest, Layers, Viewer, ViewerConfig, World,
};
use std::time::Duration;

const TICKS: u32 = 60;
const CELLS: u64 = 17;

/// Encodes for so many clients; client `n` acknowledges `delay(n)` ticks late.
fn encoded(delivery: Delivery, clients: usize, delay: fn(usize) -> u32) -> EncodeCounters {
    let mut layers = Layers::new();
    let shape = GridConfig {
        origin: (0, 0),
        cell: 16384,
        columns: 4,
        rows: 4,
        margin: 1600,
    };
    let layer = layers.add::<Mover>(shape.cells());
    let grid = Grid::new(shape, &layers, layer);
    let mut view = View::new();
    for cell in 0..shape.cells() {
        view.insert(layers.cell(layer, cell), 1);
    }
    let mut world = World::new(layers);
    let config = ViewerConfig {
        delivery,
        bound_in_flight: false,
        ..ViewerConfig::default()
    };
    let mut viewers: Vec<Viewer> = (0..clients).map(|_| Viewer::new(config)).collect();
    let mut arena = Arena::new(Variant::J100, 500);
    for t in 1..=TICKS {
        arena.step();
        let mut capture = world.capture(Tick::new(t));
        for (n, mover) in arena.movers().iter().enumerate() {
            let cell = grid.cell_of(mover.x.into(), mover.y.into());
            capture.add(layer, EntityId::new(n as u16, 0), cell, mover);
        }
        capture.commit();
        for (n, viewer) in viewers.iter_mut().enumerate() {
            let now = Duration::from_millis(50) * t;
            if let Some(acknowledged) = t.checked_sub(delay(n)).filter(|t| *t > 0) {
                viewer.acknowledge(Tick::new(acknowledged).wire(), u32::MAX, now);
            }
            let request = FrameRequest {
                now,
                view: &view,
                feedback: None,
                owner: None,
            };
            viewer
                .frame(&mut world, &request)
                .expect("nothing holds it");
        }
        let frames = world.take_frames();
        world.recycle(frames);
    }
    world.counters()
}

#[test]
fn a_thousand_clients_encode_what_ten_do() {
    let ten = encoded(Delivery::Ordered, 10, |_| 1);
    let thousand = encoded(Delivery::Ordered, 1000, |_| 1);
    println!("ten: {ten:?}\na thousand: {thousand:?}");
    assert_eq!((ten.blocks, ten.bytes), (thousand.blocks, thousand.bytes));
    assert_eq!(ten.blocks, CELLS * u64::from(TICKS));
    assert_eq!(thousand.uses, thousand.blocks * 1000);
}

#[test]
fn clients_of_all_delays_share_by_buckets_of_age() {
    let some = encoded(Delivery::Datagram, 16, |n| 1 + n as u32);
    let many = encoded(Delivery::Datagram, 800, |n| 1 + n as u32 % 16);
    println!("one of each delay: {some:?}\nfifty of each: {many:?}");
    assert_eq!((some.blocks, some.bytes), (many.blocks, many.bytes));
    // Eight buckets of age, and a keyframe.
    assert!(many.blocks <= 9 * CELLS * u64::from(TICKS), "{many:?}");
}
