//! Handlers: plain functions of a socket and a typed argument.
//!
//! | registered with | the function | the ack |
//! |---|---|---|
//! | `on` | `Fn(&Socket, T) -> R` | `R`, at once |
//! | `on_async` | `Fn(Socket, T) -> impl Future<Output = R>` | `R`, when it is ready |
//! | `on_raw` | `Fn(&Socket, Args<'_>, Option<Ack>)` | whenever [`Ack::send`] is called |
//!
//! `T` takes the arguments as [`Args::parse`] does: a tuple one each, `()` none, anything else the
//! first. Promises: handlers of one socket start in the order their messages came, each is polled to
//! its first await before the next starts, and the read loop waits for none of them. Arguments that do
//! not fit `T` are counted and logged; a panic closes that socket and no other.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use ringside_core::{Class, Frame};
use ringside_proto::socketio::{Args, ArgsError, encode_ack};
use serde::{Serialize, de::DeserializeOwned};

use super::{EmitError, RawArgs, Socket};
use crate::{shared::Op, wire};

/// A handler with its types erased.
pub(crate) type Handler =
    Arc<dyn Fn(&Socket, Args<'_>, Option<Ack>) -> Result<(), ArgsError> + Send + Sync>;

/// The sender of an event waits for this answer. Dropping it answers nothing.
#[derive(Debug)]
pub struct Ack {
    pub(crate) socket: Socket,
    pub(crate) id: u64,
}

impl Ack {
    /// Answers; a tuple is spread over the callback's parameters.
    pub fn send<T: Serialize + ?Sized>(self, args: &T) -> Result<(), EmitError> {
        let frame = self.frame(args)?;
        self.socket
            .send(Op::Unicast(self.socket.conn(), Class::Reliable, frame))
    }

    pub(crate) fn frame<T: Serialize + ?Sized>(&self, args: &T) -> Result<Frame, EmitError> {
        let nsp = self.socket.namespace_name();
        Ok(wire::message(None, |out| {
            encode_ack(out, nsp, self.id, args)
        })?)
    }

    /// Answers with arguments as they came.
    pub fn send_raw(self, args: &RawArgs) -> Result<(), EmitError> {
        let nsp = self.socket.namespace_name();
        let frame = wire::message(None, |out| args.encode_ack(out, nsp, self.id))?;
        self.socket
            .send(Op::Unicast(self.socket.conn(), Class::Reliable, frame))
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

pub(crate) fn sync<T, R>(f: impl Fn(&Socket, T) -> R + Send + Sync + 'static) -> Handler
where
    T: DeserializeOwned,
    R: Serialize,
{
    Arc::new(move |socket, args, ack| {
        let result = f(socket, args.parse()?);
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
    Arc::new(move |socket, args, ack| {
        let future = f(socket.clone(), args.parse()?);
        run(socket.clone(), async move { answer(ack, &future.await) });
        Ok(())
    })
}

pub(crate) fn raw(f: impl Fn(&Socket, Args<'_>, Option<Ack>) + Send + Sync + 'static) -> Handler {
    Arc::new(move |socket, args, ack| {
        f(socket, args, ack);
        Ok(())
    })
}

/// Polls a handler's future once, here and now; what remains goes on as a task of the shard.
fn run(socket: Socket, future: impl Future<Output = ()> + 'static) {
    let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(future);
    // The task polls again as soon as it starts, and then registers its own waker.
    let mut cx = Context::from_waker(Waker::noop());
    if future.as_mut().poll(&mut cx).is_pending() {
        tokio::task::spawn_local(Guarded { socket, future });
    }
}

/// A handler's future; a panic in it closes its socket.
struct Guarded {
    socket: Socket,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

impl Future for Guarded {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let future = &mut self.future;
        let polled =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| future.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| {
            self.socket.handler_failed();
            Poll::Ready(())
        })
    }
}
