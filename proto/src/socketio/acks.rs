//! The acks we wait for: ids, deadlines, and a bound.
//!
//! Ids count up from zero per socket, as the reference's do. What waits is the caller's `T` (a
//! waker, a channel, a callback). Every ack ends once: answered, timed out, or abandoned by
//! [`AckTable::drain`]; so nothing leaks when a peer never answers. Idle it owns no heap memory.

use crate::time::Millis;

/// Acks one socket may owe us. 1,024 entries are some 32 KiB with a small `T`.
pub const PENDING_MAX: usize = 1_024;

/// Acks that were asked for and not answered yet.
#[derive(Debug)]
pub struct AckTable<T> {
    /// In order of their ids.
    pending: Vec<Pending<T>>,
    next_id: u64,
    next_deadline: Millis,
}

#[derive(Debug)]
struct Pending<T> {
    id: u64,
    until: Millis,
    waiter: T,
}

/// As many acks are pending as may be; the waiter comes back.
#[derive(Debug, PartialEq, Eq)]
pub struct TooManyPending<T>(pub T);

impl<T> std::fmt::Display for TooManyPending<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too many acks are pending")
    }
}

impl<T: std::fmt::Debug> std::error::Error for TooManyPending<T> {}

impl<T> Default for AckTable<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> AckTable<T> {
    /// An empty table.
    pub const fn new() -> Self {
        Self {
            pending: Vec::new(),
            next_id: 0,
            next_deadline: Millis::NEVER,
        }
    }

    /// Waits for an ack until `until`; gives the id to send with the event.
    ///
    /// # Errors
    /// [`TooManyPending`] when `pending_max` wait already ([`PENDING_MAX`] by default).
    pub fn expect(
        &mut self,
        waiter: T,
        until: Millis,
        pending_max: usize,
    ) -> Result<u64, TooManyPending<T>> {
        if self.pending.len() >= pending_max {
            return Err(TooManyPending(waiter));
        }
        let id = self.next_id;
        self.next_id += 1;
        self.pending.push(Pending { id, until, waiter });
        self.next_deadline = self.next_deadline.min(until);
        Ok(id)
    }

    /// Waits for an ack of an id that the caller chose: one that several sockets are asked with.
    ///
    /// # Errors
    /// As [`expect`](Self::expect), and when this id waits already.
    pub fn expect_id(
        &mut self,
        id: u64,
        waiter: T,
        until: Millis,
        pending_max: usize,
    ) -> Result<(), TooManyPending<T>> {
        let at = self.pending.binary_search_by_key(&id, |pending| pending.id);
        match at {
            Err(at) if self.pending.len() < pending_max => {
                self.pending.insert(at, Pending { id, until, waiter });
                self.next_id = self.next_id.max(id + 1);
                self.next_deadline = self.next_deadline.min(until);
                Ok(())
            }
            _ => Err(TooManyPending(waiter)),
        }
    }

    /// An ack arrived: gives its waiter. `None` for one that was answered, timed out or never asked
    /// for, which is ignored as in the reference.
    pub fn answer(&mut self, id: u64) -> Option<T> {
        let at = self
            .pending
            .binary_search_by_key(&id, |pending| pending.id)
            .ok()?;
        let pending = self.pending.remove(at);
        if self.pending.is_empty() {
            self.forget();
        } else if pending.until == self.next_deadline {
            self.find_deadline();
        }
        Some(pending.waiter)
    }

    /// Time passed: gives one waiter whose deadline is reached; call until `None`.
    pub fn poll(&mut self, now: Millis) -> Option<(u64, T)> {
        if now < self.next_deadline {
            return None;
        }
        let at = self
            .pending
            .iter()
            .position(|pending| pending.until <= now)?;
        let pending = self.pending.remove(at);
        if self.pending.is_empty() {
            self.forget();
        } else {
            self.find_deadline();
        }
        Some((pending.id, pending.waiter))
    }

    /// When to call [`AckTable::poll`]; [`Millis::NEVER`] if nothing with a deadline waits.
    pub const fn next_deadline(&self) -> Millis {
        self.next_deadline
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The socket is gone: gives every waiter, in order of ids.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        let pending = std::mem::take(&mut self.pending);
        self.next_deadline = Millis::NEVER;
        pending.into_iter().map(|pending| pending.waiter)
    }

    fn forget(&mut self) {
        self.pending = Vec::new();
        self.next_deadline = Millis::NEVER;
    }

    fn find_deadline(&mut self) {
        let first = self.pending.iter().map(|pending| pending.until).min();
        self.next_deadline = first.unwrap_or(Millis::NEVER);
    }
}
