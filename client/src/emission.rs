//! One event on its way out, with its flags, and what comes back for it.

use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use ringside_proto::socketio::RESERVED_EVENTS;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::oneshot;

use crate::{
    AckError, EmitError, Socket,
    machine::{Ask, Draft, Inbound, Waiter},
};

/// An event that is about to be sent: `socket.volatile().timeout(wait).emit(…)`.
#[derive(Debug)]
#[must_use = "nothing is sent before `emit`"]
pub struct Emission<'a> {
    socket: &'a Socket,
    ask: Ask,
}

impl<'a> Emission<'a> {
    pub(crate) fn of(socket: &'a Socket) -> Self {
        Self {
            socket,
            ask: Ask::default(),
        }
    }

    /// How long its ack may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.ask.timeout = Some(timeout);
        self
    }

    /// Skipped while it cannot leave at once. Over QUIC it is a datagram, if it is no longer than 1,000 bytes and no
    /// answer is asked for: then it may be lost, or overtake what was emitted before.
    pub fn volatile(mut self) -> Self {
        self.ask.volatile = true;
        self
    }

    /// Kept for its name, as this client does not compress.
    pub fn compress(self, _: bool) -> Self {
        self
    }

    /// See [`Socket::emit`].
    ///
    /// # Errors
    /// As there.
    pub fn emit<T: Serialize + ?Sized>(self, event: &str, args: &T) -> Result<(), EmitError> {
        let draft = self.draft(event, args)?;
        self.leave(draft)
    }

    fn draft<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<Draft, EmitError> {
        if RESERVED_EVENTS.contains(&event) {
            return Err(EmitError::Reserved(event.to_owned()));
        }
        Ok(Draft::new(&self.socket.nsp(), event, args)?)
    }

    /// See [`Socket::emit_with_ack`].
    pub fn emit_with_ack<R: DeserializeOwned>(
        mut self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Answer<R> {
        let (sender, receiver) = oneshot::channel();
        match self.draft(event, args) {
            Ok(draft) => {
                self.ask.waiter = Some(Waiter::User(sender));
                // The answer has the error, too.
                let _ = self.leave(draft);
            }
            Err(error) => {
                // Somebody will look at the answer, or nobody cares.
                let _ = sender.send(Err(AckError::NotSent(error)));
            }
        }
        Answer {
            receiver,
            of: PhantomData,
        }
    }

    fn leave(self, draft: Draft) -> Result<(), EmitError> {
        let Self { socket, ask } = self;
        socket
            .shared()
            .ask(|machine| machine.emit(socket.at, draft, ask))
            .map_err(EmitError::Refused)
    }
}

/// The acknowledgement of an event that was sent; dropping it forgets the answer, not the event.
#[derive(Debug)]
#[must_use = "the event is sent, but nobody waits for its answer"]
pub struct Answer<R> {
    receiver: oneshot::Receiver<Result<Inbound, AckError>>,
    of: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Future for Answer<R> {
    type Output = Result<R, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx).map(|answer| {
            let answer = answer.unwrap_or(Err(AckError::Disconnected))?;
            let packet = answer.packet().ok_or(AckError::Disconnected)?;
            packet
                .args(answer.attachments())
                .parse()
                .map_err(|error| AckError::Unfit(error.to_string()))
        })
    }
}

/// The server waits for an answer to its event. Dropping it answers nothing; of several listeners
/// the first to answer counts.
#[derive(Clone, Debug)]
pub struct Ack {
    socket: Socket,
    id: u64,
    /// The socket's id when the event came.
    sid: Arc<str>,
    answered: Arc<OnceLock<()>>,
}

impl Ack {
    pub(crate) fn new(socket: Socket, id: u64, sid: String) -> Self {
        Self {
            socket,
            id,
            sid: sid.into(),
            answered: Arc::default(),
        }
    }

    /// Answers; a tuple is spread over the callback's arguments.
    ///
    /// # Errors
    /// It cannot be written, is larger than the server takes, or the connection is over.
    pub fn send<T: Serialize + ?Sized>(self, args: &T) -> Result<(), EmitError> {
        let draft = Draft::ack(&self.socket.nsp(), self.id, args)?;
        if self.answered.set(()).is_err() {
            return Ok(());
        }
        let (at, sid) = (self.socket.at, &*self.sid);
        self.socket
            .shared()
            .ask(|machine| machine.answer(at, sid, draft))
            .map_err(EmitError::Refused)
    }

    pub(crate) fn answer<T: Serialize>(ack: Option<Self>, result: &T) {
        if let Some(Err(error)) = ack.map(|ack| ack.send(result)) {
            tracing::debug!(%error, "an ack was not sent");
        }
    }
}
