//! The core against an oracle: random programs, run by both, must agree on every byte, every counter,
//! every refusal and every end.
//!
//! Programs use two shards, two publishers, the control path and the shards' own calls; they publish
//! (to topics, to one, composed), come and go, block, shorten and kill sockets, and fill every queue:
//! bounds are small here (`sync::sized`), so that all of that happens all the time.
//! Leaves out: threads (`loom_tests.rs`, `tests/stress.rs`) and sockets (`tests/driver.rs`).

mod model;
mod steps;

use std::{collections::BTreeMap, sync::Arc};

use bytes::BufMut;
use proptest::{prelude::*, test_runner::Config};

use crate::{
    Busy, Class, CloseReason, Compose, ConnId, Core, Frame, FrameBuilder, Millis, Outbox,
    OutboxLimits, PublishError, Publisher, Shard, Stats, Topic, sim::SimSink,
};
use model::{Do, Model, composed};
use steps::{Step, Via, step};

const SHARDS: usize = 2;
const PUBLISHERS: usize = 2;
const TOPICS: usize = 3;
const LIMITS: OutboxLimits = OutboxLimits {
    bytes: 300,
    messages: 6,
};

/// Sender, number, and then filling up to the length.
const MESSAGE_MIN: usize = 6;

struct Composer {
    tag: u8,
}

impl Compose for Composer {
    fn compose(&self, conn: ConnId, outbox: &mut Outbox<'_>) {
        for (class, bytes) in composed(conn, self.tag) {
            outbox.together(|outbox| {
                for message in bytes.chunks(4) {
                    let (header, rest) = message.split_at(1);
                    outbox.message(class, 0, header, [&rest[..1], &rest[1..]]);
                }
            });
        }
    }
}

/// The core and its oracle, side by side.
struct World {
    core: Core,
    shards: Vec<Shard<SimSink>>,
    publishers: Vec<Option<Publisher>>,
    topics: Vec<Topic>,
    conns: Vec<ConnId>,
    model: Model,
    now: u64,
    /// Messages sent so far, by sender.
    sent: [u32; PUBLISHERS + 1],
    /// One reference to every frame ever published.
    frames: Vec<Frame>,
}

fn refused(result: Result<(), PublishError>) -> Result<(), usize> {
    result.map_err(|error| match error {
        PublishError::ShardStalled { shard } | PublishError::NoSuchShard { shard } => shard,
    })
}

impl World {
    fn new() -> Self {
        let (core, seeds) = Core::new(SHARDS).unwrap();
        let grow = |seed: crate::ShardSeed| seed.grow(SimSink::default(), LIMITS);
        let mut world = Self {
            shards: seeds.into_iter().map(grow).collect(),
            publishers: (0..PUBLISHERS).map(|_| core.publisher().ok()).collect(),
            topics: (0..TOPICS).map(|_| core.topic().unwrap()).collect(),
            conns: Vec::new(),
            model: Model::new(SHARDS, PUBLISHERS, TOPICS, LIMITS),
            now: 0,
            sent: [0; PUBLISHERS + 1],
            frames: Vec::new(),
            core,
        };
        (0..4).for_each(|n| world.open(n % SHARDS));
        world
    }

    fn open(&mut self, shard: usize) {
        let conn = self.shards[shard].open().unwrap();
        // The simulated socket of a slot's new life starts out well.
        *self.shards[shard].sink().conn(conn) = Default::default();
        self.conns.push(conn);
        self.model.open(conn);
    }

    fn conn(&self, age: usize) -> ConnId {
        self.conns[age % self.conns.len()]
    }

    fn message(&mut self, via: Via, len: usize) -> Vec<u8> {
        let sender = match via {
            Via::Publisher(publisher) => publisher,
            Via::Control => PUBLISHERS,
        };
        self.sent[sender] += 1;
        let number = (self.sent[sender] as u16).to_be_bytes();
        let length = (len as u16).to_be_bytes();
        let head = [
            0xf0 | sender as u8,
            number[0],
            number[1],
            length[0],
            length[1],
        ];
        head.into_iter()
            .chain(std::iter::repeat(0xee))
            .take(len)
            .collect()
    }

