//! Second copies of datagrams, each a moment behind its original, so that one lost packet does not take both.
//!
//! Promises: a copy goes in a packet of its own: not before its original has left, for QUIC puts into one packet what
//! waits together. So a path that is behind gets none, and a copy pushes out nothing that waits. Copies that wait are
//! bounded, and end with their session. One task a shard sends them all, and sleeps while there are none. Leaves out: what
//! is sent twice, which a message's [mark](crate::mark::TWICE) says.

use std::{collections::VecDeque, rc::Rc, time::Duration};

use bytes::Bytes;
use ringside_core::ConnId;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::sink::{Link, QuicSink};
use crate::{env, shard::GatewayShard};

/// How far a copy is behind its original: one to two milliseconds, by the timers' grain. Where the copy is needed it is
/// late by no more, and a queue on the way that overflowed has had time to send a packet or two.
const BEHIND: Duration = Duration::from_millis(1);

/// How often a copy is looked at whose original has not left: a busy shard may take some milliseconds to send what one
/// turn has made. After that the path itself is behind.
const LOOKS: u8 = 4;

/// Copies that wait in a shard: one for each of 4,096 clients, far more than a core can serve. Beyond it nothing is
/// copied.
const WAITING_MAX: usize = 4_096;

/// Their bytes: as many of the largest datagrams, 4 MB.
const WAITING_BYTES_MAX: usize = WAITING_MAX * super::DATAGRAM_BYTES_MAX;

/// A copy that waits.
struct Copy {
    conn: ConnId,
    bytes: Bytes,
    due: Instant,
    looks: u8,
}

/// The copies of a shard that wait, in the order in which they are due.
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
        self.wait(Copy {
            conn,
            bytes,
            due: env::deadline(BEHIND),
            looks: LOOKS,
        });
    }

    fn wait(&mut self, copy: Copy) {
        let bytes = self.bytes + copy.bytes.len();
        if self.waiting.len() == WAITING_MAX || bytes > WAITING_BYTES_MAX {
            return;
        }
        if self.waiting.is_empty() {
            self.wake.notify_one();
        }
        self.bytes = bytes;
        self.waiting.push_back(copy);
    }

    /// Takes out a copy that is due at `now`.
    fn take(&mut self, now: Instant) -> Option<Copy> {
        let copy = self.waiting.pop_front_if(|copy| copy.due <= now)?;
        self.bytes -= copy.bytes.len();
        Some(copy)
    }

    /// Takes back one whose original has not left, to be looked at later; or drops it, if that was often enough.
    fn put_off(&mut self, mut copy: Copy, now: Instant) {
        copy.looks -= 1;
        if copy.looks > 0 {
            copy.due = now + BEHIND;
            self.wait(copy);
        }
    }

    /// When the next one is due.
    fn due(&self) -> Option<Instant> {
        Some(self.waiting.front()?.due)
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
    /// Sends what is due. Returns when the next copy is, if any waits.
    fn send_copies(&mut self, now: Instant) -> Option<Instant> {
        while let Some(copy) = self.datagrams.copies.take(now) {
            // Without a session, or where it fails, it is just not there: its original was sent.
            match self.link(copy.conn).map(|link| link.send_copy(&copy.bytes)) {
                Some(Sent::Yes) => {
                    self.datagrams.tally.sent += 1;
                    self.datagrams.tally.repeated += 1;
                }
                Some(Sent::NotYet) => self.datagrams.copies.put_off(copy, now),
                Some(Sent::No) | None => {}
            }
        }
        self.commit();
        self.datagrams.copies.due()
    }
}

/// Sends the shard's copies when they are due, for as long as the shard lives.
pub(super) async fn run(this: Rc<GatewayShard>) {
    let wake = this.local.shard().sink().quic.datagrams.copies.wake.clone();
    loop {
        wake.notified().await;
        loop {
            let next = this
                .local
                .shard()
                .sink()
                .quic
                .send_copies(env::deadline(Duration::ZERO));
            let Some(due) = next else { break };
            sleep_until(due).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATAGRAM: Bytes = Bytes::from_static(&[0; super::super::DATAGRAM_BYTES_MAX]);

    fn conn(n: u64) -> ConnId {
        ConnId::from_bits(n.into())
    }

    #[test]
    fn a_copy_is_due_a_moment_later_and_given_up_after_some_looks() {
        let mut copies = Copies::default();
        let now = env::deadline(Duration::ZERO);
        copies.push(conn(1), DATAGRAM);
        copies.push(conn(2), DATAGRAM);
        assert!(copies.take(now).is_none());
        let mut at = now + 2 * BEHIND;
        let first = copies.take(at).unwrap();
        assert_eq!(first.conn, conn(1));
        copies.put_off(first, at);
        assert_eq!(copies.take(at).unwrap().conn, conn(2));
        for _ in 1..LOOKS {
            assert!(copies.take(at).is_none(), "not again at once");
            at = copies.due().unwrap();
            let again = copies.take(at).unwrap();
            copies.put_off(again, at);
        }
        assert_eq!((copies.due(), copies.bytes), (None, 0));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut copies = Copies::default();
        for n in 0..2 * WAITING_MAX as u64 {
            copies.push(conn(n), DATAGRAM);
        }
        assert_eq!(copies.waiting.len(), WAITING_MAX);
        assert_eq!(copies.bytes, WAITING_BYTES_MAX);
        let far = env::deadline(Duration::from_secs(1));
        while copies.take(far).is_some() {}
        assert_eq!(copies.bytes, 0);
        copies.push(conn(1), DATAGRAM);
        assert!(copies.due().is_some());
    }
}
