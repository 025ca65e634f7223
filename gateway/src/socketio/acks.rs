//! Waiting for answers: one socket's, or those of many.
//!
//! An event that asks for an answer has an id of the whole gateway, so that it is encoded once for all
//! receivers. Each receiver's shard notes the id in the socket's table just before the event goes out,
//! and forgets it when the answer, the deadline or the socket's end comes, whichever is first.
//! Promises: every question ends, exactly once per socket; nothing of it stays behind.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use ringside_core::{Class, ConnId, Shard};
use ringside_proto::{
    socketio::{AckTable, Args},
    time::Millis,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::oneshot;

use super::{
    Answer, EmitError, Socket, SocketId, Target,
    adapter::{Operation, Packet, Replies, Reply},
    local,
    space::Space,
};
use crate::{
    session::Session,
    shard::{GatewayShard, Remote},
    shared::Op,
    sink::GatewaySink,
    wire::Stamp,
};

/// Why an answer did not come.
#[derive(Debug)]
#[non_exhaustive]
pub enum AckError {
    /// The event was not sent.
    Emit(EmitError),
    /// It took too long.
    Timeout,
    /// The socket has gone, or the gateway has ended.
    Disconnected,
    /// As many answers of this socket are awaited as may be ([`Limits::acks`](crate::Limits::acks)).
    TooManyPending,
    /// The answer does not fit the type that was asked for.
    Arguments(String),
}

impl std::fmt::Display for AckError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Emit(error) => error.fmt(f),
            Self::Timeout => f.write_str("operation has timed out"),
            Self::Disconnected => f.write_str("the socket has disconnected"),
            Self::TooManyPending => f.write_str("too many answers of this socket are awaited"),
            Self::Arguments(error) => write!(f, "the answer does not fit: {error}"),
        }
    }
}

impl std::error::Error for AckError {}

impl From<EmitError> for AckError {
    fn from(error: EmitError) -> Self {
        match error {
            EmitError::Disconnected => Self::Disconnected,
            error => Self::Emit(error),
        }
    }
}

/// The answers to an event that went to many.
#[derive(Clone, Debug)]
pub struct AckReplies<R> {
    /// Who answered, and what.
    pub replies: Vec<(SocketId, R)>,
    /// Who did not: too late, gone meanwhile, or with an answer of another type.
    pub missing: Vec<SocketId>,
}

impl<R> AckReplies<R> {
    /// The answers alone, if nobody is missing.
    ///
    /// # Errors
    /// Somebody is: all of this, for what did come.
    pub fn complete(self) -> Result<Vec<R>, Self> {
        match self.missing.is_empty() {
            true => Ok(self.replies.into_iter().map(|(_, reply)| reply).collect()),
            false => Err(self),
        }
    }
}

