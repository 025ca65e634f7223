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
mod source;
mod turn;
mod wheel;

use std::{collections::HashMap, marker::PhantomData, rc::Rc, task::Waker};

pub use backlog::OutboxLimits;
pub(crate) use source::Source;

use crate::{
    class::Class,
    core::{ShardGate, Shared, bits},
    error::CloseReason,
    frame::Frame,
    ident::{ConnId, Millis},
    op::AppMessage,
    sink::{Sink, Wrote},
    stats::{Counters, Stats},
    sync::{Arc, Ordering, sized},
    topic::{Topic, TopicId},
};
use conns::{Conns, State};
use members::Members;
use turn::Turn;
use wheel::Wheel;

/// Operations drained from one source in one turn: what a turn adds to everybody's latency is
/// bounded by this times the sources, a few tens of microseconds each.
pub(crate) const DRAIN_MAX: usize = sized(256, 12, 4) as usize;

/// How long a connection that was asked to end may take to read its backlog: 5 s.
pub(crate) const LINGER_MS: u64 = 5_000;

/// The layer above, as a shard sees it. Every method runs within a turn, on the shard's thread, and
/// must not panic: unwinding leaves the turn half done, and the shard unusable.
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

    /// The connection has ended; its identity finds nobody any more. `left`: what it subscribed
    /// to until then.
    fn closed(
        &mut self,
        shard: &mut Shard<S>,
        conn: ConnId,
        reason: CloseReason,
        left: Vec<Topic>,
    ) {
        let _ = (shard, conn, reason, left);
    }

    /// A join or a leave of somebody's has taken effect (`joined` says which). Not told of the host's
    /// own calls, nor of what [`closed`](Self::closed) tells.
    fn moved(&mut self, conn: ConnId, topic: &Topic, joined: bool) {
        let _ = (conn, topic, joined);
    }

    /// A frame is being routed here, in the shard's own order; perhaps to nobody.
    #[inline]
    fn routing(&mut self, to: Destination, frame: &Frame) {
        let _ = (to, frame);
    }
}

/// Whom a frame is routed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The subscribers of a topic, except the one the frame leaves out.
    Topic(TopicId),
    /// One connection.
    Conn(ConnId),
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
            topics_max: usize::MAX,
            left: HashMap::new(),
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
            parked: false,
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
    lanes: Box<[Option<Box<Source>>]>,
    lanes_known: u64,
    conns: Conns,
    members: Members,
    /// Topics one connection may subscribe to.
    topics_max: usize,
    /// What connections subscribed to that end once their backlog is written.
    left: HashMap<u32, Vec<Topic>>,
    turn: Turn,
    /// The topic of the latest frames in `turn.frames`, and where they begin: not yet an item.
    open_item: Option<route::OpenItem>,
    wheel: Wheel,
    limits: OutboxLimits,
    sink: S,
    /// Connections that ended in this turn, for the host.
    ended: Vec<(ConnId, CloseReason, Vec<Topic>)>,
    /// Connections asked to end, to be looked at after the writes.
    closing: Vec<u32>,
    /// Connections whose sink takes more again.
    writable: Vec<ConnId>,
    scratch: Scratch,
    now: Millis,
    /// The doorbell still says so.
    parked: bool,
    /// A shard belongs to one thread.
    _stays: PhantomData<Rc<()>>,
}

/// Memory that turns use again and again.
#[derive(Default)]
struct Scratch {
    slots: Vec<u32>,
    items: Vec<u32>,
    cork: Vec<u8>,
    expired: Vec<ConnId>,
    /// Of the item that is being written to all its topic's subscribers: who gets it at once, who is
    /// behind, and who of the first did not take it all.
    ready: Vec<ConnId>,
    behind: Vec<u32>,
    short: Vec<(usize, Wrote)>,
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

