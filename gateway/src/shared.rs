//! What all shards of a gateway share: settings, namespaces, and the way to send.
//!
//! Promises: **one path per thread**. On a shard's own thread everything goes down that shard's
//! publisher; on any other thread everything goes through the core's control queues. So what one
//! thread does, happens in the order it did it.

use std::{
    cell::RefCell,
    future::Future,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use ringside_core::{AppMessage, Class, ConnId, Core, Frame, PublishError, Topic};
use ringside_proto::engineio::{Timing, Transport};

use crate::{
    admission::Admission,
    counts::Counts,
    deflate::Compression,
    endpoint::Endpoint,
    http::{Allow, Hooks, Origins, Pages},
    limits::Limits,
    shard::{GatewayShard, Remote},
    sid::Sid,
    socketio::{Adapter, EmitError, Mark, Recovery, Spaces, Watch},
    tls::Tls,
    wire::Parser,
};

pub(crate) struct Shared {
    pub(crate) core: Core,
    pub(crate) limits: Limits,
    pub(crate) timing: Timing,
    /// Where connections begin.
    pub(crate) endpoints: Box<[Arc<Endpoint>]>,
    pub(crate) origins: Origins,
    pub(crate) admission: Arc<Admission>,
    pub(crate) allow: Option<Allow>,
    pub(crate) transports: Transports,
    /// WebTransport is offered too.
    pub(crate) has_quic: bool,
    /// Clients of Engine.IO 3 are welcome.
    pub(crate) allow_eio3: bool,
    /// Clients that poll are offered a WebSocket.
    pub(crate) allow_upgrades: bool,
    pub(crate) pages: Pages,
    pub(crate) spaces: Spaces,
    pub(crate) parser: Parser,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) adapter: Box<dyn Adapter>,
    /// Whether any namespace wants to hear of rooms.
    pub(crate) watch_rooms: bool,
    pub(crate) watch: Watch,
    pub(crate) hooks: Hooks,
    /// How WebSocket messages are compressed, if they are.
    pub(crate) compression: Option<Compression>,
    /// For the gateway's own listeners.
    pub(crate) tls: Option<Tls>,
    /// Requests come from another server, on another runtime.
    pub(crate) is_mounted: bool,
    pub(crate) counts: Counts,
    pub(crate) counters: Mutex<Counters>,
    /// The id of the next event that asks for an answer.
    pub(crate) acks: Mutex<u64>,
}

/// What happened above the connections, most of it amiss, since the gateway started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Events whose arguments did not fit their handler.
    pub unfit_arguments: u64,
    /// Events that a filter refused.
    pub refused_events: u64,
    /// Handlers that panicked.
    pub failed_handlers: u64,
    /// Polls of handlers that kept their shard for more than 5 ms.
    pub slow_handlers: u64,
    /// Connections that came to be read without an HTTP server in between, for their polls; again when they come back
    /// from one.
    pub direct_pollers: u64,
    /// Connections that went to the shard of the session they poll for.
    pub moved_pollers: u64,
    /// Datagrams of QUIC that were handed to the network.
    pub datagrams_sent: u64,
    /// Of those, how many were second copies: see [`Copies::Two`](crate::Copies::Two).
    pub datagrams_repeated: u64,
    /// Of those, how many displaced older ones that were still waiting.
    pub datagrams_displaced: u64,
    /// Datagrams whose event was taken in.
    pub datagrams_received: u64,
    /// Datagrams that were none: no event without an ack, too large, damaged, for a namespace that the client
    /// is not in, or more than it may say.
    pub datagrams_refused: u64,
}

/// Which transports a gateway offers on TCP; WebTransport is offered by [`Builder::quic`](crate::Builder::quic).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transports {
    /// HTTP long-polling.
    pub polling: bool,
    /// WebSocket, at once or by upgrade from polling.
    pub websocket: bool,
}