/// What waits for answers. Called once per socket that was asked, on that socket's shard.
pub(crate) trait Waiter: Send + Sync {
    /// An answer, or why there is none. Whether the answer is what the protocol allows.
    fn answer(&self, from: SocketId, answer: Result<Args<'_>, AckError>) -> bool;

    /// One more shard has noted whom it asks: so many.
    fn asked(&self, sockets: usize);
}

/// The answers one socket owes. Absent while it owes none.
pub(crate) type Owed = Option<Box<AckTable<Arc<dyn Waiter>>>>;

fn parse<R: DeserializeOwned>(args: &Args<'_>) -> Result<R, (AckError, bool)> {
    args.parse().map_err(|error| {
        (
            AckError::Arguments(error.to_string()),
            !error.is_invalid_json(),
        )
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Waits for one answer.
struct One<R>(Mutex<Option<oneshot::Sender<Result<R, AckError>>>>);

impl<R: DeserializeOwned + Send> Waiter for One<R> {
    fn answer(&self, _: SocketId, answer: Result<Args<'_>, AckError>) -> bool {
        let (result, is_good) = match answer.map(|args| parse(&args)) {
            Ok(Ok(reply)) => (Ok(reply), true),
            Ok(Err((error, is_good))) => (Err(error), is_good),
            Err(error) => (Err(error), true),
        };
        if let Some(waits) = lock(&self.0).take() {
            // Nobody waits any more.
            let _ = waits.send(result);
        }
        is_good
    }

    fn asked(&self, _: usize) {}
}

/// Waits for many.
struct Many<R> {
    state: Mutex<Gathered<R>>,
}

struct Gathered<R> {
    /// Shards that have not yet said whom they ask.
    shards: usize,
    /// Sockets that have not yet answered.
    waiting: usize,
    replies: Vec<(SocketId, R)>,
    missing: Vec<SocketId>,
    waits: Option<oneshot::Sender<AckReplies<R>>>,
}

impl<R> Gathered<R> {
    fn end_if_whole(&mut self) {
        if self.shards == 0
            && self.waiting == 0
            && let Some(waits) = self.waits.take()
        {
            // Nobody waits any more.
            let _ = waits.send(AckReplies {
                replies: std::mem::take(&mut self.replies),
                missing: std::mem::take(&mut self.missing),
            });
        }
    }
}

impl<R: DeserializeOwned + Send> Waiter for Many<R> {
    fn answer(&self, from: SocketId, answer: Result<Args<'_>, AckError>) -> bool {
        let parsed = match answer {
            Ok(args) => parse(&args),
            Err(error) => Err((error, true)),
        };
        let mut state = lock(&self.state);
        state.waiting -= 1;
        let is_good = match parsed {
            Ok(reply) => {
                state.replies.push((from, reply));
                true
            }
            Err((_, is_good)) => {
                state.missing.push(from);
                is_good
            }
        };
        state.end_if_whole();
        is_good
    }

    fn asked(&self, sockets: usize) {
        let mut state = lock(&self.state);
        state.shards -= 1;
        state.waiting += sockets;
        state.end_if_whole();
    }
}

pub(crate) fn ask_one<R: DeserializeOwned + Send + 'static>(
    socket: &Socket,
    class: Class,
    patience: Duration,
    event: &str,
    args: &(impl Serialize + ?Sized),
) -> Answer<Result<R, AckError>> {
    let (waits, answer) = oneshot::channel();
    let sent = (|| {
        let (shared, space, conn) = (socket.shared(), socket.space().clone(), socket.conn());
        let id = shared.next_ack();
        let parser = shared.parser;
        let frame = parser.event(Stamp::default(), &space.name, Some(id), event, args)?;
        local::show_outgoing(shared, &space, event, &frame);
        let waiter: Arc<dyn Waiter> = Arc::new(One(Mutex::new(Some(waits))));
        let ask = Remote::message(move |shard, core| {
            let question = Question {
                space: &space,
                id,
                waiter: &waiter,
                patience,
            };
            let asked = shard.expect_acks(core, &[conn], &question);
            core.deliver(asked, class, frame);
        });
        socket.push(Op::App(conn.shard(), ask))
    })();
    Answer::new(async move {
        sent?;
        // The shard has ended, and the question with it.
        answer.await.unwrap_or(Err(AckError::Disconnected))
    })
}

pub(crate) fn ask_many<R: DeserializeOwned + Send + 'static>(
    target: &Target,
    class: Class,
    patience: Duration,
    event: &str,
    args: &(impl Serialize + ?Sized),
) -> Answer<Result<AckReplies<R>, AckError>> {
    let (waits, all) = oneshot::channel();
    let asked = (|| {
        let shared = &target.shared;
        let id = shared.next_ack();
        let (parser, nsp) = (shared.parser, &target.space.name);
        let frame = parser.event(Stamp::many(None, None), nsp, Some(id), event, args)?;
        local::show_outgoing(shared, &target.space, event, &frame);
        let others = target.ask_others_with_ack(event, args)?;
        let waiter: Arc<dyn Waiter> = Arc::new(Many {
            state: Mutex::new(Gathered {
                shards: shared.core.shards(),
                waiting: 0,
                replies: Vec::new(),
                missing: Vec::new(),
                waits: Some(waits),
            }),
        });
        let selector = Arc::new(target.selector()?);
        shared.send(Op::AppAll(&mut || {
            let (selector, waiter, frame) = (selector.clone(), waiter.clone(), frame.clone());
            Remote::message(move |shard, core| {
                let conns = shard.select(core, &selector);
                let question = Question {
                    space: &selector.space,
                    id,
                    waiter: &waiter,
                    patience,
                };
                let asked = shard.expect_acks(core, &conns, &question);
                core.deliver(asked, class, frame);
            })
        }))?;
        Ok::<_, EmitError>(others)
    })();
    Answer::new(async move {
        let others = asked?;
        let mut all = all.await.map_err(|_| AckError::Disconnected)?;
        if let Some(others) = others {
            for reply in others.await.unwrap_or_default() {
                add_remote(&mut all, reply);
            }
        }
        Ok(all)
    })
}

/// What another server's sockets answered.
fn add_remote<R: DeserializeOwned>(all: &mut AckReplies<R>, reply: Reply) {
    let Reply::Acks { replies, missing } = reply else {
        return;
    };
    all.missing.extend(missing);
    for (from, reply) in replies {
        match serde_json::from_value(reply) {
            Ok(reply) => all.replies.push((from, reply)),
            Err(_) => all.missing.push(from),
        }
    }
}

impl Target {
    fn ask_others_with_ack(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<Option<oneshot::Receiver<Vec<Reply>>>, EmitError> {
        if self.is_local() {
            return Ok(None);
        }
        let packet = Packet::event(event, args)?;
        let (replies, all) = Replies::new();
        let late = replies.clone();
        // The others wait for their sockets as long as we do: their word takes a little longer.
        self.shared
            .later(self.patience() + Duration::from_millis(500), move || {
                late.finish()
            });
        self.carry(Operation::BroadcastWithAck(packet), Some(replies));
        Ok(Some(all))
    }
}

impl GatewayShard {
    /// Notes that these connections' sockets owe an answer; gives those that do.
    fn expect_acks(
        &self,
        core: &mut Shard<GatewaySink>,
        conns: &[ConnId],
        question: &Question<'_>,
    ) -> Vec<ConnId> {
        let (mut asked, mut refused) = (Vec::new(), Vec::new());
        let mut sessions = self.sessions.borrow_mut();
        let (now, max) = (self.now(), self.shared.limits.acks);
        let until = Millis(now.0.saturating_add(question.patience.as_millis() as u64));
        for conn in conns {
            let sio = sessions.get(*conn).and_then(|session| session.sio());
            let Some(seat) = sio.and_then(|sio| sio.find_mut(question.space)) else {
                continue;
            };
            let owed = seat.owed.get_or_insert_default();
            match owed.expect_id(question.id, question.waiter.clone(), until, max) {
                Ok(()) => asked.push(*conn),
                Err(_) => refused.push(seat.socket.id()),
            }
        }
        drop(sessions);
        question.waiter.asked(asked.len() + refused.len());
        for socket in refused {
            question
                .waiter
                .answer(socket, Err(AckError::TooManyPending));
        }
        asked.iter().for_each(|conn| self.schedule(core, *conn));
        asked
    }

    /// The waiter of an answer that has come.
    pub(crate) fn take_owed(
        &self,
        conn: ConnId,
        space: &Arc<Space>,
        id: u64,
    ) -> Option<Arc<dyn Waiter>> {
        let mut sessions = self.sessions.borrow_mut();
        let seat = sessions.get(conn)?.sio()?.find_mut(space)?;
        let owed = seat.owed.as_mut()?;
        let waiter = owed.answer(id);
        if owed.is_empty() {
            seat.owed = None;
        }
        waiter
    }

    /// Tells those that waited for this connection's answers too long.
    pub(crate) fn expire_acks(&self, conn: ConnId, now: Millis) {
        let mut late = Vec::new();
        if let Some(sio) = self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            for seat in &mut sio.sockets {
                let Some(owed) = &mut seat.owed else {
                    continue;
                };
                while let Some((_, waiter)) = owed.poll(now) {
                    late.push((seat.socket.id(), waiter));
                }
                if owed.is_empty() {
                    seat.owed = None;
                }
            }
        }
        for (socket, waiter) in late {
            waiter.answer(socket, Err(AckError::Timeout));
        }
    }
}

/// What sockets are asked.
struct Question<'q> {
    space: &'q Arc<Space>,
    id: u64,
    waiter: &'q Arc<dyn Waiter>,
    patience: Duration,
}

/// The socket has gone: nobody waits for it any longer.
pub(crate) fn abandon(socket: SocketId, owed: Owed) {
    if let Some(mut owed) = owed {
        for waiter in owed.drain() {
            waiter.answer(socket, Err(AckError::Disconnected));
        }
    }
}
