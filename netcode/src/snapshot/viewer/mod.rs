//! One client as the server sees it: what it has, what it should see, and what to send next.
//!
//! Each snapshot tick: [`Viewer::frame`] chooses a baseline that the client has, asks the world
//! for the blocks of the cells in view, leaves out what the budget does not carry, and adds a
//! frame to the tick's set. In between: [`Viewer::acknowledge`] and [`Viewer::request_keyframe`].
//!
//! Where a client's datagrams are seen to get lost, its frames go twice: [`Viewer::sends_twice`].
//!
//! The budget cuts by cell. A cell that waits gains credit in every frame by its weight, and what
//! has most credit goes first; one that has waited for longer than the configured bound goes
//! before all others, oldest first, and nothing overtakes it. So every cell in view is refreshed
//! within `stale_max` ticks, plus a second, plus the time in which the budget carries all cells in
//! view once. This takes cells that fit: one larger than a second's budget, or than a frame, has to
//! wait until it shrinks, which is a reason to have cells of tens of entities and not hundreds.
//!
//! Most clients see today what they saw a tick ago, only moved. For those a frame is a header and
//! a list of blocks that is shared, too, and costs no work for each cell.

mod queue;
mod records;

use self::queue::Queue;
use self::records::Records;
use super::frames::{Feedback, FrameIndex, Head, put_list};
use super::world::World;
use super::{EntityId, LayerId};
use crate::Tick;
use crate::budget::{Allowance, ByteBudget};
use crate::flow::{Flow, Loss};
use crate::interest::View;
use crate::losses::Losses;
use core::time::Duration;

pub(crate) use self::records::RECORDS;

/// How frames reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In order and complete: the last frame sent is the next one's baseline, without waiting for
    /// its acknowledgement.
    Ordered,
    /// Each alone, perhaps never: only an acknowledged frame can be a baseline.
    Datagram,
}

impl Delivery {
    fn loss(self) -> Loss {
        match self {
            Delivery::Ordered => Loss::Never,
            Delivery::Datagram => Loss::Possible,
        }
    }
}

/// A client's settings.
#[derive(Clone, Copy, Debug)]
pub struct ViewerConfig {
    /// How frames reach the client.
    pub delivery: Delivery,
    /// Expected time between frames.
    pub interval: Duration,
    /// Bytes per second and envelope bytes per message; `None` for no limit.
    pub budget: Option<(u32, u32)>,
    /// Most bytes of a frame: a datagram's size, or a message limit.
    pub frame_bytes_max: usize,
    /// Ticks after which a cell in view that was not refreshed goes before all others.
    pub stale_max: u32,
    /// Whether the number of frames in flight is bounded by acknowledgements.
    pub bound_in_flight: bool,
}

impl Default for ViewerConfig {
    /// Ordered, 20 frames a second, no budget, frames up to 64 KB.
    fn default() -> Self {
        ViewerConfig {
            delivery: Delivery::Ordered,
            interval: Duration::from_millis(50),
            budget: None,
            frame_bytes_max: 64 * 1024,
            stale_max: 60,
            bound_in_flight: true,
        }
    }
}

/// Why there is no frame for a client this tick. The next one covers what this one would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Enough frames are in flight.
    InFlight,
    /// The budget of this second is spent, or the next cell alone does not fit.
    Budget,
    /// The world has no snapshot newer than the last one sent.
    NothingNew,
}

/// What happened to one client's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewerStats {
    /// Frames made.
    pub frames: u64,
    /// Of these, keyframes.
    pub keyframes: u64,
    /// Of these, those to be sent twice.
    pub repeated: u64,
    /// Their bytes, without envelopes; of those to be sent twice, twice.
    pub bytes: u64,
    /// Ticks without a frame because enough were in flight.
    pub held_in_flight: u64,
    /// Ticks without a frame because of the budget.
    pub held_budget: u64,
    /// Cells that had to wait for a later frame.
    pub cells_deferred: u64,
    /// Age of the last frame's baseline in ticks; 0 for a keyframe.
    pub last_age: u32,
}

/// The entity whose owner-only fields a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    layer: u8,
    id: EntityId,
}

impl Owner {
    /// The owner of entity `id` of a layer.
    pub fn of<T>(layer: LayerId<T>, id: EntityId) -> Self {
        Owner {
            layer: layer.index,
            id,
        }
    }
}

