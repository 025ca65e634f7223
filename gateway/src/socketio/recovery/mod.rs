//! Connection state recovery: a client that lost its connection comes back as the same socket.
//!
//! ```text
//! every event that can be recovered ──routed──> each shard's log, in the shard's own order
//! a socket's end ──> saved: id, rooms, data        (for `max_disconnection`)
//! CONNECT {pid, offset} ──> the pid names the shard that knows ──> what was missed ──> live again
//! ```
//!
//! While recovery is on, every publish reaches every shard's log (as references to the one frame), so
//! that a client may come back on any shard. An offset is a publisher and its running number, written once
//! at encode. The shard that saved the socket answers with what it routed since, and how far it has
//! heard each publisher; the shard that takes the socket adds what it has routed beyond that, subscribes,
//! and goes on live: in the order of each publisher, nothing twice and nothing left out.
//! Promises: an offset that is unknown, or older than the log, gives `recovered = false` and never a
//! silent hole; a log is bounded by time and bytes; a client may come back as often as it likes, also
//! before the server has noticed that it was gone.
//! Leaves out: other processes, and events with acks, volatile or `latest`, which are not kept.

mod claim;
mod memory;

use std::{
    rc::Rc,
    sync::{Arc, OnceLock},
    time::Duration,
};

pub(crate) use claim::Claim;
pub(crate) use memory::Memory;
use memory::{Saved, To};
use ringside_core::{Destination, Frame, Topic};
use ringside_proto::time::Millis;

use super::{Mark, Socket, SocketId, selector::Selector};
use crate::shard::GatewayShard;

/// What is remembered for clients that come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// How long a client may be gone. Default: two minutes, as in the reference.
    pub max_disconnection: Duration,
    /// Bytes of events each shard remembers. Default 16 MiB: a minute of 1,000 small events a second.
    /// What is older is forgotten, and whoever needs it is not recovered.
    pub bytes: usize,
    /// Whether a client that comes back skips the namespace's middleware. Default: yes.
    pub skip_middleware: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_disconnection: Duration::from_secs(120),
            bytes: 16 * 1024 * 1024,
            skip_middleware: true,
        }
    }
}

/// What a saved socket is taken to cost, to bound how many are.
const SOCKET_BYTES: usize = 1024;

/// What a socket may be recovered by.
pub(crate) struct Ticket {
    pub(crate) pid: SocketId,
    pub(crate) recovered: bool,
    /// Where the log stood when it joined.
    since: OnceLock<u64>,
    /// The client's last event before that.
    resumed_at: Option<Mark>,
}

impl Ticket {
    pub(crate) fn new(pid: SocketId) -> Self {
        Self {
            pid,
            recovered: false,
            since: OnceLock::new(),
            resumed_at: None,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

impl GatewayShard {
    /// The core routes a frame.
    #[inline]
    pub(crate) fn log_routed(&self, to: Destination, frame: &Frame) {
        if let Some(options) = &self.shared.recovery
            && let Some(mark) = frame.mark()
        {
            let to = match to {
                Destination::Topic(topic) => To::Topic(topic),
                Destination::Conn(conn) => To::Conn(conn),
            };
            let now = self.now();
            let mut memory = self.recovery.borrow_mut();
            memory.push(to, frame, Mark::of(mark), now, options);
        }
    }

    /// A frame goes to whom a selector names.
    pub(crate) fn log_selected(&self, selector: &Arc<Selector>, frame: &Frame) {
        if let Some(options) = &self.shared.recovery
            && let Some(mark) = frame.mark()
        {
            let now = self.now();
            let mut memory = self.recovery.borrow_mut();
            let to = To::Selected(selector.clone());
            memory.push(to, frame, Mark::of(mark), now, options);
        }
    }

    /// A socket has joined: what it may miss begins here.
    pub(crate) fn begin_ticket(&self, socket: &Socket) {
        if let Some(ticket) = socket.ticket() {
            let position = self.recovery.borrow().position();
            ticket.since.get_or_init(|| position);
        }
    }

    /// A socket has ended with its connection: it may come back.
    pub(crate) fn save(&self, socket: &Socket, topics: &[Topic], recoverable: bool) {
        let (Some(options), Some(ticket)) = (&self.shared.recovery, socket.ticket()) else {
            return;
        };
        let mut memory = self.recovery.borrow_mut();
        memory.homes.remove(&socket.id());
        memory.back.remove(&ticket.pid);
        let full = memory.saved.len() >= options.bytes / SOCKET_BYTES;
        let since = ticket.since.get().copied().filter(|_| recoverable && !full);
        let Some(since) = since else {
            drop(memory);
            return self.forget_pid(ticket.pid);
        };
        let space = socket.space();
        let mut topics: Vec<_> = topics
            .iter()
            .filter(|topic| space.room_of(topic).is_some())
            .cloned()
            .collect();
        topics.push(space.everybody.clone());
        let until = Millis(self.now().0 + millis(options.max_disconnection));
        let saved = Saved {
            id: socket.id(),
            conn: socket.conn(),
            space: space.clone(),
            topics,
            extras: socket.peek_extras().cloned(),
            since,
            resumed_at: ticket.resumed_at,
            until,
        };
        memory.saved.insert(ticket.pid, Box::new(saved));
    }

    /// Nobody comes back to this shard by this pid. One who has claimed it from another shard since is not forgotten.
    fn forget_pid(&self, pid: SocketId) {
        let here = self.id;
        if let Some((home, _)) = pid.address()
            && home != here
        {
            // A home that is too far behind to be told remembers until the pid is claimed again.
            self.tell(home, move |shard, _| {
                let mut memory = shard.recovery.borrow_mut();
                if memory.away.get(&pid) == Some(&here) {
                    memory.away.remove(&pid);
                }
            });
        }
    }

    /// Forgets what is too old, from time to time.
    pub(crate) async fn sweep(self: Rc<Self>) {
        let Some(options) = self.shared.recovery else {
            return;
        };
        let often = (options.max_disconnection / 4)
            .clamp(Duration::from_millis(50), Duration::from_secs(10));
        loop {
            tokio::time::sleep(often).await;
            let now = self.now();
            let mut memory = self.recovery.borrow_mut();
            memory.trim(now, &options);
            let long_ago = now.0.saturating_sub(4 * millis(options.max_disconnection));
            memory.heard.retain(|_, heard| heard.at.0 >= long_ago);
            let mut gone = Vec::new();
            memory.saved.retain(|pid, saved| {
                let stays = now < saved.until;
                if !stays {
                    gone.push(*pid);
                }
                stays
            });
            // A crowd that left at once is not remembered by its table.
            let room = 2 * memory.saved.len();
            memory.saved.shrink_to(room);
            drop(memory);
            gone.into_iter().for_each(|pid| self.forget_pid(pid));
        }
    }
}
