//! Which of a shard's sockets have news: one instance of epoll (elsewhere kqueue) for all of them.
//!
//! ```text
//! runtime ──one source of events──> epoll ──> a thousand sockets
//! ```
//! A socket of the runtime's own is a record there, and a task for whoever reads it: woken, queued and polled for each
//! message, which costs as much as taking in the message. Here one task hears of all sockets that have something, many
//! in one system call, and to the runtime they are one.
//!
//! Promises: of a change is told once (edge-triggered), so what was not read to its end has to be asked for again
//! ([`TcpSink::look_again`]); between two rounds every other task of the shard that is ready gets to run.
//! Leaves out reading, and who is interested in what ([`TcpSink`]).

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    pin::pin,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use mio::{Events, Interest, Token, unix::SourceFd};
use tokio::io::unix::AsyncFd;

use super::{DriverSink, Local, TcpSink};
use crate::ConnId;

/// Sockets that are told of in one round. What they bring is taken in before anything is written: for so many small
/// messages that is less than a millisecond.
const ROUND: usize = 256;

/// The epoll of a shard's sockets, and who waits for it.
pub(super) struct Sockets {
    poll: mio::Poll,
    events: Events,
    /// To be looked at without being told of: each connection once for each time it was read or is to be read on, which
    /// happens once a round.
    again: VecDeque<ConnId>,
    /// Wakes the task that hears, while it waits.
    hearer: Option<Waker>,
}

/// What the system says of one socket.
pub(super) struct Event {
    pub(super) slot: usize,
    pub(super) readable: bool,
    /// The peer has ended it, or it broke.
    pub(super) ended: bool,
    pub(super) writable: bool,
}

/// What one round has found.
#[derive(Default)]
pub(super) struct News {
    pub(super) readable: Vec<ConnId>,
    pub(super) writable: Vec<ConnId>,
}

impl Sockets {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            poll: mio::Poll::new()?,
            events: Events::with_capacity(ROUND),
            again: VecDeque::new(),
            hearer: None,
        })
    }

    /// The epoll, for the runtime: it is readable while there is news.
    fn descriptor(&self) -> io::Result<OwnedFd> {
        self.poll.registry().as_fd().try_clone_to_owned()
    }

    /// Tells of a descriptor from now on, by its connection's slot.
    pub(super) fn add(&self, descriptor: &impl AsRawFd, slot: usize) -> io::Result<()> {
        let registry = self.poll.registry();
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&descriptor.as_raw_fd()), Token(slot), both)
    }

    /// Tells of it no more. A descriptor that is closed needs not be removed.
    pub(super) fn remove(&self, descriptor: &impl AsRawFd) {
        let registry = self.poll.registry();
        // It fails only where there is nothing to be removed.
        let _ = registry.deregister(&mut SourceFd(&descriptor.as_raw_fd()));
    }

    /// The connection is told of in the next round.
    pub(super) fn look_again(&mut self, conn: ConnId) {
        self.again.push_back(conn);
        if let Some(hearer) = self.hearer.take() {
            hearer.wake();
        }
    }

    /// Takes out those of a round that are to be looked at in any case.
    pub(super) fn take_again(&mut self) -> impl Iterator<Item = ConnId> {
        self.again.drain(..self.again.len().min(ROUND))
    }

    /// Calls `tell` with what the system says, without waiting. Whether it may have more to say.
    pub(super) fn look(&mut self, mut tell: impl FnMut(Event)) -> io::Result<bool> {
        match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            result => result?,
        }
        let mut told = 0;
        for event in &self.events {
            told += 1;
            let ended = event.is_read_closed() || event.is_error();
            tell(Event {
                slot: event.token().0,
                readable: event.is_readable() || ended,
                ended,
                writable: event.is_writable() || ended,
            });
        }
        Ok(told == ROUND)
    }
}

impl<S: DriverSink + AsMut<TcpSink>> Local<S> {
    /// Hears of the shard's sockets: those that had blocked go on, and `read` is told of those that have something to
    /// read, all of a round together. It is for a task of the shard, and never ends.
    ///
    /// # Errors
    /// The runtime cannot watch one descriptor more, or the system will not say.
    pub async fn hear(self: Rc<Self>, mut read: impl FnMut(&[ConnId])) -> io::Result<()> {
        let epoll = self.shard().sink().as_mut().sockets.descriptor()?;
        let interest = tokio::io::Interest::READABLE;
        // SAFETY: an `OwnedFd` is open until it is dropped and is the same descriptor all that time, and the `AsyncFd` owns it.
        let epoll = unsafe { AsyncFd::register_with_interest(epoll, interest) }?;
        let mut news = News::default();
        poll_fn(|cx| {
            loop {
                let ready = match epoll.poll_read_ready(cx) {
                    Poll::Ready(ready) => Some(ready?),
                    Poll::Pending => None,
                };
                let more = {
                    let mut shard = self.shard();
                    let tcp = shard.sink().as_mut();
                    if ready.is_none() && tcp.sockets.again.is_empty() {
                        tcp.sockets.hearer = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                    tcp.sockets.hearer = None;
                    tcp.news(&mut news)?
                };
                if !more && let Some(mut ready) = ready {
                    // What comes from now on is told of once more.
                    ready.clear_ready();
                }
                news.writable.drain(..).for_each(|conn| self.writable(conn));
                if !news.readable.is_empty() {
                    read(&news.readable);
                    news.readable.clear();
                }
                if more || !self.shard().sink().as_mut().sockets.again.is_empty() {
                    let _ = pin!(tokio::task::yield_now()).poll(cx);
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}
