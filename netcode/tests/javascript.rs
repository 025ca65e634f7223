//! The generated browser decoder against the Rust one, in Node: random worlds, moving views, late
//! and lost frames, and damaged bytes. Both must give the same answer and hold the same state.
//!
//! `RINGSIDE_JS_FRAMES` sets how many frames; the default keeps an ordinary test run short.

use ringside_netcode::interest::View;
use ringside_netcode::javascript::generate;
use ringside_netcode::schema::Fnv;
use ringside_netcode::snapshot::{
    Decoder, Delivery, EntityId, Feedback, FrameError, FrameRequest, LayerId, Layers, Owner,
    Viewer, ViewerConfig, World,
};
use ringside_netcode::{Replicate, Tick};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Replicate)]
struct Ship {
    #[rep(predict = linear)]
    x: u16,
    #[rep(bits = 20, predict = linear)]
    y: i32,
    #[rep(wrap, predict = linear)]
    dir: u8,
    #[rep(bits = 7)]
    hp: u8,
    shield: bool,
    wide: u32,
    #[rep(bits = 11, min = -3.5, max = 9.25)]
    heat: f32,
    #[rep(bits = 3, once)]
    class: u8,
    #[rep(owner, bits = 12)]
    fuel: u16,
    #[rep(owner)]
    torque: i8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Replicate)]
struct Mote {
    #[rep(bits = 1)]
    lit: u8,
    #[rep(bits = 31, predict = linear)]
    far: u32,
}

/// A small generator: the frames of a run follow from its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z ^ (z >> 29)
    }
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

const CELLS: u16 = 6;

fn layers() -> (Layers, LayerId<Ship>, LayerId<Mote>) {
    let mut layers = Layers::new();
    let ships = layers.add::<Ship>(CELLS);
    let motes = layers.add::<Mote>(CELLS);
    (layers, ships, motes)
}

/// A world whose entities wander, rest, die, return and change cells.
struct Stage {
    random: Random,
    world: World,
    ships: LayerId<Ship>,
    motes: LayerId<Mote>,
    actors: Vec<Actor>,
    viewer: Viewer,
    view: View,
    tick: Tick,
}

struct Actor {
    alive: bool,
    generation: u16,
    cell: u16,
    ship: Ship,
    speed: (i32, i32, i32),
}

