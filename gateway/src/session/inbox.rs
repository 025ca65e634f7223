//! What was read from WebSockets and is not taken in yet: the bytes of many connections, one after the other.
//!
//! Reading a socket is a system call, and taking in what it brought runs a good deal of this server's own code; one after
//! the other, for each of a thousand sockets, they drive each other out of the nearest caches. So those sockets that have
//! something are read first, and then all of it is taken in together, in a few batches.
//!
//! Promises: what was read first is taken in first. Leaves out reading and taking in ([`read`](super::read)).

use std::rc::Rc;

use ringside_core::ConnId;

use crate::shard::GatewayShard;

/// Bytes that are read before they are taken in, per shard: a few full-sized messages, or many small ones, and few enough
/// to stay in the second-level cache.
const BYTES: usize = 64 * 1024;
/// With less room than this for the next read, what is there is taken in: long messages are not to come in
/// small pieces.
const ROOM_MIN: usize = 16 * 1024;

/// Reads that are one batch: within it the clock stands still, and what handlers send is not shown.
const TOGETHER: usize = 32;

/// See the module's documentation.
pub(crate) struct Inbox {
    bytes: Box<[u8]>,
    filled: usize,
    /// Whose bytes they are, and where they end. As many as there are bytes at most: 1 MB, were each read to bring
    /// one.
    reads: Vec<(ConnId, usize)>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            bytes: vec![0; BYTES].into(),
            filled: 0,
            reads: Vec::new(),
        }
    }
}

impl Inbox {
    /// Where the next read goes.
    pub(super) fn free(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Room for what is not left in the inbox: up to so many bytes, or as many as are free.
    pub(crate) fn scratch(&mut self, at_most: usize) -> &mut [u8] {
        let free = self.free();
        let most = free.len().min(at_most);
        &mut free[..most]
    }

    /// So many bytes were read there. Whether they are to be taken in at once.
    pub(super) fn add(&mut self, conn: ConnId, bytes: usize) -> bool {
        self.filled += bytes;
        self.reads.push((conn, self.filled));
        self.bytes.len() - self.filled < ROOM_MIN
    }
}

impl GatewayShard {
    /// Takes in what was read.
    pub(super) fn take_in_all(self: &Rc<Self>) {
        let mut inbox = self.inbox.borrow_mut();
        if inbox.reads.is_empty() {
            return;
        }
        let Inbox {
            bytes,
            filled,
            reads,
        } = &mut *inbox;
        self.local.took_in(reads.len());
        let mut start = 0;
        for some in reads.chunks(TOGETHER) {
            self.batch(|| {
                for (conn, end) in some {
                    self.take_in_read(*conn, &mut bytes[start..*end]);
                    start = *end;
                }
            });
        }
        reads.clear();
        *filled = 0;
    }
}
