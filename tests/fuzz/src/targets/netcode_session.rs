//! A server whose game and whose client do anything: every frame that reaches the client is used
//! and shows the truth, or is reported as building on one that is not there.

use super::Source;
use ringside_netcode::interest::View;
use ringside_netcode::snapshot::{
    CellId, Decoder, Delivery, EntityId, FrameError, FrameRequest, LayerId, Layers, Owner, Viewer,
    ViewerConfig, World,
};
use ringside_netcode::{Replicate, Tick};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Replicate)]
struct Thing {
    #[rep(predict = linear)]
    x: u16,
    #[rep(bits = 20, predict = linear)]
    y: u32,
    #[rep(bits = 7)]
    hp: u8,
    #[rep(once)]
    face: u8,
    #[rep(owner)]
    secret: u16,
}

const CELLS: u16 = 4;
const THINGS: usize = 24;
/// Ticks of truth kept: a client's cell may lag behind as long as budgets allow, or for good.
const TRUTH: usize = 400;

#[derive(Clone, Copy, Default)]
struct Actor {
    cell: Option<u16>,
    generation: u16,
    thing: Thing,
    speed: (u16, u32),
}

type Truth = BTreeMap<CellId, Vec<(u16, Thing)>>;

struct Session {
    world: World,
    layer: LayerId<Thing>,
    viewer: Viewer,
    view: View,
    decoder: Decoder,
    actors: [Actor; THINGS],
    tick: Tick,
    now: Duration,
    truth: VecDeque<(Tick, Truth)>,
    datagram: bool,
}

/// The client's settings in a byte, then operations of one to four bytes.
pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let mut session = Session::new(source.byte());
    while source.more() {
        match source.byte() {
            0..=63 => session.put(source.byte(), source.byte(), source.byte()),
            64..=95 => session.remove(source.byte()),
            96..=127 => session.look(source.byte()),
            128..=143 => {
                let word = [source.byte(), source.byte(), source.byte(), source.byte()];
                session.lie(u32::from_le_bytes(word));
            }
            144..=151 => session.viewer.request_keyframe(),
            step => session.step(step, source.byte()),
        }
    }
}

impl Session {
    fn new(settings: u8) -> Self {
        let mut layers = Layers::new();
        let layer = layers.add::<Thing>(CELLS);
        let config = ViewerConfig {
            delivery: if settings & 1 == 0 {
                Delivery::Ordered
            } else {
                Delivery::Datagram
            },
            budget: (settings & 2 != 0).then_some((1500, 42)),
            frame_bytes_max: if settings & 4 != 0 { 90 } else { 4096 },
            bound_in_flight: settings & 8 != 0,
            stale_max: 20,
            ..ViewerConfig::default()
        };
        // Tick numbers wrap soon, in sixteen bits or in all.
        let tick = Tick::new(if settings & 16 != 0 {
            u32::MAX - 40
        } else {
            65_500
        });
        let mut decoder = Decoder::new(layers.clone());
        decoder.restart(tick);
        Session {
            decoder,
            world: World::new(layers),
            layer,
            viewer: Viewer::new(config),
            view: View::new(),
            actors: [Actor::default(); THINGS],
            tick,
            now: Duration::ZERO,
            truth: VecDeque::new(),
            datagram: settings & 1 != 0,
        }
    }

    fn put(&mut self, who: u8, cell: u8, value: u8) {
        let actor = &mut self.actors[usize::from(who) % THINGS];
        if actor.cell.is_none() {
            actor.generation = actor.generation.wrapping_add(1);
            actor.thing.face = value;
        }
        actor.cell = Some(u16::from(cell) % CELLS);
        actor.speed = (u16::from(value) * 3, u32::from(value >> 4) * 999);
        actor.thing.hp = value & 127;
        actor.thing.secret = u16::from(value) << 5;
        if cell & 0x80 != 0 {
            actor.thing.x = u16::from(value) << 8;
        }
    }

    fn remove(&mut self, who: u8) {
        self.actors[usize::from(who) % THINGS].cell = None;
    }