    fn frame(&mut self, bytes: &[u8], except: Option<ConnId>) -> Frame {
        // Part header, part payload; now and then a group. The core must not care.
        let mut builder = FrameBuilder::with_headroom(4);
        builder.put_slice(&bytes[2..5]);
        match bytes.len() % 3 {
            0 => builder.attach(&bytes[5..6], &bytes[6..], 1),
            _ => builder.put_slice(&bytes[5..]),
        }
        if let Some(conn) = except {
            builder = builder.except(conn);
        }
        let frame = builder.finish(&bytes[..2], 0);
        self.frames.push(frame.clone());
        frame
    }

    fn send(&mut self, via: Via, what: Do) -> (Result<(), usize>, Result<(), usize>) {
        let expected = match via {
            Via::Publisher(publisher) => self.model.send(publisher, what.clone()),
            Via::Control => self.model.control(what.clone()),
        };
        let frame = match &what {
            Do::Publish { bytes, except, .. } => Some(self.frame(bytes, *except)),
            Do::Unicast { bytes, .. } => Some(self.frame(bytes, None)),
            _ => None,
        };
        let topic = |n: usize| self.topics[n].clone();
        let seen = match via {
            Via::Publisher(publisher) => {
                let p = self.publishers[publisher].as_mut().unwrap();
                refused(match what {
                    Do::Publish {
                        topic: t, class, ..
                    } => p.publish(&topic(t), class, frame.unwrap()),
                    Do::Compose { topic: t, tag } => {
                        p.publish_composed(&topic(t), Arc::new(Composer { tag }))
                    }
                    Do::Unicast { conn, class, .. } => p.unicast(conn, class, frame.unwrap()),
                    Do::Join { conn, topic: t } => p.join(&topic(t), conn),
                    Do::Leave { conn, topic: t } => p.leave(&topic(t), conn),
                    Do::Disconnect { conn, reason } => p.disconnect(conn, reason),
                })
            }
            Via::Control => {
                let c = &self.core;
                let sent = match what {
                    Do::Publish {
                        topic: t, class, ..
                    } => c.publish(&topic(t), class, frame.unwrap()),
                    Do::Compose { .. } => unreachable!("publishers compose"),
                    Do::Unicast { conn, class, .. } => c.unicast(conn, class, frame.unwrap()),
                    Do::Join { conn, topic: t } => c.join(&topic(t), conn),
                    Do::Leave { conn, topic: t } => c.leave(&topic(t), conn),
                    Do::Disconnect { conn, reason } => c.disconnect(conn, reason),
                };
                sent.map_err(|Busy { shard }| shard)
            }
        };
        (seen, expected)
    }

    fn set_budget(&mut self, conn: ConnId, bytes: Option<usize>) {
        if let Some(state) = self.model.conns.get_mut(&conn) {
            state.budget = bytes;
            self.shards[conn.shard()].sink().conn(conn).budget = bytes;
            if bytes != Some(0) {
                self.model.writable(conn);
                self.shards[conn.shard()].writable(conn);
            }
        }
    }

    fn turn(&mut self, shard: usize) {
        self.model.turn(shard, self.now);
        self.shards[shard].turn(Millis(self.now));
    }

