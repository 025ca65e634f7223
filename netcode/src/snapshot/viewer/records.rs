//! What a client has: the frames sent to it, and which of them it acknowledged.

use super::Delivery;
use crate::Tick;
use crate::interest::View;
use crate::snapshot::CellId;
use crate::snapshot::world::{AGE_MAX, World};
use std::collections::VecDeque;

/// Frames a client is taken to remember; it remembers at least as many.
pub(crate) const RECORDS: usize = 32;
/// Ages of baselines, counted in frames, that datagram clients are rounded to, so that clients
/// with about the same delay share blocks.
const AGE_BUCKETS: [usize; 8] = [1, 2, 3, 4, 6, 8, 12, 16];

/// What the client has if it has a certain frame: the cells of its view, each with the tick at
/// which it is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub tick: Tick,
    /// Whether the client has the frame.
    has: bool,
    /// Whether that is known to stay so.
    settled: bool,
    pub cells: Vec<(CellId, Tick)>,
}

impl Record {
    /// The tick at which a cell is known.
    pub fn known(&self, cell: CellId) -> Option<Tick> {
        let at = self
            .cells
            .binary_search_by_key(&cell, |(cell, _)| *cell)
            .ok()?;
        Some(self.cells[at].1)
    }

    /// Whether the frame refreshed exactly the cells of `view`.
    fn refreshed(&self, view: &View) -> bool {
        let cells = view.cells();
        let mut pairs = self.cells.iter().zip(cells);
        self.cells.len() == cells.len()
            && pairs.all(|((cell, tick), (seen, _))| cell == seen && *tick == self.tick)
    }
}

/// The frame to encode against and the one to predict from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Baseline<'r> {
    base: Option<(usize, &'r Record)>,
    pub older: Option<&'r Record>,
}

impl<'r> Baseline<'r> {
    pub fn is_none(&self) -> bool {
        self.base.is_none()
    }

    /// The cells of the baseline's view.
    pub fn cells(&self) -> &'r [(CellId, Tick)] {
        self.base.map_or(&[], |(_, base)| &base.cells)
    }

    /// What a frame of `tick` says of its baseline: its age, and how much older the other is.
    pub fn age_and_span(&self, tick: Tick) -> (u8, u8) {
        let Some((_, base)) = self.base else {
            return (0, 0);
        };
        let span = self.older.map_or(0, |older| base.tick.since(older.tick));
        (tick.since(base.tick) as u8, span as u8)
    }

    /// Where the baseline is among the records.
    pub fn place(&self) -> usize {
        self.base.map_or(0, |(place, _)| place)
    }

    /// The baseline, and the tick to predict from, if both show all of `view` and nothing else.
    pub fn same_as(&self, view: &View) -> Option<(&'r Record, Option<Tick>)> {
        let (_, base) = self.base?;
        let same = base.refreshed(view) && self.older.is_none_or(|older| older.refreshed(view));
        same.then(|| (base, self.older.map(|older| older.tick)))
    }
}

/// Frames sent, oldest first: at most as many as [`kept`] says.
#[derive(Debug, Default)]
pub(super) struct Records {
    sent: VecDeque<Record>,
    /// Memory of records that were forgotten, at most [`RECORDS`].
    spare: Vec<Record>,
}

impl Records {
    /// The tick of the newest frame sent.
    pub fn last_tick(&self) -> Option<Tick> {
        self.sent.back().map(|record| record.tick)
    }

    /// Notes which frames the client has. Of each frame, in their order, `settled` is told once whether it was lost: a
    /// client uses none that comes after a newer one.
    pub fn acknowledge(&mut self, newest: Tick, earlier: u32, mut settled: impl FnMut(bool)) {
        for record in &mut self.sent {
            let behind = newest.since(record.tick);
            let named = (1..=32).contains(&behind) && earlier >> (behind - 1) & 1 == 1;
            record.has |= behind == 0 || named;
            if behind >= 0 && !record.settled {
                record.settled = true;
                // Of one that is further back nothing is said.
                if behind <= 32 {
                    settled(!record.has);
                }
            }
        }
    }

