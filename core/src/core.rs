//! The core itself: what shards and publishers share.
//!
//! Promises: making a core, a topic or a publisher is cold and may lock; everything that happens per
//! message lives elsewhere and does not. Leaves out: threads. A core can be driven by the tokio driver,
//! by a game's own loop, or by a test.

use std::sync::OnceLock;

use crate::{
    class::Class,
    control::ControlQueue,
    doorbell::Doorbell,
    error::{Busy, SetupError},
    frame::Frame,
    ident::ConnId,
    lane::Ring,
    op::{AppMessage, Op},
    publisher::Publisher,
    shard::{ShardSeed, Source},
    stats::{PaddedCounters, Stats},
    sync::{Arc, AtomicU64, Mutex, Ordering, lock},
    topic::{Directory, SHARDS_MAX, Topic},
};

/// Publishers registered at once in one core: one bit each in a shard's word of lanes. Rooms share a
/// publisher per thread, so this is a number of threads. Memory: at most 64 × 16 KiB of lanes a shard.
pub const PUBLISHERS_MAX: usize = if cfg!(loom) { 2 } else { 64 };

/// A handle to the core: cheap to clone, usable from any thread.
///
/// Besides making topics and publishers, it is the *control path*: operations from threads that have
/// no [`Publisher`]. They go through one bounded queue per shard, so FIFO holds per thread here as
/// well, and a full queue is reported as [`Busy`], never waited for.
#[derive(Clone)]
pub struct Core(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) gates: Box<[ShardGate]>,
    directory: Directory,
    /// One bit per publisher's seat that is taken.
    seats: Mutex<u64>,
    pub(crate) publishers: Box<[PaddedCounters]>,
}

/// Where others reach a shard.
pub(crate) struct ShardGate {
    pub(crate) control: ControlQueue,
    pub(crate) bell: Doorbell,
    /// One bit per publisher that has made its lane.
    pub(crate) lanes_made: AtomicU64,
    pub(crate) lanes: Box<[OnceLock<LaneGate>]>,
    pub(crate) counters: PaddedCounters,
}

/// One lane with its overflow. Made once per seat and shard, and taken over by the seat's next owner.
#[derive(Clone)]
pub(crate) struct LaneGate {
    pub(crate) ring: Arc<Ring>,
    pub(crate) spill: Arc<crate::spill::Spill>,
}

impl Core {
    /// A core of `shards` shards, and the seed of each: move every seed to the thread that will run
    /// it and call [`ShardSeed::grow`].
    pub fn new(shards: usize) -> Result<(Self, Vec<ShardSeed>), SetupError> {
        if shards == 0 || shards > SHARDS_MAX {
            return Err(SetupError::ShardCount { asked: shards });
        }
        let shared = Shared {
            gates: (0..shards).map(|_| ShardGate::new()).collect(),
            directory: Directory::new(),
            seats: Mutex::new(0),
            publishers: (0..PUBLISHERS_MAX)
                .map(|_| PaddedCounters::default())
                .collect(),
        };
        let core = Self(Arc::new(shared));
        let seeds = (0..shards)
            .map(|id| ShardSeed::new(core.0.clone(), id as u8))
            .collect();
        Ok((core, seeds))
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.0.gates.len()
    }

    /// A new topic that nobody finds by name.
    pub fn topic(&self) -> Result<Topic, SetupError> {
        self.0.directory.anonymous()
    }

    /// Has topics made from now on reach every shard, subscribed or not, so that each shard's host sees
    /// all publishes ([`Host::routing`](crate::Host::routing)). Costs a descriptor per shard and publish.
    pub fn reach_all_shards(&self) {
        self.0.directory.reach_all(self.shards());
    }

    /// The topic of this name: the living one, or a new one. A lock and a hash: keep the handle.
    #[cfg(not(loom))]
    pub fn topic_named(&self, name: &str) -> Result<Topic, SetupError> {
        self.0.directory.named(name)
    }

    /// Registers a publisher: for a thread that publishes often.
    pub fn publisher(&self) -> Result<Publisher, SetupError> {
        let mut seats = lock(&self.0.seats);
        let seat = (!*seats).trailing_zeros() as usize;
        if seat >= PUBLISHERS_MAX {
            return Err(SetupError::TooManyPublishers);
        }
        *seats |= 1 << seat;
        drop(seats);
        Ok(Publisher::new(self.0.clone(), seat))
    }

    /// Publishes through the control queues: to every shard with subscribers, or to none.
    pub fn publish(&self, topic: &Topic, class: Class, frame: Frame) -> Result<(), Busy> {
        let shards = topic.shards();
        self.to_shards(shards, || Op::Publish {
            topic: topic.id(),
            class,
            frame: frame.clone(),
        })
    }

    /// Sends a frame to one connection. A shard this core does not have is nobody: counted nowhere.
    pub fn unicast(&self, conn: ConnId, class: Class, frame: Frame) -> Result<(), Busy> {
        self.to_conn(conn, || Op::Unicast { conn, class, frame })
    }

