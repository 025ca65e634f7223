//! The way into a namespace: its name, a claim to have been here before, middleware, and in.
//!
//! Promises: a socket's client hears that it is in before anything else reaches it; middleware may
//! await, and the session goes on meanwhile; whoever leaves meanwhile is not let in. Nothing of an
//! attempt stays behind, however it ends.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use ringside_core::{Class, ConnId, Frame, Shard};
use ringside_proto::{
    engineio::Version,
    socketio::{EncodeError, Misbehaviour},
    time::Millis,
};
use serde::Serialize;

use super::{
    ConnectError, Socket, dispatch::Connecting, handler::guard, local::Seat, namespace::Middleware,
    recovery::Claim, socket::Entry,
};
use crate::{
    session::{Session, Upper},
    shard::GatewayShard,
    shared::{Op, Shared},
    sink::GatewaySink,
    wire::Parser,
};

#[derive(Serialize)]
struct Admission<'a> {
    sid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<&'a str>,
}

/// What middleware that awaits comes to.
struct Caught(Pin<Box<dyn Future<Output = Result<(), ConnectError>>>>);

impl Future for Caught {
    type Output = Result<(), ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(failed())))
    }
}

/// Middleware that panics lets nobody in.
fn failed() -> ConnectError {
    tracing::error!("a middleware panicked; its client is not let in");
    ConnectError::new("internal error")
}

impl GatewayShard {
    /// A client asks for a namespace.
    pub(crate) fn on_connect(
        self: &Rc<Self>,
        conn: ConnId,
        namespace: &str,
        auth: Option<Box<serde_json::value::RawValue>>,
    ) -> bool {
        // Clients of the older protocol append a query.
        let name = namespace.split('?').next().unwrap_or_default();
        let (joined, known) = match self.sessions.borrow_mut().get(conn) {
            Some(Session {
                upper: Upper::SocketIo(sio),
                ..
            }) => {
                sio.connect_by = Millis::NEVER;
                let mut seats = sio.sockets.iter();
                let known = seats.any(|seat| seat.socket.namespace_name() == name);
                (sio.sockets.len(), known)
            }
            _ => return false,
        };
        self.schedule(&mut self.local.shard(), conn);
        let mut pending = self.connecting.borrow_mut();
        let of_conn = pending.iter().filter(|(other, _)| *other == conn);
        let joined = joined + of_conn.count();
        if known || pending.contains(&(conn, name.into())) {
            return true;
        }
        if joined >= self.shared.limits.namespaces {
            drop(pending);
            return self.misbehaved(conn, Misbehaviour::TooManyNamespaces);
        }
        pending.insert((conn, name.into()));
        drop(pending);
        let connecting = Connecting {
            conn,
            name: name.into(),
            auth,
        };
        let claim = self.shared.recovery.is_some() && !self.speaks_old(conn);
        match claim.then(|| Claim::parse(connecting.auth())).flatten() {
            Some((pid, offset)) => self.claim(pid, offset, connecting),
            None => self.admit(connecting),
        }
        true
    }

    /// A client of the older protocol is in `/` from the beginning.
    pub(crate) fn connect_to_root(self: &Rc<Self>, conn: ConnId) {
        // The session goes on, whatever comes of it.
        let _ = self.on_connect(conn, "/", None);
    }

    /// Whether a client speaks the protocol before version 5.
    fn speaks_old(&self, conn: ConnId) -> bool {
        let mut sessions = self.sessions.borrow_mut();
        sessions
            .get(conn)
            .is_some_and(|s| s.engine.version() == Version::V3)
    }

    /// Whether a client is still on its way in.
    pub(crate) fn is_connecting(&self, connecting: &Connecting) -> bool {
        self.sessions.borrow_mut().get(connecting.conn).is_some()
    }

    /// A client is no longer on its way in.
    pub(crate) fn done_connecting(&self, connecting: &Connecting) {
        let key = (connecting.conn, connecting.name.clone());
        self.connecting.borrow_mut().remove(&key);
    }

    /// What a socket of this client is made from; its namespace counts it from now on.
    pub(crate) fn enter(&self, connecting: &Connecting) -> Option<Entry> {
        let handshake = self
            .sessions
            .borrow_mut()
            .get(connecting.conn)
            .map(|session| session.handshake.clone())?;
        let spaces = &self.shared.spaces;
        let space = spaces.enter(&connecting.name, connecting.auth(), &self.shared.core)?;
        Some(Entry {
            conn: connecting.conn,
            space,
            handshake,
            auth: connecting.auth.clone(),
        })
    }

    /// Lets a client in, if the namespace is there and its middleware agrees.
    pub(crate) fn admit(self: &Rc<Self>, connecting: Connecting) {
        match self.enter(&connecting) {
            Some(entry) => {
                let socket = Socket::new(entry, self.shared.clone());
                self.ask_middleware(0, connecting, socket);
            }
            None => self.refuse(&connecting, &ConnectError::new("Invalid namespace")),
        }
    }

