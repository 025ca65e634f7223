//! The publisher: one thread's way to every shard, in order.
//!
//! Promises: **FIFO per publisher and shard**, over all operations: a `join` followed by `publish`
//! reaches the new subscriber, a `unicast` followed by `disconnect` arrives before the end. An operation
//! that returns an error took effect on no shard. Nothing is visible to a shard before [`flush`]
//! (or the ring fills), so a tick's operations cost one fence and at most one wake-up a shard.
//! Leaves out: waiting. A publisher never blocks.
//!
//! [`flush`]: Publisher::flush

use crate::{
    class::Class,
    compose::Compose,
    core::{LaneGate, Shared, bits},
    doorbell::Doorbell,
    error::PublishError,
    frame::Frame,
    ident::ConnId,
    lane::Producer,
    op::{AppMessage, Op, encode, publish_desc},
    spill::Spilled,
    stats::Counters,
    sync::{Arc, Promise, kept},
    topic::Topic,
};

/// A registered publisher. `Send`, used by one thread at a time. Dropping it flushes.
pub struct Publisher {
    shared: Arc<Shared>,
    seat: usize,
    lanes: Box<[Option<Lane>]>,
    /// Shards with something staged or spilled since the last flush.
    touched: u64,
}

struct Lane {
    producer: Producer,
    gate: LaneGate,
    /// Something may wait in the overflow, so the ring must not be used before it is empty.
    spilling: bool,
}

impl Lane {
    /// Whether operations may go into the ring: nothing earlier waits in the overflow.
    fn in_ring(&mut self, slots: u32) -> bool {
        if self.spilling {
            self.spilling = !self.gate.spill.is_empty();
        }
        !self.spilling && self.producer.has_room(slots)
    }
}

impl Publisher {
    pub(crate) fn new(shared: Arc<Shared>, seat: usize) -> Self {
        let lanes = shared.gates.iter().map(|_| None).collect();
        Self {
            shared,
            seat,
            lanes,
            touched: 0,
        }
    }

    /// Sends `frame` to every subscriber of `topic`, except the one the frame leaves out. Costs a
    /// descriptor per shard that has subscribers, however many those are.
    pub fn publish(
        &mut self,
        topic: &Topic,
        class: Class,
        frame: Frame,
    ) -> Result<(), PublishError> {
        let shards = topic.shards();
        if shards == 0 {
            return Ok(());
        }
        if !self.all_in_ring(shards) {
            return self.publish_spilling(shards, topic, class, frame);
        }
        // All references are counted before any descriptor is visible.
        let share = frame.into_raw_shares(shards.count_ones());
        for shard in bits(shards) {
            self.lane(shard)
                .producer
                .stage(publish_desc(topic.id(), class, share));
        }
        self.touched |= shards;
        Ok(())
    }

    /// Sends every subscriber of `topic` its own message, composed in the shard from shared parts.
    pub fn publish_composed(
        &mut self,
        topic: &Topic,
        composer: std::sync::Arc<dyn Compose>,
    ) -> Result<(), PublishError> {
        let shards = topic.shards();
        let op = || Op::Compose {
            topic: topic.id(),
            composer: composer.clone(),
        };
        self.check_room(shards, &op)?;
        bits(shards).for_each(|shard| self.send(shard, op()));
        Ok(())
    }

    /// Sends a frame to one connection.
    pub fn unicast(
        &mut self,
        conn: ConnId,
        class: Class,
        frame: Frame,
    ) -> Result<(), PublishError> {
        self.send_to(conn, Op::Unicast { conn, class, frame })
    }

    /// Subscribes a connection: this publisher's later publishes reach it, its earlier ones do not.
    pub fn join(&mut self, topic: &Topic, conn: ConnId) -> Result<(), PublishError> {
        self.send_to(
            conn,
            Op::Join {
                conn,
                topic: topic.clone(),
            },
        )
    }

    /// Ends a subscription, in the same order.
    pub fn leave(&mut self, topic: &Topic, conn: ConnId) -> Result<(), PublishError> {
        self.send_to(
            conn,
            Op::Leave {
                conn,
                topic: topic.clone(),
            },
        )
    }

    /// Ends a connection after what was sent to it before. `reason` is the caller's own code.
    pub fn disconnect(&mut self, conn: ConnId, reason: u16) -> Result<(), PublishError> {
        self.send_to(conn, Op::Disconnect { conn, reason })
    }

    /// Sends the layer above a message, handled in order by [`Host::app`](crate::Host::app).
    pub fn app(&mut self, shard: usize, message: AppMessage) -> Result<(), PublishError> {
        if shard >= self.shared.gates.len() {
            return Err(PublishError::NoSuchShard { shard });
        }
        let op = Op::App(message);
        self.check(shard, &op)?;
        self.send(shard, op);
        Ok(())
    }