    /// Subscribes a connection. Publishes of this thread that follow reach it.
    pub fn join(&self, topic: &Topic, conn: ConnId) -> Result<(), Busy> {
        self.to_conn(conn, || {
            topic.join_started(conn.shard());
            Op::Join {
                conn,
                topic: topic.clone(),
            }
        })
    }

    /// Ends a subscription.
    pub fn leave(&self, topic: &Topic, conn: ConnId) -> Result<(), Busy> {
        self.to_conn(conn, || Op::Leave {
            conn,
            topic: topic.clone(),
        })
    }

    /// Ends a connection after what was sent to it before. `reason` is the caller's own code.
    pub fn disconnect(&self, conn: ConnId, reason: u16) -> Result<(), Busy> {
        self.to_conn(conn, || Op::Disconnect { conn, reason })
    }

    /// Sends the layer above a message, handled on the shard's thread by [`Host::app`].
    ///
    /// # Panics
    /// When there is no such shard.
    ///
    /// [`Host::app`]: crate::Host::app
    pub fn app(&self, shard: usize, message: AppMessage) -> Result<(), Busy> {
        self.to_shard(shard, || Op::App(message))
    }

    /// Sends every shard a message of its own, or none of them any.
    pub fn app_all(&self, mut message: impl FnMut() -> AppMessage) -> Result<(), Busy> {
        let all = u64::MAX >> (64 - self.shards());
        self.to_shards(all, || Op::App(message()))
    }

    fn to_conn(&self, conn: ConnId, op: impl FnOnce() -> Op) -> Result<(), Busy> {
        if conn.shard() >= self.shards() {
            return Ok(());
        }
        self.to_shard(conn.shard(), op)
    }

    fn to_shard(&self, shard: usize, op: impl FnOnce() -> Op) -> Result<(), Busy> {
        let gate = &self.0.gates[shard];
        if !gate.control.reserve() {
            return Err(Busy { shard });
        }
        gate.control.push(op());
        Doorbell::publisher_fence();
        gate.bell.ring();
        Ok(())
    }

    fn to_shards(&self, shards: u64, mut op: impl FnMut() -> Op) -> Result<(), Busy> {
        for shard in bits(shards) {
            if !self.0.gates[shard].control.reserve() {
                bits(shards)
                    .take_while(|s| *s != shard)
                    .for_each(|s| self.0.gates[s].control.give_back());
                return Err(Busy { shard });
            }
        }
        bits(shards).for_each(|shard| self.0.gates[shard].control.push(op()));
        Doorbell::publisher_fence();
        bits(shards).for_each(|shard| {
            self.0.gates[shard].bell.ring();
        });
        Ok(())
    }

    /// The counters of one shard.
    ///
    /// # Panics
    /// When there is no such shard.
    pub fn shard_stats(&self, shard: usize) -> Stats {
        self.0.gates[shard].counters.read()
    }

    /// All counters summed: every shard and every publisher.
    pub fn stats(&self) -> Stats {
        let shards = self.0.gates.iter().map(|gate| gate.counters.read());
        let publishers = self.0.publishers.iter().map(|counters| counters.read());
        shards
            .chain(publishers)
            .fold(Stats::default(), |sum, stats| sum + stats)
    }
}

impl Shared {
    pub(crate) fn leave_seat(&self, seat: usize) {
        *lock(&self.seats) &= !(1 << seat);
    }
}

impl LaneGate {
    pub(crate) fn new() -> Self {
        Self {
            ring: Arc::new(Ring::new()),
            spill: Arc::new(crate::spill::Spill::new()),
        }
    }
}

impl ShardGate {
    fn new() -> Self {
        Self {
            control: ControlQueue::new(),
            bell: Doorbell::new(),
            lanes_made: AtomicU64::new(0),
            lanes: (0..PUBLISHERS_MAX).map(|_| OnceLock::new()).collect(),
            counters: PaddedCounters::default(),
        }
    }

    /// The lane of a seat, made on first use.
    pub(crate) fn lane(&self, seat: usize) -> LaneGate {
        let lane = self.lanes[seat].get_or_init(LaneGate::new).clone();
        // Release: pairs with the Acquire load in `Shard::turn`: a shard that sees the bit sees the lane.
        self.lanes_made.fetch_or(1 << seat, Ordering::Release);
        lane
    }
}

impl Drop for ShardGate {
    fn drop(&mut self) {
        // Publishers and the shard are gone: they kept this alive. What came after the shard's last
        // look (or before a seed ever grew) still owns frames and topics.
        let made = self.lanes.iter().filter_map(OnceLock::get);
        made.for_each(|lane| drop(Source::new(lane.clone())));
    }
}

/// The numbers of the bits that are set, lowest first.
pub(crate) fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            bit
        })
    })
}
