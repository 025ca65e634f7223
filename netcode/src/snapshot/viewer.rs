//! One client as the server sees it: what it has, what it should see, and what to send next.
//!
//! Each snapshot tick: [`Viewer::frame`] chooses a baseline that the client has, asks the world
//! for the blocks of the cells in view, leaves out what the budget does not carry, and adds a
//! frame to the tick's set. In between: [`Viewer::acknowledge`] and [`Viewer::request_keyframe`].
//!
//! The budget cuts by cell. A cell that waits gains credit in every frame by its weight, and what
//! has most credit goes first; one that has waited for longer than the configured bound goes
//! before all others, oldest first, and nothing overtakes it. So every cell in view is refreshed
//! within `stale_max` ticks, plus a second, plus the time in which the budget carries all cells in
//! view once. This takes cells that fit: one larger than a second's budget, or than a frame, has to
//! wait until it shrinks, which is a reason to have cells of tens of entities and not hundreds.

use super::frames::{CellKind, Feedback, FrameIndex, Head, put_list};
use super::state::Layout;
use super::world::{AGE_MAX, BlockRef, World};
use super::{CellId, EntityId, LayerId};
use crate::Tick;
use crate::bits::BitWriter;
use crate::budget::{Allowance, ByteBudget};
use crate::flow::{Flow, Loss};
use crate::interest::View;
use core::time::Duration;
use std::collections::VecDeque;

/// Frames a client is taken to remember; it remembers at least as many.
pub(crate) const RECORDS: usize = 32;
/// Ages of baselines, counted in frames, that datagram clients are rounded to, so that clients
/// with about the same delay share blocks.
const AGE_BUCKETS: [usize; 8] = [1, 2, 3, 4, 6, 8, 12, 16];

/// Bits of a header without owner-only fields and entries of the list: 40 fixed, 25 of feedback,
/// 20 of the owner's entity, 27 of the list's length, 7 of padding.
const HEAD_BITS_MAX: usize = 119;

/// How frames reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In order and complete: the last frame sent is the next one's baseline, without waiting for
    /// its acknowledgement.
    Ordered,
    /// Each alone, perhaps never: only an acknowledged frame can be a baseline.
    Datagram,
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
    /// Their bytes, without envelopes.
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

/// What the client has if it has a certain frame: the cells of its view, each with the tick at
/// which it is known.
#[derive(Clone, Debug, Default)]
struct Record {
    tick: Tick,
    has: bool,
    cells: Vec<(CellId, Tick)>,
}

/// A cell in view.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    cell: CellId,
    credit: u64,
    /// Since when it has been waiting: its last refresh, or when it came into view.
    since: Tick,
    /// The tick at which the baseline frame has it.
    base: Option<Tick>,
    block: Option<BlockRef>,
    full: bool,
    sent: bool,
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
    /// Frames sent, oldest first.
    records: VecDeque<Record>,
    /// Memory of records no longer kept, at most [`RECORDS`].
    spare: Vec<Record>,
    waiting: Vec<Waiting>,
    previous: Vec<Waiting>,
    order: Vec<u32>,
    list: Vec<(CellId, CellKind)>,
    blocks: Vec<BlockRef>,
    header: BitWriter,
    flow: Flow,
    budget: Option<ByteBudget>,
    stats: ViewerStats,
}

impl Viewer {
    /// A client that knows nothing yet.
    pub fn new(config: ViewerConfig) -> Self {
        let loss = match config.delivery {
            Delivery::Ordered => Loss::Never,
            Delivery::Datagram => Loss::Possible,
        };
        Viewer {
            config,
            records: VecDeque::with_capacity(RECORDS),
            spare: Vec::new(),
            waiting: Vec::new(),
            previous: Vec::new(),
            order: Vec::new(),
            list: Vec::new(),
            blocks: Vec::new(),
            header: BitWriter::new(),
            flow: Flow::new(loss, config.interval),
            budget: config
                .budget
                .map(|(rate, envelope)| ByteBudget::new(rate, envelope)),
            stats: ViewerStats::default(),
        }
    }

    /// What happened so far.
    pub fn stats(&self) -> ViewerStats {
        self.stats
    }

    /// Frames on their way, and the round trip they tell.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The client has the frame whose tick ends in `newest`, and those that `earlier` names: bit
    /// `n` stands for `newest - 1 - n`. Ticks that were not sent mean nothing.
    pub fn acknowledge(&mut self, newest: u16, earlier: u32, now: Duration) {
        let Some(last) = self.records.back().map(|record| record.tick) else {
            return;
        };
        let newest = Tick::from_wire(newest, last);
        if newest.is_newer(last) {
            return;
        }
        for record in &mut self.records {
            let behind = newest.since(record.tick);
            let named = (1..=32).contains(&behind) && earlier >> (behind - 1) & 1 == 1;
            record.has |= behind == 0 || named;
        }
        self.flow.acknowledge(newest, now);
    }

