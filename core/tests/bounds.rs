//! Bounds at full size, and the ends of things: full lanes, huge turns, hosts that act within a turn.

use std::sync::Arc;

use ringside_core::{
    AppMessage, Busy, Class, CloseReason, Compose, ConnId, Core, Frame, Host, Millis, Outbox,
    OutboxLimits, PUBLISHERS_MAX, PublishError, SHARDS_MAX, SetupError, Shard, Topic, sim::SimSink,
};

/// What a lane and its overflow hold together: 1,024 descriptors and 16,384 operations.
const LANE_MAX: usize = 1_024 + 16_384;

fn one_shard() -> (Core, Shard<SimSink>) {
    let (core, mut seeds) = Core::new(1).unwrap();
    (
        core,
        seeds
            .pop()
            .unwrap()
            .grow(SimSink::default(), OutboxLimits::default()),
    )
}

#[test]
fn a_lane_takes_what_it_says_and_loses_nothing() {
    let (core, mut shard) = one_shard();
    let topic = core.topic().unwrap();
    let conn = shard.open().unwrap();
    shard.subscribe(&topic, conn);
    let mut publisher = core.publisher().unwrap();
    let frame = |n: usize| Frame::from_bytes((n as u32).to_be_bytes(), 0);
    for n in 0..LANE_MAX {
        publisher
            .publish(&topic, Class::Reliable, frame(n))
            .unwrap();
    }
    assert!(publisher.is_spilling());
    let full = publisher.publish(&topic, Class::Reliable, frame(0));
    assert_eq!(full, Err(PublishError::ShardStalled { shard: 0 }));
    assert_eq!(
        publisher.publish(&topic, Class::Volatile, frame(0)),
        Ok(()),
        "dropped, and counted"
    );
    while !shard.turn(Millis(0)).is_idle() {}
    let expected: Vec<u8> = (0..LANE_MAX as u32).flat_map(u32::to_be_bytes).collect();
    assert!(shard.sink().conn(conn).wire == expected);
    assert!(!publisher.is_spilling());
    let stats = core.stats();
    assert_eq!(
        (stats.delivered, stats.dropped, stats.refused),
        (LANE_MAX as u64, 1, 1)
    );
    assert_eq!((stats.spilled, stats.waiting()), (16_384, 0));
}

#[test]
fn the_control_queue_refuses_when_full_and_recovers() {
    let (core, mut shard) = one_shard();
    let conn = shard.open().unwrap();
    let send = || core.unicast(conn, Class::Reliable, Frame::from_bytes(b".", 0));
    assert_eq!((0..4_096).filter(|_| send().is_ok()).count(), 4_096);
    assert_eq!(send(), Err(Busy { shard: 0 }));
    shard.turn(Millis(0));
    assert_eq!(send(), Ok(()));
}

#[test]
fn asking_for_too_much_is_an_error() {
    assert_eq!(
        Core::new(0).err(),
        Some(SetupError::ShardCount { asked: 0 })
    );
    assert_eq!(
        Core::new(SHARDS_MAX + 1).err(),
        Some(SetupError::ShardCount { asked: 41 })
    );
    let (core, _shard) = one_shard();
    let mut publishers: Vec<_> = (0..PUBLISHERS_MAX)
        .map(|_| core.publisher().unwrap())
        .collect();
    assert_eq!(core.publisher().err(), Some(SetupError::TooManyPublishers));
    let nowhere = ConnId::from_bits(5 << 56);
    assert_eq!(
        publishers[0].disconnect(nowhere, 0),
        Err(PublishError::NoSuchShard { shard: 5 })
    );
    publishers.pop();
    assert!(core.publisher().is_ok());
}

/// Writes each viewer 64 KiB that name it.
struct Large;

impl Compose for Large {
    fn compose(&self, conn: ConnId, outbox: &mut Outbox<'_>) {
        let part = [conn.slot() as u8; 1024];
        outbox.message(Class::Reliable, 0, b"h", std::iter::repeat_n(&part[..], 64));
    }
}

