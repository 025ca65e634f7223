//! A connection between two polls of long-polling: without hyper, for as long as only polls come.
//!
//! ```text
//! hyper ── answered a poll, and is idle ──> here ──> poll, answer, poll, answer, …
//!   ^                                        │
//!   └───────── anything else, unread ────────┘
//! ```
//!
//! A poll and its answer are 300 bytes that hardly change, and a poller asks as often as there is news: parsing into
//! tables, boxing and waking cost as much as three of the system's calls. And a client that only waits needs
//! no buffers.
//! Promises: what a client sees is what hyper would have answered; a connection that asks for nothing is
//! closed in time; a client that goes away while its poll waits is told to the session, and so is an answer that could
//! not be written; one that polls for a session of another shard goes there. Leaves out: TLS and other requests,
//! which are hyper's.

use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    rc::Rc,
    task::{Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::sleep;

use super::{
    poll_request,
    serve::{About, Plain},
};
use crate::{
    env,
    poll::{DirectPoll, State},
    session::{abort_poll, wait_directly},
    shard::GatewayShard,
    stream::read_now,
};

/// How often a connection follows its polls to another shard. One client's needs it once; those of a proxy carry
/// anybody's, and stay where they have come to.
const MOVES_MAX: u8 = 4;

/// What became of a connection.
pub(super) enum Left {
    /// It has ended, or was left idle for too long.
    Ended,
    /// Something that is not a poll came.
    Other(Plain),
    /// It polls for a session of another shard, the one of this number.
    Elsewhere(usize, Plain),
}

enum Event {
    Readable,
    /// What was read is due.
    Due,
    Lost,
    Idle,
}

/// Answers polls on a connection.
pub(super) async fn serve(this: &Rc<GatewayShard>, plain: Plain) -> Left {
    let Plain { tcp, early, about } = plain;
    this.shared.count(|counters| counters.direct_pollers += 1);
    let poll = Rc::new(DirectPoll::new(tcp));
    let limits = &this.shared.limits;
    let patience = Duration::from_millis(limits.handshake_ms);
    // As much as hyper would hold of a request.
    let at_once = limits.header_bytes.max(8 * 1024);
    let (mut polls, mut held) = (0u64, early);
    // Looked at when it rings, not moved with each poll.
    let (mut alarm, mut polls_then) = (pin!(sleep(patience)), 0);
    let asked = loop {
        let event = poll_fn(|cx| {
            poll.set_task(cx, !held.is_empty());
            if let State::Owing(_) = poll.state()
                && ready!(poll.poll_rest(cx)).is_err()
            {
                return Poll::Ready(Event::Lost);
            }
            match poll.state() {
                State::Failed(_) => Poll::Ready(Event::Lost),
                State::Idle if !held.is_empty() => Poll::Ready(Event::Due),
                // One after the other.
                _ if !held.is_empty() => Poll::Pending,
                _ => match poll.tcp().poll_read_ready(cx) {
                    Poll::Ready(_) => Poll::Ready(Event::Readable),
                    Poll::Pending => alarm.as_mut().poll(cx).map(|()| Event::Idle),
                },
            }
        });
        match event.await {
            Event::Readable => {
                let mut inbox = this.inbox.borrow_mut();
                let Ok(bytes) = read(&poll, inbox.scratch(at_once)) else {
                    return give_up(this, &poll);
                };
                if poll.state() == State::Idle
                    && let Asked::Poll = ask(this, &poll, bytes, about.moves)
                {
                    polls += 1;
                } else {
                    held = Bytes::copy_from_slice(bytes);
                }
            }
            Event::Due => match ask(this, &poll, &held, about.moves) {
                Asked::Poll => {
                    polls += 1;
                    held = Bytes::new();
                }
                other => break other,
            },
            Event::Lost => return give_up(this, &poll),
            Event::Idle if polls == polls_then && poll.state() == State::Idle => {
                this.shared.counts.count("http.HeadTimeout");
                return Left::Ended;
            }
            Event::Idle => {
                polls_then = polls;
                alarm.as_mut().reset(env::deadline(patience));
            }
        }
    };
    // The sink let go of it with the answer.
    let Ok(poll) = Rc::try_unwrap(poll) else {
        return Left::Ended;
    };
    let plain = Plain {
        tcp: poll.into_tcp(),
        early: held,
        about: About {
            // Where polls come only now and then, or need more, going to and fro is for nothing.
            is_poller: polls > 0,
            ..about
        },
    };
    match asked {
        Asked::Elsewhere(owner) => {
            this.shared.count(|counters| counters.moved_pollers += 1);
            Left::Elsewhere(owner, plain)
        }
        _ => Left::Other(plain),
    }
}

/// What was asked for.
enum Asked {
    /// A poll, which waits now.
    Poll,
    Elsewhere(usize),
    Other,
}

fn ask(this: &Rc<GatewayShard>, poll: &Rc<DirectPoll>, bytes: &[u8], moves: u8) -> Asked {
    match poll_request::read(bytes, &this.shared) {
        Some(sid) if sid.shard() != this.id && moves < MOVES_MAX => Asked::Elsewhere(sid.shard()),
        Some(sid) if sid.shard() == this.id && wait_directly(this, &sid, poll) => Asked::Poll,
        _ => Asked::Other,
    }
}

/// Reads what is there, which may be nothing after all.
fn read<'s>(poll: &DirectPoll, scratch: &'s mut [u8]) -> io::Result<&'s [u8]> {
    match read_now(poll.tcp(), scratch) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(n) => Ok(&scratch[..n]),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(&[]),
        Err(error) => Err(error),
    }
}

/// The peer has gone: whoever counts on it hears of that.
fn give_up(this: &Rc<GatewayShard>, poll: &DirectPoll) -> Left {
    let (conn, lost) = match poll.state() {
        State::Idle => return Left::Ended,
        State::Waiting(conn) => (conn, false),
        State::Owing(conn) | State::Failed(conn) => (conn, true),
    };
    abort_poll(this, &mut this.local.shard(), conn, lost);
    Left::Ended
}