impl Stage {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let (layers, ships, motes) = layers();
        let delivery = if random.one_in(2) {
            Delivery::Ordered
        } else {
            Delivery::Datagram
        };
        let config = ViewerConfig {
            delivery,
            bound_in_flight: false,
            frame_bytes_max: if random.one_in(3) { 120 } else { 64 * 1024 },
            ..ViewerConfig::default()
        };
        let count = 1 + random.below(40) as usize;
        let actor = |_| Actor {
            alive: false,
            generation: 0,
            cell: 0,
            ship: Ship::default(),
            speed: (0, 0, 0),
        };
        Stage {
            actors: (0..count).map(actor).collect(),
            world: World::new(layers),
            viewer: Viewer::new(config),
            view: View::new(),
            tick: Tick::new(random.next() as u32),
            random,
            ships,
            motes,
        }
    }

    fn step(&mut self) {
        self.tick += 1 + if self.random.one_in(10) {
            self.random.below(5) as u32
        } else {
            0
        };
        let random = &mut self.random;
        for actor in &mut self.actors {
            if !actor.alive && random.one_in(4) {
                actor.alive = true;
                actor.generation = actor.generation.wrapping_add(1);
                actor.cell = random.below(u64::from(CELLS)) as u16;
                actor.ship = Ship {
                    x: random.next() as u16,
                    y: random.below(1 << 20) as i32 - (1 << 19),
                    dir: random.next() as u8,
                    hp: random.below(128) as u8,
                    shield: random.one_in(2),
                    wide: random.next() as u32,
                    heat: random.below(2048) as f32 * 0.00623 - 3.5,
                    class: random.below(8) as u8,
                    fuel: random.below(4096) as u16,
                    torque: random.next() as i8,
                };
            }
            actor.alive &= !random.one_in(60);
            if random.one_in(15) {
                actor.cell = random.below(u64::from(CELLS)) as u16;
            }
            if random.one_in(8) {
                let mut speed = |most: u64| random.below(2 * most + 1) as i32 - most as i32;
                actor.speed = (speed(300), speed(2000), speed(5));
            }
            if random.one_in(12) {
                actor.speed = (0, 0, 0);
            }
            let ship = &mut actor.ship;
            ship.x = ship.x.wrapping_add_signed(actor.speed.0 as i16);
            ship.y = (ship.y + actor.speed.1).clamp(-(1 << 19), (1 << 19) - 1);
            ship.dir = ship.dir.wrapping_add_signed(actor.speed.2 as i8);
            if random.one_in(9) {
                ship.hp = random.below(128) as u8;
                ship.wide = if random.one_in(2) {
                    random.next() as u32
                } else {
                    ship.wide ^ 5
                };
                ship.shield ^= true;
                ship.heat = (ship.heat + 0.3).min(9.25);
            }
        }
        let mut capture = self.world.capture(self.tick);
        for (n, actor) in self.actors.iter().enumerate().filter(|(_, a)| a.alive) {
            let id = EntityId::new(n as u16 * 7, actor.generation);
            let layers = layers().0;
            let cell = layers.cell(self.ships, actor.cell);
            capture.add(self.ships, id, cell, &actor.ship);
            let far = actor.ship.wide >> 1;
            let mote = Mote {
                lit: u8::from(actor.ship.shield),
                far,
            };
            capture.add(self.motes, id, layers.cell(self.motes, actor.cell), &mote);
        }
        capture.commit();
    }

    fn frame(&mut self) -> Option<Vec<u8>> {
        let now = Duration::ZERO;
        let layers = self.world.layers();
        for n in 0..CELLS {
            for cell in [layers.cell(self.ships, n), layers.cell(self.motes, n)] {
                if self.random.one_in(12) {
                    self.view.insert(cell, 1 + self.random.below(5) as u16);
                }
                if self.random.one_in(40) {
                    self.view.remove(cell);
                }
            }
        }
        let feedback = self.random.one_in(2).then(|| Feedback {
            last_input_seq: (!self.random.one_in(3)).then_some(self.random.next() as u16),
            input_depth: self.random.next() as i8,
        });
        let owner = (!self.random.one_in(3))
            .then(|| Owner::of(self.ships, EntityId::new(0, self.actors[0].generation)));
        let request = FrameRequest {
            now,
            view: &self.view,
            feedback,
            owner,
        };
        let frame = self.viewer.frame(&mut self.world, &request).ok()?;
        let mut bytes = Vec::new();
        self.world.copy_frame(frame, &mut bytes);
        Some(bytes)
    }
}

fn state_hash(decoder: &Decoder, ships: LayerId<Ship>, motes: LayerId<Mote>) -> u32 {
    let mut hash = Fnv::new();
    for (cell, tick) in decoder.cells() {
        hash.bytes(&cell.get().to_le_bytes());
        hash.bytes(&tick.get().to_le_bytes());
    }
    fn add<T: Replicate>(hash: &mut Fnv, decoder: &Decoder, layer: LayerId<T>) {
        let mut row = vec![0; T::SCHEMA.fields.len()];
        for entity in decoder.entities(layer) {
            hash.bytes(&entity.index.to_le_bytes());
            entity.value.store(&mut row);
            row.iter().for_each(|raw| hash.bytes(&raw.to_le_bytes()));
        }
    }
    add(&mut hash, decoder, ships);
    add(&mut hash, decoder, motes);
    hash.get()
}

/// Damages bytes as a broken or hostile sender might.
fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    match random.below(4) {
        0 => bytes.truncate(random.below(bytes.len() as u64 + 1) as usize),
        1 => bytes.extend((0..random.below(8)).map(|n| n as u8 * 37)),
        2 => bytes
            .iter_mut()
            .skip(4)
            .for_each(|b| *b = random.next() as u8),
        _ => {
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << random.below(8);
            }
        }
    }
}

