//! Models: every interleaving of small programs, as loom sees memory.
//!
//! Each model is run twice over: as it is, where it must hold, and with one promise broken, where it
//! must fail; a model that cannot fail proves nothing. Exhaustive where that takes seconds; otherwise
//! up to three preemptions, in which nearly every known bug of this kind shows.
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p ringside-core --no-default-features --release --lib
//! loom --target-dir target/loom`.
//! Leaves out: speed, fairness, and crossbeam's queue, for which a lock stands in.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Wake, Waker},
};

use loom::{model::Builder, thread};

use crate::{
    Class, Core, Frame, Key, Millis, OutboxLimits,
    core::LaneGate,
    doorbell::Doorbell,
    lane::{Consumer, Desc, Producer, Ring},
    sim::SimSink,
    sync::{Arc, Promise, broken},
};

/// All interleavings.
fn exhaustive(model: impl Fn() + Sync + Send + 'static) {
    Builder::new().check(model);
}

/// All interleavings with at most three preemptions.
fn bounded(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Fails unless `model` fails when `promise` is broken.
fn notices(promise: Promise, model: fn()) {
    let run = AssertUnwindSafe(|| broken(promise, || bounded(model)));
    assert!(
        catch_unwind(run).is_err(),
        "nothing noticed that {promise:?} was broken"
    );
}

fn desc(n: usize) -> Desc {
    Desc {
        word: std::ptr::without_provenance_mut(n),
        meta: n as u64,
    }
}

/// One producer, one consumer, `count` descriptors through a ring of two, beginning at `position`.
fn through_a_lane(position: u32, count: usize) {
    let ring = Arc::new(Ring::starting_at(position));
    let mut producer = Producer::resume(ring.clone());
    let mut consumer = Consumer::resume(ring);
    let writer = thread::spawn(move || {
        for n in 1..=count {
            while !producer.has_room(1) {
                thread::yield_now();
            }
            producer.stage(desc(n));
            producer.publish();
        }
    });
    for n in 1..=count {
        let got = loop {
            match consumer.next() {
                Some(got) => break got,
                None => thread::yield_now(),
            }
        };
        assert_eq!(got, desc(n));
        consumer.release();
    }
    assert_eq!(consumer.next(), None);
    writer.join().unwrap();
}

#[test]
fn loom_lane_publish_and_drain() {
    exhaustive(|| through_a_lane(0, 3));
}

#[test]
fn loom_lane_wraps_around() {
    exhaustive(|| through_a_lane(u32::MAX, 3));
}

#[test]
fn loom_lane_notices_a_tail_that_orders_nothing() {
    notices(Promise::LaneTail, || through_a_lane(0, 2));
}

#[test]
fn loom_lane_notices_a_head_that_orders_nothing() {
    notices(Promise::LaneHead, || through_a_lane(0, 3));
}

/// Wakes a sleeper of the model.
struct Bed(loom::sync::Notify);

impl Wake for Bed {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.notify();
    }
}

/// Some publishers, one shard that sleeps whenever it finds nothing. A lost wake-up is a deadlock.
fn publishers_and_a_bell(count: usize) {
    let bell = Arc::new(Doorbell::new());
    let rings: Vec<_> = (0..count).map(|_| Arc::new(Ring::new())).collect();
    let publishers: Vec<_> = rings
        .iter()
        .map(|ring| {
            let (bell, mut producer) = (bell.clone(), Producer::resume(ring.clone()));
            thread::spawn(move || {
                producer.stage(desc(1));
                producer.publish();
                Doorbell::publisher_fence();
                bell.ring();
            })
        })
        .collect();

    let bed = std::sync::Arc::new(Bed(loom::sync::Notify::new()));
    bell.set_waker(&Waker::from(bed.clone()));
    let mut consumers: Vec<_> = rings.into_iter().map(Consumer::resume).collect();
    let mut got = 0;
    while got < count {
        got += consumers.iter_mut().filter_map(Consumer::next).count();
        if got == count {
            break;
        }
        bell.park();
        match consumers.iter_mut().any(|lane| lane.refresh() > 0) {
            true => bell.unpark(),
            false => bed.0.wait(),
        }
    }
    publishers.into_iter().for_each(|p| p.join().unwrap());
}

#[test]
fn loom_doorbell_loses_no_wake_up() {
    exhaustive(|| publishers_and_a_bell(1));
    bounded(|| publishers_and_a_bell(2));
}

#[test]
fn loom_doorbell_notices_that_the_shard_has_no_fence() {
    notices(Promise::ShardFence, || publishers_and_a_bell(1));
}

#[test]
fn loom_doorbell_notices_that_the_publisher_has_no_fence() {
    notices(Promise::PublisherFence, || publishers_and_a_bell(1));
}

/// A raw share of a frame, on its way to another thread.
struct Share(*mut ());

// SAFETY: a share is one reference of a frame, and frames are `Send`.
unsafe impl Send for Share {}

impl Share {
    fn take_up(self) {
        // SAFETY: each share is made for one thread, which takes it up here. (A test makes too few on
        // purpose: under loom a frame's memory is not given back, so even that touches no freed memory.)
        let frame = unsafe { Frame::from_raw(self.0) };
        assert_eq!(frame.wire(), b"x");
    }
}

/// One frame for two shards, with `shares` references counted.
fn a_frame_for_two_shards(shares: u32) {
    let word = Frame::from_bytes(b"x", 0).into_raw_shares(shares);
    let (one, two) = (Share(word), Share(word));
    let other = thread::spawn(move || one.take_up());
    two.take_up();
    other.join().unwrap();
}

