//! One shard of the gateway: its sessions, and what other shards and the core tell it.
//!
//! ```text
//! accept ─> hyper ─┬─ page, client file, refusal
//!                  ├─ polling ──> ask the owner (maybe another shard) ──┐
//!                  └─ upgrade ──> epoll ──> the task that reads         ├─> sessions ─> handlers
//! core's turn: deadline, closed, asks of other shards ──────────────────┘
//! ```
//!
//! Promises: a session is touched by its shard's thread alone. What arrives elsewhere for it is sent
//! here as an [`Ask`], in order.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::HashSet,
    rc::Rc,
    sync::Arc,
};

use ringside_core::{
    AppMessage, CloseReason as CoreReason, ConnId, Destination, Frame, Host, Shard, Topic,
    driver::Local,
};
use ringside_proto::{close::CloseReason, engineio::Act, time::Millis, ws::deflate::Inflater};
use tokio::sync::oneshot;

use crate::{
    env::{self, Stopwatch},
    session::{Ask, Inbox, Sessions, Upper},
    shared::Shared,
    sink::{GatewaySink, reason_of},
    socketio::{DisconnectReason, Memory},
};

pub(crate) struct GatewayShard {
    pub(crate) id: usize,
    pub(crate) local: Rc<Local<GatewaySink>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) sessions: RefCell<Sessions>,
    /// Where reads go. Nobody holds it across an await.
    pub(crate) inbox: RefCell<Inbox>,
    /// What was read, decrypted. Empty where nothing is.
    pub(crate) plain: RefCell<Vec<u8>>,
    /// Where messages may be compressed: inflates those of all connections, one by one.
    pub(crate) inflater: Option<RefCell<Inflater>>,
    /// Clients on their way into a namespace.
    pub(crate) connecting: RefCell<HashSet<(ConnId, Box<str>)>>,
    /// What is remembered for sockets that come back.
    pub(crate) recovery: RefCell<Memory>,
    /// Within [`batch`](Self::batch): when it began. What is sent is shown at its end.
    batch_at: Cell<Option<Millis>>,
    last_batch: Cell<Millis>,
    /// Within a batch: when its last handler ended, if next to nothing was done since. The next one began then, and the clock
    /// need not be asked.
    pub(crate) lap: Cell<Option<Stopwatch>>,
    /// The gateway ends its sessions: nobody opens one any more.
    pub(crate) draining: Cell<bool>,
}

/// What one shard has another do, by way of the core's lanes.
pub(crate) struct Remote(Box<RemoteCall>);

impl Remote {
    /// The message that has `what` run there.
    pub(crate) fn message(
        what: impl FnOnce(&Rc<GatewayShard>, &mut Shard<GatewaySink>) + Send + 'static,
    ) -> AppMessage {
        Box::new(Self(Box::new(what)))
    }
}

type RemoteCall = dyn FnOnce(&Rc<GatewayShard>, &mut Shard<GatewaySink>) + Send;

impl GatewayShard {
    pub(crate) fn new(local: Rc<Local<GatewaySink>>, shared: Arc<Shared>) -> Rc<Self> {
        let id = local.shard().id();
        let inflater = shared.compression.map(|_| RefCell::new(Inflater::new()));
        // The namespaces themselves are subscriptions too.
        let topics_max = shared.limits.rooms.saturating_add(shared.limits.namespaces);
        local.shard().limit_topics(topics_max);
        Rc::new(Self {
            id,
            local,
            shared,
            sessions: RefCell::new(Sessions::default()),
            inbox: RefCell::default(),
            plain: RefCell::default(),
            inflater,
            connecting: RefCell::default(),
            recovery: RefCell::default(),
            batch_at: Cell::new(None),
            last_batch: Cell::new(Millis(0)),
            lap: Cell::new(None),
            draining: Cell::new(false),
        })
    }

    /// The time; within a batch that of its beginning, for a look at the clock costs as much as reading a small message.
    pub(crate) fn now(&self) -> Millis {
        self.batch_at.get().unwrap_or_else(|| env::now(&self.local))
    }

