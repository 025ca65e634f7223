//! The cells a client waits for: which blocks they need, and which go first when not all fit.

use super::records::Baseline;
use crate::Tick;
use crate::budget::Allowance;
use crate::interest::View;
use crate::snapshot::CellId;
use crate::snapshot::frames::CellKind;
use crate::snapshot::world::{AGE_MAX, BlockRef, World};

/// Bits of a header without owner-only fields and entries of the list: 40 fixed, 25 of feedback,
/// 20 of the owner's entity, 27 of the list's length, 7 of padding.
const HEAD_BITS_MAX: usize = 119;

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

/// The cells in view of one client, and the frame being made of them.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
    previous: Vec<Waiting>,
    order: Vec<u32>,
    /// The frame's list of cells.
    pub list: Vec<(CellId, CellKind)>,
    /// The frame's blocks.
    pub blocks: Vec<BlockRef>,
}

impl Queue {
    pub fn memory_bytes(&self) -> usize {
        (self.waiting.capacity() + self.previous.capacity()) * size_of::<Waiting>()
            + self.order.capacity() * size_of::<u32>()
            + self.list.capacity() * size_of::<(CellId, CellKind)>()
            + self.blocks.capacity() * size_of::<BlockRef>()
    }

    /// Nothing is waiting: all cells in view have just been sent.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Finds every cell in view with the credit it has gathered and the block it needs.
    pub fn fill(&mut self, world: &mut World, view: &View, tick: Tick, baseline: &Baseline<'_>) {
        core::mem::swap(&mut self.waiting, &mut self.previous);
        self.waiting.clear();
        let known = baseline.cells();
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
                .map(|(_, known)| *known);
            let credit = before.map_or(0, |w| w.credit);
            let mut waiting = Waiting {
                cell,
                credit: credit.saturating_add(u64::from(weight).max(1)),
                since: before.map_or(base.unwrap_or(tick), |w| w.since),
                base,
                block: None,
                full: true,
                sent: false,
            };
            waiting.request(world, tick, baseline);
            self.waiting.push(waiting);
        }
    }

    /// Decides which cells the frame carries, within the limit; says how many it does not.
    pub fn select(
        &mut self,
        limit: Allowance,
        tick: Tick,
        stale_max: u32,
        baseline: &Baseline<'_>,
        owner_bits: usize,
    ) -> u64 {
        // The most that the header can take: every cell listed.
        let entry_bits = |cell: CellId| 2 * (u32::from(cell.0) + 2).ilog2() as usize + 4;
        let kept: usize = baseline
            .cells()
            .iter()
            .map(|(cell, _)| entry_bits(*cell))
            .sum();
        let shown: usize = self.waiting.iter().map(|w| entry_bits(w.cell)).sum();
        let header = (HEAD_BITS_MAX + owner_bits + kept + shown).div_ceil(8);
        let mut left = limit.paced.saturating_sub(header);
        let most = limit.most.saturating_sub(header);
        let sizes = self.waiting.iter().filter_map(|w| w.block);
        let total: usize = sizes.map(|block| block.len as usize).sum();
        if total <= left {
            for w in &mut self.waiting {
                w.sent = w.block.is_some();
            }
            return 0;
        }
        let waiting = &mut self.waiting;
        let overdue = |w: &Waiting| i64::from(tick.since(w.since)) > i64::from(stale_max);
        self.order.clear();
        self.order.extend(0..waiting.len() as u32);
        self.order.sort_unstable_by_key(|&n| {
            let w = &waiting[n as usize];
            // Overdue first and oldest first; then by credit, highest first.
            match overdue(w) {
                true => (0, -i64::from(tick.since(w.since)), 0, w.cell),
                false => (1, 0, u64::MAX - w.credit, w.cell),
            }
        });
        let mut deferred = 0;
        let mut blocked = false;
        for (nth, &n) in self.order.iter().enumerate() {
            let w = &mut waiting[n as usize];
            let len = w.block.map_or(usize::MAX, |block| block.len as usize);
            // The first may be larger than the pace, or it would never have its turn.
            w.sent = !blocked && (len <= left || (nth == 0 && len <= most));
            if w.sent {
                left = left.saturating_sub(len);
            } else {
                deferred += 1;
                blocked |= overdue(w);
            }
        }
        deferred
    }

    /// Gathers the list and the blocks of the cells that go; says whether the list is needed.
    pub fn gather(&mut self, baseline: &Baseline<'_>) -> bool {
        let known = baseline.cells();
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
                let kind = if w.full {
                    CellKind::Full
                } else {
                    CellKind::Delta
                };
                self.list.push((w.cell, kind));
                self.blocks.push(block);
            }
        }
        self.list
            .extend(known[k..].iter().map(|(cell, _)| (*cell, CellKind::Left)));
        let all_delta = self.list.iter().all(|(_, kind)| *kind == CellKind::Delta);
        baseline.is_none() || !all_delta || self.list.len() != known.len()
    }

    /// Bytes of the blocks that go.
    pub fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.len as usize).sum()
    }

    /// Whether cells are waiting and none goes.
    pub fn is_idle(&self) -> bool {
        self.blocks.is_empty() && !self.waiting.is_empty()
    }

    /// Notes that the frame is sent, and gives what the client knows after it.
    pub fn sent_at(&mut self, tick: Tick) -> impl Iterator<Item = (CellId, Tick)> {
        self.waiting.iter_mut().filter_map(move |w| {
            if w.sent {
                (w.credit, w.since) = (0, tick);
                return Some((w.cell, tick));
            }
            Some((w.cell, w.base?))
        })
    }
}

impl Waiting {
    /// Finds the block, and whether it is a full one. What the world has forgotten, or a frame
    /// cannot name, is sent in full.
    fn request(&mut self, world: &mut World, tick: Tick, baseline: &Baseline<'_>) {
        let nameable = |from: Tick, to: Tick| from.since(to) <= AGE_MAX as i32;
        // The reader predicts whenever its older frame has the cell at an older tick than its
        // baseline frame, so this side must, too.
        let older = self
            .base
            .zip(baseline.older)
            .and_then(|(base, older)| older.known(self.cell).filter(|older| base.is_newer(*older)));
        let usable = |base: &Tick| {
            let older_is = |o| nameable(*base, o) && world.remembers(o);
            nameable(tick, *base) && world.remembers(*base) && older.is_none_or(older_is)
        };
        let base = self.base.filter(usable);
        self.full = base.is_none();
        self.block = world.block(self.cell, base, base.and(older));
    }
}