    fn look(&mut self, cells: u8) {
        for n in 0..CELLS {
            let cell = self.world.layers().cell(self.layer, n);
            if cells >> n & 1 == 1 {
                self.view.insert(cell, u16::from(cells >> 4));
            } else {
                self.view.remove(cell);
            }
        }
    }

    /// A client may acknowledge what it never got; then it cannot use what follows.
    fn lie(&mut self, word: u32) {
        self.viewer.acknowledge(
            self.tick.wire().wrapping_sub((word & 63) as u16),
            word,
            self.now,
        );
    }

    /// A tick, its frame, and what the client makes of it.
    fn step(&mut self, step: u8, ms: u8) {
        self.now += Duration::from_millis(u64::from(ms) * 2);
        self.tick += 1 + u32::from(step.saturating_sub(240));
        let mut truth = Truth::new();
        let cells: [CellId; CELLS as usize] =
            std::array::from_fn(|n| self.world.layers().cell(self.layer, n as u16));
        let mut capture = self.world.capture(self.tick);
        for (n, actor) in self.actors.iter_mut().enumerate() {
            let Some(cell) = actor.cell else { continue };
            let thing = &mut actor.thing;
            thing.x = thing.x.wrapping_add(actor.speed.0);
            thing.y = thing.y.wrapping_add(actor.speed.1) & 0xf_ffff;
            let cell = cells[usize::from(cell)];
            capture.add(
                self.layer,
                EntityId::new(n as u16, actor.generation),
                cell,
                thing,
            );
            truth.entry(cell).or_default().push((n as u16, *thing));
        }
        capture.commit();
        if self.truth.len() == TRUTH {
            self.truth.pop_front();
        }
        self.truth.push_back((self.tick, truth));
        let first = self.actors[0];
        let owner = first
            .cell
            .map(|_| Owner::of(self.layer, EntityId::new(0, first.generation)));
        let request = FrameRequest {
            now: self.now,
            view: &self.view,
            feedback: None,
            owner,
        };
        let Ok(frame) = self.viewer.frame(&mut self.world, &request) else {
            return;
        };
        let mut bytes = Vec::new();
        self.world.copy_frame(frame, &mut bytes);
        assert!(bytes.len() <= 4096);
        // One in eight is lost on the way, where frames may be.
        if step & 7 == 0 && self.lossy() {
            return;
        }
        match self.decoder.read(&bytes) {
            Ok(info) => {
                assert_eq!(info.tick, self.tick);
                self.compare();
                if step & 8 != 0 {
                    let (newest, earlier) = self.decoder.acknowledgement().expect("just read");
                    self.viewer.acknowledge(newest, earlier, self.now);
                }
            }
            Err(FrameError::MissingBaseline(_)) => {
                assert!(self.lossy(), "nothing was lost");
                self.viewer.request_keyframe();
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether frames may be missing at the client: by loss, or by what it acknowledged.
    fn lossy(&self) -> bool {
        self.datagram
    }

    /// Every cell the client holds is in view, and what it was at the tick the client believes in.
    fn compare(&self) {
        let mut held = Truth::new();
        for entity in self.decoder.entities(self.layer) {
            let own = entity.index == 0 && self.actors[0].cell.is_some();
            assert!(own || entity.value.secret == 0, "another's secret");
            held.entry(entity.cell)
                .or_default()
                .push((entity.index, entity.value));
        }
        for (cell, tick) in self.decoder.cells() {
            assert!(self.view.contains(cell), "{cell:?} is not in view");
            let then = self.truth.iter().rev().find(|(then, _)| *then == tick);
            let Some((_, then)) = then else { continue };
            let empty = Vec::new();
            let held = held.get(&cell).unwrap_or(&empty).iter();
            let truth = then.get(&cell).unwrap_or(&empty).iter();
            let public = |(index, thing): &(u16, Thing)| {
                (
                    *index,
                    Thing {
                        secret: 0,
                        ..*thing
                    },
                )
            };
            assert!(
                held.map(public).eq(truth.map(public)),
                "{cell:?} as of {tick}"
            );
        }
    }
}