/// What a frame is made for.
#[derive(Clone, Copy, Debug)]
pub struct FrameRequest<'a> {
    /// The present time.
    pub now: Duration,
    /// What the client may see; nothing else is in the frame.
    pub view: &'a View,
    /// What to tell the client about its inputs.
    pub feedback: Option<Feedback>,
    /// The entity whose owner-only fields it gets.
    pub owner: Option<Owner>,
}

/// One client.
#[derive(Debug)]
pub struct Viewer {
    config: ViewerConfig,
    records: Records,
    queue: Queue,
    flow: Flow,
    losses: Losses,
    /// The last frame is to be sent twice.
    sends_twice: bool,
    budget: Option<ByteBudget>,
    /// Bytes of a frame, unless its first cell alone is larger.
    frame_bytes: usize,
    stats: ViewerStats,
}

impl Viewer {
    /// A client that knows nothing yet.
    pub fn new(config: ViewerConfig) -> Self {
        Viewer {
            config,
            records: Records::default(),
            queue: Queue::default(),
            flow: Flow::new(config.delivery.loss(), config.interval),
            losses: Losses::default(),
            sends_twice: false,
            frame_bytes: usize::MAX,
            budget: config
                .budget
                .map(|(rate, envelope)| ByteBudget::new(rate, envelope)),
            stats: ViewerStats::default(),
        }
    }

    /// Has frames reach the client in another way from now on, with at most `frame_bytes` where the cells
    /// allow it: one cell that alone is larger goes by itself. Says whether that is a change. Then what is on its way
    /// counts as lost, and the next frame starts from nothing.
    pub fn deliver(&mut self, delivery: Delivery, frame_bytes: usize) -> bool {
        self.frame_bytes = frame_bytes;
        if self.config.delivery == delivery {
            return false;
        }
        self.config.delivery = delivery;
        self.flow = Flow::new(delivery.loss(), self.config.interval);
        self.losses = Losses::default();
        self.records.forget();
        true
    }

    /// What happened so far.
    pub fn stats(&self) -> ViewerStats {
        self.stats
    }

