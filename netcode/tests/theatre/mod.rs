//! A server and its clients on simulated time, with links between them, and the truth beside them.
//!
//! The scene is ARENA-N on a grid. After every frame that a client uses, each cell it holds is
//! compared, entity by entity, with what that cell was at the tick the client believes in. Clients
//! may be late; they may never be wrong.

use ringside_netcode::Tick;
use ringside_netcode::arena_n::{Arena, Mover, Variant};
use ringside_netcode::interest::{Grid, GridConfig, View};
use ringside_netcode::link::{Link, LinkConfig};
use ringside_netcode::snapshot::{
    CellId, Decoder, Delivery, EntityId, FrameError, FrameRequest, Held, LayerId, Layers, Viewer,
    ViewerConfig, World,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub const INTERVAL: Duration = Duration::from_millis(50);
/// Ticks of truth kept: longer than any client can lag and still be asked about.
const TRUTH: usize = 600;

type Cells = BTreeMap<CellId, Vec<(u16, Mover)>>;

/// What a client says to the server.
#[derive(Clone, Copy, Debug)]
enum Word {
    Ack(u16, u32),
    Keyframe,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub used: u64,
    pub stale: u64,
    pub missing_baseline: u64,
    pub held_in_flight: u64,
    pub held_budget: u64,
}

pub struct Client {
    pub viewer: Viewer,
    pub decoder: Decoder,
    pub down: Link<Vec<u8>>,
    up: Link<Word>,
    pub view: View,
    pub tally: Tally,
    /// When and how large every message was, envelope not counted.
    pub sent: Vec<(Duration, usize)>,
    /// Ticks from each frame used to the next.
    pub gaps: Vec<i32>,
    /// Frames used at the latest instant, for tests of bursts.
    pub burst: usize,
    /// Most ticks that a cell in view was behind.
    pub worst_lag: i32,
    /// Since when each cell has been in view.
    in_view_since: BTreeMap<CellId, Tick>,
}

impl Client {
    pub fn new(
        theatre: &Theatre,
        config: ViewerConfig,
        down: LinkConfig,
        up: LinkConfig,
        seed: u64,
    ) -> Self {
        let ordered = config.delivery == Delivery::Ordered;
        Client {
            viewer: Viewer::new(config),
            decoder: Decoder::new(theatre.world.layers().clone()),
            down: Link::new(LinkConfig { ordered, ..down }, seed),
            up: Link::new(LinkConfig { ordered, ..up }, seed ^ 0x5555),
            view: View::new(),
            tally: Tally::default(),
            sent: Vec::new(),
            gaps: Vec::new(),
            burst: 0,
            worst_lag: 0,
            in_view_since: BTreeMap::new(),
        }
    }
}

pub struct Theatre {
    pub arena: Arena,
    pub world: World,
    pub layer: LayerId<Mover>,
    pub grid: Grid,
    cells: Vec<CellId>,
    truth: VecDeque<(Tick, Cells)>,
    pub now: Duration,
}

impl Theatre {
    /// The scene over a grid of `side` x `side` cells.
    pub fn new(variant: Variant, n: usize, side: u16) -> Self {
        let config = GridConfig {
            origin: (0, 0),
            cell: 65536 / i32::from(side),
            columns: side,
            rows: side,
            margin: 65536 / i32::from(side) / 10,
        };
        let mut layers = Layers::new();
        let layer = layers.add::<Mover>(config.cells());
        let grid = Grid::new(config, &layers, layer);
        let arena = Arena::new(variant, n);
        let place = |m: &Mover| grid.cell_of(m.x.into(), m.y.into());
        Theatre {
            cells: arena.movers().iter().map(place).collect(),
            world: World::new(layers),
            arena,
            layer,
            grid,
            truth: VecDeque::new(),
            now: Duration::ZERO,
        }
    }

    /// A view of all cells.
    pub fn everything(&self) -> View {
        let mut view = View::new();
        for n in 0..self.world.layers().cell_count() {
            view.insert(self.world.layers().cell(self.layer, n as u16), 1);
        }
        view
    }

    /// One tick of the server, then everything that arrives before the next.
    pub fn tick(&mut self, clients: &mut [Client]) {
        self.arena.step();
        let tick = Tick::new(self.arena.tick());
        self.now = INTERVAL * self.arena.tick();
        let mut truth = Cells::new();
        let mut capture = self.world.capture(tick);
        for (n, (mover, cell)) in self.arena.movers().iter().zip(&mut self.cells).enumerate() {
            *cell = self.grid.cell_after(*cell, mover.x.into(), mover.y.into());
            capture.add(self.layer, EntityId::new(n as u16, 0), *cell, mover);
            truth.entry(*cell).or_default().push((n as u16, *mover));
        }
        capture.commit();
        if self.truth.len() == TRUTH {
            self.truth.pop_front();
        }
        self.truth.push_back((tick, truth));

        for client in &mut *clients {
            self.listen(client);
            let request = FrameRequest {
                now: self.now,
                view: &client.view,
                feedback: None,
                owner: None,
            };
            match client.viewer.frame(&mut self.world, &request) {
                Ok(frame) => {
                    let mut bytes = Vec::new();
                    self.world.copy_frame(frame, &mut bytes);
                    client.sent.push((self.now, bytes.len()));
                    let size = bytes.len();
                    if client.viewer.sends_twice() {
                        client.sent.push((self.now, size));
                        client.down.send(self.now, bytes.clone(), size);
                    }
                    client.down.send(self.now, bytes, size);
                }
                Err(Held::InFlight) => client.tally.held_in_flight += 1,
                Err(Held::Budget) => client.tally.held_budget += 1,
                Err(held) => panic!("{held:?}"),
            }
            let view = &client.view;
            client.in_view_since.retain(|cell, _| view.contains(*cell));
            for (cell, _) in client.view.cells() {
                client.in_view_since.entry(*cell).or_insert(tick);
            }
        }
        let frames = self.world.take_frames();
        self.world.recycle(frames);
        for client in clients {
            self.deliver(client);
        }
    }

    fn listen(&self, client: &mut Client) {
        while let Some(word) = client.up.receive(self.now) {
            match word {
                Word::Ack(newest, earlier) => client.viewer.acknowledge(newest, earlier, self.now),
                Word::Keyframe => client.viewer.request_keyframe(),
            }
        }
    }

    fn deliver(&self, client: &mut Client) {
        let before_next = self.now + INTERVAL - Duration::from_millis(1);
        client.burst = 0;
        while let Some(at) = client.down.next_arrival().filter(|at| *at <= before_next) {
            let Some(bytes) = client.down.receive(at) else {
                break;
            };
            let last = client.decoder.tick();
            match client.decoder.read(&bytes) {
                Ok(frame) => {
                    client.gaps.extend(last.map(|last| frame.tick.since(last)));
                    client.tally.used += 1;
                    client.burst += 1;
                    self.compare(client);
                    let (newest, earlier) = client.decoder.acknowledgement().expect("a frame");
                    client.up.send(at, Word::Ack(newest, earlier), 8);
                }
                Err(FrameError::Stale) => client.tally.stale += 1,
                Err(FrameError::MissingBaseline(_)) => {
                    client.tally.missing_baseline += 1;
                    client.up.send(at, Word::Keyframe, 8);
                }
                Err(error) => panic!("{error}"),
            }
        }
        let tick = Tick::new(self.arena.tick());
        for (cell, since) in &client.in_view_since {
            let known = client
                .decoder
                .cells()
                .find(|(c, _)| c == cell)
                .map(|(_, tick)| tick);
            let from = known
                .filter(|known| known.is_newer(*since))
                .unwrap_or(*since);
            client.worst_lag = client.worst_lag.max(tick.since(from));
        }
    }

    /// Every cell the client holds is what it was at the tick the client believes in.
    fn compare(&self, client: &Client) {
        let mut held: BTreeMap<CellId, Vec<(u16, Mover)>> = BTreeMap::new();
        for entity in client.decoder.entities(self.layer) {
            held.entry(entity.cell)
                .or_default()
                .push((entity.index, entity.value));
        }
        for (cell, tick) in client.decoder.cells() {
            let (_, truth) = self
                .truth
                .iter()
                .rev()
                .find(|(t, _)| *t == tick)
                .expect("recent");
            let empty = Vec::new();
            let truth = truth.get(&cell).unwrap_or(&empty);
            let held = held.get(&cell).unwrap_or(&empty);
            assert_eq!(
                held,
                truth,
                "{cell:?} as of {tick}, client at {:?}",
                client.decoder.tick()
            );
        }
    }
}
