//! Waiting for answers: one socket's, or those of many.
//!
//! An event that asks for an answer has an id of the whole gateway, so that it is encoded once for all
//! receivers. Each receiver's shard notes the id in the socket's table just before the event goes out,
//! and forgets it when the answer, the deadline or the socket's end comes, whichever is first.
//! Promises: every question ends, exactly once per socket; nothing of it stays behind.

mod owed;
mod waiter;

use std::{sync::Arc, time::Duration};

use owed::Question;
pub(crate) use owed::{Owed, abandon};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::oneshot;

use super::{
    Answer, EmitError, Socket, SocketId, Target,
    adapter::{Operation, Packet, Replies, Reply},
    emitter::Manner,
    local,
};
use crate::{shard::Remote, shared::Op, wire::Stamp};

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

pub(crate) fn ask_one<R: DeserializeOwned + Send + 'static>(
    socket: &Socket,
    manner: Manner,
    event: &str,
    args: &(impl Serialize + ?Sized),
) -> Answer<Result<R, AckError>> {
    let (waiter, answer) = waiter::one();
    let sent = (|| {
        let (shared, space, conn) = (socket.shared(), socket.space().clone(), socket.conn());
        let id = shared.next_ack();
        let (parser, stamp) = (shared.parser, Stamp::one(None).compress(manner.compress));
        let frame = parser.event(stamp, &space.name, Some(id), event, args)?;
        socket.show_outgoing(event, &frame);
        let ask = Remote::message(move |shard, core| {
            let question = Question {
                space: &space,
                id,
                waiter: &waiter,
                patience: manner.patience,
            };
            let asked = shard.expect_acks(core, &[conn], &question);
            core.deliver(asked, manner.class, frame);
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
    event: &str,
    args: &(impl Serialize + ?Sized),
) -> Answer<Result<AckReplies<R>, AckError>> {
    let (shared, manner) = (&target.shared, target.manner);
    let (waiter, all) = waiter::many(shared.core.shards());
    let asked = (|| {
        let id = shared.next_ack();
        let (parser, nsp) = (shared.parser, &target.space.name);
        let stamp = Stamp::many(None, None).compress(manner.compress);
        let frame = parser.event(stamp, nsp, Some(id), event, args)?;
        local::show_outgoing(shared, &target.space, event, &frame);
        let others = target.ask_others_with_ack(event, args)?;
        let selector = Arc::new(target.selector()?);
        shared.send(Op::AppAll(&mut || {
            let (selector, waiter, frame) = (selector.clone(), waiter.clone(), frame.clone());
            Remote::message(move |shard, core| {
                let conns = shard.select(core, &selector);
                let question = Question {
                    space: &selector.space,
                    id,
                    waiter: &waiter,
                    patience: manner.patience,
                };
                let asked = shard.expect_acks(core, &conns, &question);
                core.deliver(asked, manner.class, frame);
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
        let patience = self.manner.patience + Duration::from_millis(500);
        self.shared.later(patience, move || late.finish());
        self.carry(Operation::BroadcastWithAck(packet), Some(replies));
        Ok(Some(all))
    }
}
