//! A decoder fed damaged and invented frames: it answers, changes nothing unless it uses the frame,
//! and never holds more than the bytes could carry. `PROPTEST_CASES` sets how long.

use proptest::prelude::*;
use ringside_netcode::Tick;
use ringside_netcode::arena_n::{Arena, Mover, Variant};
use ringside_netcode::interest::View;
use ringside_netcode::snapshot::{
    Decoder, EntityId, FrameError, FrameRequest, LayerId, Layers, Viewer, ViewerConfig, World,
};
use std::time::Duration;

const CELLS: u16 = 3;

fn layers() -> (Layers, LayerId<Mover>) {
    let mut layers = Layers::new();
    let layer = layers.add::<Mover>(CELLS);
    (layers, layer)
}

/// Good frames of a moving scene.
fn frames(n: usize, count: u32) -> Vec<Vec<u8>> {
    let (layers, layer) = layers();
    let mut world = World::new(layers.clone());
    let mut viewer = Viewer::new(ViewerConfig {
        bound_in_flight: false,
        ..ViewerConfig::default()
    });
    let mut view = View::new();
    (0..CELLS).for_each(|cell| view.insert(layers.cell(layer, cell), 1));
    let mut arena = Arena::new(Variant::J100, n);
    let mut frame = |tick| {
        arena.step();
        let mut capture = world.capture(Tick::new(tick));
        for (i, mover) in arena.movers().iter().enumerate() {
            let cell = layers.cell(layer, mover.x / 22_000);
            capture.add(layer, EntityId::new(i as u16, 0), cell, mover);
        }
        capture.commit();
        let request = FrameRequest {
            now: Duration::ZERO,
            view: &view,
            feedback: None,
            owner: None,
        };
        let frame = viewer
            .frame(&mut world, &request)
            .expect("nothing holds it");
        let mut bytes = Vec::new();
        world.copy_frame(frame, &mut bytes);
        bytes
    };
    (1..=count).map(&mut frame).collect()
}

#[derive(Clone, Debug)]
enum Harm {
    Flip(usize, u8),
    Cut(usize),
    Append(Vec<u8>),
    Replace(Vec<u8>),
    /// A good header and invented blocks.
    Invent(Vec<u8>),
    None,
}

fn harm() -> impl Strategy<Value = Harm> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..120);
    prop_oneof![
        (any::<usize>(), 0u8..8).prop_map(|(at, bit)| Harm::Flip(at, bit)),
        any::<usize>().prop_map(Harm::Cut),
        bytes().prop_map(Harm::Append),
        bytes().prop_map(Harm::Replace),
        bytes().prop_map(Harm::Invent),
        Just(Harm::None),
    ]
}

fn held(decoder: &Decoder) -> Vec<(u16, u16, Mover)> {
    let (_, layer) = layers();
    decoder
        .entities(layer)
        .map(|e| (e.cell.get(), e.index, e.value))
        .collect()
}

proptest! {
    #[test]
    fn a_decoder_outlives_any_frames(harms in prop::collection::vec(harm(), 1..12)) {
        let good = frames(40, harms.len() as u32);
        let mut decoder = Decoder::new(layers().0);
        let mut bytes_seen = 0;
        for (mut bytes, harm) in good.into_iter().zip(harms) {
            let harmless = matches!(harm, Harm::None);
            match harm {
                Harm::Flip(at, bit) => {
                    let at = at % bytes.len();
                    bytes[at] ^= 1 << bit;
                }
                Harm::Cut(at) => bytes.truncate(at % bytes.len()),
                Harm::Append(more) => bytes.extend(more),
                Harm::Replace(other) => bytes = other,
                Harm::Invent(blocks) => {
                    bytes.truncate(5);
                    bytes.extend(blocks);
                }
                Harm::None => {}
            }
            bytes_seen += bytes.len();
            let (tick, before) = (decoder.tick(), held(&decoder));
            match decoder.read(&bytes) {
                Ok(info) => prop_assert_eq!(decoder.tick(), Some(info.tick)),
                Err(error) => {
                    prop_assert_eq!(decoder.tick(), tick);
                    prop_assert_eq!(held(&decoder), before);
                    let malformed = matches!(error, FrameError::Malformed(_));
                    prop_assert!(!harmless || !malformed || tick.is_some(), "{}", error);
                }
            }
            // An entity takes 60 bits and part of an id when it enters.
            prop_assert!(held(&decoder).len() <= bytes_seen * 8 / 61);
        }
    }
}
