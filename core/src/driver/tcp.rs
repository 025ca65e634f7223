//! The TCP sink: a dense table that owns the streams, written with plain `send` and read with plain `recv`.
//!
//! Promises: a write is one system call on a descriptor found by index; a connection that has blocked is told of when it
//! takes more, by [`Local::hear`](super::Local::hear), which a task of the shard has to do. Closing a connection closes its
//! stream. Leaves out: what becomes of what was read.

use std::{
    cell::Cell,
    io,
    net::TcpStream,
    os::fd::{AsFd, BorrowedFd},
    task::{Context, Poll},
};

use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};
use tokio::task::AbortHandle;

use super::{
    DriverSink,
    sockets::{News, Sockets},
};
use crate::{CloseReason, ConnId, Run, Sink, Wrote};

/// Streams by slot. See the module's documentation.
pub struct TcpSink {
    /// The dense half: what a write touches.
    streams: Vec<Option<Stream>>,
    pub(super) sockets: Sockets,
}

/// A stream, and whose it is: an identity that is out of date finds nobody.
struct Stream {
    conn: ConnId,
    tcp: TcpStream,
    /// It did not take all of a write, and has not told that it takes more.
    blocked: Cell<bool>,
    reading: Reading,
    /// Its peer has ended it, or it broke: behind what can be read lies the end, of which no more news comes.
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    On,
    Paused,
    Over,
}

/// What came of reading a stream once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes.
    Bytes {
        /// At least one.
        n: usize,
        /// There may be more, of which no news will come.
        more: bool,
    },
    /// There is nothing now, or it is not to be read now.
    Nothing,
    /// The peer has ended it, or it `failed`.
    End {
        /// It broke.
        failed: bool,
    },
    /// The connection has no stream here.
    Gone,
}

impl TcpSink {
    /// A sink without streams.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            streams: Vec::new(),
            sockets: Sockets::new()?,
        })
    }

    /// Gives the connection its stream. It is not read before [`listen`](Self::listen).
    ///
    /// # Errors
    /// The system cannot watch one stream more.
    pub fn insert(&mut self, conn: ConnId, tcp: TcpStream) -> io::Result<()> {
        let slot = conn.slot();
        self.sockets.add(&tcp, slot)?;
        if self.streams.len() <= slot {
            self.streams.resize_with(slot + 1, || None);
        }
        self.streams[slot] = Some(Stream {
            conn,
            tcp,
            blocked: Cell::new(false),
            reading: Reading::Paused,
            ended: false,
        });
        Ok(())
    }

    /// The connection is read from now on, first of all what is there already.
    pub fn listen(&mut self, conn: ConnId) {
        if let Some(stream) = of_mut(&mut self.streams, conn)
            && stream.reading == Reading::Paused
        {
            stream.reading = Reading::On;
            self.sockets.look_again(conn);
        }
    }

    /// The connection is not read until it is to [`listen`](Self::listen) again: its peer has to wait.
    pub fn pause(&mut self, conn: ConnId) {
        self.set_reading(conn, Reading::Paused);
    }

    /// Nothing more is to be read from the connection.
    pub fn end_reading(&mut self, conn: ConnId) {
        self.set_reading(conn, Reading::Over);
    }

    fn set_reading(&mut self, conn: ConnId, reading: Reading) {
        if let Some(stream) = of_mut(&mut self.streams, conn)
            && stream.reading != Reading::Over
        {
            stream.reading = reading;
        }
    }

    /// The connection is told of in the next round, for there is [more](Read::Bytes) to be read.
    pub fn look_again(&mut self, conn: ConnId) {
        self.sockets.look_again(conn);
    }

    /// Reads what is there, or as much as there is room for.
    pub fn read(&self, conn: ConnId, bytes: &mut [u8]) -> Read {
        let stream = match of(&self.streams, conn) {
            Some(stream) if stream.reading == Reading::On => stream,
            Some(_) => return Read::Nothing,
            None => return Read::Gone,
        };
        match recv(&stream.tcp, &mut *bytes, RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Read::End { failed: false },
            Ok((_, n)) => {
                // A read that did not fill the buffer has emptied the socket, where events tell of changes: asking the
                // system once more would cost a call for every message.
                let emptied = cfg!(target_os = "linux") && n < bytes.len() && !stream.ended;
                Read::Bytes { n, more: !emptied }
            }
            Err(Errno::AGAIN) => Read::Nothing,
            Err(Errno::INTR) => self.read(conn, bytes),
            Err(_) => Read::End { failed: true },
        }
    }

    /// Whether the connection has a stream here.
    #[inline]
    pub fn has(&self, conn: ConnId) -> bool {
        of(&self.streams, conn).is_some()
    }

    /// Whom there is something to say of. Whether there may be more.
    pub(super) fn news(&mut self, news: &mut News) -> io::Result<bool> {
        let streams = &mut self.streams;
        for conn in self.sockets.take_again() {
            if of(streams, conn).is_some_and(|stream| stream.reading == Reading::On) {
                news.readable.push(conn);
            }
        }
        self.sockets.look(|event| {
            let Some(Some(stream)) = streams.get_mut(event.slot) else {
                return;
            };
            stream.ended |= event.ended;
            if event.writable && stream.blocked.take() {
                news.writable.push(stream.conn);
            }
            if event.readable && stream.reading == Reading::On {
                news.readable.push(stream.conn);
            }
        })
    }

    /// Writes bytes in a form of the caller's own: as much as goes without waiting. What does not go,
    /// the caller keeps, and reports to its shard as a run that was not written whole.
    #[inline]
    pub fn write(&mut self, conn: ConnId, wire: &[u8]) -> Wrote {
        let Some(stream) = of(&self.streams, conn) else {
            return Wrote::Gone;
        };
        match send_now(stream.tcp.as_fd(), wire) {
            Ok(n) if n == wire.len() => Wrote::All,
            first => stream.send_rest(wire, first),
        }
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
        let streams = &self.streams;
        for (chunk, conns) in conns.chunks(AHEAD).enumerate() {
            let mut fds = [None; AHEAD];
            for (fd, conn) in fds.iter_mut().zip(conns) {
                *fd = of(streams, *conn).map(|stream| stream.tcp.as_fd());
            }
            for (at, (fd, conn)) in fds.iter().zip(conns).enumerate() {
                let first = fd.map(|fd| send_now(fd, wire));
                if matches!(first, Some(Ok(n)) if n == wire.len()) {
                    continue;
                }
                let stream = of(streams, *conn).zip(first);
                let wrote = stream.map(|(stream, first)| stream.send_rest(wire, first));
                other(chunk * AHEAD + at, wrote);
            }
        }
    }

    /// Takes the stream back, without closing it.
    pub fn take(&mut self, conn: ConnId) -> Option<TcpStream> {
        let slot = self.streams.get_mut(conn.slot())?;
        let stream = slot.take_if(|stream| stream.conn == conn)?;
        self.sockets.remove(&stream.tcp);
        Some(stream.tcp)
    }
}

