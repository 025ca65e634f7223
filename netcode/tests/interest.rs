//! What is not in view is not on the wire: a client's bytes do not depend on hidden entities in
//! any way. Two worlds that differ only in what is hidden give the same frames.

use proptest::prelude::*;
use ringside_netcode::interest::{Grid, GridConfig, View};
use ringside_netcode::snapshot::{
    CellId, Decoder, Delivery, EntityId, FrameRequest, LayerId, Layers, Owner, Viewer,
    ViewerConfig, World,
};
use ringside_netcode::{Replicate, Tick};
use std::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Replicate)]
struct Spy {
    #[rep(predict = linear)]
    x: u16,
    #[rep(bits = 7)]
    hp: u8,
    #[rep(once)]
    face: u8,
    #[rep(owner)]
    secret: u16,
}

const CELLS: u16 = 5;

/// One tick: where each entity is (5: hidden from all; 6: not there), its values, and the cells
/// in view as bits.
#[derive(Clone, Debug)]
struct Scene {
    entities: Vec<(u16, u16, u8)>,
    view: u8,
    acks: bool,
}

fn scenes() -> impl Strategy<Value = Vec<Scene>> {
    let entity = (0..CELLS + 2, any::<u16>(), 0u8..128);
    let scene = (
        prop::collection::vec(entity, 12),
        any::<u8>(),
        any::<bool>(),
    )
        .prop_map(|(entities, view, acks)| Scene {
            entities,
            view,
            acks,
        });
    // Mostly small changes from tick to tick, as in a game.
    prop::collection::vec(scene, 1..12).prop_map(|mut scenes| {
        for n in 1..scenes.len() {
            let (before, after) = scenes.split_at_mut(n);
            for (i, e) in after[0].entities.iter_mut().enumerate() {
                if e.2 % 4 > 0 {
                    e.0 = before[n - 1].entities[i].0;
                }
            }
        }
        scenes
    })
}

struct Side {
    world: World,
    viewer: Viewer,
    layer: LayerId<Spy>,
}

fn side(delivery: Delivery) -> Side {
    let mut layers = Layers::new();
    let layer = layers.add::<Spy>(CELLS);
    let config = ViewerConfig {
        delivery,
        bound_in_flight: false,
        ..ViewerConfig::default()
    };
    Side {
        world: World::new(layers),
        viewer: Viewer::new(config),
        layer,
    }
}

