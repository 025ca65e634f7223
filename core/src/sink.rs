//! Where a shard's writes go: sockets, polling responses, a test's memory.
//!
//! Promises: a shard submits one run per connection and turn while that run fits
//! [`RUN_BYTES_MAX`], and after `Partial` or `Blocked` nothing more until
//! [`Shard::writable`](crate::Shard::writable). Leaves out: what a connection is. A sink knows it by
//! its slot.

use crate::{class::Class, error::CloseReason, frame::Message, ident::ConnId, sync::sized};

/// Bytes that are joined into one run, unless a single frame is larger: 64 KiB. Beyond it a second
/// write costs less than the copy that would avoid it.
pub const RUN_BYTES_MAX: usize = sized(64 * 1024, 150, 64 * 1024) as usize;

/// Takes what a shard has for its connections.
pub trait Sink {
    /// Writes `run` to the connection, as much as goes without waiting.
    fn submit(&mut self, conn: ConnId, run: &Run<'_>) -> Wrote;

    /// Writes the same run to many, in their order, and names those that did not take all of it: their
    /// position among `conns`, and what became of it. For sinks that save by doing many at once.
    fn submit_to_all(&mut self, conns: &[ConnId], run: &Run<'_>, short: &mut Vec<(usize, Wrote)>) {
        for (at, conn) in conns.iter().enumerate() {
            match self.submit(*conn, run) {
                Wrote::All => {}
                wrote => short.push((at, wrote)),
            }
        }
    }

    /// Ends a turn: a sink that batches sends its batch now.
    fn commit(&mut self) {}

    /// The connection is over; its slot may be used again after this.
    fn close(&mut self, conn: ConnId, reason: CloseReason);
}

/// What became of a submitted run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    /// All of it was written.
    All,
    /// The first `n` bytes were written. More when the connection is writable.
    Partial(usize),
    /// Nothing was written. More when the connection is writable.
    Blocked,
    /// The connection is dead.
    Gone,
}

/// Consecutive bytes for one connection: one or several messages.
pub struct Run<'a> {
    wire: &'a [u8],
    messages: &'a dyn Messages,
}

/// Shows what a run's bytes consist of.
pub(crate) trait Messages {
    fn for_each(&self, each: &mut dyn FnMut(Message<'_>));

    fn for_each_delivery(&self, each: &mut dyn FnMut(Delivery<'_>));
}

/// One delivery of a run: the messages of one frame, which stay together.
pub struct Delivery<'a> {
    /// What may become of it.
    pub class: Class,
    /// How many of the run's bytes are its.
    pub bytes: usize,
    messages: &'a dyn Messages,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(class: Class, bytes: usize, messages: &'a dyn Messages) -> Self {
        Self {
            class,
            bytes,
            messages,
        }
    }

    /// Its messages in order, as [`Run::for_each_message`] gives them.
    pub fn for_each_message(&self, mut each: impl FnMut(Message<'_>)) {
        self.messages.for_each(&mut each);
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(wire: &'a [u8], messages: &'a dyn Messages) -> Self {
        Self { wire, messages }
    }

    /// All bytes in order, headers included.
    pub fn wire(&self) -> &'a [u8] {
        self.wire
    }

    /// The messages in order, for carriers with a framing of their own. When the run continues a
    /// message that was written in part, the first one is the rest of that message, without header.
    pub fn for_each_message(&self, mut each: impl FnMut(Message<'_>)) {
        self.messages.for_each(&mut each);
    }

    /// The deliveries in order, for carriers that have more than one way to send: each with its class. The
    /// rest of one that was written in part comes as `Reliable`, for what is begun must be finished.
    pub fn for_each_delivery(&self, mut each: impl FnMut(Delivery<'_>)) {
        self.messages.for_each_delivery(&mut each);
    }
}
