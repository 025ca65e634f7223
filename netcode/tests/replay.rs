//! A recording shows, at every tick and after every seek, exactly what was.

use proptest::prelude::*;
use ringside_netcode::Tick;
use ringside_netcode::arena_n::{Arena, Mover, Variant, hash};
use ringside_netcode::replay::{Recorder, RecorderConfig, Replay, ReplayError};
use ringside_netcode::snapshot::{EntityId, LayerId, Layers, World};
use std::collections::HashMap;

const N: usize = 60;

fn layers() -> (Layers, LayerId<Mover>) {
    let mut layers = Layers::new();
    let layer = layers.add::<Mover>(2);
    (layers, layer)
}

/// Records `frames` snapshots, every third tick from `first` on, and gives the truth by tick.
fn record(config: RecorderConfig, first: Tick, frames: u32) -> (Recorder, HashMap<u32, u32>) {
    let (layers, layer) = layers();
    let mut world = World::new(layers.clone());
    let mut recorder = Recorder::new(&layers, config);
    let mut arena = Arena::new(Variant::J100, N);
    let mut truth = HashMap::new();
    for n in 0..frames {
        arena.step();
        let tick = first + 3 * n;
        let mut capture = world.capture(tick);
        for (i, mover) in arena.movers().iter().enumerate() {
            let cell = layers.cell(layer, mover.x >> 15);
            capture.add(layer, EntityId::new(i as u16, 0), cell, mover);
        }
        capture.commit();
        recorder.record(&mut world);
        recorder.record(&mut world);
        truth.insert(tick.get(), arena.hash());
    }
    (recorder, truth)
}

fn shown(replay: &Replay<'_>) -> u32 {
    let (_, layer) = layers();
    let mut movers = vec![Mover::default(); N];
    for entity in replay.decoder().entities(layer) {
        movers[usize::from(entity.index)] = entity.value;
    }
    hash(&movers)
}

#[test]
fn playing_through_shows_every_tick() {
    let first = Tick::new(u32::MAX - 500);
    let config = RecorderConfig {
        frames_max: 1000,
        ..RecorderConfig::default()
    };
    let (recorder, truth) = record(config, first, 700);
    let file = recorder.save();
    println!("700 frames of {N} entities: {} bytes", file.len());
    let mut replay = Replay::open(layers().0, &file).unwrap();
    let mut played = 0;
    while let Some(tick) = replay.advance().unwrap() {
        assert_eq!(tick, first + 3 * played);
        assert_eq!(replay.decoder().tick(), Some(tick));
        assert_eq!(shown(&replay), truth[&tick.get()]);
        played += 1;
    }
    assert_eq!(played, 700);
}

#[test]
fn a_recorder_stays_within_its_bounds() {
    let config = RecorderConfig {
        frames_max: 100,
        bytes_max: 9000,
        ..RecorderConfig::default()
    };
    let (recorder, truth) = record(config, Tick::ZERO, 700);
    assert!(recorder.bytes() <= 9000);
    let (from, to) = recorder.span().unwrap();
    assert_eq!(to, Tick::new(699 * 3));
    assert!((20 * 3..=100 * 3).contains(&to.since(from)));
    let file = recorder.save();
    let mut replay = Replay::open(layers().0, &file).unwrap();
    assert_eq!(replay.seek(to).unwrap(), to);
    assert_eq!(shown(&replay), truth[&to.get()]);
}

#[test]
fn other_files_are_refused() {
    let (recorder, _) = record(RecorderConfig::default(), Tick::ZERO, 3);
    let file = recorder.save();
    let open = |bytes: &[u8]| Replay::open(layers().0, bytes).map(|_| ()).unwrap_err();
    assert_eq!(open(b"RSRPx"), ReplayError::Format);
    let mut other = file.clone();
    other[4] = 2;
    assert_eq!(open(&other), ReplayError::Format);
    let mut other = file.clone();
    other[5] ^= 1;
    assert_eq!(open(&other), ReplayError::Schema);
    assert_eq!(open(&file[..file.len() - 1]), ReplayError::Damaged);
    assert_eq!(open(&file[..11]), ReplayError::Empty);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_tick_can_be_sought(first: u32, seeks in prop::collection::vec(0u32..620, 1..30)) {
        let first = Tick::new(first);
        let (recorder, truth) = record(RecorderConfig::default(), first, 200);
        let file = recorder.save();
        let mut replay = Replay::open(layers().0, &file).unwrap();
        for offset in seeks {
            let tick = replay.seek(first + offset).unwrap();
            prop_assert_eq!(tick, first + offset.min(597) / 3 * 3);
            prop_assert_eq!(shown(&replay), truth[&tick.get()]);
        }
    }

    #[test]
    fn any_bytes_are_an_answer(
        tail in prop::collection::vec(any::<u8>(), 0..200),
        flips in prop::collection::vec((11usize..4000, any::<u8>()), 0..10),
        seeks in prop::collection::vec(0u32..100, 1..5),
    ) {
        let (recorder, _) = record(RecorderConfig::default(), Tick::ZERO, 20);
        let mut file = recorder.save();
        for (at, byte) in flips {
            let at = at % file.len();
            if at >= 11 {
                file[at] = byte;
            }
        }
        file.extend(tail);
        if let Ok(mut replay) = Replay::open(layers().0, &file) {
            for tick in seeks {
                if replay.seek(Tick::new(tick)).is_err() {
                    break;
                }
            }
        }
    }
}
