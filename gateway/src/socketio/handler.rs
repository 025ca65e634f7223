//! Handlers: plain functions of a socket and a typed argument.
//!
//! | registered with | the function | the ack |
//! |---|---|---|
//! | `on` | `Fn(&Socket, T) -> R` | `R`, at once |
//! | `on_async` | `Fn(Socket, T) -> impl Future<Output = R>` | `R`, when it is ready |
//! | `on_runtime` | the same, `Send`, on another runtime | `R`, when it is ready |
//! | `on_raw` | `Fn(&Socket, Args<'_>, Option<Ack>)` | whenever [`Ack::send`] is called |
//!
//! `T` takes the arguments as [`Args::parse`] does: a tuple one each, `()` none, anything else the
//! first. Promises: handlers of one socket start in the order their messages came, each is polled to
//! its first await before the next starts, and the read loop waits for none of them. Arguments that do
//! not fit `T` give the ack an `{error}` and are counted; a panic closes that socket and no other. A poll
//! of more than [`SLOW`] is counted and logged with its event, for all sockets of the shard wait for it.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use ringside_core::{Class, Frame};
use ringside_proto::socketio::{Args, ArgsError};
use serde::{Serialize, de::DeserializeOwned};

use super::{EmitError, RawArgs, Socket};
use crate::{
    env::{self, Stopwatch},
    shared::{Op, Shared},
};

/// How long a handler may keep its shard, from one await to the next: 5 ms is a tenth of a game's tick.
const SLOW: Duration = Duration::from_millis(5);

/// A handler with its types erased.
pub(crate) type Handler = Arc<dyn Fn(&Socket, Call<'_>) -> Result<(), Unfit> + Send + Sync>;

/// An event for a handler.
pub(crate) struct Call<'a> {
    pub(crate) event: &'a str,
    pub(crate) args: Args<'a>,
    pub(crate) ack: Option<Ack>,
}

/// Why an event was not handled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HandlerError {
    /// The arguments do not fit the handler's type.
    Arguments {
        /// The event.
        event: String,
        /// What does not fit.
        error: String,
    },
    /// A filter ([`Namespace::use_packet`](super::Namespace::use_packet)) refused it.
    Refused {
        /// The event.
        event: String,
        /// The filter's word.
        error: String,
    },
    /// The handler panicked: its socket is being closed.
    Panicked {
        /// The event.
        event: String,
    },
}

impl std::fmt::Display for HandlerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Arguments { event, error } => {
                write!(
                    f,
                    "the arguments of {event:?} do not fit its handler: {error}"
                )
            }
            Self::Refused { event, error } => write!(f, "{event:?} was refused: {error}"),
            Self::Panicked { event } => write!(f, "the handler of {event:?} panicked"),
        }
    }
}

impl std::error::Error for HandlerError {}

/// The sender of an event waits for this answer. Dropping it answers nothing.
#[derive(Debug)]
pub struct Ack {
    pub(crate) socket: Socket,
    pub(crate) id: u64,
}

impl Ack {
    /// Answers; a tuple is spread over the callback's parameters.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn send<T: Serialize + ?Sized>(self, args: &T) -> Result<(), EmitError> {
        let frame = self.frame(args)?;
        self.push(frame)
    }

    pub(crate) fn frame<T: Serialize + ?Sized>(&self, args: &T) -> Result<Frame, EmitError> {
        let parser = self.socket.shared().parser;
        Ok(parser.ack(self.socket.namespace_name(), self.id, args)?)
    }

    /// Answers with arguments as they came.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn send_raw(self, args: &RawArgs) -> Result<(), EmitError> {
        let parser = self.socket.shared().parser;
        let frame = parser.ack_raw(self.socket.namespace_name(), self.id, args)?;
        self.push(frame)
    }

    /// Answers that it went wrong: `{"error": message}`.
    pub(crate) fn fail(self, message: &str) {
        #[derive(Serialize)]
        struct Failure<'a> {
            error: &'a str,
        }
        answer(Some(self), &Failure { error: message });
    }

    fn push(&self, frame: Frame) -> Result<(), EmitError> {
        let conn = self.socket.conn();
        self.socket.push(Op::Unicast(conn, Class::Reliable, frame))
    }
}

fn answer<R: Serialize>(ack: Option<Ack>, result: &R) {
    if let Some(ack) = ack {
        let (socket, id) = (ack.socket.clone(), ack.id);
        if let Err(error) = ack.send(result) {
            tracing::debug!(socket = %socket.id(), id, %error, "an ack was not sent");
        }
    }
}