    /// A handler has ended, and the next message is on.
    pub(crate) fn ended(&self, handler: Option<Stopwatch>) {
        self.lap
            .set(handler.filter(|_| self.batch_at.get().is_some()));
    }

    /// When the last batch began.
    pub(crate) fn last_batch(&self) -> Millis {
        self.last_batch.get()
    }

    /// Something was staged outside a batch: the pump shows it, when this task yields.
    pub(crate) fn flush_soon(&self) {
        if self.batch_at.get().is_none() {
            self.local.wake_pump();
        }
    }

    /// Runs what handles input, then shows all shards what it sent.
    pub(crate) fn batch<R>(&self, handle: impl FnOnce() -> R) -> R {
        let now = env::now(&self.local);
        self.batch_at.set(Some(now));
        self.last_batch.set(now);
        let result = handle();
        self.batch_at.set(None);
        self.lap.take();
        self.local.flush();
        result
    }

    /// Asks the shard that owns a session. `None`: there is no such shard, or it is gone or overloaded.
    pub(crate) async fn ask<A: Ask>(self: &Rc<Self>, owner: usize, ask: A) -> Option<A::Answer> {
        if owner == self.id {
            let answer = ask.answer(self, &mut self.local.shard());
            self.local.wake_pump();
            return Some(answer);
        }
        let (reply, answer) = oneshot::channel();
        self.tell(owner, move |shard, core| {
            let _ = reply.send(ask.answer(shard, core));
        })?;
        answer.await.ok()
    }

    /// Has `what` run on another shard, in order with everything else this one sends it.
    pub(crate) fn tell(
        &self,
        owner: usize,
        what: impl FnOnce(&Rc<GatewayShard>, &mut Shard<GatewaySink>) + Send + 'static,
    ) -> Option<()> {
        let sent = self.local.publisher().app(owner, Remote::message(what));
        self.local.flush();
        sent.ok()
    }
}

/// The shard as the core's host.
pub(crate) struct GatewayHost(pub(crate) Rc<GatewayShard>);

impl Host<GatewaySink> for GatewayHost {
    fn app(&mut self, shard: &mut Shard<GatewaySink>, message: AppMessage) {
        let message: Box<dyn Any> = message;
        if let Ok(remote) = message.downcast::<Remote>() {
            (remote.0)(&self.0, shard);
        }
    }

    fn moved(&mut self, conn: ConnId, topic: &Topic, joined: bool) {
        self.0.moved(conn, topic, joined);
    }

    #[inline]
    fn routing(&mut self, to: Destination, frame: &Frame) {
        self.0.log_routed(to, frame);
    }

    fn expired(&mut self, shard: &mut Shard<GatewaySink>, conn: ConnId) {
        let now = self.0.now();
        self.0.expire_acks(conn, now);
        loop {
            let act = self.0.sessions.borrow_mut().poll(conn, now);
            match act {
                Act::Nothing => break,
                act => self.0.act(shard, conn, act),
            }
        }
        self.0.schedule(shard, conn);
    }

    fn closed(
        &mut self,
        _: &mut Shard<GatewaySink>,
        conn: ConnId,
        reason: CoreReason,
        left: Vec<Topic>,
    ) {
        let Some(session) = self.0.sessions.borrow_mut().remove(conn) else {
            return;
        };
        let reason = session.why.unwrap_or(match reason {
            CoreReason::SlowConsumer => CloseReason::FellBehind,
            CoreReason::Requested(asked) => reason_of(asked),
            _ => CloseReason::TransportError,
        });
        let name = reason.entry().name;
        tracing::debug!(sid = %session.sid, reason = name, "session ended");
        self.0.shared.counts.count(name);
        match session.upper {
            Upper::SocketIo(sio) => {
                let reason = DisconnectReason::Connection(reason);
                for seat in sio.sockets {
                    self.0.save(&seat.socket, &left, reason.is_recoverable());
                    self.0.end_seat(seat, reason, &left, |_| {});
                }
            }
            Upper::Raw(connection) => connection.ended(reason),
        }
        self.0.flush_soon();
    }
}
