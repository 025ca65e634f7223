//! Snapshots: what a client is told about the world, as differences from what it knows.
//!
//! ```text
//! server   World::capture ── cells at this tick ──► blocks, one per (cell, baseline, older tick)
//!          Viewer::frame  ── one per client ──────► FrameSet: own header + shared blocks
//! client   Decoder::read  ── frame bytes ─────────► cells, entities, acknowledgements
//! ```
//!
//! - The unit is a **cell**: a set of entities that is seen as a whole. Cells may be squares of a
//!   [grid](crate::interest), teams, or anything else that decides who sees what; an entity is in
//!   one cell of its layer, and what is in no cell of a client's view never reaches it.
//! - Every frame names its **baseline**: a frame that the client has. A client without it says so
//!   and gets a keyframe. What a frame says is relative to the view of that baseline.
//! - A **block** is one cell's change from one tick to another. It depends on the ticks alone and
//!   not on the client, so it is encoded once and shared by all who know the same ticks.
//!
//! Left out: transports, events, and strings, which belong to reliable messages.

mod block;
mod capture;
mod decoder;
mod frames;
mod layers;
mod mark;
mod mask;
mod plane;
mod state;
mod viewer;
mod world;

pub use capture::Capture;
pub use decoder::{Decoder, Entity, FrameError, FrameInfo};
pub use frames::{Feedback, FrameIndex, FrameSet};
pub use layers::{CELLS_MAX, LAYERS_MAX, LayerId, Layers};
pub use viewer::{Delivery, FrameRequest, Held, Owner, Viewer, ViewerConfig, ViewerStats};
pub use world::{EncodeCounters, World};

use core::fmt;

/// Names an entity. The index travels; the generation tells a new entity from an old one whose
/// index it took over, and stays on the server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EntityId(u32);

impl EntityId {
    /// The entity with this index and generation.
    pub const fn new(index: u16, generation: u16) -> Self {
        EntityId((index as u32) << 16 | generation as u32)
    }

    /// The part that travels. Indices are per layer and should be small and dense.
    pub const fn index(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// How often the index had been given to an entity before.
    pub const fn generation(self) -> u16 {
        self.0 as u16
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}.{}", self.index(), self.generation())
    }
}

/// Names a cell of a world: see [`Layers::cell`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellId(pub(crate) u16);

impl CellId {
    /// A cell that no layer has: who is in it is hidden from everyone.
    pub const HIDDEN: CellId = CellId(u16::MAX);

    /// The cell's number in frames.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// What is wrong with a frame: the sender is broken or hostile, or the bytes were damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// The bytes ended early.
    Truncated,
    /// A count is larger than what could follow.
    Count,
    /// A place is outside its list.
    Place,
    /// Two widths contradict each other.
    Width,
    /// An entity's id is out of range or already taken.
    Id,
    /// A bit that must be zero is not.
    Reserved,
    /// A cell is a difference from something the baseline frame does not have.
    Unknown,
    /// Bytes are left over after the last block.
    Trailing,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the frame ended early",
            Self::Count => "a count is larger than what could follow",
            Self::Place => "a place is outside its list",
            Self::Width => "two widths contradict each other",
            Self::Id => "an entity's id is out of range or taken",
            Self::Reserved => "a reserved bit is set",
            Self::Unknown => "a cell refers to what the baseline does not have",
            Self::Trailing => "bytes are left over after the last block",
        })
    }
}

impl core::error::Error for Malformed {}