    pub fn memory_bytes(&self) -> usize {
        let kept = self.sent.iter().chain(&self.spare);
        let cells: usize = kept.map(|record| record.cells.capacity()).sum();
        cells * size_of::<(CellId, Tick)>()
            + (self.sent.capacity() + self.spare.capacity()) * size_of::<Record>()
    }

    /// The client has nothing.
    pub fn forget(&mut self) {
        self.spare.extend(self.sent.drain(..));
        self.spare.truncate(RECORDS);
    }

    /// The newest frame the client has and the world remembers, rounded for datagrams; and the
    /// newest such frame before it.
    pub fn choose(&self, world: &World, tick: Tick, delivery: Delivery) -> Baseline<'_> {
        // Ordered clients have both frames that are kept of them, and most have the same two as the one before.
        if let (Delivery::Ordered, Some(older), Some(base)) =
            (delivery, self.sent.front(), self.sent.get(1))
            && world.has_shaped(base.tick, older.tick)
        {
            return Baseline {
                base: Some((1, base)),
                older: Some(older),
            };
        }
        let usable = |&n: &usize| {
            let record = &self.sent[n];
            let age = tick.since(record.tick);
            record.has && (1..=AGE_MAX as i32).contains(&age) && world.remembers(record.tick)
        };
        let newest_first = |below: usize| (0..below).rev().filter(usable);
        let mut base = newest_first(self.sent.len()).next();
        if delivery == Delivery::Datagram {
            let bucket = |&n: &usize| AGE_BUCKETS.contains(&(self.sent.len() - n));
            base = newest_first(self.sent.len()).find(bucket).or(base);
        }
        let older = base.and_then(|base| {
            let span = |n: usize| self.sent[base].tick.since(self.sent[n].tick);
            newest_first(base).find(|&n| span(n) <= AGE_MAX as i32)
        });
        Baseline {
            base: base.map(|base| (base, &self.sent[base])),
            older: older.map(|older| &self.sent[older]),
        }
    }

    /// Adds a frame after which the client knows `cells`.
    pub fn add(
        &mut self,
        tick: Tick,
        delivery: Delivery,
        cells: impl Iterator<Item = (CellId, Tick)>,
    ) {
        let mut record = self.reuse(delivery);
        record.cells.clear();
        record.cells.extend(cells);
        self.push(tick, delivery, record);
    }

    /// Adds a frame that refreshed the same cells as the one at `place`.
    pub fn repeat(&mut self, tick: Tick, place: usize, delivery: Delivery) {
        let before = self.sent.len();
        let mut record = self.reuse(delivery);
        let moved_up = before - self.sent.len();
        match place.checked_sub(moved_up) {
            Some(place) => {
                let cells = self.sent[place].cells.iter();
                record.cells.clear();
                record.cells.extend(cells.map(|(cell, _)| (*cell, tick)));
            }
            // It is that one's memory, and has its cells.
            None => record.cells.iter_mut().for_each(|(_, known)| *known = tick),
        }
        self.push(tick, delivery, record);
    }

    /// The memory for a record: that of the oldest, if there are as many as are kept.
    fn reuse(&mut self, delivery: Delivery) -> Record {
        let used = match self.sent.len() < kept(delivery) {
            true => self.spare.pop(),
            false => self.sent.pop_front(),
        };
        used.unwrap_or_default()
    }

    fn push(&mut self, tick: Tick, delivery: Delivery, record: Record) {
        self.sent.push_back(Record {
            tick,
            // An ordered client is taken to have what was sent.
            has: delivery == Delivery::Ordered,
            settled: false,
            ..record
        });
    }
}

/// How many frames are kept. An ordered client's baseline is always the last one, predicted from the one before it;
/// any of a datagram client's may turn out to be the newest that it has. What is kept is memory to go through every
/// few frames, for every client: less of it is still in the cache.
fn kept(delivery: Delivery) -> usize {
    match delivery {
        Delivery::Ordered => 2,
        Delivery::Datagram => RECORDS,
    }
}
