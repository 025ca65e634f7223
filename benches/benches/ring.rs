//! From thread to thread: lanes beside other people's queues.
//!
//! One producer and one consumer, then four producers, each on a thread of its own, the consumer pinned
//! to a core that no producer uses; wall time a message; nobody loses anything: a full queue is waited for. Numbers travel, so that queues are
//! compared and not allocators; the whole path of the core (a frame, published, routed, submitted)
//! stands beside a broadcast of `Bytes` made the same way.
//! What it cannot show: with fewer cores than threads, scheduling is part of every figure.

use std::{
    hint::{black_box, spin_loop},
    sync::{
        Barrier, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use core_affinity::CoreId;
use disruptor::{BusySpin, Polling, Producer as _, build_multi_producer, build_single_producer};
use ringside_benches::ratio::{Bound, Match, play_all, wall_time_on};
use ringside_core::{
    Class, CloseReason, ConnId, Core, Frame, Millis, OutboxLimits, Run, Sink, Wrote,
    bench_api::{LaneReader, LaneWriter, lane},
};
use tokio::sync::broadcast::{self, error::TryRecvError};

/// Places in the bounded queues, as in a lane.
const CAPACITY: usize = 1024;
/// tokio's broadcast loses what does not fit, so its producers watch the consumer's progress.
const BROADCAST_CAPACITY: usize = 4096;
const BATCH: u64 = 16;

/// The cores we may use, asked before anything is pinned.
static CORES: LazyLock<Vec<CoreId>> =
    LazyLock::new(|| core_affinity::get_core_ids().expect("the system names its cores"));

/// What our binaries use; frames are freed by other threads than made them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Waits a little, and lets others run if that takes long.
fn wait(tries: &mut u32) {
    *tries += 1;
    match *tries % 128 {
        0 => thread::yield_now(),
        _ => spin_loop(),
    }
}

fn until(mut done: impl FnMut() -> bool) {
    let mut tries = 0;
    while !done() {
        wait(&mut tries);
    }
}

/// Runs producers and the consumer from the same moment on; returns when the consumer has all.
fn race<'a>(producers: Vec<Box<dyn FnOnce() + Send + 'a>>, consume: impl FnOnce()) -> Duration {
    let start = Barrier::new(producers.len() + 1);
    // The consumer has a core to itself; the producers share the others.
    let (consumers, cores) = CORES.split_last().expect("at least this one");
    core_affinity::set_for_current(*consumers);
    let busy = 1 + cores.len().min(producers.len());
    thread::scope(|scope| {
        for (n, produce) in producers.into_iter().enumerate() {
            let start = &start;
            let core = cores.get(n % cores.len().max(1));
            scope.spawn(move || {
                core.map(|core| core_affinity::set_for_current(*core));
                start.wait();
                produce();
            });
        }
        start.wait();
        wall_time_on(busy, consume)
    })
}

fn write(mut lane: LaneWriter, messages: u64, batch: u64) {
    let mut number = 0;
    while number < messages {
        let n = batch.min(messages - number);
        until(|| lane.has_room(n as u32));
        lane.stage_all((number as u32..(number + n) as u32).map(u64::from));
        number += n;
        lane.publish();
    }
}

fn read(lanes: &mut [LaneReader], messages: u64) {
    let (mut sum, mut got, mut tries) = (0u64, 0, 0);
    while got < messages {
        let before = got;
        for lane in lanes.iter_mut() {
            got += lane.drain(|number| sum = sum.wrapping_add(number));
            lane.release();
        }
        if got == before {
            wait(&mut tries);
        }
    }
    black_box(sum);
}

fn lanes(producers: u64, batch: u64) -> impl FnMut(u64) -> Duration {
    move |messages| {
        let (writers, mut readers): (Vec<_>, Vec<_>) = (0..producers).map(|_| lane()).unzip();
        let each = messages / producers;
        let produce = writers
            .into_iter()
            .map(|writer| Box::new(move || write(writer, each, batch)) as Box<dyn FnOnce() + Send>)
            .collect();
        race(produce, || read(&mut readers, each * producers))
    }
}

fn tokio_broadcast<T: Clone + Send>(
    producers: u64,
    make: impl Fn(u64) -> T + Copy + Send,
) -> impl FnMut(u64) -> Duration {
    move |messages| {
        let (sender, mut receiver) = broadcast::channel(BROADCAST_CAPACITY);
        let each = messages / producers;
        let seen = AtomicU64::new(0);
        let seen = &seen;
        let produce = (0..producers)
            .map(|_| {
                let sender = sender.clone();
                Box::new(move || {
                    for number in 0..each {
                        // Each producer has its part of the room, and looks at the consumer's
                        // progress now and then only, as the lane does.
                        if number % 256 == 0 {
                            let wanted = (number + 256) * producers;
                            let room = || seen.load(Ordering::Acquire) + BROADCAST_CAPACITY as u64;
                            until(|| wanted <= room());
                        }
                        let _ = sender.send(make(number));
                    }
                }) as Box<dyn FnOnce() + Send>
            })
            .collect();
        race(produce, || {
            let (mut got, mut tries) = (0, 0);
            while got < each * producers {
                match receiver.try_recv() {
                    Ok(message) => {
                        black_box(message);
                        got += 1;
                    }
                    Err(TryRecvError::Lagged(lost)) => panic!("lost {lost}"),
                    Err(_) => wait(&mut tries),
                }
                if got % 64 == 0 {
                    seen.store(got, Ordering::Release);
                }
            }
        })
    }
}

fn crossbeam(producers: u64) -> impl FnMut(u64) -> Duration {
    move |messages| {
        let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
        let each = messages / producers;
        let produce = (0..producers)
            .map(|_| {
                let sender = sender.clone();
                Box::new(move || {
                    for number in 0..each {
                        until(|| sender.try_send(number).is_ok());
                    }
                }) as Box<dyn FnOnce() + Send>
            })
            .collect();
        race(produce, || {
            for _ in 0..each * producers {
                until(|| receiver.try_recv().map(black_box).is_ok());
            }
        })
    }
}

/// What travels in the disruptor: as many words as a lane's descriptor has, or one.
struct Event<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Event<WORDS> {
    fn new() -> Self {
        Self([0; WORDS])
    }
}

macro_rules! drain {
    ($poller:expr, $messages:expr) => {{
        let (mut sum, mut got, mut tries) = (0u64, 0, 0);
        while got < $messages {
            match $poller.poll() {
                Ok(mut events) => {
                    for event in &mut events {
                        sum = sum.wrapping_add(event.0[0]);
                        got += 1;
                    }
                }
                Err(Polling::NoEvents) => wait(&mut tries),
                Err(Polling::Shutdown) => break,
            }
        }
        black_box(sum);
    }};
}

fn disruptor<const WORDS: usize>(batch: u64) -> impl FnMut(u64) -> Duration {
    move |messages| {
        let builder = build_single_producer(CAPACITY, Event::<WORDS>::new, BusySpin);
        let (mut poller, builder) = builder.new_event_poller();
        let mut producer = builder.build();
        let produce = Box::new(move || {
            let mut number = 0;
            while number < messages {
                let n = batch.min(messages - number) as usize;
                until(|| {
                    let filled = producer.try_batch_publish(n, |events| {
                        events.for_each(|event| {
                            event.0 = [number; WORDS];
                            number += 1;
                        });
                    });
                    filled.is_ok()
                });
            }
        });
        race(vec![produce], || drain!(poller, messages))
    }
}

fn disruptor_of_many(producers: u64) -> impl FnMut(u64) -> Duration {
    move |messages| {
        let each = messages / producers;
        let builder = build_multi_producer(CAPACITY, Event::<2>::new, BusySpin);
        let (mut poller, builder) = builder.new_event_poller();
        let producer = builder.build();
        let produce = (0..producers)
            .map(|_| {
                let mut producer = producer.clone();
                Box::new(move || {
                    for number in 0..each {
                        until(|| producer.try_publish(|event| event.0 = [number; 2]).is_ok());
                    }
                }) as Box<dyn FnOnce() + Send>
            })
            .collect();
        drop(producer);
        race(produce, || drain!(poller, each * producers))
    }
}

/// Counts what it is given.
#[derive(Default)]
struct Count(u64);

impl Sink for Count {
    fn submit(&mut self, _conn: ConnId, run: &Run<'_>) -> Wrote {
        self.0 += run.wire().len() as u64;
        Wrote::All
    }

    fn close(&mut self, _conn: ConnId, _reason: CloseReason) {}
}

const MESSAGE: [u8; 32] = [7; 32];

/// The whole path: a frame is made, published, routed and submitted to one connection.
fn core(producers: u64, batch: u64) -> impl FnMut(u64) -> Duration {
    move |messages| {
        let (core, mut seeds) = Core::new(1).expect("one shard");
        let mut shard = seeds
            .pop()
            .expect("one shard")
            .grow(Count::default(), OutboxLimits::default());
        let topic = core.topic().expect("a first topic");
        let conn = shard.open().expect("a first connection");
        shard.subscribe(&topic, conn);
        let each = messages / producers;
        let produce = (0..producers)
            .map(|_| {
                let (mut publisher, topic) = (core.publisher().expect("a seat"), topic.clone());
                Box::new(move || {
                    for number in 0..each {
                        until(|| !publisher.is_spilling());
                        let frame = Frame::from_bytes(MESSAGE, 0);
                        publisher
                            .publish(&topic, Class::Reliable, frame)
                            .expect("room");
                        if number % batch == batch - 1 {
                            publisher.flush();
                        }
                    }
                }) as Box<dyn FnOnce() + Send>
            })
            .collect();
        race(produce, || {
            let (all, mut tries) = (each * producers * MESSAGE.len() as u64, 0);
            while shard.sink_ref().0 < all {
                if shard.turn(Millis(0)).is_idle() {
                    wait(&mut tries);
                }
            }
        })
    }
}

fn main() {
    let bytes = |_| Bytes::copy_from_slice(&MESSAGE);
    play_all(vec![
        Match::new("ring/1P1C", "message", 1, 100_000)
            .across_threads()
            .enter("lane", lanes(1, 1))
            .enter("lane, flushed every 16", lanes(1, BATCH))
            .enter("tokio broadcast", tokio_broadcast(1, |number| number))
            .enter("crossbeam-channel", crossbeam(1))
            .enter("disruptor", disruptor::<2>(1))
            .enter("disruptor, batches of 16", disruptor::<2>(BATCH))
            .enter(
                "disruptor, batches of 16, 8-byte events",
                disruptor::<1>(BATCH),
            )
            .expect(
                "tokio broadcast / lane",
                "tokio broadcast",
                "lane",
                Bound::AtLeast(5.0),
            )
            .expect(
                "disruptor, batches of 16 / lane, flushed every 16",
                "disruptor, batches of 16",
                "lane, flushed every 16",
                Bound::AtLeast(0.8),
            )
            .expect(
                "the same with 8-byte events against 16-byte descriptors",
                "disruptor, batches of 16, 8-byte events",
                "lane, flushed every 16",
                Bound::None,
            ),
        Match::new("ring/4P1C", "message", 1, 100_000)
            .across_threads()
            .enter("lanes", lanes(4, 1))
            .enter("lanes, flushed every 16", lanes(4, BATCH))
            .enter("tokio broadcast", tokio_broadcast(4, |number| number))
            .enter("crossbeam-channel", crossbeam(4))
            .enter("disruptor", disruptor_of_many(4))
            .expect(
                "tokio broadcast / lanes",
                "tokio broadcast",
                "lanes",
                Bound::AtLeast(3.5),
            ),
        Match::new("ring/whole path, 1P", "message", 1, 50_000)
            .across_threads()
            .enter("core", core(1, 1))
            .enter("core, flushed every 16", core(1, BATCH))
            .enter("tokio broadcast of Bytes", tokio_broadcast(1, bytes))
            .expect(
                "tokio broadcast of Bytes / core",
                "tokio broadcast of Bytes",
                "core",
                Bound::None,
            )
            .expect(
                "tokio broadcast of Bytes / core, flushed every 16",
                "tokio broadcast of Bytes",
                "core, flushed every 16",
                Bound::None,
            ),
    ]);
}
