//! Polls that wait for something to send: by hyper's request, or on their bare socket.
//!
//! Promises: a session has at most one; it takes what waits as one payload and is then gone. On a bare socket
//! the answer is one write of the pump's, and no task is woken for it.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io::Write,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use ringside_core::{ConnId, Message, Run, Wrote};
use ringside_proto::engineio::{PacketKind, payload::SEPARATOR};
use rustix::net::{SendFlags, send};
use tokio::{net::TcpStream, sync::oneshot};

use crate::{eio3, env, mark, recode::Recoded};

/// What a pending poll is answered with.
#[derive(Debug)]
pub(crate) struct PollAnswer {
    pub(crate) payload: Bytes,
    /// It is bytes, not text: Engine.IO 3 only.
    pub(crate) binary: bool,
}

impl PollAnswer {
    /// Whether nothing is lost with it.
    pub(crate) fn is_noop(&self) -> bool {
        matches!(&*self.payload, b"6" | b"1:6")
    }
}

/// Where a poll waits.
pub(crate) enum Waiting {
    /// In a request of hyper's.
    Request(oneshot::Sender<PollAnswer>),
    /// On its socket. Engine.IO 4 only.
    Direct(Rc<DirectPoll>),
}

/// The pending polls of a shard.
#[derive(Default)]
pub(crate) struct Polls {
    /// Absent: the session is between two polls.
    waiting: HashMap<ConnId, Waiting>,
    writer: AnswerWriter,
}

impl Polls {
    /// Parks a poll until there is something to answer it with.
    pub(crate) fn park(&mut self, conn: ConnId, poll: Waiting) {
        self.waiting.insert(conn, poll);
    }

    /// Whether a poll is pending.
    pub(crate) fn has(&self, conn: ConnId) -> bool {
        self.waiting.contains_key(&conn)
    }

    /// Answers the pending poll, if any, with a packet of no data.
    pub(crate) fn answer(&mut self, conn: ConnId, kind: PacketKind, is_old: bool) {
        // Nobody waits any more: the session hears of that as an aborted poll.
        match self.waiting.remove(&conn) {
            None => {}
            Some(Waiting::Direct(poll)) => {
                self.writer.payload.clear();
                self.writer.payload.push(kind.digit());
                let _ = poll.answer(self.writer.whole());
            }
            Some(Waiting::Request(poll)) => {
                let payload = match is_old {
                    true => eio3::payload_of(kind, ""),
                    false => vec![kind.digit()],
                };
                let _ = poll.send(PollAnswer {
                    payload: payload.into(),
                    binary: false,
                });
            }
        }
    }

    /// Answers the pending poll with a run, if there is one.
    pub(crate) fn submit(&mut self, conn: ConnId, run: &Run<'_>, recoded: &mut Recoded) -> Wrote {
        let taken = match self.waiting.remove(&conn) {
            None => false,
            Some(Waiting::Direct(poll)) => {
                self.writer.payload.clear();
                run.for_each_message(|message| put_packet(&mut self.writer.payload, &message));
                poll.answer(self.writer.whole())
            }
            Some(Waiting::Request(poll)) => {
                let (payload, binary) = if recoded.is_old(conn) {
                    recoded.payload(conn, run)
                } else {
                    let mut payload = Vec::with_capacity(run.wire().len() + 8);
                    run.for_each_message(|message| put_packet(&mut payload, &message));
                    (payload, false)
                };
                let payload = payload.into();
                poll.send(PollAnswer { payload, binary }).is_ok()
            }
        };
        match taken {
            true => Wrote::All,
            // None, or given up in this moment: the messages stay for the next transport.
            false => Wrote::Blocked,
        }
    }

    /// The turn is over.
    #[inline]
    pub(crate) fn commit(&mut self) {
        self.writer.commit();
    }
}

/// Writes a message as one packet of a version 4 payload.
fn put_packet(payload: &mut Vec<u8>, message: &Message<'_>) {
    if !payload.is_empty() {
        payload.push(SEPARATOR);
    }
    if !mark::is_binary(message.tag) {
        return payload.extend_from_slice(message.payload());
    }
    let mut text = String::new();
    BASE64_STANDARD.encode_string(message.payload(), &mut text);
    payload.push(b'b');
    payload.extend_from_slice(text.as_bytes());
}

