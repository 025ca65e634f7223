//! Threads that race for real: publishers, control-path threads and sleeping shards, at full size.
//!
//! The models prove small programs; these run large ones, and are what the thread sanitizer looks at.
//! Counts bound them, not time. Promises checked: nothing is lost that must not be, order per thread
//! holds, no wake-up is lost (a lost one hangs the test), counters conserve, frames are given back.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Wake, Waker},
    thread::{self, Thread},
};

use ringside_core::{
    Busy, Class, CloseReason, ConnId, Core, Frame, Millis, OutboxLimits, PublishError, Run, Sink,
    Topic, Wrote,
};

const SHARDS: usize = 2;
const PUBLISHERS: u32 = 3;
const CONTROLLERS: u32 = 2;
/// Messages of each sender.
const MESSAGES: u32 = if cfg!(debug_assertions) {
    30_000
} else {
    100_000
};
const READERS: usize = 8;

/// Wakes a shard's thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Checks that every sender's messages come in order, each once, and counts the last ones.
#[derive(Default)]
struct Ordered {
    last: HashMap<(ConnId, u32), u32>,
    finished: usize,
}

impl Sink for Ordered {
    fn submit(&mut self, conn: ConnId, run: &Run<'_>) -> Wrote {
        run.for_each_message(|message| {
            let word =
                |at: usize| u32::from_le_bytes(message.payload()[at..at + 4].try_into().unwrap());
            let (sender, number) = (word(0), word(4));
            let last = self.last.entry((conn, sender)).or_insert(0);
            assert_eq!(number, *last + 1, "{conn:?} of sender {sender}");
            *last = number;
            self.finished += usize::from(number == MESSAGES);
        });
        Wrote::All
    }

    fn close(&mut self, _conn: ConnId, _reason: CloseReason) {}
}

fn message(sender: u32, number: u32) -> Frame {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&sender.to_le_bytes());
    bytes[4..].copy_from_slice(&number.to_le_bytes());
    Frame::from_bytes(bytes, 0)
}

#[test]
fn every_sender_reaches_every_reader_in_order() {
    let (core, seeds) = Core::new(SHARDS).unwrap();
    let topic = core.topic().unwrap();
    let senders = PUBLISHERS + CONTROLLERS;
    let (ready, all_ready) = mpsc::sync_channel(SHARDS);
    let shards: Vec<_> = seeds
        .into_iter()
        .map(|seed| {
            let (topic, ready) = (topic.clone(), ready.clone());
            thread::spawn(move || {
                let mut shard = seed.grow(Ordered::default(), OutboxLimits::default());
                for _ in 0..READERS {
                    let conn = shard.open().unwrap();
                    shard.subscribe(&topic, conn);
                }
                ready.send(()).unwrap();
                let waker = Waker::from(Arc::new(Unpark(thread::current())));
                while shard.sink_ref().finished < READERS * senders as usize {
                    if shard.turn(Millis(0)).is_idle() && shard.park(&waker) {
                        thread::park();
                    }
                }
            })
        })
        .collect();
    (0..SHARDS).for_each(|_| all_ready.recv().unwrap());

    let publishers = (0..PUBLISHERS).map(|sender| {
        let (mut publisher, topic) = (core.publisher().unwrap(), topic.clone());
        thread::spawn(move || {
            for number in 1..=MESSAGES {
                // A full overflow is waited for: this sender may lose nothing.
                while let Err(error) =
                    publisher.publish(&topic, Class::Reliable, message(sender, number))
                {
                    assert!(matches!(error, PublishError::ShardStalled { .. }));
                    thread::yield_now();
                }
                if number % (1 + sender * 7) == 0 {
                    publisher.flush();
                }
            }
        })
    });
    let controllers = (PUBLISHERS..senders).map(|sender| {
        let (core, topic) = (core.clone(), topic.clone());
        thread::spawn(move || {
            for number in 1..=MESSAGES {
                while let Err(Busy { .. }) =
                    core.publish(&topic, Class::Reliable, message(sender, number))
                {
                    thread::yield_now();
                }
            }
        })
    });
    let running: Vec<_> = publishers.chain(controllers).collect();
    running
        .into_iter()
        .chain(shards)
        .for_each(|thread| thread.join().unwrap());

    let stats = core.stats();
    assert_eq!(
        stats.delivered,
        u64::from(senders) * u64::from(MESSAGES) * (SHARDS * READERS) as u64
    );
    assert_eq!(stats.waiting(), 0);
}

/// Counts what arrives at whom.
#[derive(Default)]
struct Arrivals(HashMap<ConnId, u64>);

impl Sink for Arrivals {
    fn submit(&mut self, conn: ConnId, run: &Run<'_>) -> Wrote {
        run.for_each_message(|_| *self.0.entry(conn).or_default() += 1);
        Wrote::All
    }

    fn close(&mut self, _conn: ConnId, _reason: CloseReason) {}
}