    fn run(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Open(shard) => self.open(shard),
            Step::Publish {
                via,
                topic,
                class,
                len,
                except,
                times,
            } => {
                let except = except.map(|age| self.conn(age));
                for _ in 0..times {
                    let bytes = self.message(via, len);
                    let (seen, expected) = self.send(
                        via,
                        Do::Publish {
                            topic,
                            class,
                            bytes,
                            except,
                        },
                    );
                    prop_assert_eq!(seen, expected);
                }
            }
            Step::Compose { publisher, topic } => {
                let tag = self.sent.iter().sum::<u32>() as u8 & 0x7f;
                let (seen, expected) =
                    self.send(Via::Publisher(publisher), Do::Compose { topic, tag });
                prop_assert_eq!(seen, expected);
            }
            Step::Unicast {
                via,
                conn,
                class,
                len,
                times,
            } => {
                for _ in 0..times {
                    let (conn, bytes) = (self.conn(conn), self.message(via, len));
                    let (seen, expected) = self.send(via, Do::Unicast { conn, class, bytes });
                    prop_assert_eq!(seen, expected);
                }
            }
            Step::Join { via, conn, topic } => {
                let conn = self.conn(conn);
                let (seen, expected) = self.send(via, Do::Join { conn, topic });
                prop_assert_eq!(seen, expected);
            }
            Step::Leave { via, conn, topic } => {
                let conn = self.conn(conn);
                let (seen, expected) = self.send(via, Do::Leave { conn, topic });
                prop_assert_eq!(seen, expected);
            }
            Step::Disconnect { via, conn } => {
                let (conn, reason) = (self.conn(conn), conn as u16);
                let (seen, expected) = self.send(via, Do::Disconnect { conn, reason });
                prop_assert_eq!(seen, expected);
            }
            Step::Flush(publisher) => {
                self.model.flush(publisher);
                self.publishers[publisher].as_mut().unwrap().flush();
            }
            Step::Replace(publisher) => {
                self.model.flush(publisher);
                self.publishers[publisher] = None;
                self.publishers[publisher] = self.core.publisher().ok();
            }
            Step::Turn { shard, after_ms } => {
                self.now += after_ms;
                self.turn(shard);
            }
            Step::Budget { conn, bytes } => self.set_budget(self.conn(conn), bytes),
            Step::Kill(age) => {
                let conn = self.conn(age);
                if let Some(state) = self.model.conns.get_mut(&conn) {
                    state.dead = true;
                    self.shards[conn.shard()].sink().conn(conn).dead = true;
                }
            }
            Step::Linger { conn, patient } => {
                let (via, shard) = (Via::Publisher(0), self.conn(conn).shard());
                let (class, len, times) = (Class::Reliable, 9, 1);
                self.run(Step::Budget {
                    conn,
                    bytes: Some(0),
                })?;
                self.run(Step::Unicast {
                    via,
                    conn,
                    class,
                    len,
                    times,
                })?;
                self.run(Step::Disconnect { via, conn })?;
                self.run(Step::Flush(0))?;
                self.run(Step::Turn { shard, after_ms: 1 })?;
                let after_ms = if patient { 4_800 } else { 5_128 };
                self.run(Step::Turn { shard, after_ms })?;
            }
            Step::Close(age) => {
                let conn = self.conn(age);
                self.model.end(conn, CloseReason::Gone);
                self.shards[conn.shard()].close(conn, CloseReason::Gone);
            }
            Step::Subscribe { conn, topic } => {
                let conn = self.conn(conn);
                self.model.subscribe(conn, topic);
                self.shards[conn.shard()].subscribe(&self.topics[topic], conn);
            }
            Step::Unsubscribe { conn, topic } => {
                let conn = self.conn(conn);
                self.model.unsubscribe(conn, topic);
                self.shards[conn.shard()].unsubscribe(&self.topics[topic], conn);
            }
        }
        self.compare()
    }

    fn compare(&mut self) -> Result<(), TestCaseError> {
        // How many writes and turns it took is not the oracle's business.
        let stats = Stats {
            writes: 0,
            turns: 0,
            wakes: 0,
            ..self.core.stats()
        };
        prop_assert_eq!(stats, self.model.stats);
        for (conn, state) in &self.model.conns {
            let seen = &self.shards[conn.shard()].sink().conn(*conn).wire;
            prop_assert_eq!(seen, &state.wire, "{:?}", conn);
        }
        let closed = |shard: &Shard<SimSink>| shard.sink_ref().closed.clone();
        let mut seen: Vec<_> = self.shards.iter().flat_map(closed).collect();
        let mut expected = self.model.closed.clone();
        seen.sort_by_key(|(conn, _)| *conn);
        expected.sort_by_key(|(conn, _)| *conn);
        prop_assert_eq!(seen, expected);
        Ok(())
    }

    /// Lets everything come to rest: sockets take everything, shards turn until nothing is left.
    fn rest(&mut self) -> Result<(), TestCaseError> {
        for publisher in 0..PUBLISHERS {
            self.run(Step::Flush(publisher))?;
        }
        for conn in self.conns.clone() {
            self.set_budget(conn, None);
        }
        for _ in 0..100 {
            (0..SHARDS).for_each(|shard| self.turn(shard));
            if self.model.is_at_rest() {
                break;
            }
        }
        prop_assert!(self.model.is_at_rest());
        self.compare()?;
        prop_assert_eq!(self.core.stats().waiting(), 0);
        Ok(())
    }
}

