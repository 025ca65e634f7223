//! Second copies of datagrams, each right behind its original and in a packet of its own, so that one lost packet does
//! not take both.
//!
//! Promises: a copy is not sent before its original has left, for QUIC puts into one packet what waits together. So a path
//! that is behind gets none, and a copy pushes out nothing that waits. Copies that wait are bounded, and end with their
//! session. One task a shard sends them all, and sleeps while there are none. Leaves out: what is sent twice, which a
//! message's [mark](crate::mark::TWICE) says.

use std::{collections::VecDeque, rc::Rc};

use bytes::Bytes;
use ringside_core::ConnId;
use tokio::{sync::Notify, task::yield_now};

use super::sink::{Link, QuicSink};
use crate::shard::GatewayShard;

/// How often a copy is looked at whose original has not left. Between two looks the runtime lets 61 connections send what
/// they have, so this is enough for 1,952, whose packets a core is busy with for two thirds of the time at 20 snapshots a
/// second. What has not left then waits for its path, and has its copy in what comes next.
const LOOKS: u8 = 32;

/// Copies that wait in a shard: one for each of 4,096 clients, far more than a core can serve. Beyond it nothing is
/// copied.
const WAITING_MAX: usize = 4_096;

/// Their bytes: as many of the largest datagrams, 4 MB.
const WAITING_BYTES_MAX: usize = WAITING_MAX * super::DATAGRAM_BYTES_MAX;

/// A copy that waits.
struct Copy {
    conn: ConnId,
    bytes: Bytes,
    looks: u8,
}

/// The copies of a shard that wait, oldest first.
#[derive(Default)]
pub(super) struct Copies {
    waiting: VecDeque<Copy>,
    bytes: usize,
    /// Wakes the task that sends them.
    wake: Rc<Notify>,
}

impl Copies {
    /// Keeps the copy of a datagram that is being sent now, if there is room.
    pub(super) fn push(&mut self, conn: ConnId, bytes: Bytes) {
        if self.waiting.is_empty() {
            self.wake.notify_one();
        }
        self.wait(Copy {
            conn,
            bytes,
            looks: 0,
        });
    }

    fn wait(&mut self, copy: Copy) {
        let bytes = self.bytes + copy.bytes.len();
        if self.waiting.len() < WAITING_MAX && bytes <= WAITING_BYTES_MAX {
            self.bytes = bytes;
            self.waiting.push_back(copy);
        }
    }

    /// Takes out the oldest.
    fn take(&mut self) -> Option<Copy> {
        let copy = self.waiting.pop_front()?;
        self.bytes -= copy.bytes.len();
        Some(copy)
    }

    /// Takes back one whose original has not left, if it was not looked at too often.
    fn put_back(&mut self, mut copy: Copy) {
        copy.looks += 1;
        if copy.looks < LOOKS {
            self.wait(copy);
        }
    }
}

/// What became of a copy.
enum Sent {
    Yes,
    /// Its original waits still.
    NotYet,
    No,
}

impl Link {
    fn send_copy(&self, bytes: &Bytes) -> Sent {
        let session = &self.line.session;
        if session.datagram_send_buffer_space() < self.line.all_space {
            return Sent::NotYet;
        }
        match session.send_datagram(bytes.clone()) {
            Ok(()) => Sent::Yes,
            Err(_) => Sent::No,
        }
    }
}

impl QuicSink {
    /// Sends the copies whose originals have left. Returns whether any wait on.
    fn send_copies(&mut self) -> bool {
        for _ in 0..self.datagrams.copies.waiting.len() {
            let Some(copy) = self.datagrams.copies.take() else {
                break;
            };
            // Without a session, or where it fails, it is just not there: its original was sent.
            match self.link(copy.conn).map(|link| link.send_copy(&copy.bytes)) {
                Some(Sent::Yes) => {
                    self.datagrams.tally.sent += 1;
                    self.datagrams.tally.repeated += 1;
                }
                Some(Sent::NotYet) => self.datagrams.copies.put_back(copy),
                Some(Sent::No) | None => {}
            }
        }
        self.commit();
        !self.datagrams.copies.waiting.is_empty()
    }
}

/// Sends the shard's copies, for as long as the shard lives.
pub(super) async fn run(this: Rc<GatewayShard>) {
    let wake = this.local.shard().sink().quic.datagrams.copies.wake.clone();
    loop {
        wake.notified().await;
        loop {
            // The connections' own tasks send the originals now.
            yield_now().await;
            let some_wait = this.local.shard().sink().quic.send_copies();
            if !some_wait {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATAGRAM: Bytes = Bytes::from_static(&[0; super::super::DATAGRAM_BYTES_MAX]);

    fn conn(n: u64) -> ConnId {
        ConnId::from_bits(n)
    }

    #[test]
    fn a_copy_whose_original_does_not_leave_is_given_up_after_some_looks() {
        let mut copies = Copies::default();
        copies.push(conn(1), DATAGRAM);
        copies.push(conn(2), DATAGRAM);
        for _ in 0..LOOKS {
            for n in [1, 2] {
                let copy = copies.take().unwrap();
                assert_eq!(copy.conn, conn(n), "in their order");
                copies.put_back(copy);
            }
        }
        assert!(copies.take().is_none());
        assert_eq!(copies.bytes, 0);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut copies = Copies::default();
        for n in 0..2 * WAITING_MAX as u64 {
            copies.push(conn(n), DATAGRAM);
        }
        assert_eq!(copies.waiting.len(), WAITING_MAX);
        assert_eq!(copies.bytes, WAITING_BYTES_MAX);
        while copies.take().is_some() {}
        assert_eq!(copies.bytes, 0);
        copies.push(conn(1), DATAGRAM);
        assert!(copies.take().is_some());
    }
}