    /// Bytes of memory held for this client. Bounded by the cells in view and the frames a client
    /// is taken to remember, whether it answers or not.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.records.memory_bytes()
            + self.queue.memory_bytes()
            + self.budget.as_ref().map_or(0, ByteBudget::memory_bytes)
    }

    /// Frames on their way, and the round trip they tell.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The client has the frame whose tick ends in `newest`, and those that `earlier` names: bit
    /// `n` stands for `newest - 1 - n`. Ticks that were not sent mean nothing.
    pub fn acknowledge(&mut self, newest: u16, earlier: u32, now: Duration) {
        // What a keyframe was asked for instead of is forgotten as a baseline, but still on its way.
        let in_flight = self.flow.newest_in_flight();
        let Some(last) = self.records.last_tick().or(in_flight) else {
            return;
        };
        let newest = Tick::from_wire(newest, last);
        if !newest.is_newer(last) {
            // An ordered client is taken to have what was sent.
            if self.config.delivery == Delivery::Datagram {
                let losses = &mut self.losses;
                self.records
                    .acknowledge(newest, earlier, |lost| losses.settle(lost));
            }
            self.flow.acknowledge(newest, now);
        }
    }

    /// The client cannot use what it gets: the next frame starts from nothing, and does not wait for
    /// acknowledgements of those before. So many keyframes are as many whole states: a server allows a
    /// client a few a second.
    pub fn request_keyframe(&mut self) {
        self.records.forget();
        self.flow.forget();
    }

    /// Adds the client's frame of the world's newest tick to the world's frame set.
    pub fn frame(
        &mut self,
        world: &mut World,
        request: &FrameRequest<'_>,
    ) -> Result<FrameIndex, Held> {
        let tick = world.tick().ok_or(Held::NothingNew)?;
        if self
            .records
            .last_tick()
            .is_some_and(|last| !tick.is_newer(last))
        {
            return Err(Held::NothingNew);
        }
        if self.config.bound_in_flight && !self.flow.may_send(request.now) {
            self.stats.held_in_flight += 1;
            return Err(Held::InFlight);
        }
        let limit = self.allowance(request.now);
        let made = match limit.most {
            0 => None,
            _ => self.make(world, request, tick, limit),
        };
        let Some(frame) = made else {
            self.stats.held_budget += 1;
            return Err(Held::Budget);
        };
        let bytes = world.frames.frame_bytes(frame);
        if let Some(budget) = &mut self.budget {
            budget.spend(request.now, bytes);
        }
        self.flow.sent(tick, request.now);
        self.sends_twice = self.losses.are_likely() && self.pays_twice(request.now, bytes);
        self.stats.frames += 1;
        self.stats.repeated += u64::from(self.sends_twice);
        self.stats.bytes += bytes as u64 * (1 + u64::from(self.sends_twice));
        Ok(frame)
    }

    /// Whether the last frame is to be sent twice, in two packets: its link is seen to lose datagrams, and the budget has
    /// been charged for both.
    pub fn sends_twice(&self) -> bool {
        self.sends_twice
    }

    /// Charges the budget for a copy of a frame just sent, if it has room for that and for as large a frame after it: what
    /// is new goes before what is a copy.
    fn pays_twice(&mut self, now: Duration, bytes: usize) -> bool {
        let Some(budget) = &mut self.budget else {
            return true;
        };
        let has_room = budget.available(now).paced >= 2 * bytes;
        if has_room {
            budget.spend(now, bytes);
        }
        has_room
    }

    /// What may be sent now.
    fn allowance(&mut self, now: Duration) -> Allowance {
        let most = self.config.frame_bytes_max;
        let paced = most.min(self.frame_bytes);
        match &mut self.budget {
            None => Allowance { paced, most },
            Some(budget) => {
                let granted = budget.available(now);
                Allowance {
                    paced: granted.paced.min(paced),
                    most: granted.most.min(most),
                }
            }
        }
    }

    /// Makes the frame and keeps what the client will have if it gets it, unless nothing fits.
    fn make(
        &mut self,
        world: &mut World,
        request: &FrameRequest<'_>,
        tick: Tick,
        limit: Allowance,
    ) -> Option<FrameIndex> {
        let baseline = self.records.choose(world, tick, self.config.delivery);
        let (age, span) = baseline.age_and_span(tick);
        let owner = request.owner.map(|owner| (owner.layer, owner.id));
        let head = Head {
            tick: tick.wire(),
            age,
            span,
            listed: false,
            feedback: request.feedback,
            owner: owner.filter(|(layer, id)| world.owned(*layer, *id).is_some()),
        };

        if let Some((base, older)) = baseline.same_as(request.view)
            && let Some(shape) = world.shape(&base.cells, base.tick, older)
        {
            put_head(world, &head);
            let header = world.header.align();
            if header.len() + shape.bytes as usize <= limit.paced {
                let base = baseline.place();
                self.queue.clear();
                self.records.repeat(tick, base, self.config.delivery);
                self.stats.last_age = u32::from(age);
                return Some(world.frames.push_shape(header, shape));
            }
        }

        let owned = head.owner.and_then(|(layer, id)| world.owned(layer, id));
        let owner_bits = owned.map_or(0, |(layout, _)| layout.owner_bits() as usize);
        self.queue.fill(world, request.view, tick, &baseline);
        let stale_max = self.config.stale_max;
        let deferred = self
            .queue
            .select(limit, tick, stale_max, &baseline, owner_bits);
        self.stats.cells_deferred += deferred;
        let listed = self.queue.gather(&baseline);
        put_head(world, &Head { listed, ..head });
        if listed {
            put_list(&mut world.header, &self.queue.list);
        }
        let header = world.header.align();
        let bytes = header.len() + self.queue.bytes();
        if bytes > limit.most || self.queue.is_idle() {
            return None;
        }
        let keyframe = baseline.is_none();
        let sent = self.queue.sent_at(tick);
        self.records.add(tick, self.config.delivery, sent);
        self.stats.last_age = u32::from(age);
        self.stats.keyframes += u64::from(keyframe);
        Some(world.frames.push(header, &self.queue.blocks))
    }
}

/// Starts the world's header: its fixed part and the owner-only fields.
fn put_head(world: &mut World, head: &Head) {
    world.header.clear();
    head.put(&mut world.header);
    let Some((layer, id)) = head.owner else {
        return;
    };
    let mut header = core::mem::take(&mut world.header);
    if let Some((layout, values)) = world.owned(layer, id) {
        for (&place, &value) in layout.owner.iter().zip(values) {
            header.put(value, u32::from(layout.schema.fields[place].bits));
        }
    }
    world.header = header;
}
