//! What waits for answers: to one question, or to the same of many.

use std::sync::{Arc, Mutex, MutexGuard};

use ringside_proto::socketio::Args;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::{AckError, AckReplies};
use crate::socketio::SocketId;

/// What waits for answers. Called once per socket that was asked, on that socket's shard.
pub(crate) trait Waiter: Send + Sync {
    /// An answer, or why there is none. Whether the answer is what the protocol allows.
    fn answer(&self, from: SocketId, answer: Result<Args<'_>, AckError>) -> bool;

    /// One more shard has noted whom it asks: so many.
    fn asked(&self, sockets: usize);
}

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

/// What waits for one answer, and where it arrives.
pub(super) fn one<R: DeserializeOwned + Send + 'static>()
-> (Arc<dyn Waiter>, oneshot::Receiver<Result<R, AckError>>) {
    let (waits, answer) = oneshot::channel();
    (Arc::new(One(Mutex::new(Some(waits)))), answer)
}

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

/// What waits for the answers of sockets on so many shards, and where they arrive together.
pub(super) fn many<R: DeserializeOwned + Send + 'static>(
    shards: usize,
) -> (Arc<dyn Waiter>, oneshot::Receiver<AckReplies<R>>) {
    let (waits, all) = oneshot::channel();
    let state = Gathered {
        shards,
        waiting: 0,
        replies: Vec::new(),
        missing: Vec::new(),
        waits: Some(waits),
    };
    let state = Mutex::new(state);
    (Arc::new(Many { state }), all)
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
