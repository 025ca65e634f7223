//! Allocations and encodes, counted: one of each a publish, none a delivery.
//!
//! A test binary of its own, because it brings its own allocator. Counts are per thread, so tests do not
//! see each other. Every measurement follows rounds of the same work: a turn's memory grows to its
//! working size once, and is then used again.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::Arc,
};

use bytes::BufMut;
use ringside_core::{
    Class, CloseReason, Compose, ConnId, Core, Frame, FrameBuilder, Millis, Outbox, OutboxLimits,
    Publisher, Run, Shard, Sink, Topic, Wrote,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter left, and nobody asks for it.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the allocator's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as in `alloc`.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_in(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// Takes everything and remembers how much.
#[derive(Default)]
struct Totals {
    runs: u64,
    bytes: u64,
}

impl Sink for Totals {
    fn submit(&mut self, _conn: ConnId, run: &Run<'_>) -> Wrote {
        self.runs += 1;
        self.bytes += run.wire().len() as u64;
        Wrote::All
    }

    fn close(&mut self, _conn: ConnId, _reason: CloseReason) {}
}

const RECEIVERS: u64 = 1_000;
const SHARDS: usize = 2;

struct World {
    core: Core,
    shards: Vec<Shard<Totals>>,
    publisher: Publisher,
    topic: Topic,
}

/// A thousand receivers on two shards.
fn world() -> World {
    let (core, seeds) = Core::new(SHARDS).unwrap();
    let topic = core.topic().unwrap();
    let shards = seeds
        .into_iter()
        .map(|seed| {
            let mut shard = seed.grow(Totals::default(), OutboxLimits::default());
            for _ in 0..RECEIVERS / SHARDS as u64 {
                let conn = shard.open().unwrap();
                shard.subscribe(&topic, conn);
            }
            shard
        })
        .collect();
    World {
        publisher: core.publisher().unwrap(),
        core,
        shards,
        topic,
    }
}

impl World {
    fn turn(&mut self) {
        self.shards.iter_mut().for_each(|shard| {
            shard.turn(Millis(0));
        });
    }
}

#[test]
fn one_allocation_a_publish_and_none_a_delivery() {
    let mut world = world();
    for round in 0..20 {
        let World {
            publisher, topic, ..
        } = &mut world;
        let publishing = allocations_in(|| {
            let frame = Frame::from_bytes([7; 66], 0);
            publisher.publish(topic, Class::Reliable, frame).unwrap();
            publisher.flush();
        });
        let delivering = allocations_in(|| world.turn());
        if round >= 3 {
            assert_eq!((publishing, delivering), (1, 0), "round {round}");
        }
    }
    assert_eq!(world.core.stats().delivered, 20 * RECEIVERS);
}

#[test]
fn a_burst_of_several_topics_allocates_its_frames_and_nothing_else() {
    let mut world = world();
    let other = world.core.topic().unwrap();
    for shard in &mut world.shards {
        let conns: Vec<_> = shard.connections().collect();
        for conn in conns {
            shard.subscribe(&other, conn);
        }
    }
    for round in 0..20 {
        let World {
            publisher, topic, ..
        } = &mut world;
        let publishing = allocations_in(|| {
            for n in 0..16 {
                let to = if n % 2 == 0 { &*topic } else { &other };
                publisher
                    .publish(to, Class::Volatile, Frame::from_bytes([n; 66], 0))
                    .unwrap();
            }
            publisher.flush();
        });
        let delivering = allocations_in(|| world.turn());
        if round >= 3 {
            assert_eq!((publishing, delivering), (16, 0), "round {round}");
        }
    }
    let runs: u64 = world.shards.iter().map(|shard| shard.sink_ref().runs).sum();
    assert_eq!(world.core.stats().delivered, 20 * 16 * RECEIVERS);
    assert_eq!(runs, 20 * RECEIVERS, "one write a receiver and turn");
}

/// An application's message that knows how often it was encoded.
struct Position {
    x: f32,
    encoded: Cell<u64>,
}

impl Position {
    fn encode(&self, into: &mut impl BufMut) {
        self.encoded.set(self.encoded.get() + 1);
        into.put_slice(b"42[\"position\",");
        into.put_f32(self.x);
        into.put_u8(b']');
    }
}

#[test]
fn one_encode_for_a_thousand_receivers_on_two_shards() {
    let mut world = world();
    let position = Position {
        x: 1.5,
        encoded: Cell::new(0),
    };
    let mut builder = FrameBuilder::with_headroom(10);
    position.encode(&mut builder);
    let header = [0x82, builder.payload_len() as u8];
    let frame = builder.finish(&header, 0);
    let len = frame.wire().len() as u64;
    let World {
        publisher, topic, ..
    } = &mut world;
    publisher.publish(topic, Class::Reliable, frame).unwrap();
    publisher.flush();
    world.turn();
    assert_eq!(position.encoded.get(), 1);
    assert_eq!(world.core.stats().delivered, RECEIVERS);
    let bytes: u64 = world
        .shards
        .iter()
        .map(|shard| shard.sink_ref().bytes)
        .sum();
    assert_eq!(bytes, RECEIVERS * len);
}

const CELLS: usize = 64;
const SEEN: usize = 9;
const CELL_BYTES: usize = 80;

/// A snapshot: every viewer sees nine of the cells, behind a header of its own.
struct Snapshot {
    cells: Vec<Vec<u8>>,
}

impl Compose for Snapshot {
    fn compose(&self, conn: ConnId, outbox: &mut Outbox<'_>) {
        let first = conn.slot() % CELLS;
        let seen = (0..SEEN).map(|n| &self.cells[(first + n) % CELLS][..]);
        let header = (conn.slot() as u32).to_be_bytes();
        outbox.message(Class::Reliable, 0, &header, seen);
    }
}

#[test]
fn a_composed_publish_allocates_nothing_a_viewer() {
    let mut world = world();
    let snapshot: Arc<dyn Compose> = Arc::new(Snapshot {
        cells: (0..CELLS).map(|n| vec![n as u8; CELL_BYTES]).collect(),
    });
    for round in 0..20 {
        let World {
            publisher, topic, ..
        } = &mut world;
        let publishing = allocations_in(|| {
            publisher.publish_composed(topic, snapshot.clone()).unwrap();
            publisher.flush();
        });
        let delivering = allocations_in(|| world.turn());
        if round >= 3 {
            assert!(publishing <= SHARDS as u64, "round {round}: {publishing}");
            assert_eq!(delivering, 0, "round {round}");
        }
    }
    let bytes: u64 = world
        .shards
        .iter()
        .map(|shard| shard.sink_ref().bytes)
        .sum();
    assert_eq!(bytes, 20 * RECEIVERS * (4 + SEEN * CELL_BYTES) as u64);
}
