//! The server's side of the world: what every cell looked like at the last ticks, and the blocks
//! encoded from that.
//!
//! Each snapshot tick, [`World::capture`] takes the entities in; then every client's
//! [`Viewer`](super::Viewer) asks for the blocks it needs. A block is encoded once per
//! (cell, baseline, older tick) and kept until the next capture, so clients that know the same
//! ticks share bytes. The frames of a tick are collected in a [`FrameSet`].
//!
//! It does not decide who sees what: entities come with their cell, viewers with their view.

use super::block::{Known, Scratch, put_delta, put_full};
use super::capture::{Capture, Staged};
use super::frames::{FrameIndex, FrameSet, Shape};
use super::layers::Layers;
use super::state::{CellState, Layout};
use super::{CellId, EntityId};
use crate::Tick;
use crate::bits::BitWriter;
use core::ops::Range;
use std::collections::VecDeque;

/// Snapshots of the past that blocks can be made against. Baselines older than 32 snapshots are
/// not used: a keyframe is then about as small and needs no memory.
pub(crate) const HISTORY: usize = 33;
/// Largest age or span that a frame can name, in ticks.
pub(crate) const AGE_MAX: u32 = 255;

/// Where a block lies among the tick's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockRef {
    pub start: u32,
    pub len: u32,
}

#[derive(Debug)]
struct Cached {
    base: Option<Tick>,
    older: Option<Tick>,
    block: BlockRef,
}

#[derive(Debug, Default)]
pub(super) struct Past {
    pub tick: Tick,
    pub cells: Vec<CellState>,
}

/// A list of blocks, by what it was made for.
#[derive(Debug)]
struct Shaped {
    base: Tick,
    older: Option<Tick>,
    /// Where its cells are among those of all shapes.
    cells: Range<usize>,
    shape: Shape,
}

/// Most shapes kept for a tick: looking for one takes about as long as making a frame without it.
const SHAPES_MAX: usize = 64;

/// What was encoded and shared, for statistics and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodeCounters {
    /// Blocks encoded.
    pub blocks: u64,
    /// Bytes of those blocks.
    pub bytes: u64,
    /// Times that a block was used by a frame.
    pub uses: u64,
}

/// The replicated world and its recent past.
#[derive(Debug)]
pub struct World {
    pub(super) layers: Layers,
    pub(super) layer_of_cell: Vec<u8>,
    pub(super) history: VecDeque<Past>,
    /// Per cell, the blocks of the newest tick.
    cache: Vec<Vec<Cached>>,
    shapes: Vec<Shaped>,
    shaped_cells: Vec<CellId>,
    /// The blocks of the shape being made.
    shaping: Vec<BlockRef>,
    pub(super) staged: Vec<Staged>,
    pub(super) rows: Vec<u32>,
    pub(super) owned: Vec<(u8, EntityId, u32)>,
    pub(super) owned_values: Vec<u32>,
    pub(crate) frames: FrameSet,
    /// The header being written: all viewers use the same memory.
    pub(super) header: BitWriter,
    writer: BitWriter,
    scratch: Scratch,
    counters: EncodeCounters,
}

impl World {
    /// An empty world with these layers.
    pub fn new(layers: Layers) -> Self {
        let cells = layers.cell_count();
        let owner_of = |cell| layers.layer_of(CellId(cell)).map_or(0, |layer| layer as u8);
        World {
            layer_of_cell: (0..cells as u16).map(owner_of).collect(),
            layers,
            history: VecDeque::with_capacity(HISTORY),
            cache: (0..cells).map(|_| Vec::new()).collect(),
            shapes: Vec::new(),
            shaped_cells: Vec::new(),
            shaping: Vec::new(),
            staged: Vec::new(),
            rows: Vec::new(),
            owned: Vec::new(),
            owned_values: Vec::new(),
            frames: FrameSet::default(),
            header: BitWriter::new(),
            writer: BitWriter::new(),
            scratch: Scratch::default(),
            counters: EncodeCounters::default(),
        }
    }

    /// The layers the world was made with.
    pub fn layers(&self) -> &Layers {
        &self.layers
    }

    /// The tick of the newest snapshot.
    pub fn tick(&self) -> Option<Tick> {
        self.history.back().map(|past| past.tick)
    }

    /// What was encoded so far.
    pub fn counters(&self) -> EncodeCounters {
        self.counters
    }