/// Appends a run of frames, with what the Rust decoder made of each.
fn record_run(seed: u64, frames: usize, out: &mut Vec<u8>) {
    let mut stage = Stage::new(seed);
    let (layers, ships, motes) = layers();
    let mut decoder = Decoder::new(layers);
    out.extend(u32::MAX.to_le_bytes());
    let mut written = 0;
    let mut late: Option<Vec<u8>> = None;
    let mut used: Option<Vec<u8>> = None;
    while written < frames {
        // Now and then the same comes once more.
        if let Some(bytes) = used.take().filter(|_| stage.random.one_in(5)) {
            assert_eq!(decoder.read(&bytes), Err(FrameError::Stale));
            out.extend((bytes.len() as u32).to_le_bytes());
            out.extend(&bytes);
            out.push(1);
            out.extend(state_hash(&decoder, ships, motes).to_le_bytes());
            written += 1;
            continue;
        }
        stage.step();
        let Some(mut bytes) = stage.frame() else {
            continue;
        };
        if stage.random.one_in(12) {
            continue;
        }
        if stage.random.one_in(12) {
            damage(&mut stage.random, &mut bytes);
        } else if stage.random.one_in(12) {
            late.replace(bytes.clone());
        } else if stage.random.one_in(6)
            && let Some(old) = late.take()
        {
            bytes = old;
        }
        let answer = match decoder.read(&bytes) {
            Ok(_) => 0,
            Err(FrameError::Stale) => 1,
            Err(FrameError::MissingBaseline(_)) => 2,
            Err(_) => 3,
        };
        if answer == 0 && !stage.random.one_in(4) {
            let (newest, earlier) = decoder.acknowledgement().expect("a frame was used");
            stage.viewer.acknowledge(newest, earlier, Duration::ZERO);
        } else if answer >= 2 {
            stage.viewer.request_keyframe();
        }
        out.extend((bytes.len() as u32).to_le_bytes());
        out.extend(&bytes);
        used = (answer == 0).then_some(bytes);
        out.push(answer);
        out.extend(state_hash(&decoder, ships, motes).to_le_bytes());
        written += 1;
    }
}

fn write_module(folder: &Path) -> PathBuf {
    let path = folder.join("decoder.mjs");
    fs::write(&path, generate(&layers().0).javascript).expect("the target folder is writable");
    path
}

fn node(arguments: &[&Path]) -> String {
    let output = Command::new("node")
        .args(arguments)
        .output()
        .expect("Node.js must be installed for this test");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_browser_decodes_what_rust_decodes() {
    let total: usize = std::env::var("RINGSIDE_JS_FRAMES")
        .map_or(20_000, |text| text.parse().expect("a number of frames"));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("javascript");
    fs::create_dir_all(&folder).expect("the target folder is writable");
    let module = write_module(&folder);
    let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/javascript/runner.mjs");
    let data = folder.join("frames.bin");
    let (mut done, mut seed) = (0, 0);
    while done < total {
        let mut bytes = Vec::new();
        let batch = (total - done).min(50_000);
        let mut in_batch = 0;
        while in_batch < batch {
            let run = (batch - in_batch).min(200);
            record_run(seed, run, &mut bytes);
            in_batch += run;
            seed += 1;
        }
        fs::write(&data, &bytes).expect("the target folder is writable");
        let summary = node(&[&runner, &module, &data]);
        print!("{summary}");
        assert!(
            summary.contains(&format!("\"frames\":{batch}")),
            "{summary}"
        );
        done += batch;
    }
}

#[test]
fn the_module_describes_every_field_with_its_type() {
    let module = generate(&layers().0);
    for expected in [
        "export interface Ship {",
        "  shield: boolean;",
        "  heat: number;",
        "readonly Mote: 1;",
    ] {
        assert!(module.declarations.contains(expected), "{expected}");
    }
    let hash = format!("SCHEMA_HASH = {:#010x}", layers().0.hash());
    assert!(module.javascript.contains(&hash));
}