/// The stream of a connection, unless it belongs to another life of its slot.
#[inline]
fn of(streams: &[Option<Stream>], conn: ConnId) -> Option<&Stream> {
    match streams.get(conn.slot()) {
        Some(Some(stream)) if stream.conn == conn => Some(stream),
        _ => None,
    }
}

fn of_mut(streams: &mut [Option<Stream>], conn: ConnId) -> Option<&mut Stream> {
    match streams.get_mut(conn.slot()) {
        Some(Some(stream)) if stream.conn == conn => Some(stream),
        _ => None,
    }
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

impl Stream {
    /// What became of a write whose first attempt did not take it all.
    #[cold]
    fn send_rest(&self, wire: &[u8], first: rustix::io::Result<usize>) -> Wrote {
        let mut done = 0;
        let mut sent = first;
        loop {
            match sent {
                Ok(n) => done += n,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => return Wrote::Gone,
            }
            if done == wire.len() {
                return Wrote::All;
            }
            // Once more, until the system says that it is full: only then does it tell when it is no longer.
            sent = send_now(self.tcp.as_fd(), &wire[done..]);
        }
        self.blocked.set(true);
        match done {
            0 => Wrote::Blocked,
            done => Wrote::Partial(done),
        }
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
        if let Some(slot) = self.streams.get_mut(conn.slot()) {
            // Dropping the stream closes it; what was written is still sent.
            drop(slot.take_if(|stream| stream.conn == conn));
        }
    }
}

impl AsMut<TcpSink> for TcpSink {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

/// Nothing needs a task: who takes more is heard of.
impl DriverSink for TcpSink {
    fn take_blocked(&mut self) -> Option<ConnId> {
        None
    }

    fn poll_writable(&self, _conn: ConnId, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn set_watcher(&mut self, _conn: ConnId, task: AbortHandle) {
        task.abort();
    }
}
