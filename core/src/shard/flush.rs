//! Writing: one run per dirty connection, and what happens to what its sink did not take.
//!
//! Promises: a connection's notes go out in order; after a short write the rest of the begun message
//! comes first, then whatever the classes kept. One connection's trouble is nobody else's.

use super::{
    Shard, Work,
    backlog::{FirstOf, Overflow},
    conns::State,
    turn::Noted,
};
use crate::{
    error::CloseReason,
    ident::ConnId,
    sink::{RUN_BYTES_MAX, Run, Sink, Wrote},
};

impl<S: Sink> Shard<S> {
    pub(super) fn write_all(&mut self, work: &mut Work) {
        self.write_backlogs(work);
        let dirty = std::mem::take(&mut self.turn.dirty);
        let mut items = std::mem::take(&mut self.scratch.items);
        for &slot in &dirty {
            self.conns.take_notes(slot, &self.turn, &mut items);
            if !items.is_empty() {
                self.write_notes(slot, &items, work);
            }
        }
        self.scratch.items = items;
        self.turn.dirty = dirty;
        self.end_closing();
        self.sink.commit();
        self.turn.clear();
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
        let units: u64 = items.iter().map(|item| self.turn.units(*item)).sum();
        self.counters().accepted.add(units);
        if self.conns.get(slot).backlog.is_some() {
            return self.keep(slot, items, 0);
        }
        work.writes += 1;
        match self.submit(slot, items) {
            Submitted::All => self.counters().delivered.add(units),
            Submitted::Until(written) => self.keep(slot, items, written),
            Submitted::GoneAfter(written) => {
                let delivered = self.units_within(items, written);
                self.counters().delivered.add(delivered);
                self.counters().disconnected.add(units - delivered);
                self.end(slot, CloseReason::Gone);
            }
        }
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
            self.turn.for_each_unit(*item, &mut |_, unit| {
                if matches!(end, Submitted::All) {
                    let wrote = sink.submit(conn, &Run::new(unit.wire(), &unit));
                    end = Submitted::from(wrote, written);
                    written += unit.wire().len();
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
                .for_each_unit(*item, &mut |_, unit| match unit.wire().len() {
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
                let len = unit.wire().len();
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