/// The frame of a scene; `noise` replaces everything about entities that are not in view.
fn frame(side: &mut Side, scene: &Scene, tick: u32, noise: Option<u16>) -> Vec<u8> {
    let Side {
        world,
        viewer,
        layer,
    } = side;
    let cells: Vec<CellId> = (0..CELLS).map(|n| world.layers().cell(*layer, n)).collect();
    let visible = |cell: u16| cell < CELLS && scene.view >> cell & 1 == 1;
    let mut capture = world.capture(Tick::new(tick));
    for (n, &(cell, x, hp)) in scene.entities.iter().enumerate() {
        let mut value = Spy {
            x,
            hp,
            face: n as u8,
            secret: x ^ 0xAAAA,
        };
        if !visible(cell)
            && let Some(noise) = noise
        {
            value = Spy {
                x: x ^ noise,
                hp: hp ^ noise as u8 & 127,
                face: n as u8,
                secret: noise,
            };
            // Some of the hidden are not there at all.
            if noise >> (n % 16) & 1 == 1 {
                continue;
            }
        }
        if cell <= CELLS {
            let cell = cells
                .get(usize::from(cell))
                .copied()
                .unwrap_or(CellId::HIDDEN);
            capture.add(*layer, EntityId::new(n as u16, 0), cell, &value);
        }
    }
    capture.commit();
    let mut view = View::new();
    for n in (0..CELLS).filter(|n| visible(*n)) {
        view.insert(cells[usize::from(n)], 1);
    }
    let now = Duration::from_millis(50) * tick;
    if scene.acks {
        viewer.acknowledge(Tick::new(tick - 1).wire(), 0b101, now);
    }
    // The owner's entity is its own business: it is only asked for while in view.
    let owner = visible(scene.entities[0].0).then(|| Owner::of(*layer, EntityId::new(0, 0)));
    let request = FrameRequest {
        now,
        view: &view,
        feedback: None,
        owner,
    };
    let frame = viewer.frame(world, &request).expect("nothing holds it");
    let mut bytes = Vec::new();
    world.copy_frame(frame, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn frames_do_not_depend_on_what_is_hidden(
        scenes in scenes(), noise in any::<u16>(), datagram: bool,
    ) {
        let delivery = if datagram { Delivery::Datagram } else { Delivery::Ordered };
        let (mut plain, mut noisy) = (side(delivery), side(delivery));
        for (n, scene) in scenes.iter().enumerate() {
            let tick = n as u32 + 1;
            let a = frame(&mut plain, scene, tick, None);
            let b = frame(&mut noisy, scene, tick, Some(noise));
            prop_assert_eq!(a, b, "tick {}", tick);
        }
    }

    #[test]
    fn a_client_holds_exactly_what_is_in_view(scenes in scenes()) {
        let mut server = side(Delivery::Ordered);
        let mut decoder = Decoder::new(server.world.layers().clone());
        for (n, scene) in scenes.iter().enumerate() {
            let bytes = frame(&mut server, scene, n as u32 + 1, None);
            decoder.read(&bytes).unwrap();
            let mut held: Vec<(u16, Spy)> =
                decoder.entities(server.layer).map(|e| (e.index, e.value)).collect();
            held.sort_by_key(|h| h.0);
            let visible = |cell: u16| cell < CELLS && scene.view >> cell & 1 == 1;
            let shown = scene.entities.iter().enumerate().filter(|(_, e)| visible(e.0));
            let expected: Vec<(u16, Spy)> = shown
                .map(|(n, &(_, x, hp))| {
                    let secret = if n == 0 { x ^ 0xAAAA } else { 0 };
                    (n as u16, Spy { x, hp, face: n as u8, secret })
                })
                .collect();
            prop_assert_eq!(held, expected);
        }
    }

    #[test]
    fn an_entity_changes_its_cell_only_past_the_margin(
        steps in prop::collection::vec((-300i32..300, -300i32..300), 1..200),
    ) {
        let mut layers = Layers::new();
        let config =
            GridConfig { origin: (-500, -500), cell: 250, columns: 4, rows: 4, margin: 25 };
        let layer = layers.add::<Spy>(config.cells());
        let grid = Grid::new(config, &layers, layer);
        let (mut x, mut y) = (0, 0);
        let mut cell = grid.cell_of(x, y);
        for (dx, dy) in steps {
            (x, y) = ((x + dx).clamp(-700, 700), (y + dy).clamp(-700, 700));
            let next = grid.cell_after(cell, x, y);
            prop_assert!(next == cell || next == grid.cell_of(x, y));
            // Never further than the margin from the cell it is said to be in.
            let (inside_x, inside_y) = (x.clamp(-500, 499), y.clamp(-500, 499));
            let near = (-1i32..=1).flat_map(|i| (-1i32..=1).map(move |j| (i * 25, j * 25)));
            let mut corners =
                near.map(|(i, j)| grid.cell_of(inside_x + i, inside_y + j));
            prop_assert!(corners.any(|corner| corner == next), "at {} {}", x, y);
            cell = next;
        }
    }

    #[test]
    fn a_view_gains_near_cells_and_loses_far_ones(
        looks in prop::collection::vec((-600i32..600, -600i32..600), 1..50),
    ) {
        let mut layers = Layers::new();
        let config =
            GridConfig { origin: (-500, -500), cell: 100, columns: 10, rows: 10, margin: 10 };
        let layer = layers.add::<Spy>(config.cells());
        let grid = Grid::new(config, &layers, layer);
        let mut view = View::new();
        let distance = |column: i32, row: i32, x: i32, y: i32| {
            let away = |at: i32, n: i32| (n * 100 - 500 - at).max(at - (n * 100 - 401)).max(0);
            f64::from(away(x, column).pow(2) + away(y, row).pow(2)).sqrt()
        };
        for (x, y) in looks {
            let before = view.clone();
            grid.look(&mut view, x, y, 150, 50);
            prop_assert!(view.contains(grid.everywhere()));
            for column in 0..10 {
                for row in 0..10 {
                    let cell = grid.at(column, row);
                    let away = distance(column, row, x, y);
                    let expected = away <= 150.0 || (before.contains(cell) && away <= 200.0);
                    prop_assert_eq!(view.contains(cell), expected, "{} {} {}", column, row, away);
                }
            }
        }
    }
}
