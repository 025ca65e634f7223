//! The client's side: frames in, entities out.
//!
//! [`Decoder::read`] takes frames in any order and any number of times. A frame is used whole or
//! not at all: after an error everything is as before. What a frame may refer to is kept for the
//! last frames used; memory is bounded by that and by the entities in view.
//!
//! It does not interpolate and does not predict players; it says what the server said, and when.

use super::block::{Known, Scratch, get_delta, get_full};
use super::frames::{CellKind, Feedback, Head, get_list};
use super::layers::{LayerId, Layers};
use super::state::CellState;
use super::viewer::RECORDS;
use super::world::AGE_MAX;
use super::{CellId, Malformed};
use crate::Tick;
use crate::bits::BitReader;
use crate::schema::Replicate;
use std::collections::VecDeque;
use std::sync::Arc;

/// Why a frame was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// A newer frame, or this one, was used before. Ordinary on datagrams.
    Stale,
    /// The frame builds on one that is not here. Ask for a keyframe.
    MissingBaseline(Tick),
    /// The frame makes no sense. Ask for a keyframe, and count it.
    Malformed(Malformed),
}

impl From<Malformed> for FrameError {
    fn from(malformed: Malformed) -> Self {
        FrameError::Malformed(malformed)
    }
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Stale => f.write_str("the frame is no news"),
            Self::MissingBaseline(tick) => write!(f, "the frame of tick {tick} is not here"),
            Self::Malformed(malformed) => malformed.fmt(f),
        }
    }
}

impl core::error::Error for FrameError {}

/// What a frame said about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameInfo {
    /// The tick it shows.
    pub tick: Tick,
    /// How many ticks its baseline is older; 0 for a keyframe.
    pub age: u8,
    /// What the server says about this client's inputs.
    pub feedback: Option<Feedback>,
    /// How many cells it refreshed.
    pub cells: usize,
}

/// An entity in view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entity<T> {
    /// Its index.
    pub index: u16,
    /// The cell it is in.
    pub cell: CellId,
    /// The tick at which it was so: older than the frame's when its cell had to wait.
    pub tick: Tick,
    /// Its fields; those for the owner alone are zero unless this is the owner's entity.
    pub value: T,
}

#[derive(Clone, Debug)]
struct CellAt {
    cell: CellId,
    tick: Tick,
    state: Arc<CellState>,
}

/// What was in view after a frame.
#[derive(Clone, Debug, Default)]
struct Record {
    tick: Tick,
    cells: Vec<CellAt>,
}

impl Record {
    fn cell(&self, cell: CellId) -> Option<&CellAt> {
        let at = self.cells.binary_search_by_key(&cell, |c| c.cell).ok()?;
        Some(&self.cells[at])
    }
}

/// The owner's entity and its owner-only values.
#[derive(Clone, Debug, Default)]
struct Owned {
    layer: u8,
    index: u16,
    values: Vec<u32>,
}

/// A client's view of a world.
#[derive(Debug)]
pub struct Decoder {
    layers: Layers,
    records: VecDeque<Record>,
    /// Near which tick the first frame is expected.
    near: Tick,
    owned: Option<Owned>,
    list: Vec<(CellId, CellKind)>,
    /// States that may be reused once no record holds them.
    retired: Vec<Arc<CellState>>,
    scratch: Scratch,
}

/// States kept for reuse: as many as a frame of a large view needs.
const RETIRED_MAX: usize = 64;

