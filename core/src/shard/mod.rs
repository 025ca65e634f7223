//! A shard: one core's event loop, without the loop.
//!
//! ```text
//! turn(now):  control queue ─┐
//!             lanes ─────────┼─> route to local subscribers ─> one write a dirty socket ─> timers
//!             overflows ─────┘      (notes, no writes)            (the sink)
//! ```
//!
//! Promises: a turn does a bounded amount of work, allocates nothing at working size, and is
//! deterministic: the same operations, sink and times give the same writes. Nothing that arrives can
//! make it panic. A shard is not `Send` once grown: it stays with its thread.
//! Leaves out: threads, sockets and clocks (`driver/`, or a test).

mod backlog;
mod conns;
mod flush;
mod members;
mod route;
mod turn;
mod wheel;

use std::{collections::VecDeque, marker::PhantomData, rc::Rc, task::Waker};

pub use backlog::OutboxLimits;

use crate::{
    core::{ShardGate, Shared, bits},
    error::CloseReason,
    ident::{ConnId, Millis},
    lane::Consumer,
    op::{AppMessage, Decoder, Op},
    sink::Sink,
    spill::Spill,
    stats::{Counters, Stats},
    sync::{Arc, Ordering},
    topic::Topic,
};
use conns::{Conns, State};
use members::Members;
use turn::Turn;
use wheel::Wheel;

/// Operations drained from one source in one turn: what a turn adds to everybody's latency is
/// bounded by this times the sources, a few tens of microseconds each.
const DRAIN_MAX: usize = 256;

/// How long a connection that was asked to end may take to read its backlog: 5 s.
const LINGER_MS: u64 = 5_000;

/// The layer above, as a shard sees it. Every method runs within a turn, on the shard's thread.
pub trait Host<S: Sink> {
    /// A message sent by [`Publisher::app`](crate::Publisher::app), in order with everything else of
    /// that publisher.
    fn app(&mut self, shard: &mut Shard<S>, message: AppMessage) {
        let _ = (shard, message);
    }

    /// The deadline set with [`Shard::set_deadline`] has passed.
    fn expired(&mut self, shard: &mut Shard<S>, conn: ConnId) {
        let _ = (shard, conn);
    }

    /// The connection has ended; its identity finds nobody any more.
    fn closed(&mut self, shard: &mut Shard<S>, conn: ConnId, reason: CloseReason) {
        let _ = (shard, conn, reason);
    }
}

/// No layer above: messages are dropped, expired connections stay open.
impl<S: Sink> Host<S> for () {}

/// A shard that has not yet come to its thread.
pub struct ShardSeed {
    shared: Arc<Shared>,
    id: u8,
}

impl ShardSeed {
    pub(crate) fn new(shared: Arc<Shared>, id: u8) -> Self {
        Self { shared, id }
    }

    /// The shard's number.
    pub fn id(&self) -> usize {
        usize::from(self.id)
    }

    /// Makes the shard, on the thread that will run it.
    pub fn grow<S: Sink>(self, sink: S, limits: OutboxLimits) -> Shard<S> {
        let gate_lanes = crate::PUBLISHERS_MAX;
        Shard {
            id: self.id,
            shared: self.shared,
            lanes: (0..gate_lanes).map(|_| None).collect(),
            lanes_known: 0,
            conns: Conns::new(self.id),
            members: Members::default(),
            turn: Turn::default(),
            open_item: None,
            wheel: Wheel::new(),
            limits,
            sink,
            ended: Vec::new(),
            closing: Vec::new(),
            writable: Vec::new(),
            scratch: Scratch::default(),
            now: Millis(0),
            _stays: PhantomData,
        }
    }
}

/// What a turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Operations drained.
    pub drained: usize,
    /// Connections written to.
    pub writes: usize,
    /// The bound of a source was reached: there may be more.
    pub more: bool,
}

impl Work {
    /// Whether the turn found nothing to do.
    pub fn is_idle(&self) -> bool {
        self.drained == 0 && self.writes == 0 && !self.more
    }
}

/// One core's connections, subscriptions and writes. See the module's documentation.
pub struct Shard<S: Sink> {
    id: u8,
    shared: Arc<Shared>,
    lanes: Box<[Option<LaneEnd>]>,
    lanes_known: u64,
    conns: Conns,
    members: Members,
    turn: Turn,
    /// The topic of the latest frames in `turn.frames`, and where they begin: not yet an item.
    open_item: Option<route::OpenItem>,
    wheel: Wheel,
    limits: OutboxLimits,
    sink: S,
    /// Connections that ended in this turn, for the host.
    ended: Vec<(ConnId, CloseReason)>,
    /// Connections asked to end, to be looked at after the writes.
    closing: Vec<u32>,
    /// Connections whose sink takes more again.
    writable: Vec<ConnId>,
    scratch: Scratch,
    now: Millis,
    /// A shard belongs to one thread.
    _stays: PhantomData<Rc<()>>,
}

