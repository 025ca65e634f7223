//! The TCP sink: a dense table that owns the streams, written with plain `send`.
//!
//! Promises: a write is one system call on a descriptor found by index; the runtime is told only when
//! the kernel says that a socket would block, so its readiness stays true. Closing a connection shuts
//! the socket down and ends the tasks that wait for it.
//! Leaves out: reading. A reader polls the stream through [`TcpSink::stream`].

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd, BorrowedFd},
    task::{Context, Poll},
};

use rustix::net::{SendFlags, send};
use tokio::{io::Interest, net::TcpStream, task::AbortHandle};

use super::DriverSink;
use crate::{CloseReason, ConnId, Run, Sink, Wrote};

/// Streams by slot. See the module's documentation.
#[derive(Default)]
pub struct TcpSink {
    /// The dense half: what a write touches. With each stream the generation of its connection, so
    /// that an identity that is out of date finds nobody.
    streams: Vec<Option<(u32, TcpStream)>>,
    readers: Vec<Option<AbortHandle>>,
    blocked: Vec<ConnId>,
    watchers: HashMap<ConnId, AbortHandle>,
}

impl TcpSink {
    /// Gives the connection its stream.
    pub fn insert(&mut self, conn: ConnId, stream: TcpStream) {
        let slot = conn.slot();
        if self.streams.len() <= slot {
            self.streams.resize_with(slot + 1, || None);
            self.readers.resize_with(slot + 1, || None);
        }
        self.streams[slot] = Some((conn.generation(), stream));
    }

    /// Names the task that reads the connection, to be aborted when it closes.
    pub fn set_reader(&mut self, conn: ConnId, reader: AbortHandle) {
        match self.readers.get_mut(conn.slot()) {
            Some(slot) if is_of(&self.streams[conn.slot()], conn) => *slot = Some(reader),
            _ => reader.abort(),
        }
    }

    /// Nothing more is to be read from the connection: its reading task ends.
    pub fn end_reader(&mut self, conn: ConnId) {
        if let Some(slot) = self.streams.get(conn.slot())
            && is_of(slot, conn)
            && let Some(reader) = self.readers[conn.slot()].take()
        {
            reader.abort();
        }
    }

    /// The connection's stream, while it has one.
    pub fn stream(&self, conn: ConnId) -> Option<&TcpStream> {
        of(&self.streams, conn)
    }

    /// Writes bytes in a form of the caller's own: as much as goes without waiting. What does not go,
    /// the caller keeps, and reports to its shard as a run that was not written whole.
    #[inline]
    pub fn write(&mut self, conn: ConnId, wire: &[u8]) -> Wrote {
        let Some(stream) = self.stream(conn) else {
            return Wrote::Gone;
        };
        let wrote = match send_now(stream.as_fd(), wire) {
            Ok(n) if n == wire.len() => return Wrote::All,
            first => send_rest(stream, wire, first),
        };
        if matches!(wrote, Wrote::Partial(_) | Wrote::Blocked) {
            self.blocked.push(conn);
        }
        wrote
    }

    /// Writes the same bytes to many, as [`write`](Self::write) does to one. `other` hears of those
    /// that did not take all of it: their position, and what became of it, or `None` if they have no
    /// stream here.
    ///
    /// A system call pushes what its caller knew out of the nearest cache, and waits for what its caller
    /// has not got yet; so the streams of `AHEAD` connections are looked up together before the first of
    /// them is written to.
    pub fn write_to_all(
        &mut self,
        conns: &[ConnId],
        wire: &[u8],
        mut other: impl FnMut(usize, Option<Wrote>),
    ) {
        let (streams, blocked) = (&self.streams, &mut self.blocked);
        for (chunk, conns) in conns.chunks(AHEAD).enumerate() {
            let mut fds = [None; AHEAD];
            for (fd, conn) in fds.iter_mut().zip(conns) {
                *fd = of(streams, *conn).map(AsFd::as_fd);
            }
            for (at, (fd, conn)) in fds.iter().zip(conns).enumerate() {
                let first = fd.map(|fd| send_now(fd, wire));
                if matches!(first, Some(Ok(n)) if n == wire.len()) {
                    continue;
                }
                let stream = of(streams, *conn).zip(first);
                let wrote = stream.map(|(stream, first)| send_rest(stream, wire, first));
                if let Some(Wrote::Partial(_) | Wrote::Blocked) = wrote {
                    blocked.push(*conn);
                }
                other(chunk * AHEAD + at, wrote);
            }
        }
    }