impl Decoder {
    /// An empty view of a world with these layers.
    pub fn new(layers: Layers) -> Self {
        Decoder {
            layers,
            records: VecDeque::with_capacity(RECORDS),
            near: Tick::new(1 << 15),
            owned: None,
            list: Vec::new(),
            retired: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Forgets everything, for instance when the server began afresh.
    pub fn reset(&mut self) {
        self.records.clear();
        self.owned = None;
    }

    /// Forgets everything and expects a keyframe near `tick`, whose high bits no frame carries.
    pub fn restart(&mut self, tick: Tick) {
        self.reset();
        self.near = tick;
    }

    /// The tick of the newest frame used.
    pub fn tick(&self) -> Option<Tick> {
        self.records.back().map(|record| record.tick)
    }

    /// What to acknowledge: the newest frame's tick, and which of the 32 ticks before it are here
    /// too (bit `n` for `newest - 1 - n`).
    pub fn acknowledgement(&self) -> Option<(u16, u32)> {
        let newest = self.tick()?;
        let behind = self.records.iter().map(|record| newest.since(record.tick));
        let bits = behind
            .filter(|b| (1..=32).contains(b))
            .fold(0, |bits, b| bits | 1 << (b - 1));
        Some((newest.wire(), bits))
    }

    /// Uses a frame. On an error nothing has changed.
    pub fn read(&mut self, bytes: &[u8]) -> Result<FrameInfo, FrameError> {
        let mut from = BitReader::new(bytes);
        let head = Head::get(&mut from)?;
        // The header is at least this long; what lies about its tick is turned away before use.
        if from.is_truncated() {
            return Err(Malformed::Truncated.into());
        }
        let tick = Tick::from_wire(head.tick, self.tick().unwrap_or(self.near));
        if self.tick().is_some_and(|newest| !tick.is_newer(newest)) {
            return Err(FrameError::Stale);
        }
        let Decoder {
            layers,
            records,
            list,
            retired,
            scratch,
            ..
        } = self;
        let empty = Record::default();
        let base_tick = tick - u32::from(head.age);
        let base = match head.age {
            0 => &empty,
            _ => find(records, base_tick)?,
        };
        let older = match (head.age, head.span) {
            (0, _) | (_, 0) => None,
            (_, span) => Some(find(records, base_tick - u32::from(span))?),
        };
        let owned = get_owned(&mut from, layers, &head)?;
        list.clear();
        if head.listed {
            get_list(&mut from, layers.cell_count(), list)?;
        } else {
            list.extend(base.cells.iter().map(|c| (c.cell, CellKind::Delta)));
        }
        from.align();

        let mut record = Record {
            tick,
            cells: Vec::with_capacity(base.cells.len() + 4),
        };
        let mut unlisted = base.cells.iter().peekable();
        let mut refreshed = 0;
        for &(cell, kind) in &*list {
            while let Some(known) = unlisted.next_if(|known| known.cell < cell) {
                record.cells.push(known.clone());
            }
            let known = unlisted.next_if(|known| known.cell == cell);
            let layer = layers.layer_of(cell).ok_or(Malformed::Place)?;
            let layout = &layers.specs[layer].layout;
            let mut state = reuse(retired);
            let target = Arc::make_mut(&mut state);
            match (kind, known) {
                (CellKind::Left, Some(_)) => continue,
                (CellKind::Full, _) => get_full(&mut from, layout, target)?,
                (CellKind::Delta, Some(known)) => {
                    let older = older
                        .and_then(|older| older.cell(cell))
                        .filter(|older| known.tick.is_newer(older.tick));
                    let known = Known {
                        base: &known.state,
                        age: distance(tick, known.tick)?,
                        older: match older {
                            None => None,
                            Some(o) => Some((&*o.state, distance(known.tick, o.tick)?)),
                        },
                    };
                    get_delta(&mut from, layout, &known, target, scratch)?;
                }
                _ => return Err(Malformed::Unknown.into()),
            }
            from.align();
            refreshed += 1;
            record.cells.push(CellAt { cell, tick, state });
        }
        record.cells.extend(unlisted.cloned());
        if !from.finish().map_err(|_| Malformed::Truncated)?.is_empty() {
            return Err(Malformed::Trailing.into());
        }
        self.owned = owned;
        self.keep(record);
        Ok(FrameInfo {
            tick,
            age: head.age,
            feedback: head.feedback,
            cells: refreshed,
        })
    }

    fn keep(&mut self, record: Record) {
        if self.records.len() == RECORDS
            && let Some(oldest) = self.records.pop_front()
        {
            let room = RETIRED_MAX - self.retired.len().min(RETIRED_MAX);
            let states = oldest.cells.into_iter().map(|c| c.state);
            self.retired
                .extend(states.filter(|s| Arc::strong_count(s) == 1).take(room));
        }
        self.records.push_back(record);
    }

    /// Every entity of a layer in view, by cell and index.
    pub fn entities<T: Replicate>(&self, layer: LayerId<T>) -> impl Iterator<Item = Entity<T>> {
        let cells = self.layers.cells(usize::from(layer.index));
        let layout = &self.layers.specs[usize::from(layer.index)].layout;
        let record = self.records.back();
        let known = record.map_or(&[][..], |record| &record.cells);
        let known = known.iter().filter(move |c| cells.contains(&c.cell.0));
        let mut row = vec![0; layout.schema.fields.len()];
        known
            .flat_map(|c| (0..c.state.len()).map(move |n| (c, n)))
            .map(move |(c, n)| {
                let index = c.state.ids[n].index();
                row.fill(0);
                for (column, &place) in layout.places.iter().enumerate() {
                    row[place] = c.state.column(column)[n];
                }
                let owned = self.owned.as_ref();
                if let Some(owned) = owned.filter(|o| (o.layer, o.index) == (layer.index, index)) {
                    for (&place, &value) in layout.owner.iter().zip(&owned.values) {
                        row[place] = value;
                    }
                }
                Entity {
                    index,
                    cell: c.cell,
                    tick: c.tick,
                    value: T::load(&row),
                }
            })
    }

    /// The entity with this index, if it is in view.
    pub fn entity<T: Replicate>(&self, layer: LayerId<T>, index: u16) -> Option<Entity<T>> {
        self.entities(layer).find(|entity| entity.index == index)
    }

    /// The cells in view, each with the tick at which it is known.
    pub fn cells(&self) -> impl Iterator<Item = (CellId, Tick)> {
        let record = self.records.back();
        record
            .into_iter()
            .flat_map(|record| record.cells.iter().map(|c| (c.cell, c.tick)))
    }
}

/// Ticks from `older` to `newer`. No server refers to what is further back than a frame can name.
fn distance(newer: Tick, older: Tick) -> Result<u32, Malformed> {
    let ticks = newer.since(older).unsigned_abs();
    if ticks > AGE_MAX {
        return Err(Malformed::Unknown);
    }
    Ok(ticks)
}

fn find(records: &VecDeque<Record>, tick: Tick) -> Result<&Record, FrameError> {
    let found = records.iter().rev().find(|record| record.tick == tick);
    found.ok_or(FrameError::MissingBaseline(tick))
}

/// A state to fill: one that nobody holds any more, or a new one.
fn reuse(retired: &mut Vec<Arc<CellState>>) -> Arc<CellState> {
    retired.pop().unwrap_or_default()
}

fn get_owned(
    from: &mut BitReader<'_>,
    layers: &Layers,
    head: &Head,
) -> Result<Option<Owned>, Malformed> {
    let Some((layer, id)) = head.owner else {
        return Ok(None);
    };
    let spec = layers
        .specs
        .get(usize::from(layer))
        .ok_or(Malformed::Place)?;
    let fields = spec
        .layout
        .owner
        .iter()
        .map(|&place| &spec.layout.schema.fields[place]);
    let values = fields
        .map(|field| from.get(u32::from(field.bits)))
        .collect();
    Ok(Some(Owned {
        layer,
        index: id.index(),
        values,
    }))
}