/// Memory that turns use again and again.
#[derive(Default)]
struct Scratch {
    slots: Vec<u32>,
    items: Vec<u32>,
    cork: Vec<u8>,
}

/// The shard's end of one lane.
struct LaneEnd {
    consumer: Consumer,
    spill: Arc<Spill>,
    /// Taken from the overflow, to be handled before the ring is looked at again.
    taken: VecDeque<Op>,
    decoder: Decoder,
}

impl LaneEnd {
    /// The next operation in the publisher's order.
    fn next(&mut self) -> Option<Op> {
        if let Some(op) = self.taken.pop_front() {
            return Some(op);
        }
        while let Some(desc) = self.consumer.next() {
            // SAFETY: descriptors come from `Publisher`, which makes them with `op::encode`, in the
            // order of the lane, and the lane hands each out once.
            if let Some(op) = unsafe { self.decoder.decode(desc) } {
                return Some(op);
            }
        }
        if !self.spill.is_waiting() {
            return None;
        }
        // The overflow comes after the ring: give the slots back and look once more under its lock.
        self.consumer.release();
        let consumer = &mut self.consumer;
        self.spill.take(|| consumer.refresh() == 0, &mut self.taken);
        self.taken.pop_front()
    }

    fn has_work(&mut self) -> bool {
        !self.taken.is_empty() || self.consumer.refresh() > 0 || self.spill.is_waiting()
    }
}

impl Drop for LaneEnd {
    fn drop(&mut self) {
        // What is still in the ring owns frames and topics.
        while self.next().is_some() {}
    }
}

impl<S: Sink> Shard<S> {
    /// The shard's number.
    pub fn id(&self) -> usize {
        usize::from(self.id)
    }

    /// The sink, to add and look up what its connections write to.
    pub fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// The sink, for reading.
    pub fn sink_ref(&self) -> &S {
        &self.sink
    }

    /// The time of the current or latest turn.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// Opens a connection, or `None` when 2^24 are open.
    pub fn open(&mut self) -> Option<ConnId> {
        let id = self.conns.open()?;
        self.counters().connections.add(1);
        Some(id)
    }

    /// Whether this identity names a connection that is open (and not about to end).
    pub fn is_open(&self, conn: ConnId) -> bool {
        self.conns
            .find(conn)
            .is_some_and(|slot| self.conns.get(slot).state == State::Open)
    }

    /// All connections, in the order of their slots.
    pub fn connections(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.conns.slots().map(|slot| self.conns.id(slot))
    }

    /// Ends a connection now: what waits for it is counted as disconnected. The host hears of it
    /// within this turn or the next.
    pub fn close(&mut self, conn: ConnId, reason: CloseReason) {
        if let Some(slot) = self.conns.find(conn) {
            self.end(slot, reason);
        }
    }

    /// The connection's sink takes more again.
    pub fn writable(&mut self, conn: ConnId) {
        self.writable.push(conn);
    }

    /// Whether something waits for the connection that its sink did not take.
    pub fn is_backlogged(&self, conn: ConnId) -> bool {
        self.conns
            .find(conn)
            .is_some_and(|slot| self.conns.get(slot).backlog.is_some())
    }

    /// Sets or moves the connection's deadline: [`Host::expired`] is called once it has passed, at
    /// most 128 ms late. Moving it later costs a store.
    #[inline]
    pub fn set_deadline(&mut self, conn: ConnId, at: Millis) {
        if let Some(slot) = self.conns.find(conn)
            && self.conns.get(slot).state == State::Open
        {
            self.wheel.set(slot, at);
        }
    }

    /// Forgets the connection's deadline.
    pub fn clear_deadline(&mut self, conn: ConnId) {
        if let Some(slot) = self.conns.find(conn)
            && self.conns.get(slot).state == State::Open
        {
            self.wheel.clear(slot);
        }
    }

    /// When the next turn is due although nothing arrives.
    pub fn next_deadline(&self) -> Option<Millis> {
        self.wheel.next()
    }

    /// Subscribes a local connection at once. Publishes that begin after this returns reach it.
    pub fn subscribe(&mut self, topic: &Topic, conn: ConnId) {
        self.join(conn, topic);
    }

    /// Unsubscribes a local connection at once.
    pub fn unsubscribe(&mut self, topic: &Topic, conn: ConnId) {
        self.leave(conn, topic);
    }

