//! Writing: one run per dirty connection, and what happens to what its sink did not take.
//!
//! Promises: a connection's notes go out in order; after a short write the rest of the begun message
//! comes first, then whatever the classes kept. One connection's trouble is nobody else's.

use std::slice;

use super::{
    Scratch, Shard, Work,
    backlog::{FirstOf, Overflow},
    conns::State,
    route::OpenItem,
    turn::{Noted, Single},
};
use crate::{
    error::CloseReason,
    ident::ConnId,
    sink::{RUN_BYTES_MAX, Run, Sink, Wrote},
};

impl<S: Sink> Shard<S> {
    pub(super) fn write_all(&mut self, work: &mut Work) {
        let sole = self.take_sole_item();
        self.close_open_item();
        self.write_backlogs(work);
        if let Some(item) = sole {
            self.write_to_members(item, work);
        }
        let dirty = std::mem::take(&mut self.turn.dirty);
        let mut items = std::mem::take(&mut self.scratch.items);
        let mut slots = dirty.iter();
        while let Some(odd) = self.write_plain(&mut slots, work) {
            match odd {
                Odd::Unwritten(slot) => {
                    self.conns.take_notes(slot, &self.turn, &mut items);
                    if !items.is_empty() {
                        self.write_notes(slot, &items, work);
                    }
                }
                Odd::Short(slot, item, wrote) => {
                    self.settle(slot, &[item], Submitted::from(wrote, 0));
                }
            }
        }
        self.scratch.items = items;
        self.turn.dirty = dirty;
        self.end_closing();
        self.sink.commit();
        self.turn.clear();
    }

    /// The topic's item that is all there is in this turn: its subscribers need no notes.
    fn take_sole_item(&mut self) -> Option<OpenItem> {
        let sole = self.turn.dirty.is_empty() && self.writable.is_empty();
        self.open_item.take_if(|_| sole)
    }

    /// Writes one item to all subscribers of its topic: a game's tick in one room.
    fn write_to_members(&mut self, OpenItem { topic, from }: OpenItem, work: &mut Work) {
        let item = self.turn.close_item(from);
        let Some(wire) = self.turn.wire(item) else {
            return self.note_members(topic, item, None);
        };
        let (conns, items) = (&self.conns, [item]);
        let messages = Noted {
            turn: &self.turn,
            items: &items,
        };
        let run = Run::new(wire, &messages);
        let Scratch {
            ready,
            behind,
            short,
            ..
        } = &mut self.scratch;
        for slot in self.members.of(topic) {
            match conns.get(slot).backlog {
                None => ready.push(conns.id(slot)),
                Some(_) => behind.push(slot),
            }
        }
        self.sink.submit_to_all(ready, &run, short);
        let writes = ready.len() as u64;
        let whole = writes - short.len() as u64;
        self.count_writes(writes, self.turn.units(item), whole, work);
        // Now that nobody goes through the subscribers any more, some may end.
        let mut short = std::mem::take(&mut self.scratch.short);
        for (at, wrote) in short.drain(..) {
            let slot = self.scratch.ready[at].slot() as u32;
            self.settle(slot, &items, Submitted::from(wrote, 0));
        }
        self.scratch.short = short;
        let mut behind = std::mem::take(&mut self.scratch.behind);
        for slot in behind.drain(..) {
            self.write_notes(slot, &items, work);
        }
        self.scratch.behind = behind;
        self.scratch.ready.clear();
    }

    /// Counts `writes` of an item of so many units, of which so many were taken whole.
    fn count_writes(&self, writes: u64, units: u64, whole: u64, work: &mut Work) {
        work.writes += writes as usize;
        let counters = self.counters();
        counters.writes.add(writes);
        counters.accepted.add(writes * units);
        counters.delivered.add(whole * units);
    }