/// Each sender's messages on a wire have rising numbers, and every message is whole.
fn is_fifo_per_thread(mut wire: &[u8]) -> bool {
    let mut last = BTreeMap::new();
    while let [first, rest @ ..] = wire {
        if first & 0xf0 != 0xf0 {
            // A composed message: four bytes.
            wire = &rest[3..];
            continue;
        }
        let number = u16::from_be_bytes([wire[1], wire[2]]);
        let len = usize::from(u16::from_be_bytes([wire[3], wire[4]]));
        if last
            .insert(*first, number)
            .is_some_and(|before| before >= number)
        {
            return false;
        }
        wire = &wire[len..];
    }
    true
}

proptest! {
    #![proptest_config(Config { cases: 12_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_core_does_what_its_oracle_does(steps in prop::collection::vec(step(), 1..50)) {
        let mut world = World::new();
        for step in steps {
            world.run(step)?;
        }
        world.rest()?;
        for (conn, state) in &world.model.conns {
            prop_assert!(is_fifo_per_thread(&state.wire), "{:?}: {:?}", conn, state.wire);
        }
    }

    /// Whatever is under way when shards, publishers and core go, in any order: all of it is accounted
    /// for, and every frame is given back.
    #[test]
    fn an_end_at_any_moment_leaves_nothing_behind(
        steps in prop::collection::vec(step(), 1..30),
        shards_first: bool,
        publish_after: bool,
    ) {
        let mut world = World::new();
        for step in steps {
            world.run(step)?;
        }
        let World { core, shards, mut publishers, topics, conns, frames, .. } = world;
        if !shards_first {
            publishers.clear();
        }
        drop(shards);
        prop_assert_eq!(core.stats().waiting(), 0);
        prop_assert_eq!(core.stats().connections, 0);
        for publisher in publishers.iter_mut().flatten().filter(|_| publish_after) {
            for topic in &topics {
                let _ = publisher.publish(topic, Class::Reliable, frames.first().unwrap_or(&Frame::from_bytes(b"", 0)).clone());
            }
            let _ = publisher.join(&topics[0], conns[0]);
        }
        drop(publishers);
        drop(core);
        prop_assert!(frames.iter().all(|frame| frame.refs() == 1));
    }
}

/// Agreement is worth something only if the programs go everywhere.
#[test]
fn the_programs_reach_every_outcome() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};

    let mut runner = TestRunner::deterministic();
    let programs = prop::collection::vec(step(), 1..50);
    let (mut stats, mut reasons) = (Stats::default(), std::collections::BTreeSet::new());
    for _ in 0..1_000 {
        let mut world = World::new();
        for step in programs.new_tree(&mut runner).unwrap().current() {
            world.run(step).unwrap();
        }
        stats = stats + world.core.stats();
        reasons.extend(world.model.closed.iter().map(|(_, reason)| match reason {
            CloseReason::Gone => "gone",
            CloseReason::SlowConsumer => "slow",
            CloseReason::Requested(_) => "requested",
            CloseReason::LingerExpired => "lingered",
        }));
    }
    let outcomes = [
        stats.delivered,
        stats.dropped,
        stats.replaced,
        stats.stale,
        stats.disconnected,
        stats.spilled,
        stats.refused,
        stats.slow_consumers,
    ];
    assert!(outcomes.iter().all(|count| *count >= 10), "{outcomes:?}");
    assert_eq!(reasons.len(), 4, "{reasons:?}");
}
