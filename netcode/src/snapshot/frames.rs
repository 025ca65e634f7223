//! Frames: what one client is sent at one tick, as a header of its own and blocks it shares.
//!
//! ```text
//! tick:16 | age:8 | span:8 | listed:1 feedback:1 owner:1 0:5
//! feedback: has_seq:1 seq:16 depth:8
//! owner:    layer:4 index:16, the owner-only fields at their widths
//! listed:   count: Golomb(2), count x { cell - last - 1: Golomb(1), kind }
//!           kind 0   the change since the baseline frame
//!           kind 10  in full
//!           kind 11  the cell left the view
//! padding to a whole byte
//! the blocks of the cells, in the order of the cells
//! ```
//!
//! `age` is how many ticks ago the baseline frame was (0: a keyframe, the view starts
//! empty). A cell's change is from what the reader had after the baseline frame, which may be older
//! than that frame if the cell was not in it. `span` is how much older than the baseline the frame
//! is from which motion is predicted (0: none); a cell is predicted if that frame had it at an
//! older tick than the baseline frame.
//!
//! A frame without a list has all the cells of the baseline's view, as kind 0. With a list, cells
//! of that view which are not mentioned stay as the reader knows them.

use super::world::BlockRef;
use super::{CellId, Malformed};
use crate::bits::{BitReader, BitWriter};
use crate::snapshot::EntityId;
use core::ops::Range;

const COUNT_ORDER: u32 = 2;
const GAP_ORDER: u32 = 1;
/// What the server tells a client about its inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// Sequence of the newest input executed, if any.
    pub last_input_seq: Option<u16>,
    /// How early inputs arrive, in quarter ticks rounded down: see
    /// [`depth_quarters`](crate::input::InputBuffer::depth_quarters).
    pub input_depth: i8,
}

/// How a cell appears in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellKind {
    /// The change since the baseline frame.
    Delta,
    /// All of it.
    Full,
    /// It is no longer in view.
    Left,
}

/// A frame's fixed part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub tick: u16,
    pub age: u8,
    pub span: u8,
    pub listed: bool,
    pub feedback: Option<Feedback>,
    pub owner: Option<(u8, EntityId)>,
}

impl Head {
    /// Appends it: what is of fixed width in as few words as it fits, for every frame has it.
    pub fn put(&self, out: &mut BitWriter) {
        let (age, span) = (u32::from(self.age), u32::from(self.span));
        out.put(u32::from(self.tick) | age << 16 | span << 24, 32);
        let [listed, feedback, owner] =
            [self.listed, self.feedback.is_some(), self.owner.is_some()].map(u32::from);
        let flags = listed | feedback << 1 | owner << 2;
        match self.feedback {
            None => out.put(flags, 8),
            Some(feedback) => {
                let has_seq = u32::from(feedback.last_input_seq.is_some());
                let seq = u32::from(feedback.last_input_seq.unwrap_or(0));
                out.put(flags | has_seq << 8 | seq << 9, 25);
                out.put(feedback.input_depth as u8 as u32, 8);
            }
        }
        if let Some((layer, id)) = self.owner {
            out.put(u32::from(layer) | u32::from(id.index()) << 4, 20);
        }
    }

    pub fn get(from: &mut BitReader<'_>) -> Result<Self, Malformed> {
        let mut head = Head {
            tick: from.get(16) as u16,
            age: from.get(8) as u8,
            span: from.get(8) as u8,
            listed: from.get_bool(),
            ..Head::default()
        };
        let (feedback, owner) = (from.get_bool(), from.get_bool());
        if from.get(5) != 0 {
            return Err(Malformed::Reserved);
        }
        if feedback {
            let has_seq = from.get_bool();
            let seq = from.get(16) as u16;
            head.feedback = Some(Feedback {
                last_input_seq: has_seq.then_some(seq),
                input_depth: from.get(8) as u8 as i8,
            });
        }
        if owner {
            head.owner = Some((from.get(4) as u8, EntityId::new(from.get(16) as u16, 0)));
        }
        Ok(head)
    }
}

/// Writes the list of cells, in ascending order.
pub(crate) fn put_list(out: &mut BitWriter, list: &[(CellId, CellKind)]) {
    out.put_golomb(list.len() as u32, COUNT_ORDER);
    let mut next = 0;
    for &(cell, kind) in list {
        out.put_golomb(u32::from(cell.0) - next, GAP_ORDER);
        next = u32::from(cell.0) + 1;
        match kind {
            CellKind::Delta => out.put(0b0, 1),
            CellKind::Full => out.put(0b01, 2),
            CellKind::Left => out.put(0b11, 2),
        }
    }
}