    /// Begins the snapshot of `tick`, which must be newer than the last one. Nothing changes
    /// before [`Capture::commit`].
    pub fn capture(&mut self, tick: Tick) -> Capture<'_> {
        Capture::new(self, tick)
    }

    /// The frames made since the last call (or the last commit), to be sent. Give the set back
    /// with [`World::recycle`] when it is done with, and its memory is used again.
    pub fn take_frames(&mut self) -> FrameSet {
        self.forget_blocks();
        core::mem::take(&mut self.frames)
    }

    /// Bytes of a frame of the present set.
    pub fn frame_bytes(&self, frame: FrameIndex) -> usize {
        self.frames.frame_bytes(frame)
    }

    /// Appends a frame of the present set to `out`, for those who send it at once.
    pub fn copy_frame(&self, frame: FrameIndex, out: &mut Vec<u8>) {
        self.frames.copy_to(frame, out);
    }

    /// Reuses the memory of a set that is no longer needed.
    pub fn recycle(&mut self, mut frames: FrameSet) {
        if self.frames.is_empty() && self.frames.blocks.is_empty() {
            frames.clear();
            self.frames = frames;
        }
    }

    pub(super) fn forget_blocks(&mut self) {
        self.shapes.clear();
        self.shaped_cells.clear();
        for blocks in &mut self.cache {
            blocks.clear();
        }
    }

    /// The state of a cell at a past tick.
    fn state(&self, cell: CellId, tick: Tick) -> Option<&CellState> {
        past_state(&self.history, cell, tick)
    }

    /// Whether blocks can be made against this tick.
    pub(crate) fn remembers(&self, tick: Tick) -> bool {
        self.history.iter().rev().any(|past| past.tick == tick)
    }

    /// Whether some list of this tick's blocks was made against `base` and predicted from `older`: then it remembers both,
    /// and a frame can name them.
    pub(crate) fn has_shaped(&self, base: Tick, older: Tick) -> bool {
        let mut shapes = self.shapes.iter();
        shapes.any(|shaped| (shaped.base, shaped.older) == (base, Some(older)))
    }

    /// The block of a cell at the newest tick, against `base` (in full without), predicting from
    /// `older`. `None` when a tick is forgotten or too old to be named, or there is no such cell.
    pub(crate) fn block(
        &mut self,
        cell: CellId,
        base: Option<Tick>,
        older: Option<Tick>,
    ) -> Option<BlockRef> {
        let cached = self.cache.get(usize::from(cell.0))?;
        self.counters.uses += 1;
        if let Some(found) = cached.iter().find(|c| c.base == base && c.older == older) {
            return Some(found.block);
        }
        let now = self.history.back()?;
        let layout =
            &self.layers.specs[usize::from(self.layer_of_cell[usize::from(cell.0)])].layout;
        let state = &now.cells[usize::from(cell.0)];
        self.writer.clear();
        match base {
            None => put_full(&mut self.writer, layout, state),
            Some(base) => {
                let known = Known {
                    base: past_state(&self.history, cell, base)?,
                    age: distance(now.tick, base)?,
                    older: match older {
                        None => None,
                        Some(older) => {
                            let state = past_state(&self.history, cell, older)?;
                            Some((state, distance(base, older)?))
                        }
                    },
                };
                put_delta(&mut self.writer, layout, &known, state, &mut self.scratch);
            }
        }
        let bytes = self.writer.align();
        let start = self.frames.blocks.len() as u32;
        let block = BlockRef {
            start,
            len: bytes.len() as u32,
        };
        self.frames.blocks.extend_from_slice(bytes);
        self.counters.blocks += 1;
        self.counters.bytes += bytes.len() as u64;
        self.cache[usize::from(cell.0)].push(Cached { base, older, block });
        Some(block)
    }

    /// The blocks of `cells`, all of them against `base` and predicted from `older`, as one list.
    /// `None` when one of them cannot be made so, or too many different lists were asked for.
    pub(crate) fn shape(
        &mut self,
        cells: &[(CellId, Tick)],
        base: Tick,
        older: Option<Tick>,
    ) -> Option<Shape> {
        let same = |shaped: &&Shaped| {
            (shaped.base, shaped.older) == (base, older)
                && self.shaped_cells[shaped.cells.clone()]
                    .iter()
                    .eq(cells.iter().map(|(cell, _)| cell))
        };
        if let Some(found) = self.shapes.iter().find(same) {
            self.counters.uses += cells.len() as u64;
            return Some(found.shape);
        }
        if self.shapes.len() == SHAPES_MAX {
            return None;
        }
        let mut blocks = core::mem::take(&mut self.shaping);
        blocks.clear();
        let made = cells
            .iter()
            .map(|(cell, _)| self.block(*cell, Some(base), older));
        blocks.extend(made.map_while(|block| block));
        let shape = self.frames.make_shape(blocks.iter().copied());
        let complete = blocks.len() == cells.len();
        self.shaping = blocks;
        if !complete {
            return None;
        }
        let start = self.shaped_cells.len();
        self.shaped_cells
            .extend(cells.iter().map(|(cell, _)| *cell));
        let cells = start..self.shaped_cells.len();
        self.shapes.push(Shaped {
            base,
            older,
            cells,
            shape,
        });
        Some(shape)
    }

    /// The raw owner-only values of an entity, and their fields' layout.
    pub(crate) fn owned(&self, layer: u8, id: EntityId) -> Option<(&Layout, &[u32])> {
        let at = self
            .owned
            .binary_search_by_key(&(layer, id), |o| (o.0, o.1))
            .ok()?;
        let layout = &self.layers.specs[usize::from(layer)].layout;
        let values = self.owned_values.get(self.owned[at].2 as usize..)?;
        Some((layout, values.get(..layout.owner.len())?))
    }

    /// Bytes of memory held: the past, and the blocks and frames of the present tick. It follows
    /// the entities, the clients, and how many ages their baselines have; a client that does not
    /// answer adds nothing.
    pub fn memory_bytes(&self) -> usize {
        let states = self.history.iter().flat_map(|past| &past.cells);
        let history: usize = states.map(CellState::memory_bytes).sum();
        let cached = self.cache.iter().map(|blocks| blocks.capacity());
        history
            + cached.sum::<usize>() * size_of::<Cached>()
            + self.staged.capacity() * size_of::<Staged>()
            + self.rows.capacity() * size_of::<u32>()
            + self.frames.memory_bytes()
    }

    /// How many entities were in a cell at a past tick that is still remembered.
    pub fn population(&self, cell: CellId, tick: Tick) -> Option<usize> {
        self.state(cell, tick).map(CellState::len)
    }
}

fn past_state(history: &VecDeque<Past>, cell: CellId, tick: Tick) -> Option<&CellState> {
    let past = history.iter().rev().find(|past| past.tick == tick)?;
    past.cells.get(usize::from(cell.0))
}

/// Ticks from `older` to `newer`, if a frame can name that many.
fn distance(newer: Tick, older: Tick) -> Option<u32> {
    u32::try_from(newer.since(older))
        .ok()
        .filter(|d| (1..=AGE_MAX).contains(d))
}
