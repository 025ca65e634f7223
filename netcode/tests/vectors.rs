//! Frames on file, with the state each leaves behind: a change of the wire form shows here, and
//! decoders in other languages can be checked against them.
//!
//! `RINGSIDE_WRITE_VECTORS=1` writes the file afresh after a deliberate change.

use ringside_netcode::Tick;
use ringside_netcode::arena_n::{Arena, Mover, Variant, hash};
use ringside_netcode::interest::View;
use ringside_netcode::snapshot::{
    Decoder, EntityId, Feedback, FrameRequest, LayerId, Layers, Viewer, ViewerConfig, World,
};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

const N: usize = 20;

fn layers() -> (Layers, LayerId<Mover>) {
    let mut layers = Layers::new();
    let layer = layers.add::<Mover>(2);
    (layers, layer)
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/netcode/arena-m30.txt")
}

/// Every frame of 40 ticks, as hex, with the hash of the scene after it.
fn vectors() -> String {
    let (layers, layer) = layers();
    let mut out = format!(
        "# Snapshots of ARENA-N, M30, {N} entities, cell = left or right half of the square.\n\
         # schema hash, then per line: tick, hash of the state (see ARENA-N), frame.\n{:08x}\n",
        layers.hash()
    );
    let mut world = World::new(layers.clone());
    let mut viewer = Viewer::new(ViewerConfig {
        bound_in_flight: false,
        ..ViewerConfig::default()
    });
    let mut view = View::new();
    (0..2).for_each(|cell| view.insert(layers.cell(layer, cell), 1));
    let mut arena = Arena::new(Variant::M30, N);
    for t in 1..=40u32 {
        arena.step();
        let mut capture = world.capture(Tick::new(t));
        for (i, mover) in arena.movers().iter().enumerate() {
            let cell = layers.cell(layer, mover.x >> 15);
            capture.add(layer, EntityId::new(i as u16, 0), cell, mover);
        }
        capture.commit();
        let feedback = (t % 3 == 0).then(|| Feedback {
            last_input_seq: (t > 9).then_some(t as u16),
            input_depth: -3,
        });
        let request = FrameRequest {
            now: Duration::ZERO,
            view: &view,
            feedback,
            owner: None,
        };
        let frame = viewer
            .frame(&mut world, &request)
            .expect("nothing holds it");
        let mut bytes = Vec::new();
        world.copy_frame(frame, &mut bytes);
        write!(out, "{t} {:08x} ", arena.hash()).expect("a String grows");
        bytes
            .iter()
            .for_each(|b| write!(out, "{b:02x}").expect("a String grows"));
        out.push('\n');
    }
    out
}

#[test]
fn frames_are_those_on_file() {
    let made = vectors();
    if std::env::var_os("RINGSIDE_WRITE_VECTORS").is_some() {
        fs::write(path(), &made).expect("the vectors can be written");
    }
    let filed = fs::read_to_string(path()).expect("the vectors are in the repository");
    assert_eq!(made, filed, "the wire form has changed");
}

#[test]
fn frames_on_file_decode_to_their_states() {
    let filed = fs::read_to_string(path()).expect("the vectors are in the repository");
    let (layers, layer) = layers();
    let mut lines = filed.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some(&*format!("{:08x}", layers.hash())));
    let mut decoder = Decoder::new(layers);
    let mut movers = vec![Mover::default(); N];
    let mut frames = 0;
    for line in lines {
        let [tick, state, hex] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let byte = |n: usize| u8::from_str_radix(&hex[n..n + 2], 16).expect("hex");
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let info = decoder.read(&bytes).expect("a good frame");
        assert_eq!(info.tick.get().to_string(), tick);
        for entity in decoder.entities(layer) {
            movers[usize::from(entity.index)] = entity.value;
        }
        assert_eq!(format!("{:08x}", hash(&movers)), state, "tick {tick}");
        frames += 1;
    }
    assert_eq!(frames, 40);
}