/// A frame that was shared, and is split anew by the one who has it left.
fn a_frame_that_comes_back() {
    let frame = Frame::from_bytes(b"x", 0);
    let lent = frame.clone();
    let reader = thread::spawn(move || assert_eq!(lent.wire(), b"x"));
    let word = frame.into_raw_shares(2);
    let (one, two) = (Share(word), Share(word));
    let other = thread::spawn(move || one.take_up());
    two.take_up();
    other.join().unwrap();
    reader.join().unwrap();
}

#[test]
fn loom_frame_is_freed_once_and_after_its_last_reader() {
    exhaustive(|| a_frame_for_two_shards(2));
    exhaustive(a_frame_that_comes_back);
}

#[test]
fn loom_frame_notices_a_reference_too_few() {
    let run = || exhaustive(|| a_frame_for_two_shards(1));
    assert!(
        catch_unwind(run).is_err(),
        "one reference for two readers went unnoticed"
    );
}

#[test]
fn loom_frame_notices_a_drop_that_orders_nothing() {
    notices(Promise::FrameDrop, || a_frame_for_two_shards(2));
}

/// A publisher joins a connection and publishes, while the shard loses its last old subscriber.
fn join_racing_publish() {
    let (core, mut seeds) = Core::new(1).unwrap();
    let mut shard = seeds
        .pop()
        .unwrap()
        .grow(SimSink::default(), OutboxLimits::default());
    let topic = core.topic().unwrap();
    let (old, new) = (shard.open().unwrap(), shard.open().unwrap());
    shard.subscribe(&topic, old);

    let (mut publisher, theirs) = (core.publisher().unwrap(), topic.clone());
    let joiner = thread::spawn(move || {
        publisher.join(&theirs, new).unwrap();
        publisher
            .publish(&theirs, Class::Reliable, Frame::from_bytes(b"x", 0))
            .unwrap();
        publisher.flush();
    });
    shard.unsubscribe(&topic, old);
    shard.turn(Millis(0));
    joiner.join().unwrap();
    while !shard.turn(Millis(0)).is_idle() {}
    assert_eq!(shard.sink().conn(new).wire, b"x");
}

#[test]
fn loom_join_racing_publish_reaches_the_new_subscriber() {
    exhaustive(join_racing_publish);
}

#[test]
fn loom_join_notices_that_a_bit_goes_too_early() {
    notices(Promise::JoinsHoldBits, join_racing_publish);
}

/// Four messages through a ring of two and its overflow, while the shard drains.
fn overflowing_lane() {
    let (core, mut seeds) = Core::new(1).unwrap();
    let mut shard = seeds
        .pop()
        .unwrap()
        .grow(SimSink::default(), OutboxLimits::default());
    let topic = core.topic().unwrap();
    let reader = shard.open().unwrap();
    shard.subscribe(&topic, reader);
    let mut publisher = core.publisher().unwrap();
    let writer = thread::spawn(move || {
        for byte in [b"a", b"b", b"c", b"d"] {
            publisher
                .publish(&topic, Class::Reliable, Frame::from_bytes(byte, 0))
                .unwrap();
        }
    });
    shard.turn(Millis(0));
    shard.turn(Millis(0));
    writer.join().unwrap();
    while !shard.turn(Millis(0)).is_idle() {}
    assert_eq!(shard.sink().conn(reader).wire, b"abcd");
    assert_eq!(core.stats().waiting(), 0);
}

#[test]
fn loom_spill_keeps_the_order() {
    exhaustive(overflowing_lane);
}

#[test]
fn loom_spill_notices_a_ring_that_is_shown_too_late() {
    notices(Promise::RingFirst, overflowing_lane);
}

/// A shard that goes away while a publisher still writes: every frame is given back.
#[test]
fn loom_teardown_frees_what_is_left_in_a_lane() {
    bounded(|| {
        let (core, mut seeds) = Core::new(1).unwrap();
        let mut shard = seeds
            .pop()
            .unwrap()
            .grow(SimSink::default(), OutboxLimits::default());
        let topic = core.topic().unwrap();
        let reader = shard.open().unwrap();
        shard.subscribe(&topic, reader);
        let frame = Frame::from_bytes(b"x", 0);
        let (mut publisher, ours) = (core.publisher().unwrap(), frame.clone());
        let class = Class::Latest(Key::new(7).unwrap());
        let writer = thread::spawn(move || {
            for _ in 0..3 {
                publisher.publish(&topic, class, ours.clone()).unwrap();
            }
        });
        drop(shard);
        writer.join().unwrap();
        drop(core);
        assert_eq!(frame.refs(), 1);
    });
}

/// Two consumers of one lane, one after the other, as at the end of a core.
#[test]
fn loom_lane_is_read_on_where_its_last_reader_stopped() {
    bounded(|| {
        let lane = LaneGate::new();
        let mut producer = Producer::resume(lane.ring.clone());
        let frame = Frame::from_bytes(b"x", 0);
        let word = frame.clone().into_raw_shares(2);
        let topic = crate::topic::TopicId(0);
        producer.stage(crate::op::publish_desc(topic, Class::Reliable, word));
        producer.stage(crate::op::publish_desc(topic, Class::Reliable, word));
        producer.publish();
        let mut first = crate::shard::Source::new(lane.clone());
        let reader = thread::spawn(move || drop(first.next()));
        reader.join().unwrap();
        drop(crate::shard::Source::new(lane));
        assert_eq!(frame.refs(), 1);
    });
}