/// Reads the list of cells; all are below `cells`, in ascending order.
pub(crate) fn get_list(
    from: &mut BitReader<'_>,
    cells: usize,
    list: &mut Vec<(CellId, CellKind)>,
) -> Result<(), Malformed> {
    list.clear();
    let count = from.get_golomb(COUNT_ORDER) as usize;
    if count > cells {
        return Err(Malformed::Count);
    }
    let mut next = 0u64;
    for _ in 0..count {
        let cell = next + u64::from(from.get_golomb(GAP_ORDER));
        if cell >= cells as u64 {
            return Err(Malformed::Place);
        }
        next = cell + 1;
        let kind = if !from.get_bool() {
            CellKind::Delta
        } else if !from.get_bool() {
            CellKind::Full
        } else {
            CellKind::Left
        };
        list.push((CellId(cell as u16), kind));
    }
    Ok(())
}

#[derive(Clone, Debug)]
struct Entry {
    header: Range<u32>,
    parts: Range<u32>,
    bytes: u32,
}

/// The blocks of a frame, as a list that other frames may share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    start: u32,
    count: u32,
    pub bytes: u32,
}

/// Names a frame of a [`FrameSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameIndex(u32);

/// The frames of one tick: headers of their own, blocks in common. It is plain memory, `Send` and
/// `Sync`, so that threads that write to sockets can share one set behind an `Arc`.
#[derive(Debug, Default)]
pub struct FrameSet {
    pub(crate) blocks: Vec<u8>,
    headers: Vec<u8>,
    parts: Vec<BlockRef>,
    frames: Vec<Entry>,
}

impl FrameSet {
    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes of a frame on the wire, without any envelope. Zero for a frame of another set.
    pub fn frame_bytes(&self, frame: FrameIndex) -> usize {
        self.frames
            .get(frame.0 as usize)
            .map_or(0, |entry| entry.bytes as usize)
    }

    /// The pieces of a frame, in order: its header, then blocks that other frames may share.
    pub fn pieces(&self, frame: FrameIndex) -> impl Iterator<Item = &[u8]> {
        let entry = self.frames.get(frame.0 as usize);
        let range = |r: &Range<u32>| r.start as usize..r.end as usize;
        let header = entry.map(|e| &self.headers[range(&e.header)]);
        let parts = entry.map_or(&[][..], |e| &self.parts[range(&e.parts)]);
        let block = |b: &BlockRef| &self.blocks[b.start as usize..][..b.len as usize];
        header.into_iter().chain(parts.iter().map(block))
    }

    /// The header of a frame; the first of its pieces.
    pub fn header(&self, frame: FrameIndex) -> &[u8] {
        self.pieces(frame).next().unwrap_or(&[])
    }

    /// Where a frame's blocks lie in [`FrameSet::block_bytes`], for a carrier that shares them as
    /// slices of one buffer.
    pub fn block_ranges(&self, frame: FrameIndex) -> impl Iterator<Item = Range<usize>> {
        let entry = self.frames.get(frame.0 as usize);
        let parts = entry.map_or(&[][..], |e| {
            &self.parts[e.parts.start as usize..e.parts.end as usize]
        });
        parts
            .iter()
            .map(|b| b.start as usize..(b.start + b.len) as usize)
    }

    /// All blocks of the tick.
    pub fn block_bytes(&self) -> &[u8] {
        &self.blocks
    }

    /// Appends a whole frame to `out`.
    pub fn copy_to(&self, frame: FrameIndex, out: &mut Vec<u8>) {
        for piece in self.pieces(frame) {
            out.extend_from_slice(piece);
        }
    }

    pub(crate) fn push(&mut self, header: &[u8], blocks: &[BlockRef]) -> FrameIndex {
        let shape = self.make_shape(blocks.iter().copied());
        self.push_shape(header, shape)
    }

    /// A list of blocks that several frames share.
    pub(crate) fn make_shape(&mut self, blocks: impl Iterator<Item = BlockRef>) -> Shape {
        let start = self.parts.len() as u32;
        self.parts.extend(blocks);
        let parts = &self.parts[start as usize..];
        let bytes = parts.iter().map(|block| block.len).sum();
        Shape {
            start,
            count: parts.len() as u32,
            bytes,
        }
    }

    pub(crate) fn push_shape(&mut self, header: &[u8], shape: Shape) -> FrameIndex {
        let header_start = self.headers.len() as u32;
        self.headers.extend_from_slice(header);
        self.frames.push(Entry {
            header: header_start..self.headers.len() as u32,
            parts: shape.start..shape.start + shape.count,
            bytes: header.len() as u32 + shape.bytes,
        });
        FrameIndex(self.frames.len() as u32 - 1)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.blocks.capacity()
            + self.headers.capacity()
            + self.parts.capacity() * size_of::<BlockRef>()
            + self.frames.capacity() * size_of::<Entry>()
    }

    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
        self.headers.clear();
        self.parts.clear();
        self.frames.clear();
    }
}