    /// Asks the namespace's middleware, in order, beginning with the `from`th.
    fn ask_middleware(self: &Rc<Self>, from: usize, connecting: Connecting, socket: Socket) {
        let set = socket.space().set.clone();
        for (at, middleware) in set.middleware.iter().enumerate().skip(from) {
            let verdict = match middleware {
                Middleware::Now(f) => {
                    catch_unwind(AssertUnwindSafe(|| f(&socket))).unwrap_or_else(|_| Err(failed()))
                }
                Middleware::Later(f) => {
                    let asked = catch_unwind(AssertUnwindSafe(|| f(socket.clone())));
                    let mut asked = match asked {
                        Ok(asked) => Caught(asked),
                        Err(_) => return self.turn_away(&connecting, &socket, &failed()),
                    };
                    let mut cx = Context::from_waker(Waker::noop());
                    match Pin::new(&mut asked).poll(&mut cx) {
                        Poll::Ready(verdict) => verdict,
                        Poll::Pending => {
                            let this = self.clone();
                            self.local.spawn(async move {
                                let verdict = asked.await;
                                this.batch(|| match verdict {
                                    Ok(()) => this.ask_middleware(at + 1, connecting, socket),
                                    Err(error) => this.turn_away(&connecting, &socket, &error),
                                });
                            });
                            return;
                        }
                    }
                }
            };
            if let Err(error) = verdict {
                return self.turn_away(&connecting, &socket, &error);
            }
        }
        self.join(connecting, socket);
    }

    fn turn_away(&self, connecting: &Connecting, socket: &Socket, error: &ConnectError) {
        self.shared.spaces.exit(socket.space());
        self.refuse(connecting, error);
    }

    /// The socket is in: the client hears of it first, then the handlers do.
    fn join(self: &Rc<Self>, connecting: Connecting, socket: Socket) {
        self.done_connecting(&connecting);
        let conn = connecting.conn;
        if !self.seat(conn, &socket) {
            // Gone while middleware was asked.
            return self.shared.spaces.exit(socket.space());
        }
        match self.welcome(conn, &socket) {
            Ok(frame) => self.send_frame(conn, frame),
            Err(error) => tracing::error!(%error, "the admission cannot be encoded"),
        }
        let everybody = &socket.space().everybody;
        if let Err(error) = Shared::send(&self.shared, Op::Join(everybody, conn)) {
            tracing::error!(%error, "a socket could not join its namespace");
        }
        self.begin_ticket(&socket);
        self.connected(&socket);
    }

    /// A socket comes back. `catch_up` has it join what it was in, and sends it what it has missed.
    pub(crate) fn admit_again(
        self: &Rc<Self>,
        core: &mut Shard<GatewaySink>,
        connecting: &Connecting,
        socket: Socket,
        catch_up: impl FnOnce(&Self, &mut Shard<GatewaySink>),
    ) {
        let skip = self
            .shared
            .recovery
            .is_some_and(|options| options.skip_middleware);
        let middleware = &socket.space().set.middleware;
        let refused = middleware.iter().filter(|_| !skip).find_map(|m| match m {
            Middleware::Now(f) => catch_unwind(AssertUnwindSafe(|| f(&socket)))
                .unwrap_or_else(|_| Err(failed()))
                .err(),
            // One that awaits has agreed to this client before.
            Middleware::Later(_) => None,
        });
        if let Some(error) = refused {
            return self.turn_away(connecting, &socket, &error);
        }
        self.done_connecting(connecting);
        let conn = connecting.conn;
        if !self.seat(conn, &socket) {
            return self.shared.spaces.exit(socket.space());
        }
        match self.welcome(conn, &socket) {
            Ok(frame) => core.deliver([conn], Class::Reliable, frame),
            Err(error) => tracing::error!(%error, "the admission cannot be encoded"),
        }
        catch_up(self, core);
        self.connected(&socket);
        self.flush_soon();
    }

    fn seat(&self, conn: ConnId, socket: &Socket) -> bool {
        match self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            Some(sio) => {
                sio.sockets.push(Seat {
                    socket: socket.clone(),
                    owed: None,
                });
                true
            }
            None => false,
        }
    }

    fn welcome(&self, conn: ConnId, socket: &Socket) -> Result<Frame, EncodeError> {
        let id = socket.id();
        let pid = socket.ticket().map(|ticket| ticket.pid);
        let admission = Admission {
            sid: id.as_str(),
            pid: pid.as_ref().map(|pid| pid.as_str()),
        };
        let admission = (!self.speaks_old(conn)).then_some(&admission);
        let parser = self.shared.parser;
        parser.connect(socket.namespace_name(), admission)
    }

    fn connected(&self, socket: &Socket) {
        for handler in &socket.space().set.on_connect {
            if !guard(socket, "connection", &mut None, || handler(socket)) {
                return;
            }
        }
    }

    fn refuse(&self, connecting: &Connecting, error: &ConnectError) {
        self.done_connecting(connecting);
        let (conn, name) = (connecting.conn, &*connecting.name);
        let data = error.data.as_deref();
        let reply = match self.speaks_old(conn) && error.message != "Invalid namespace" {
            true => Parser::connect_error_old(name, &error.message, data),
            false => self.shared.parser.connect_error(name, &error.message, data),
        };
        match reply {
            Ok(frame) => self.send_frame(conn, frame),
            Err(error) => tracing::debug!(%error, name, "a refusal cannot be encoded"),
        }
    }

    /// A client whose claim could not be honoured comes in as anybody does.
    pub(crate) fn admit_anew(self: &Rc<Self>, _: &mut Shard<GatewaySink>, connecting: Connecting) {
        self.admit(connecting);
        self.flush_soon();
    }
}