impl Default for Transports {
    fn default() -> Self {
        Self {
            polling: true,
            websocket: true,
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<GatewayShard>>> = const { RefCell::new(None) };
}

/// Makes `shard` the one whose thread this is.
pub(crate) fn enter(shard: &Rc<GatewayShard>) {
    CURRENT.with_borrow_mut(|current| *current = Some(shard.clone()));
}

/// The shard is over: nothing on this thread may keep it alive.
pub(crate) fn leave() {
    CURRENT.with_borrow_mut(|current| *current = None);
}

/// The sending half of a core, as both paths have it.
pub(crate) enum Op<'a> {
    Publish(&'a Topic, Class, Frame),
    Unicast(ConnId, Class, Frame),
    Join(&'a Topic, ConnId),
    Leave(&'a Topic, ConnId),
    Disconnect(ConnId, u16),
    /// Has the layer above do something on a shard, in order with the rest.
    App(usize, AppMessage),
    /// The same on every shard, or on none.
    AppAll(&'a mut dyn FnMut() -> AppMessage),
}

impl Shared {
    /// The endpoint at a path, and for Engine.IO the rest of the path behind it.
    pub(crate) fn endpoint_at<'p>(&self, path: &'p str) -> Option<(&Arc<Endpoint>, &'p str)> {
        let mut endpoints = self.endpoints.iter();
        endpoints.find_map(|endpoint| Some((endpoint, endpoint.matches(path)?)))
    }

    /// Reads what a peer claims to be a session's id; `None` when no shard can have given it out.
    pub(crate) fn sid(&self, text: &str) -> Option<Sid> {
        Sid::parse(text).filter(|sid| sid.shard() < self.core.shards())
    }

    /// Does `op` on this thread's path.
    pub(crate) fn send(self: &Arc<Self>, op: Op<'_>) -> Result<(), EmitError> {
        CURRENT.with_borrow(|current| match current {
            Some(shard) if Arc::ptr_eq(&shard.shared, self) => {
                let result = op.publish(&mut shard.local.publisher());
                shard.flush_soon();
                result.map_err(EmitError::from)
            }
            _ => op.control(&self.core).map_err(EmitError::from),
        })
    }
}

impl Shared {
    /// What a session that polls may upgrade to.
    pub(crate) fn upgrades(&self) -> impl Iterator<Item = Transport> + use<> {
        let offered = |transport, is_there| (is_there && self.allow_upgrades).then_some(transport);
        let websocket = offered(Transport::WebSocket, self.transports.websocket);
        let webtransport = offered(Transport::WebTransport, self.has_quic);
        websocket.into_iter().chain(webtransport)
    }

    /// The position of an event, if it can be recovered.
    #[inline]
    pub(crate) fn mark(&self, class: Class, next: impl FnOnce() -> Mark) -> Option<Mark> {
        let kept = self.recovery.is_some() && class == Class::Reliable;
        kept.then(next)
    }

    pub(crate) fn next_ack(&self) -> u64 {
        let mut next = self
            .acks
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        *next += 1;
        *next - 1
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Counters)) {
        count(
            &mut self
                .counters
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        );
    }

    /// Runs a future as a task of a shard.
    pub(crate) fn run(
        self: &Arc<Self>,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), EmitError> {
        let run = Remote::message(move |shard, _| drop(shard.local.spawn(task)));
        self.send(Op::App(0, run))
    }

    /// Does something later: at once, if no shard can be asked to wait.
    pub(crate) fn later(
        self: &Arc<Self>,
        after: Duration,
        what: impl Fn() + Clone + Send + 'static,
    ) {
        let then = what.clone();
        let task = async move {
            tokio::time::sleep(after).await;
            then();
        };
        if self.run(task).is_err() {
            what();
        }
    }
}

impl Op<'_> {
    pub(crate) fn publish(
        self,
        publisher: &mut ringside_core::Publisher,
    ) -> Result<(), PublishError> {
        match self {
            Op::Publish(topic, class, frame) => publisher.publish(topic, class, frame),
            Op::Unicast(conn, class, frame) => publisher.unicast(conn, class, frame),
            Op::Join(topic, conn) => publisher.join(topic, conn),
            Op::Leave(topic, conn) => publisher.leave(topic, conn),
            Op::Disconnect(conn, reason) => publisher.disconnect(conn, reason),
            Op::App(shard, message) => publisher.app(shard, message),
            Op::AppAll(message) => publisher.app_all(message),
        }
    }

    fn control(self, core: &Core) -> Result<(), ringside_core::Busy> {
        match self {
            Op::Publish(topic, class, frame) => core.publish(topic, class, frame),
            Op::Unicast(conn, class, frame) => core.unicast(conn, class, frame),
            Op::Join(topic, conn) => core.join(topic, conn),
            Op::Leave(topic, conn) => core.leave(topic, conn),
            Op::Disconnect(conn, reason) => core.disconnect(conn, reason),
            Op::App(shard, message) => core.app(shard, message),
            Op::AppAll(message) => core.app_all(message),
        }
    }
}
