//! Where a session's messages go: its stream, or a datagram.
//!
//! Promises: what is reliable goes by the stream, in order; it takes what QUIC's window takes and at most
//! [`CHUNK`] bytes (or one message) more, the rest waits in the core's outbox, under its bounds. Datagrams
//! never wait for the stream. Nothing here wakes a task for each delivery but quinn's own.

use std::{
    cell::RefCell,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::{BufMut, Bytes, BytesMut};
use quinn::SendDatagramError;
use ringside_core::{Class, ConnId, Delivery, Message, Run, Wrote};
use ringside_proto::webtransport::header;
use tokio::task::AbortHandle;
use web_transport_quinn::{SendStream, SessionError};

use super::{DATAGRAM_BYTES_MAX, carrier::Line, copies::Copies};
use crate::{mark, shared::Shared};

/// Bytes that are put into frames before they are handed to QUIC.
const CHUNK: usize = 16 * 1024;

/// The sessions of a shard that have a stream.
#[derive(Default)]
pub(crate) struct QuicSink {
    /// By slot, with the generation of the connection.
    links: Vec<Option<(u32, Box<Link>)>>,
    /// Those whose stream has taken less than it was given.
    blocked: Vec<ConnId>,
    /// For one write.
    out: BytesMut,
    pub(super) datagrams: Datagrams,
    /// Where datagrams are counted.
    shared: Option<Arc<Shared>>,
}

/// What datagrams are sent with.
#[derive(Default)]
pub(super) struct Datagrams {
    /// For one.
    bytes: BytesMut,
    /// Those that go once more in a moment.
    pub(super) copies: Copies,
    /// Since it was counted last.
    pub(super) tally: Tally,
}

#[derive(Default)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) repeated: u64,
    displaced: u64,
}

/// What one session sends by.
pub(super) struct Link {
    pub(super) line: Line,
    writing: RefCell<Writing>,
    reader: Option<AbortHandle>,
    watcher: Option<AbortHandle>,
    goodbye: Option<Goodbye>,
}

struct Writing {
    send: SendStream,
    /// What it has not taken yet.
    rest: Bytes,
}

/// Code and reason of a close.
pub(crate) struct Goodbye {
    pub(crate) code: u16,
    pub(crate) reason: Box<str>,
}

impl QuicSink {
    /// A sink that counts for this gateway.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared: Some(shared),
            ..Self::default()
        }
    }

    /// Gives the session its stream.
    pub(super) fn insert(&mut self, conn: ConnId, line: Line, send: SendStream) {
        if self.links.len() <= conn.slot() {
            self.links.resize_with(conn.slot() + 1, || None);
        }
        let link = Link {
            line,
            writing: RefCell::new(Writing {
                send,
                rest: Bytes::new(),
            }),
            reader: None,
            watcher: None,
            goodbye: None,
        };
        self.links[conn.slot()] = Some((conn.generation(), Box::new(link)));
    }

    /// Names the task that reads the session, to be aborted when it closes.
    pub(super) fn set_reader(&mut self, conn: ConnId, reader: AbortHandle) {
        match self.link_mut(conn) {
            Some(link) => link.reader = Some(reader),
            None => reader.abort(),
        }
    }

    pub(super) fn link(&self, conn: ConnId) -> Option<&Link> {
        match self.links.get(conn.slot())? {
            Some((generation, link)) if *generation == conn.generation() => Some(link),
            _ => None,
        }
    }

    fn link_mut(&mut self, conn: ConnId) -> Option<&mut Link> {
        match self.links.get_mut(conn.slot())? {
            Some((generation, link)) if *generation == conn.generation() => Some(link),
            _ => None,
        }
    }

    /// Writes a run; `None` if this session has no stream.
    pub(crate) fn submit(&mut self, conn: ConnId, run: &Run<'_>) -> Option<Wrote> {
        let link = match self.links.get_mut(conn.slot())? {
            Some((generation, link)) if *generation == conn.generation() => link,
            _ => return None,
        };
        let (out, datagrams) = (&mut self.out, &mut self.datagrams);
        let was_blocked = !link.writing.get_mut().rest.is_empty();
        let (mut done, mut state) = (
            0,
            if was_blocked {
                Stream::Blocked
            } else {
                Stream::Open
            },
        );
        run.for_each_delivery(|delivery| {
            if state == Stream::Left {
                return;
            }
            if delivery.class != Class::Reliable && link.send_datagram(conn, &delivery, datagrams) {
                done += delivery.bytes;
                return;
            }
            if state != Stream::Open {
                // In order: what comes behind waits as well.
                state = match state {
                    Stream::Gone => Stream::Gone,
                    _ => Stream::Left,
                };
                return;
            }
            delivery.for_each_message(|message| link.put_frame(&message, out));
            done += delivery.bytes;
            if out.len() >= CHUNK {
                state = link.write(out);
            }
        });
        if state == Stream::Open && !out.is_empty() {
            state = link.write(out);
        }
        let is_blocked = !link.writing.get_mut().rest.is_empty();
        if is_blocked && !was_blocked {
            self.blocked.push(conn);
        }
        Some(match state {
            Stream::Gone => Wrote::Gone,
            _ if done == run.wire().len() => Wrote::All,
            _ if done == 0 => Wrote::Blocked,
            _ => Wrote::Partial(done),
        })
    }

    /// The turn is over.
    #[inline]
    pub(crate) fn commit(&mut self) {
        if self.datagrams.tally.sent > 0 {
            self.count();
        }
    }

    /// Counts the datagrams sent since the last call.
    pub(super) fn count(&mut self) {
        let tally = std::mem::take(&mut self.datagrams.tally);
        if let Some(shared) = &self.shared {
            shared.count(|counters| {
                counters.datagrams_sent += tally.sent;
                counters.datagrams_repeated += tally.repeated;
                counters.datagrams_displaced += tally.displaced;
            });
        }
    }

    /// A session whose stream has blocked since the last call, if any.
    #[inline]
    pub(crate) fn take_blocked(&mut self) -> Option<ConnId> {
        self.blocked.pop()
    }

    /// Ready when the session's stream takes more, or is gone.
    pub(crate) fn poll_writable(&self, conn: ConnId, cx: &mut Context<'_>) -> Poll<()> {
        match self.link(conn) {
            // Failed: whoever writes next hears of it.
            Some(link) => link.writing.borrow_mut().poll_write(cx).map(drop),
            None => Poll::Ready(()),
        }
    }

    /// Names the task that waits for the stream to take more, to be aborted when the session closes.
    pub(crate) fn set_watcher(&mut self, conn: ConnId, watcher: AbortHandle) {
        match self.link_mut(conn) {
            Some(link) => link.watcher = Some(watcher),
            // Closed since it blocked.
            None => watcher.abort(),
        }
    }

    /// Takes a session out that has ended. What it was to be told last goes first, then `usual`; `None`
    /// tells nothing.
    pub(crate) fn take(
        &mut self,
        conn: ConnId,
        usual: Option<Goodbye>,
    ) -> Option<impl Future<Output = ()> + use<>> {
        let slot = self.links.get_mut(conn.slot())?;
        let (_, link) = slot.take_if(|(generation, _)| *generation == conn.generation())?;
        let Link {
            line,
            writing,
            reader,
            watcher,
            goodbye,
        } = *link;
        for task in [reader, watcher].into_iter().flatten() {
            task.abort();
        }
        let Writing { send, rest } = writing.into_inner();
        let goodbye = goodbye.filter(|_| usual.is_some()).or(usual);
        Some(async move {
            // Without a word: both are dropped.
            if let Some(Goodbye { code, reason }) = goodbye {
                line.close_after(send, rest, code, &reason).await;
            }
        })
    }
}