    /// Writes the usual case in one go: connections that noted one item in one piece, have nothing
    /// waiting, and whose sink takes it all. Stops after the first that is not like that.
    fn write_plain(&mut self, slots: &mut slice::Iter<'_, u32>, work: &mut Work) -> Option<Odd> {
        loop {
            let slot = *slots.as_slice().first()?;
            let item = self.conns.only_note(slot);
            let run = item.and_then(|item| Some((item, self.turn.wire(item)?)));
            let Some((item, wire)) = run else {
                slots.next();
                return Some(Odd::Unwritten(slot));
            };
            let messages = Noted {
                turn: &self.turn,
                items: &[item],
            };
            let run = Run::new(wire, &messages);
            let (mut writes, mut short) = (0, None);
            // All who noted the same, as far as they follow each other.
            while let Some(&slot) = slots.as_slice().first()
                && self.conns.only_note(slot) == Some(item)
                && short.is_none()
            {
                slots.next();
                writes += 1;
                let conn = self.conns.forget_only_note(slot);
                match self.sink.submit(conn, &run) {
                    Wrote::All => {}
                    wrote => short = Some(Odd::Short(slot, item, wrote)),
                }
            }
            let whole = writes - u64::from(short.is_some());
            self.count_writes(writes, self.turn.units(item), whole, work);
            if short.is_some() {
                return short;
            }
        }
    }

    /// Gives connections whose sink takes more again what waits for them.
    fn write_backlogs(&mut self, work: &mut Work) {
        let mut writable = std::mem::take(&mut self.writable);
        for conn in writable.drain(..) {
            let Some(slot) = self.conns.find(conn) else {
                continue;
            };
            work.writes += 1;
            self.write_backlog(slot);
            if matches!(self.conns.get(slot).state, State::Closing { .. })
                && self.conns.get(slot).backlog.is_none()
            {
                self.closing.push(slot);
            }
        }
        self.writable = writable;
    }

    fn write_backlog(&mut self, slot: u32) {
        let conn = self.conns.id(slot);
        let Some(mut backlog) = self.conns.get_mut(slot).backlog.take() else {
            return;
        };
        let mut cork = std::mem::take(&mut self.scratch.cork);
        while !backlog.is_empty() {
            cork.clear();
            let count = backlog.next_run(&mut cork);
            let messages = FirstOf {
                backlog: &backlog,
                count,
            };
            let wrote = self.sink.submit(conn, &Run::new(&cork, &messages));
            let counters = self.counters();
            counters.writes.add(1);
            match wrote {
                Wrote::All => counters.delivered.add(backlog.written(cork.len())),
                Wrote::Partial(n) => {
                    counters.delivered.add(backlog.written(n));
                    break;
                }
                Wrote::Blocked => break,
                Wrote::Gone => {
                    self.conns.get_mut(slot).backlog = Some(backlog);
                    self.scratch.cork = cork;
                    return self.end(slot, CloseReason::Gone);
                }
            }
        }
        self.scratch.cork = cork;
        if !backlog.is_empty() {
            self.conns.get_mut(slot).backlog = Some(backlog);
        }
    }

    fn write_notes(&mut self, slot: u32, items: &[u32], work: &mut Work) {
        self.counters().accepted.add(self.units(items));
        if self.conns.get(slot).backlog.is_some() {
            return self.keep(slot, items, 0);
        }
        work.writes += 1;
        let submitted = self.submit(slot, items);
        self.settle(slot, items, submitted);
    }

    /// Counts what was written, and lets the rest wait.
    fn settle(&mut self, slot: u32, items: &[u32], submitted: Submitted) {
        match submitted {
            Submitted::All => {
                let delivered = self.units(items);
                self.counters().delivered.add(delivered);
            }
            Submitted::Until(written) => self.keep(slot, items, written),
            Submitted::GoneAfter(written) => {
                let delivered = self.units_within(items, written);
                let lost = self.units(items) - delivered;
                self.counters().delivered.add(delivered);
                self.counters().disconnected.add(lost);
                self.end(slot, CloseReason::Gone);
            }
        }
    }

    fn units(&self, items: &[u32]) -> u64 {
        items.iter().map(|item| self.turn.units(*item)).sum()
    }