    /// Turns so far in which there was anything to do. What is published between two of them is written by the later one.
    pub fn turns(&self) -> u64 {
        self.counters().turns.get()
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

    /// Bounds the topics one connection may subscribe to: joins beyond it have no effect, and are
    /// counted ([`Stats::joins_refused`]). Default: no bound.
    pub fn limit_topics(&mut self, max: usize) {
        self.topics_max = max;
    }

    /// Subscribes a local connection at once; whether that is new. Publishes that begin after this
    /// returns reach it.
    pub fn subscribe(&mut self, topic: &Topic, conn: ConnId) -> bool {
        self.close_open_item();
        self.join(conn, topic)
    }

    /// Unsubscribes a local connection at once; whether it was subscribed.
    pub fn unsubscribe(&mut self, topic: &Topic, conn: ConnId) -> bool {
        self.close_open_item();
        self.leave(conn, topic)
    }

    /// An announced join ([`Topic::announce_join`]) has been dealt with here.
    pub fn join_settled(&mut self, topic: &Topic) {
        self.join_arrived(topic);
    }

    /// What a connection subscribes to, in no particular order.
    pub fn topics(&self, conn: ConnId) -> impl Iterator<Item = &Topic> {
        let slot = self.conns.find(conn);
        let of = slot.map(|slot| &self.conns.memberships[slot as usize][..]);
        let of = of.unwrap_or_default().iter();
        of.filter_map(|membership| self.members.topic(membership))
    }

    /// Sends a frame to local connections now, after everything that was routed before. Each is named
    /// at most once.
    pub fn deliver(&mut self, conns: impl IntoIterator<Item = ConnId>, class: Class, frame: Frame) {
        self.close_open_item();
        let from = self.turn.frames.len();
        self.turn.frames.push(turn::Routed { frame, class });
        let item = self.turn.close_item(from);
        let mut missed = 0;
        for conn in conns {
            match self.open_slot(conn) {
                Some(slot) => self.conns.note(slot, item, &mut self.turn),
                None => missed += 1,
            }
        }
        self.count_stale(missed);
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
        if std::mem::take(&mut self.parked) {
            self.gate().bell.unpark();
        }
        let mut work = Work::default();
        self.drain_control(&mut work, host);
        self.drain_lanes(&mut work, host);
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
        let bell = &self.gate().bell;
        bell.set_waker(waker);
        bell.park();
        self.meet_new_lanes();
        let lanes = &mut self.lanes;
        let in_lanes = bits(self.lanes_known)
            .any(|seat| lanes[seat].as_mut().is_some_and(|lane| lane.has_work()));
        let waiting = in_lanes
            || !self.gate().control.is_empty()
            || !self.writable.is_empty()
            || !self.ended.is_empty();
        if waiting {
            self.gate().bell.unpark();
        }
        self.parked = !waiting;
        !waiting
    }

    /// This shard's counters.
    pub fn stats(&self) -> Stats {
        self.counters().read()
    }

    fn gate(&self) -> &ShardGate {
        &self.shared.gates[usize::from(self.id)]
    }

    fn counters(&self) -> &Counters {
        &self.gate().counters
    }

    fn drain_control(&mut self, work: &mut Work, host: &mut impl Host<S>) {
        for _ in 0..DRAIN_MAX {
            let Some(op) = self.gate().control.pop() else {
                return;
            };
            work.drained += 1;
            self.apply(op, work, host);
        }
        work.more = true;
    }

    fn drain_lanes(&mut self, work: &mut Work, host: &mut impl Host<S>) {
        self.meet_new_lanes();
        for seat in bits(self.lanes_known) {
            // Taken out while it drains: the host may use the whole shard meanwhile.
            let Some(mut lane) = self.lanes[seat].take() else {
                continue;
            };
            let drained = lane.drain(DRAIN_MAX, |op| self.apply(op, work, host));
            lane.release();
            work.drained += drained;
            work.more |= drained == DRAIN_MAX;
            self.lanes[seat] = Some(lane);
        }
    }

    fn meet_new_lanes(&mut self) {
        // Acquire: pairs with the Release in `ShardGate::lane`.
        let made = self.gate().lanes_made.load(Ordering::Acquire);
        for seat in bits(made & !self.lanes_known) {
            self.lanes[seat] = Some(Box::new(Source::new(self.gate().lane(seat))));
        }
        self.lanes_known = made;
    }

    fn expire(&mut self, now: Millis, host: &mut impl Host<S>) {
        let mut expired = std::mem::take(&mut self.scratch.expired);
        self.wheel
            .advance(now, |slot| expired.push(self.conns.id(slot)));
        for conn in expired.drain(..) {
            // The host may have closed it or moved its deadline on the way here.
            let Some(slot) = self
                .conns
                .find(conn)
                .filter(|slot| !self.wheel.is_set(*slot))
            else {
                continue;
            };
            match self.conns.get(slot).state {
                State::Open => host.expired(self, conn),
                State::Closing { .. } => self.end(slot, CloseReason::LingerExpired),
                State::Free => {}
            }
        }
        self.scratch.expired = expired;
    }

    fn tell_ended(&mut self, host: &mut impl Host<S>) {
        // The host may end further connections: those are told of as well.
        while !self.ended.is_empty() {
            for (conn, reason, left) in std::mem::take(&mut self.ended) {
                host.closed(self, conn, reason, left);
            }
        }
    }

    /// Ends a connection, whatever waits for it.
    fn end(&mut self, slot: u32, reason: CloseReason) {
        let id = self.conns.id(slot);
        let mut left = self.left.remove(&slot).unwrap_or_default();
        left.extend(self.topics(id).cloned());
        self.forget(slot);
        if reason == CloseReason::SlowConsumer {
            self.counters().slow_consumers.add(1);
        }
        self.sink.close(id, reason);
        self.ended.push((id, reason, left));
    }

    /// Ends a connection as far as the shard's own tables go.
    fn forget(&mut self, slot: u32) {
        self.leave_all(slot);
        self.wheel.clear(slot);
        let backlog = self.conns.get(slot).backlog.as_ref();
        let waiting = backlog.map_or(0, |backlog| backlog.len() as u64);
        let mut items = std::mem::take(&mut self.scratch.items);
        self.conns.take_notes(slot, &self.turn, &mut items);
        let noted: u64 = items.iter().map(|item| self.turn.units(*item)).sum();
        self.scratch.items = items;
        self.conns.free(slot);
        let counters = self.counters();
        counters.accepted.add(noted);
        counters.disconnected.add(noted + waiting);
        counters.connections.sub(1);
    }
}

/// The end of the shard's life. Its sink goes with it, and nobody is left to be told; the counters
/// stay readable, so what waited is accounted for, and topics forget the shard.
impl<S: Sink> Drop for Shard<S> {
    fn drop(&mut self) {
        // Before `shared` goes, for its last owner empties the lanes as well: one reader at a time.
        let lanes = std::mem::take(&mut self.lanes);
        if std::thread::panicking() {
            // The turn is half done: its tables are not to be relied on.
            return;
        }
        let open: Vec<u32> = self.conns.slots().collect();
        open.into_iter().for_each(|slot| self.forget(slot));
        while let Some(op) = self.gate().control.pop() {
            self.bury(op);
        }
        for mut lane in lanes.into_iter().flatten() {
            while let Some(op) = lane.next() {
                self.bury(op);
            }
        }
    }
}