    /// Takes the stream back, without closing it.
    pub fn take(&mut self, conn: ConnId) -> Option<TcpStream> {
        if let Some(watcher) = self.watchers.remove(&conn) {
            watcher.abort();
        }
        let slot = self.streams.get_mut(conn.slot())?;
        if !is_of(slot, conn) {
            return None;
        }
        if let Some(reader) = self.readers[conn.slot()].take() {
            reader.abort();
        }
        slot.take().map(|(_, stream)| stream)
    }
}

/// The stream of a connection, unless it belongs to another life of its slot.
#[inline]
fn of(streams: &[Option<(u32, TcpStream)>], conn: ConnId) -> Option<&TcpStream> {
    match streams.get(conn.slot()) {
        Some(Some((generation, stream))) if *generation == conn.generation() => Some(stream),
        _ => None,
    }
}

fn is_of(slot: &Option<(u32, TcpStream)>, conn: ConnId) -> bool {
    matches!(slot, Some((generation, _)) if *generation == conn.generation())
}

/// How many connections are looked up at once: their streams are a few kB, which stay in the
/// second-level cache.
const AHEAD: usize = 32;

const FLAGS: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);

/// Writes what the kernel takes without waiting.
#[inline]
fn send_now(fd: BorrowedFd<'_>, wire: &[u8]) -> rustix::io::Result<usize> {
    send(fd, wire, FLAGS)
}

/// What became of a write whose first attempt did not take it all.
#[cold]
fn send_rest(stream: &TcpStream, wire: &[u8], first: rustix::io::Result<usize>) -> Wrote {
    let first = match first {
        Ok(n) => n,
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => 0,
        Err(_) => return Wrote::Gone,
    };
    // The socket is full: once more through the runtime, which then knows that it must wait for it.
    let again = || send_now(stream.as_fd(), &wire[first..]).map_err(io::Error::from);
    match stream.try_io(Interest::WRITABLE, again) {
        Ok(n) if first + n == wire.len() => Wrote::All,
        Ok(n) => Wrote::Partial(first + n),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Wrote::Gone,
        Err(_) if first == 0 => Wrote::Blocked,
        Err(_) => Wrote::Partial(first),
    }
}

impl Sink for TcpSink {
    fn submit(&mut self, conn: ConnId, run: &Run<'_>) -> Wrote {
        self.write(conn, run.wire())
    }

    fn submit_to_all(&mut self, conns: &[ConnId], run: &Run<'_>, short: &mut Vec<(usize, Wrote)>) {
        self.write_to_all(conns, run.wire(), |at, wrote| match wrote {
            Some(Wrote::All) => {}
            wrote => short.push((at, wrote.unwrap_or(Wrote::Gone))),
        });
    }

    fn close(&mut self, conn: ConnId, _reason: CloseReason) {
        // Dropping the stream closes it; what was written is still sent.
        drop(self.take(conn));
    }
}

impl DriverSink for TcpSink {
    fn take_blocked(&mut self) -> Option<ConnId> {
        self.blocked.pop()
    }

    fn poll_writable(&self, conn: ConnId, cx: &mut Context<'_>) -> Poll<()> {
        match self.stream(conn) {
            Some(stream) => stream.poll_write_ready(cx).map(|_| ()),
            None => Poll::Ready(()),
        }
    }

    fn set_watcher(&mut self, conn: ConnId, task: AbortHandle) {
        if self.stream(conn).is_some() {
            self.watchers.insert(conn, task);
        } else {
            // Closed since it blocked.
            task.abort();
        }
    }
}
