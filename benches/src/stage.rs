//! Shards with many readers, for the benchmarks of the core.
//!
//! Promises: sinks that only count, so that what is measured is the core and not a socket.
//! Leaves out: real sockets (`benches/turn.rs`).

use std::hint::black_box;

use ringside_core::{
    Class, CloseReason, ConnId, Core, Frame, Millis, OutboxLimits, Publisher, Run, Shard, Sink,
    Topic, Wrote,
};

/// Bytes of a typical message on the wire: a position update in Socket.IO's form.
pub const MESSAGE_BYTES: usize = 66;

/// A sink that takes everything, or nothing.
#[derive(Default)]
pub struct Counting {
    /// Runs taken.
    pub runs: u64,
    /// Bytes taken.
    pub bytes: u64,
    /// Takes nothing from now on.
    pub blocked: bool,
}

impl Sink for Counting {
    #[inline]
    fn submit(&mut self, _conn: ConnId, run: &Run<'_>) -> Wrote {
        if self.blocked {
            return Wrote::Blocked;
        }
        self.runs += 1;
        self.bytes += black_box(run.wire()).len() as u64;
        Wrote::All
    }

    fn close(&mut self, _conn: ConnId, _reason: CloseReason) {}
}

/// One shard, one topic, its subscribers, and a publisher.
pub struct Stage {
    /// The core.
    pub core: Core,
    /// Its only shard.
    pub shard: Shard<Counting>,
    /// What everybody subscribes to.
    pub topic: Topic,
    /// The subscribers.
    pub conns: Vec<ConnId>,
    /// Who publishes.
    pub publisher: Publisher,
}

impl Stage {
    /// A stage with so many subscribers, past its first turns: memory has its working size.
    pub fn of(subscribers: usize) -> Self {
        let (core, mut seeds) = Core::new(1).expect("one shard is allowed");
        let seed = seeds.pop().expect("one was asked for");
        let mut shard = seed.grow(Counting::default(), OutboxLimits::default());
        let topic = core.topic().expect("the first topic");
        let conns: Vec<_> = (0..subscribers)
            .map(|_| shard.open().expect("there is room"))
            .collect();
        for conn in &conns {
            shard.subscribe(&topic, *conn);
        }
        let mut stage = Self {
            publisher: core.publisher().expect("the first publisher"),
            core,
            shard,
            topic,
            conns,
        };
        for _ in 0..3 {
            (0..16).for_each(|_| stage.publish(message()));
            stage.flush_and_turn();
        }
        stage
    }

    /// Publishes a frame, not yet visible.
    #[inline]
    pub fn publish(&mut self, frame: Frame) {
        let sent = self.publisher.publish(&self.topic, Class::Reliable, frame);
        sent.expect("the lane is drained every turn");
    }

    /// Makes what was published visible, and delivers it.
    #[inline]
    pub fn flush_and_turn(&mut self) {
        self.publisher.flush();
        self.shard.turn(Millis(0));
    }
}

/// A typical message.
#[inline]
pub fn message() -> Frame {
    Frame::from_bytes([7; MESSAGE_BYTES], 0)
}