    /// The client cannot use what it gets: the next frame starts from nothing.
    pub fn request_keyframe(&mut self) {
        self.spare.extend(self.records.drain(..));
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
            .back()
            .is_some_and(|last| !tick.is_newer(last.tick))
        {
            return Err(Held::NothingNew);
        }
        if self.config.bound_in_flight && !self.flow.may_send(request.now) {
            self.stats.held_in_flight += 1;
            return Err(Held::InFlight);
        }
        let mut limit = Allowance {
            paced: self.config.frame_bytes_max,
            most: self.config.frame_bytes_max,
        };
        if let Some(budget) = &mut self.budget {
            let granted = budget.available(request.now);
            limit.paced = limit.paced.min(granted.paced);
            limit.most = limit.most.min(granted.most);
        }
        if limit.most == 0 {
            self.stats.held_budget += 1;
            return Err(Held::Budget);
        }
        let (base, older) = self.choose_baseline(world, tick);
        self.await_cells(request.view, tick, base);
        for n in 0..self.waiting.len() {
            self.request_block(world, n, tick, older);
        }
        let age = base.map(|base| tick.since(self.records[base].tick) as u8);
        let span = base
            .zip(older)
            .map(|(base, older)| self.records[base].tick.since(self.records[older].tick) as u8);
        let owned = request
            .owner
            .and_then(|o| Some((o, world.owned(o.layer, o.id)?)));
        let head = Head {
            tick: tick.wire(),
            age: age.unwrap_or(0),
            span: span.unwrap_or(0),
            listed: false,
            feedback: request.feedback,
            owner: owned.map(|(owner, _)| (owner.layer, owner.id)),
        };
        self.select(
            limit,
            tick,
            base,
            owned.map_or(0, |(_, (layout, _))| layout.owner_bits()),
        );
        self.write(head, base, owned.map(|(_, fields)| fields));

        let header = self.header.align();
        let blocks: usize = self.blocks.iter().map(|block| block.len as usize).sum();
        let bytes = header.len() + blocks;
        let idle = self.blocks.is_empty() && !self.waiting.is_empty();
        if bytes > limit.most || idle {
            self.stats.held_budget += 1;
            return Err(Held::Budget);
        }
        if let Some(budget) = &mut self.budget {
            budget.spend(request.now, bytes);
        }
        let frame = world.frames.push(header, &self.blocks);
        self.remember(tick);
        self.flow.sent(tick, request.now);
        self.stats.frames += 1;
        self.stats.keyframes += u64::from(base.is_none());
        self.stats.bytes += bytes as u64;
        self.stats.last_age = u32::from(head.age);
        Ok(frame)
    }

    /// The frame to encode against, and the one to predict from: indices of records.
    fn choose_baseline(&self, world: &World, tick: Tick) -> (Option<usize>, Option<usize>) {
        let usable = |&n: &usize| {
            let record = &self.records[n];
            let age = tick.since(record.tick);
            record.has && (1..=AGE_MAX as i32).contains(&age) && world.remembers(record.tick)
        };
        let newest_first = || (0..self.records.len()).rev();
        let newest = newest_first().find(usable);
        let base = match self.config.delivery {
            Delivery::Ordered => newest,
            Delivery::Datagram => {
                let bucket = |&n: &usize| AGE_BUCKETS.contains(&(self.records.len() - n));
                newest_first().filter(usable).find(bucket).or(newest)
            }
        };
        let older = base.and_then(|base| {
            let span = |n: usize| self.records[base].tick.since(self.records[n].tick);
            (0..base)
                .rev()
                .filter(usable)
                .find(|&n| span(n) <= AGE_MAX as i32)
        });
        (base, older)
    }

    /// Fills `waiting` with the cells in view, each with the credit it has gathered.
    fn await_cells(&mut self, view: &View, tick: Tick, base: Option<usize>) {
        core::mem::swap(&mut self.waiting, &mut self.previous);
        self.waiting.clear();
        let known = base.map_or(&[][..], |base| &self.records[base].cells);
        let (mut p, mut k) = (0, 0);
        for &(cell, weight) in view.cells() {
            while self.previous.get(p).is_some_and(|w| w.cell < cell) {
                p += 1;
            }
            while known.get(k).is_some_and(|(c, _)| *c < cell) {
                k += 1;
            }
            let before = self.previous.get(p).filter(|w| w.cell == cell);
            let base = known
                .get(k)
                .filter(|(c, _)| *c == cell)
                .map(|(_, tick)| *tick);
            self.waiting.push(Waiting {
                cell,
                credit: before
                    .map_or(0, |w| w.credit)
                    .saturating_add(u64::from(weight).max(1)),
                since: before.map_or(tick, |w| w.since),
                base,
                block: None,
                full: true,
                sent: false,
            });
        }
    }