/// A publisher joins connections and publishes at once, while other threads empty the same topics: the
/// newcomer gets exactly what came after its join and before its leave.
#[test]
fn a_join_is_never_overtaken_by_a_leave_elsewhere() {
    const ROUNDS: u64 = if cfg!(debug_assertions) {
        5_000
    } else {
        20_000
    };
    let (core, seeds) = Core::new(SHARDS).unwrap();
    let topic = core.topic().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let arrived = Arc::new(AtomicUsize::new(0));
    let (ready, all_ready) = mpsc::sync_channel(SHARDS);
    let shards: Vec<_> = seeds
        .into_iter()
        .map(|seed| {
            let (topic, ready, done, arrived) =
                (topic.clone(), ready.clone(), done.clone(), arrived.clone());
            thread::spawn(move || {
                let mut shard = seed.grow(Arrivals::default(), OutboxLimits::default());
                let conns: Vec<_> = (0..=PUBLISHERS).map(|_| shard.open().unwrap()).collect();
                let guest = conns[PUBLISHERS as usize];
                ready.send(conns).unwrap();
                // A guest of the shard's own comes and goes, so the topic empties all the time.
                while !done.load(Ordering::Acquire) {
                    shard.subscribe(&topic, guest);
                    shard.turn(Millis(0));
                    shard.unsubscribe(&topic, guest);
                    shard.turn(Millis(0));
                }
                while !shard.turn(Millis(0)).is_idle() {}
                let counts = &shard.sink_ref().0;
                let regular = counts.iter().filter(|(conn, _)| **conn != guest);
                regular.for_each(|(_, count)| assert_eq!(*count % ROUNDS, 0, "{count}"));
                arrived.fetch_add(regular_total(counts, guest), Ordering::AcqRel);
            })
        })
        .collect();
    let conns: Vec<Vec<ConnId>> = (0..SHARDS).map(|_| all_ready.recv().unwrap()).collect();

    let publishers: Vec<_> = (0..PUBLISHERS as usize)
        .map(|n| {
            // Topics of their own would be too easy: all join and leave the same one, one at a time each.
            let (mut publisher, topic) = (core.publisher().unwrap(), topic.clone());
            let own: Topic = core.topic().unwrap();
            let mine: Vec<ConnId> = conns.iter().map(|shard| shard[n]).collect();
            thread::spawn(move || {
                let patiently = |act: &mut dyn FnMut() -> Result<(), PublishError>| {
                    while act().is_err() {
                        thread::yield_now();
                    }
                };
                for _ in 0..ROUNDS {
                    for conn in &mine {
                        patiently(&mut || publisher.join(&own, *conn));
                        patiently(&mut || publisher.join(&topic, *conn));
                        patiently(&mut || publisher.leave(&topic, *conn));
                        patiently(&mut || publisher.publish(&own, Class::Reliable, message(0, 0)));
                        patiently(&mut || publisher.leave(&own, *conn));
                    }
                    publisher.flush();
                }
            })
        })
        .collect();
    publishers
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    done.store(true, Ordering::Release);
    shards.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(
        arrived.load(Ordering::Acquire) as u64,
        ROUNDS * SHARDS as u64 * u64::from(PUBLISHERS)
    );
    assert_eq!(core.stats().waiting(), 0);
}

fn regular_total(counts: &HashMap<ConnId, u64>, guest: ConnId) -> usize {
    let regular = counts.iter().filter(|(conn, _)| **conn != guest);
    regular.map(|(_, count)| *count as usize).sum()
}

/// Publishers and shards come and go while others run; every frame is given back.
#[test]
fn frames_are_given_back_whoever_goes_first() {
    const ROUNDS: u32 = if cfg!(debug_assertions) { 100 } else { 400 };
    for round in 0..ROUNDS {
        let (core, seeds) = Core::new(SHARDS).unwrap();
        let topic = core.topic().unwrap();
        let frame = Frame::from_bytes(b"shared by all", 0);
        let mut shards = Vec::new();
        for seed in seeds {
            let mut shard = seed.grow(Arrivals::default(), OutboxLimits::default());
            let conn = shard.open().unwrap();
            shard.subscribe(&topic, conn);
            shards.push(shard);
        }
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|n| {
                let (mut publisher, topic, frame) =
                    (core.publisher().unwrap(), topic.clone(), frame.clone());
                thread::spawn(move || {
                    for _ in 0..(500 * n + 10 * round) {
                        let _ = publisher.publish(&topic, Class::Reliable, frame.clone());
                    }
                })
            })
            .collect();
        // The shards, here, take a few turns and go, while the publishers are still at it.
        for _ in 0..round % 8 {
            shards.iter_mut().for_each(|shard| {
                shard.turn(Millis(0));
            });
        }
        drop(shards);
        publishers
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(core.stats().waiting(), 0);
        drop((core, topic));
        assert_eq!(frame.refs(), 1, "round {round}");
    }
}