/// Writes answers of HTTP/1.1 around payloads: what hyper writes around them as well.
#[derive(Default)]
struct AnswerWriter {
    payload: Vec<u8>,
    out: Vec<u8>,
    /// `Date`'s value (RFC 9110 §6.6.1), looked up once a turn.
    date: String,
    is_dated: bool,
}

/// Bytes kept from one answer to the next; what a large one took beyond is given back.
const KEPT: usize = 64 * 1024;

impl AnswerWriter {
    /// The whole answer around the payload.
    fn whole(&mut self) -> &[u8] {
        if !self.is_dated {
            let now = UNIX_EPOCH + Duration::from_millis(env::epoch_ms());
            self.date = httpdate::fmt_http_date(now);
            self.is_dated = true;
        }
        let (out, length) = (&mut self.out, self.payload.len());
        out.clear();
        // Into memory, which cannot fail.
        let _ = write!(
            out,
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\ncontent-length: {length}\r\ndate: {}\r\n\r\n",
            self.date
        );
        out.extend_from_slice(&self.payload);
        out
    }

    #[inline]
    fn commit(&mut self) {
        self.is_dated = false;
        if self.out.capacity() > KEPT {
            (self.payload, self.out) = Default::default();
        }
    }
}

/// A connection of HTTP/1.1 on which nothing but polls is under way: its socket, and the poll that waits.
pub(crate) struct DirectPoll {
    tcp: TcpStream,
    state: Cell<State>,
    /// What the socket has not taken yet of an answer.
    rest: RefCell<Vec<u8>>,
    /// The task that reads the connection.
    task: Cell<Option<Waker>>,
    /// It wants to hear of an answer.
    is_eager: Cell<bool>,
}

/// How a direct connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Between two polls.
    Idle,
    /// A poll of this session waits.
    Waiting(ConnId),
    /// An answer to it is not out yet.
    Owing(ConnId),
    /// It could not be answered: the peer has gone.
    Failed(ConnId),
}

impl DirectPoll {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self {
            tcp,
            state: Cell::new(State::Idle),
            rest: RefCell::default(),
            task: Cell::default(),
            is_eager: Cell::new(false),
        }
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    pub(crate) fn into_tcp(self) -> TcpStream {
        self.tcp
    }

    pub(crate) fn state(&self) -> State {
        self.state.get()
    }

    /// A poll of this session waits from now on.
    pub(crate) fn wait(&self, conn: ConnId) {
        self.state.set(State::Waiting(conn));
    }

    /// The task that reads is woken if an answer needs it, or, being `eager`, for any.
    pub(crate) fn set_task(&self, cx: &Context<'_>, eager: bool) {
        let held = self.task.take();
        let held = held.filter(|held| held.will_wake(cx.waker()));
        self.task
            .set(Some(held.unwrap_or_else(|| cx.waker().clone())));
        self.is_eager.set(eager);
    }

    fn wake(&self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    /// Answers the poll that waits. Whether that succeeds.
    fn answer(&self, whole: &[u8]) -> bool {
        let State::Waiting(conn) = self.state.get() else {
            return false;
        };
        let written = match send(&self.tcp, whole, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(written) => written,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => 0,
            Err(_) => {
                self.state.set(State::Failed(conn));
                self.wake();
                return false;
            }
        };
        if written == whole.len() {
            self.state.set(State::Idle);
            if self.is_eager.get() {
                self.wake();
            }
        } else {
            self.rest.borrow_mut().extend_from_slice(&whole[written..]);
            self.state.set(State::Owing(conn));
            self.wake();
        }
        true
    }

    /// Writes what is still owed.
    pub(crate) fn poll_rest(&self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let mut rest = self.rest.borrow_mut();
        while !rest.is_empty() {
            std::task::ready!(self.tcp.poll_write_ready(cx))?;
            match self.tcp.try_write(&rest) {
                Ok(written) => drop(rest.drain(..written)),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        *rest = Vec::new();
        self.state.set(State::Idle);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_its_length_and_leaves_no_large_buffer_behind() {
        let mut writer = AnswerWriter::default();
        for length in [0, 1, 9, 10, 99, 100, 65_536, 1_000_000] {
            writer.payload.clear();
            writer.payload.resize(length, b'x');
            let answer = String::from_utf8(writer.whole().to_vec()).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert_eq!(body.len(), length);
            assert!(
                head.contains(&format!("\r\ncontent-length: {length}\r\n")),
                "{head}"
            );
            writer.commit();
            assert!(writer.out.capacity() + writer.payload.capacity() <= 2 * KEPT);
        }
    }
}