    fn submit(&mut self, slot: u32, items: &[u32]) -> Submitted {
        let conn = self.conns.id(slot);
        let messages = Noted {
            turn: &self.turn,
            items,
        };
        // The usual case: one item whose bytes lie in one piece, shared by all its subscribers.
        if let [item] = items
            && let Some(wire) = self.turn.wire(*item)
        {
            let wrote = self.sink.submit(conn, &Run::new(wire, &messages));
            self.counters().writes.add(1);
            return Submitted::from(wrote, 0);
        }
        if items
            .iter()
            .map(|item| self.turn.bytes(*item))
            .sum::<usize>()
            > RUN_BYTES_MAX
        {
            return self.submit_singly(conn, items);
        }
        let cork = &mut self.scratch.cork;
        cork.clear();
        items
            .iter()
            .for_each(|item| self.turn.copy_into(*item, cork));
        let wrote = self.sink.submit(conn, &Run::new(cork, &messages));
        self.counters().writes.add(1);
        Submitted::from(wrote, 0)
    }

    /// More than is worth copying: the kernel would take several writes for it anyway.
    fn submit_singly(&mut self, conn: ConnId, items: &[u32]) -> Submitted {
        let (sink, mut written, mut submits, mut end) = (&mut self.sink, 0, 0, Submitted::All);
        for item in items {
            self.turn.for_each_unit(*item, &mut |class, unit| {
                if matches!(end, Submitted::All) {
                    let single = Single(class, unit);
                    let wire = single.1.wire;
                    let wrote = sink.submit(conn, &Run::new(wire, &single));
                    end = Submitted::from(wrote, written);
                    written += wire.len();
                    submits += 1;
                }
            });
        }
        self.counters().writes.add(submits);
        end
    }

    /// How many deliveries lie wholly within the first `written` bytes.
    fn units_within(&self, items: &[u32], mut written: usize) -> u64 {
        let mut count = 0;
        for item in items {
            self.turn
                .for_each_unit(*item, &mut |_, unit| match unit.wire.len() {
                    len if len <= written => {
                        written -= len;
                        count += 1;
                    }
                    _ => written = 0,
                });
        }
        count
    }

    /// Lets what was not written wait, as the classes say. The first `written` bytes are gone.
    fn keep(&mut self, slot: u32, items: &[u32], mut written: usize) {
        let mut backlog = self.conns.get_mut(slot).backlog.take().unwrap_or_default();
        let (limits, counters) = (self.limits, self.counters());
        let mut full = false;
        for item in items {
            self.turn.for_each_unit(*item, &mut |class, unit| {
                let len = unit.wire.len();
                if written > 0 && len <= written {
                    written -= len;
                    counters.delivered.add(1);
                } else if written > 0 {
                    backlog.push_started(class, &unit, std::mem::take(&mut written));
                } else if full {
                    counters.disconnected.add(1);
                } else if backlog.push(class, &unit, &limits, counters) == Err(Overflow) {
                    full = true;
                    counters.disconnected.add(1);
                }
            });
        }
        if !backlog.is_empty() {
            self.conns.get_mut(slot).backlog = Some(backlog);
        }
        if full {
            self.end(slot, CloseReason::SlowConsumer);
        }
    }

    /// Ends the connections that were asked to end and have nothing left to be written.
    fn end_closing(&mut self) {
        let mut closing = std::mem::take(&mut self.closing);
        for slot in closing.drain(..) {
            let conn = self.conns.get(slot);
            if let State::Closing { reason } = conn.state
                && conn.backlog.is_none()
            {
                self.end(slot, CloseReason::Requested(reason));
            }
        }
        self.closing = closing;
    }
}

/// A connection that is not the usual case.
pub(super) enum Odd {
    /// Nothing was done for it yet.
    Unwritten(u32),
    /// Its only item was submitted, and not taken in full.
    Short(u32, u32, Wrote),
}

/// What became of a connection's notes, in bytes from their beginning.
enum Submitted {
    All,
    Until(usize),
    GoneAfter(usize),
}

impl Submitted {
    fn from(wrote: Wrote, before: usize) -> Self {
        match wrote {
            Wrote::All => Self::All,
            Wrote::Partial(n) => Self::Until(before + n),
            Wrote::Blocked => Self::Until(before),
            Wrote::Gone => Self::GoneAfter(before),
        }
    }
}