#[test]
fn a_turn_that_grows_too_large_is_written_in_pieces() {
    let (core, mut shard) = one_shard();
    let topic = core.topic().unwrap();
    // 40 MiB in all, where 16 may gather; one viewer is dead, and must not disturb the others.
    let conns: Vec<_> = (0..640).map(|_| shard.open().unwrap()).collect();
    for conn in &conns {
        shard.subscribe(&topic, *conn);
    }
    shard.sink().conn(conns[3]).dead = true;
    let mut publisher = core.publisher().unwrap();
    publisher.publish_composed(&topic, Arc::new(Large)).unwrap();
    publisher.flush();
    shard.turn(Millis(0));
    for (n, conn) in conns.iter().enumerate().filter(|(n, _)| *n != 3) {
        let wire = &shard.sink().conn(*conn).wire;
        assert_eq!(wire.len(), 1 + 64 * 1024);
        assert!(wire[1..].iter().all(|byte| *byte == n as u8));
    }
    let stats = core.stats();
    assert_eq!(
        (stats.delivered, stats.disconnected, stats.waiting()),
        (639, 1, 0)
    );
}

/// A layer above that ends one connection and moves another's deadline when a third expires.
#[derive(Default)]
struct Meddler {
    expired: Vec<ConnId>,
    closed: Vec<(ConnId, CloseReason)>,
}

struct Close(ConnId);

impl Host<SimSink> for Meddler {
    fn app(&mut self, shard: &mut Shard<SimSink>, message: AppMessage) {
        let Close(conn) = *message.downcast().unwrap();
        shard.close(conn, CloseReason::Requested(9));
        // The slot is free, and taken again within the same turn.
        assert_eq!(shard.open().unwrap().slot(), conn.slot());
    }

    fn expired(&mut self, shard: &mut Shard<SimSink>, conn: ConnId) {
        if self.expired.is_empty() {
            let others: Vec<_> = shard.connections().filter(|other| *other != conn).collect();
            shard.close(others[0], CloseReason::Gone);
            let newcomer = shard.open().unwrap();
            assert_eq!(newcomer.slot(), others[0].slot());
            shard.set_deadline(others[1], Millis(90_000));
        }
        self.expired.push(conn);
    }

    fn closed(
        &mut self,
        shard: &mut Shard<SimSink>,
        conn: ConnId,
        reason: CloseReason,
        _: Vec<Topic>,
    ) {
        assert!(!shard.is_open(conn));
        self.closed.push((conn, reason));
    }
}

#[test]
fn a_host_may_close_and_move_others_that_expire_with_it() {
    let (_core, mut shard) = one_shard();
    let conns: Vec<_> = (0..3).map(|_| shard.open().unwrap()).collect();
    conns
        .iter()
        .for_each(|conn| shard.set_deadline(*conn, Millis(1_000)));
    let mut host = Meddler::default();
    shard.turn_with(Millis(1_200), &mut host);
    assert_eq!(host.expired.len(), 1, "{:?}", host.expired);
    assert_eq!(host.closed.len(), 1);
    shard.turn_with(Millis(90_200), &mut host);
    assert_eq!(host.expired.len(), 2, "the deadline that was moved");
}

#[test]
fn a_slot_that_ends_and_begins_within_a_turn_gets_nothing_of_its_predecessor() {
    let (core, mut shard) = one_shard();
    let conn = shard.open().unwrap();
    let mut publisher = core.publisher().unwrap();
    publisher
        .unicast(conn, Class::Reliable, Frame::from_bytes(b"late", 0))
        .unwrap();
    publisher.app(0, Box::new(Close(conn))).unwrap();
    publisher
        .unicast(conn, Class::Reliable, Frame::from_bytes(b"later", 0))
        .unwrap();
    publisher.flush();
    let mut host = Meddler::default();
    shard.turn_with(Millis(0), &mut host);
    assert_eq!(host.closed, [(conn, CloseReason::Requested(9))]);
    let heir = shard.connections().next().unwrap();
    assert!(shard.sink().conn(heir).wire.is_empty());
    let stats = core.stats();
    assert_eq!(
        (stats.disconnected, stats.stale, stats.waiting()),
        (1, 1, 0)
    );
}

#[test]
fn a_shard_that_ends_is_forgotten_by_topics() {
    let (core, seeds) = Core::new(2).unwrap();
    let topic = core.topic().unwrap();
    let mut shards: Vec<_> = seeds
        .into_iter()
        .map(|seed| seed.grow(SimSink::default(), OutboxLimits::default()))
        .collect();
    for shard in &mut shards {
        let conn = shard.open().unwrap();
        shard.subscribe(&topic, conn);
    }
    let mut publisher = core.publisher().unwrap();
    drop(shards.pop());
    // Were the dead shard still meant, its lane would fill and refuse.
    for _ in 0..2 * LANE_MAX {
        publisher
            .publish(&topic, Class::Reliable, Frame::from_bytes(b"x", 0))
            .unwrap();
        publisher.flush();
        shards[0].turn(Millis(0));
    }
    assert_eq!(core.stats().delivered, 2 * LANE_MAX as u64);
}