    /// Local subscribers of a topic, in no particular order.
    pub fn subscribers(&self, topic: &Topic) -> impl ExactSizeIterator<Item = ConnId> + '_ {
        self.members.of(topic.id()).map(|slot| self.conns.id(slot))
    }

    /// One turn: drains what arrived, writes, and lets time pass. For a shard without a layer above.
    pub fn turn(&mut self, now: Millis) -> Work {
        self.turn_with(now, &mut ())
    }

    /// One turn, with the layer above.
    pub fn turn_with(&mut self, now: Millis, host: &mut impl Host<S>) -> Work {
        self.now = now;
        let mut work = Work::default();
        self.drain_control(&mut work, host);
        self.drain_lanes(&mut work, host);
        self.close_open_item();
        self.write_all(&mut work);
        self.expire(now, host);
        self.tell_ended(host);
        if !work.is_idle() {
            self.counters().turns.add(1);
        }
        work
    }

    /// Prepares to sleep: `true` when nothing is waiting, and from then on the first publisher calls
    /// `waker`. `false`: take another turn.
    pub fn park(&mut self, waker: &Waker) -> bool {
        let shared = self.shared.clone();
        let gate = &shared.gates[self.id()];
        gate.bell.set_waker(waker);
        gate.bell.park();
        self.meet_new_lanes(gate);
        let waiting = !gate.control.is_empty()
            || !self.writable.is_empty()
            || !self.ended.is_empty()
            || self.lanes.iter_mut().flatten().any(LaneEnd::has_work);
        if waiting {
            gate.bell.unpark();
        }
        !waiting
    }

    /// This shard's counters.
    pub fn stats(&self) -> Stats {
        self.counters().read()
    }

    fn counters(&self) -> &Counters {
        &self.shared.gates[usize::from(self.id)].counters
    }

    fn drain_control(&mut self, work: &mut Work, host: &mut impl Host<S>) {
        let shared = self.shared.clone();
        let control = &shared.gates[self.id()].control;
        for _ in 0..DRAIN_MAX {
            let Some(op) = control.pop() else { return };
            work.drained += 1;
            self.apply(op, host);
        }
        work.more = true;
    }

    fn drain_lanes(&mut self, work: &mut Work, host: &mut impl Host<S>) {
        let shared = self.shared.clone();
        self.meet_new_lanes(&shared.gates[self.id()]);
        for seat in bits(self.lanes_known) {
            // Taken out while it drains: the host may use the whole shard meanwhile.
            let Some(mut lane) = self.lanes[seat].take() else {
                continue;
            };
            let mut drained = 0;
            while drained < DRAIN_MAX {
                let Some(op) = lane.next() else { break };
                drained += 1;
                self.apply(op, host);
            }
            lane.consumer.release();
            work.drained += drained;
            work.more |= drained == DRAIN_MAX;
            self.lanes[seat] = Some(lane);
        }
    }

    fn meet_new_lanes(&mut self, gate: &ShardGate) {
        // Acquire: pairs with the Release in `ShardGate::lane`.
        let made = gate.lanes_made.load(Ordering::Acquire);
        for seat in bits(made & !self.lanes_known) {
            let lane = gate.lane(seat);
            self.lanes[seat] = Some(LaneEnd {
                consumer: Consumer::new(lane.ring),
                spill: lane.spill,
                taken: VecDeque::new(),
                decoder: Decoder::default(),
            });
        }
        self.lanes_known = made;
    }

    fn expire(&mut self, now: Millis, host: &mut impl Host<S>) {
        let mut slots = std::mem::take(&mut self.scratch.slots);
        self.wheel.advance(now, |slot| slots.push(slot));
        for slot in slots.drain(..) {
            match self.conns.get(slot).state {
                State::Open => host.expired(self, self.conns.id(slot)),
                State::Closing { .. } => self.end(slot, CloseReason::LingerExpired),
                State::Free => {}
            }
        }
        self.scratch.slots = slots;
    }

    fn tell_ended(&mut self, host: &mut impl Host<S>) {
        // The host may end further connections: those are told of as well.
        while !self.ended.is_empty() {
            for (conn, reason) in std::mem::take(&mut self.ended) {
                host.closed(self, conn, reason);
            }
        }
    }

    /// Ends a connection, whatever waits for it.
    fn end(&mut self, slot: u32, reason: CloseReason) {
        let id = self.conns.id(slot);
        let shard = self.id();
        self.members
            .leave_all(slot, &mut self.conns.memberships, |topic| {
                topic.leave_if_idle(shard);
            });
        self.wheel.clear(slot);
        let mut waiting = self
            .conns
            .get(slot)
            .backlog
            .as_ref()
            .map_or(0, |b| b.len() as u64);
        let mut items = std::mem::take(&mut self.scratch.items);
        self.conns.take_notes(slot, &self.turn, &mut items);
        let noted: u64 = items.iter().map(|item| self.turn.units(*item)).sum();
        self.scratch.items = items;
        waiting += noted;
        self.conns.free(slot);
        let counters = self.counters();
        counters.accepted.add(noted);
        counters.disconnected.add(waiting);
        counters.connections.sub(1);
        if reason == CloseReason::SlowConsumer {
            counters.slow_consumers.add(1);
        }
        self.sink.close(id, reason);
        self.ended.push((id, reason));
    }
}