/// How the stream stands in the middle of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Open,
    /// It takes no more now; nothing was left out yet.
    Blocked,
    /// Something was left out.
    Left,
    Gone,
}

impl Link {
    /// Appends a message's frame to `out`; a close frame of WebSocket's is kept for the end instead.
    fn put_frame(&mut self, message: &Message<'_>, out: &mut BytesMut) {
        let payload = message.payload();
        if mark::is_control(message.tag) {
            self.goodbye = Goodbye::read(payload);
            return;
        }
        let binary = mark::is_binary(message.tag);
        if binary && payload.is_empty() {
            // A frame of no byte is what stock clients cannot take; this they read as no bytes.
            out.put_slice(&[1, b'b']);
        } else {
            out.put_slice(&header(binary, payload.len()));
            out.put_slice(payload);
        }
    }

    /// Writes `out` and empties it.
    fn write(&mut self, out: &mut BytesMut) -> Stream {
        let writing = self.writing.get_mut();
        writing.rest = out.split().freeze();
        // Nobody waits yet: the watcher does, if it blocks.
        match writing.poll_write(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => Stream::Open,
            Poll::Ready(Err(())) => Stream::Gone,
            Poll::Pending => Stream::Blocked,
        }
    }

    /// Sends a delivery as a datagram, if it can be one. Whether it was.
    fn send_datagram(
        &mut self,
        conn: ConnId,
        delivery: &Delivery<'_>,
        datagrams: &mut Datagrams,
    ) -> bool {
        // A frame's header is no longer than a WebSocket frame's, so this leaves out nothing that fits.
        if !self.line.datagrams || delivery.bytes > DATAGRAM_BYTES_MAX + HEADERS_SLACK {
            return false;
        }
        let bytes = &mut datagrams.bytes;
        bytes.clear();
        let mut goes_twice = false;
        delivery.for_each_message(|message| {
            goes_twice |= mark::goes_twice(message.tag);
            self.put_frame(&message, bytes);
        });
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return false;
        }
        let session = &self.line.session;
        // What does not fit the buffer displaces the oldest in it.
        let displaces = session.datagram_send_buffer_space() < bytes.len();
        let bytes = bytes.split().freeze();
        let copy = goes_twice.then(|| bytes.clone());
        match session.send_datagram(bytes) {
            Ok(()) => {
                datagrams.tally.sent += 1;
                datagrams.tally.displaced += u64::from(displaces);
                if let Some(copy) = copy {
                    datagrams.copies.push(conn, copy);
                }
                true
            }
            // The path takes less than the budget: by the stream, then.
            Err(SessionError::SendDatagramError(SendDatagramError::TooLarge)) => false,
            // The connection has ended; its reader says so.
            Err(_) => true,
        }
    }
}

/// WebSocket's headers are up to this much longer: 10 attachments and their packet, 3 bytes each.
const HEADERS_SLACK: usize = 33;

impl Writing {
    /// Writes what is left, as far as it goes.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        while !self.rest.is_empty() {
            let mut chunks = [std::mem::take(&mut self.rest)];
            let polled = pin!(self.send.write_chunks(&mut chunks)).poll(cx);
            [self.rest] = chunks;
            match polled {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => {
                    self.rest = Bytes::new();
                    return Poll::Ready(Err(()));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Goodbye {
    /// Reads a WebSocket close frame's payload, which our own end wrote.
    fn read(payload: &[u8]) -> Option<Self> {
        let (code, reason) = payload.split_first_chunk::<2>()?;
        Some(Self {
            code: u16::from_be_bytes(*code),
            reason: String::from_utf8_lossy(reason).into(),
        })
    }
}