    /// Finds the block of the n-th cell in view, and whether it is a full one. What the world has
    /// forgotten, or a frame cannot name, is sent in full.
    fn request_block(&mut self, world: &mut World, n: usize, tick: Tick, older: Option<usize>) {
        let Waiting { cell, base, .. } = self.waiting[n];
        let nameable = |from: Tick, to: Tick| from.since(to) <= AGE_MAX as i32;
        // The reader predicts whenever its older frame has the cell at an older tick than its
        // baseline frame, so this side must, too.
        let older = older.zip(base).and_then(|(older, base)| {
            let cells = &self.records[older].cells;
            let at = cells.binary_search_by_key(&cell, |(cell, _)| *cell).ok()?;
            Some(cells[at].1).filter(|older| base.is_newer(*older))
        });
        let forgotten = older
            .zip(base)
            .is_some_and(|(older, base)| !nameable(base, older) || !world.remembers(older));
        let usable = |base: &Tick| nameable(tick, *base) && world.remembers(*base) && !forgotten;
        let base = base.filter(usable);
        let waiting = &mut self.waiting[n];
        waiting.full = base.is_none();
        waiting.block = world.block(cell, base, base.and(older));
    }

    /// Decides which cells the frame carries, within the limit.
    fn select(&mut self, limit: Allowance, tick: Tick, base: Option<usize>, owner_bits: u32) {
        let known = base.map_or(&[][..], |base| &self.records[base].cells);
        // The most that the header can take: every cell listed.
        let entry_bits = |cell: CellId| 2 * (u32::from(cell.0) + 2).ilog2() as usize + 4;
        let kept: usize = known.iter().map(|(cell, _)| entry_bits(*cell)).sum();
        let shown: usize = self.waiting.iter().map(|w| entry_bits(w.cell)).sum();
        let header = (HEAD_BITS_MAX + owner_bits as usize + kept + shown).div_ceil(8);
        let mut left = limit.paced.saturating_sub(header);
        let most = limit.most.saturating_sub(header);
        let sizes = self.waiting.iter().filter_map(|w| w.block);
        let total: usize = sizes.map(|block| block.len as usize).sum();
        if total <= left {
            for w in &mut self.waiting {
                w.sent = w.block.is_some();
            }
            return;
        }
        let stale_max = self.config.stale_max as i32;
        let overdue = |w: &Waiting| tick.since(w.since) > stale_max;
        self.order.clear();
        self.order.extend(0..self.waiting.len() as u32);
        let waiting = &mut self.waiting;
        self.order.sort_unstable_by_key(|&n| {
            let w = &waiting[n as usize];
            // Overdue first and oldest first; then by credit, highest first.
            match overdue(w) {
                true => (0, -i64::from(tick.since(w.since)), 0, w.cell),
                false => (1, 0, u64::MAX - w.credit, w.cell),
            }
        });
        let mut blocked = false;
        for (nth, &n) in self.order.iter().enumerate() {
            let w = &mut waiting[n as usize];
            let len = w.block.map_or(usize::MAX, |block| block.len as usize);
            // The first may be larger than the pace, or it would never have its turn.
            w.sent = !blocked && (len <= left || (nth == 0 && len <= most));
            if w.sent {
                left = left.saturating_sub(len);
            } else {
                self.stats.cells_deferred += 1;
                blocked |= overdue(w);
            }
        }
    }

    /// Writes the header and gathers the blocks.
    fn write(&mut self, mut head: Head, base: Option<usize>, owned: Option<(&Layout, &[u32])>) {
        let known = base.map_or(&[][..], |base| &self.records[base].cells);
        self.list.clear();
        self.blocks.clear();
        let mut k = 0;
        for w in &self.waiting {
            while let Some((cell, _)) = known.get(k).filter(|(cell, _)| *cell <= w.cell) {
                if *cell < w.cell {
                    self.list.push((*cell, CellKind::Left));
                }
                k += 1;
            }
            if let Some(block) = w.block.filter(|_| w.sent) {
                self.list.push((
                    w.cell,
                    if w.full {
                        CellKind::Full
                    } else {
                        CellKind::Delta
                    },
                ));
                self.blocks.push(block);
            }
        }
        self.list
            .extend(known[k..].iter().map(|(cell, _)| (*cell, CellKind::Left)));
        let all_delta = self.list.iter().all(|(_, kind)| *kind == CellKind::Delta);
        head.listed = base.is_none() || !all_delta || self.list.len() != known.len();
        self.header.clear();
        head.put(&mut self.header);
        if let Some((layout, values)) = owned {
            for (&place, &value) in layout.owner.iter().zip(values) {
                self.header
                    .put(value, u32::from(layout.schema.fields[place].bits));
            }
        }
        if head.listed {
            put_list(&mut self.header, &self.list);
        }
    }

    /// Keeps what the client will have if it gets this frame.
    fn remember(&mut self, tick: Tick) {
        let oldest = if self.records.len() == RECORDS {
            self.records.pop_front()
        } else {
            None
        };
        let mut record = oldest.or_else(|| self.spare.pop()).unwrap_or_default();
        record.tick = tick;
        record.has = self.config.delivery == Delivery::Ordered;
        record.cells.clear();
        for w in &mut self.waiting {
            if w.sent {
                (w.credit, w.since) = (0, tick);
                record.cells.push((w.cell, tick));
            } else if let Some(known) = w.base {
                record.cells.push((w.cell, known));
            }
        }
        self.records.push_back(record);
    }
}