/// Arguments that do not fit, and the ack that is to say so.
type Unfit = (ArgsError, Option<Ack>);

/// Parses the arguments, or gives the ack back with the error.
fn parse<'a, T: DeserializeOwned>(call: Call<'a>) -> Result<(T, &'a str, Option<Ack>), Unfit> {
    match call.args.parse() {
        Ok(args) => Ok((args, call.event, call.ack)),
        Err(error) => Err((error, call.ack)),
    }
}

pub(crate) fn sync<T, R>(f: impl Fn(&Socket, T) -> R + Send + Sync + 'static) -> Handler
where
    T: DeserializeOwned,
    R: Serialize,
{
    Arc::new(move |socket, call| {
        let (args, _, ack) = parse(call)?;
        let result = f(socket, args);
        answer(ack, &result);
        Ok(())
    })
}

pub(crate) fn future<T, F>(f: impl Fn(Socket, T) -> F + Send + Sync + 'static) -> Handler
where
    T: DeserializeOwned,
    F: Future + 'static,
    F::Output: Serialize,
{
    Arc::new(move |socket, call| {
        let (args, event, ack) = parse(call)?;
        let future = f(socket.clone(), args);
        run(socket, event, async move { answer(ack, &future.await) });
        Ok(())
    })
}

pub(crate) fn elsewhere<T, F>(
    runtime: tokio::runtime::Handle,
    f: impl Fn(Socket, T) -> F + Send + Sync + 'static,
) -> Handler
where
    T: DeserializeOwned,
    F: Future + Send + 'static,
    F::Output: Serialize + Send,
{
    Arc::new(move |socket, call| {
        let (args, event, ack) = parse(call)?;
        let future = f(socket.clone(), args);
        let (task, socket, event) = (runtime.spawn(future), socket.clone(), event.to_owned());
        runtime.spawn(async move {
            match task.await {
                Ok(result) => answer(ack, &result),
                Err(error) if error.is_panic() => panicked(&socket, &event),
                Err(_) => {}
            }
        });
        Ok(())
    })
}

pub(crate) fn raw(f: impl Fn(&Socket, Args<'_>, Option<Ack>) + Send + Sync + 'static) -> Handler {
    Arc::new(move |socket, call| {
        f(socket, call.args, call.ack);
        Ok(())
    })
}

/// Runs what an application gave us; a panic in it closes the socket. Whether it ran to its end.
///
/// `lap`: when it began, if the clock was looked at just now, and then when it ended.
pub(crate) fn guard(
    socket: &Socket,
    event: &str,
    lap: &mut Option<Stopwatch>,
    call: impl FnOnce(),
) -> bool {
    let began = lap.take().unwrap_or_else(Stopwatch::start);
    let call = std::panic::AssertUnwindSafe(call);
    let ran = env::began(began, || std::panic::catch_unwind(call).is_ok());
    let ended = Stopwatch::start();
    note_if_slow(socket.shared(), event, began, ended);
    *lap = ran.then_some(ended);
    if !ran {
        panicked(socket, event);
    }
    ran
}

/// A handler has panicked: whoever hears of errors is told, and the socket ends.
fn panicked(socket: &Socket, event: &str) {
    socket.failed(&HandlerError::Panicked {
        event: event.to_owned(),
    });
    socket.handler_failed();
}

#[inline]
fn note_if_slow(shared: &Shared, event: &str, began: Stopwatch, ended: Stopwatch) {
    if let Some(took) = began.longer_than(SLOW, ended) {
        shared.count(|counters| counters.slow_handlers += 1);
        tracing::warn!(
            event,
            ?took,
            "a handler kept its shard from all other sockets"
        );
    }
}

/// Polls a handler's future once, here and now; what remains goes on as a task of the shard.
pub(crate) fn run(socket: &Socket, event: &str, future: impl Future<Output = ()> + 'static) {
    let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(future);
    // The task polls again as soon as it starts, and then registers its own waker.
    let mut cx = Context::from_waker(Waker::noop());
    if future.as_mut().poll(&mut cx).is_pending() {
        let (socket, event) = (socket.clone(), event.into());
        tokio::task::spawn_local(Guarded {
            socket,
            event,
            future,
        });
    }
}

/// A handler's future; a panic in it closes its socket.
struct Guarded {
    socket: Socket,
    event: Box<str>,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

impl Future for Guarded {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (socket, event) = (self.socket.clone(), self.event.clone());
        let mut polled = Poll::Pending;
        let ran = guard(&socket, &event, &mut None, || {
            polled = self.future.as_mut().poll(cx)
        });
        match ran {
            true => polled,
            false => Poll::Ready(()),
        }
    }
}