    /// Sends every shard a message of its own, or none of them any.
    pub fn app_all(&mut self, mut message: impl FnMut() -> AppMessage) -> Result<(), PublishError> {
        let shards = 0..self.shared.gates.len();
        let nothing = Op::App(Box::new(()));
        shards
            .clone()
            .try_for_each(|shard| self.check(shard, &nothing))?;
        shards.for_each(|shard| self.send(shard, Op::App(message())));
        Ok(())
    }

    /// Shows the shards everything so far, and wakes those that sleep. Call it at the end of a tick.
    pub fn flush(&mut self) {
        if self.touched == 0 {
            return;
        }
        for shard in bits(self.touched) {
            if let Some(lane) = &mut self.lanes[shard] {
                lane.producer.publish();
            }
        }
        Doorbell::publisher_fence();
        let woken = bits(self.touched)
            .filter(|shard| self.shared.gates[*shard].bell.ring())
            .count();
        self.counters().wakes.add(woken as u64);
        self.touched = 0;
    }

    /// Whether something has waited for a shard that is behind: a hint to send less.
    pub fn is_spilling(&self) -> bool {
        self.lanes
            .iter()
            .flatten()
            .any(|lane| lane.spilling && !lane.gate.spill.is_empty())
    }

    fn counters(&self) -> &Counters {
        &self.shared.publishers[self.seat]
    }

    fn lane(&mut self, shard: usize) -> &mut Lane {
        self.lanes[shard].get_or_insert_with(|| {
            let gate = self.shared.gates[shard].lane(self.seat);
            // The seat's previous owner may have left something in the overflow.
            Lane {
                producer: Producer::resume(gate.ring.clone()),
                spilling: true,
                gate,
            }
        })
    }

    fn all_in_ring(&mut self, shards: u64) -> bool {
        bits(shards).all(|shard| self.lane(shard).in_ring(1))
    }

    /// The slow half of `publish`: at least one shard is behind.
    fn publish_spilling(
        &mut self,
        shards: u64,
        topic: &Topic,
        class: Class,
        frame: Frame,
    ) -> Result<(), PublishError> {
        let op = || Op::Publish {
            topic: topic.id(),
            class,
            frame: frame.clone(),
        };
        self.check_room(shards, &op)?;
        bits(shards).for_each(|shard| self.send(shard, op()));
        Ok(())
    }

    fn send_to(&mut self, conn: ConnId, op: Op) -> Result<(), PublishError> {
        let shard = conn.shard();
        if shard >= self.shared.gates.len() {
            return Err(PublishError::NoSuchShard { shard });
        }
        self.check(shard, &op)?;
        if let Op::Join { topic, .. } = &op {
            topic.join_started(shard);
        }
        self.send(shard, op);
        Ok(())
    }

    /// Fails unless every one of `shards` can take the operation, so that it reaches all or none.
    fn check_room(&mut self, shards: u64, op: &dyn Fn() -> Op) -> Result<(), PublishError> {
        bits(shards).try_for_each(|shard| self.check(shard, &op()))
    }

    fn check(&mut self, shard: usize, op: &Op) -> Result<(), PublishError> {
        let lane = self.lane(shard);
        if op.is_volatile() || lane.in_ring(op.slots()) || lane.gate.spill.has_room_for(op) {
            return Ok(());
        }
        self.counters().refused.add(1);
        // Whoever is told to try later must not leave the rest unseen.
        self.flush();
        Err(PublishError::ShardStalled { shard })
    }

    /// Stages the operation, or lets it wait, or drops it, as its class says.
    fn send(&mut self, shard: usize, op: Op) {
        self.touched |= 1 << shard;
        let lane = self.lane(shard);
        if lane.in_ring(op.slots()) {
            return encode(op, |desc| lane.producer.stage(desc));
        }
        if op.is_volatile() {
            let counters = self.counters();
            counters.accepted.add(1);
            return counters.dropped.add(1);
        }
        // Before the overflow is visible the ring must be, see `Spill::push`.
        if kept(Promise::RingFirst) {
            lane.producer.publish();
        }
        lane.spilling = true;
        let spilled = lane.gate.spill.push(op);
        let counters = self.counters();
        counters.spilled.add(1);
        if spilled == Spilled::Replaced {
            counters.accepted.add(1);
            counters.replaced.add(1);
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.flush();
        self.shared.leave_seat(self.seat);
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher")
            .field("seat", &self.seat)
            .finish_non_exhaustive()
    }
}
