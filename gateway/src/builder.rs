//! Setting a gateway up: settings, namespaces, handlers, pages. Then it listens.
//!
//! Promises: everything is decided before the first connection, so a running gateway looks nothing up
//! under a lock. What is silent has a sane default.

use std::{
    collections::HashMap,
    future::Future,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    num::NonZero,
    sync::Arc,
    thread::available_parallelism,
};

use ringside_proto::{engineio::Timing, socketio::Args};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    endpoint::{Wanted, engine_path},
    gateway::{Gateway, Plan},
    http::{Hooks, Origins, Page, PageRequest, Pages},
    limits::Limits,
    listener::ListenError,
    raw::Raw,
    shared::Transports,
    socketio::{Ack, Handshake, Namespace, Socket, handler},
};

/// A gateway being set up. The methods without a namespace mean `/`.
pub struct Builder {
    pub(crate) plan: Plan,
}

impl Default for Builder {
    fn default() -> Self {
        let namespaces = HashMap::from([("/".into(), Namespace::new("/"))]);
        Self {
            plan: Plan {
                limits: Limits::default(),
                timing: Timing::default(),
                path: "/socket.io/".into(),
                raw: Vec::new(),
                origins: Origins::own(),
                transports: Transports::default(),
                allow_eio3: false,
                pages: Pages::default(),
                namespaces,
                shards: available_parallelism().map_or(1, NonZero::get),
                pinned: true,
                null_sink: false,
                proxies: Vec::new(),
                allow: None,
                hooks: Hooks::default(),
                compression: None,
                tls: None,
            },
        }
    }
}

impl Builder {
    /// A namespace, by its name with the slash; made if it is new.
    pub fn of(&mut self, namespace: &str) -> &mut Namespace {
        self.plan
            .namespaces
            .entry(namespace.into())
            .or_insert_with(|| Namespace::new(namespace))
    }

    /// Runs `f` whenever a socket has joined `/`.
    pub fn on_connect(&mut self, f: impl Fn(&Socket) + Send + Sync + 'static) -> &mut Self {
        self.of("/").on_connect(f);
        self
    }

    /// Runs `f` whenever a socket has left `/`, with the reason as Socket.IO words it.
    pub fn on_disconnect(
        &mut self,
        f: impl Fn(&Socket, &str) + Send + Sync + 'static,
    ) -> &mut Self {
        self.of("/").on_disconnect(f);
        self
    }

    /// Has `f` decide who may join `/`; see [`Namespace::use_middleware`].
    pub fn use_middleware(
        &mut self,
        f: impl Fn(&Socket) -> Result<(), String> + Send + Sync + 'static,
    ) -> &mut Self {
        self.of("/").use_middleware(f);
        self
    }

    /// Handles an event on `/`; what the function returns is the ack.
    pub fn on<T, R>(
        &mut self,
        event: &str,
        f: impl Fn(&Socket, T) -> R + Send + Sync + 'static,
    ) -> &mut Self
    where
        T: DeserializeOwned,
        R: Serialize,
    {
        self.of("/").on(event, f);
        self
    }

    /// Handles an event on `/` with a future; what it resolves to is the ack.
    pub fn on_async<T, F>(
        &mut self,
        event: &str,
        f: impl Fn(Socket, T) -> F + Send + Sync + 'static,
    ) -> &mut Self
    where
        T: DeserializeOwned,
        F: Future + 'static,
        F::Output: Serialize,
    {
        self.of("/").on_async(event, f);
        self
    }

    /// Handles an event on `/` with its arguments unparsed.
    pub fn on_raw(
        &mut self,
        event: &str,
        f: impl Fn(&Socket, Args<'_>, Option<Ack>) + Send + Sync + 'static,
    ) -> &mut Self {
        self.of("/").on_raw(event, f);
        self
    }

    /// Serves a page: bytes known now.
    pub fn page(&mut self, path: &str, page: Page) -> &mut Self {
        self.plan.pages.fix(path.to_owned(), page);
        self
    }

    /// Serves a page that is computed for each request, on a shard's thread: it must be quick.
    pub fn computed_page(
        &mut self,
        path: &str,
        page: impl Fn(&PageRequest<'_>) -> Page + Send + Sync + 'static,
    ) -> &mut Self {
        self.plan.pages.compute(path.to_owned(), page);
        self
    }

    /// Where Engine.IO answers. Default `/socket.io/`.
    pub fn path(&mut self, path: &str) -> &mut Self {
        self.plan.path = engine_path(path);
        self
    }

    /// Adds a bare WebSocket route: messages in, messages out, at exactly this path.
    pub fn websocket(&mut self, path: &str, raw: Raw) -> &mut Self {
        self.plan.raw.push((path.into(), Wanted::WebSocket(raw)));
        self
    }

    /// Adds a raw Engine.IO endpoint: sessions, heartbeat and polling, without Socket.IO.
    pub fn engineio(&mut self, path: &str, raw: Raw) -> &mut Self {
        self.plan
            .raw
            .push((engine_path(path), Wanted::EngineIo(raw)));
        self
    }

    /// Which pages may connect from a browser. Default: the gateway's own.
    pub fn origins(&mut self, origins: Origins) -> &mut Self {
        self.plan.origins = origins;
        self
    }

    /// Names the proxies whose `X-Forwarded-For` is believed. Default: none.
    pub fn trust_proxies(&mut self, proxies: impl IntoIterator<Item = IpAddr>) -> &mut Self {
        self.plan.proxies.extend(proxies);
        self
    }

    /// Has `f` decide, before there is a session, who may open one. An error's text is the client's
    /// answer, with status 403.
    pub fn allow_request<F>(
        &mut self,
        f: impl Fn(Arc<Handshake>) -> F + Send + Sync + 'static,
    ) -> &mut Self
    where
        F: Future<Output = Result<(), String>> + 'static,
    {
        self.plan.allow = Some(Box::new(move |handshake| Box::pin(f(handshake))));
        self
    }

    /// Which transports are offered. Default: all.
    pub fn transports(&mut self, transports: Transports) -> &mut Self {
        self.plan.transports = transports;
        self
    }

    /// Whether clients of Engine.IO 3 (Socket.IO 2) are welcome. Default: no.
    pub fn allow_eio3(&mut self, allow: bool) -> &mut Self {
        self.plan.allow_eio3 = allow;
        self
    }

    /// How much a peer may ask for.
    pub fn limits(&mut self, limits: Limits) -> &mut Self {
        self.plan.limits = limits;
        self
    }

    /// Heartbeat and upgrade times.
    pub fn timing(&mut self, timing: Timing) -> &mut Self {
        self.plan.timing = timing;
        self
    }

    /// How many shards, each a thread. Default: one per core.
    pub fn shards(&mut self, shards: usize) -> &mut Self {
        self.plan.shards = shards;
        self
    }

    /// Whether each shard's thread is pinned to a core of its own. Default: yes.
    pub fn pinned(&mut self, pinned: bool) -> &mut Self {
        self.plan.pinned = pinned;
        self
    }

    /// For benches: broadcasts are encoded, routed and coalesced as ever, but not written, so that the
    /// time the gateway itself takes remains. Handshakes, answers to one socket and heartbeats are
    /// written, and with them any broadcast of the same turn. Default: no.
    pub fn null_sink(&mut self, swallow: bool) -> &mut Self {
        self.plan.null_sink = swallow;
        self
    }

    /// Starts the gateway. `address` is anything that names a host and a port; port 0 picks a free one.
    ///
    /// # Errors
    /// What keeps it from listening, with the mend.
    pub fn listen(
        self,
        address: impl ToSocketAddrs + std::fmt::Debug,
    ) -> Result<Gateway, ListenError> {
        let text = format!("{address:?}");
        let at: SocketAddr = address
            .to_socket_addrs()
            .ok()
            .and_then(|mut all| all.next())
            .ok_or_else(|| ListenError::BadAddress(text.trim_matches('"').to_owned()))?;
        Gateway::start(self.plan, Some(at))
    }
}

impl Namespace {
    /// Handles an event; what the function returns is the ack, if the sender asked for one.
    pub fn on<T, R>(
        &mut self,
        event: &str,
        f: impl Fn(&Socket, T) -> R + Send + Sync + 'static,
    ) -> &mut Self
    where
        T: DeserializeOwned,
        R: Serialize,
    {
        self.handle(event, handler::sync(f))
    }

    /// Handles an event with a future, which need not be `Send`; what it resolves to is the ack.
    pub fn on_async<T, F>(
        &mut self,
        event: &str,
        f: impl Fn(Socket, T) -> F + Send + Sync + 'static,
    ) -> &mut Self
    where
        T: DeserializeOwned,
        F: Future + 'static,
        F::Output: Serialize,
    {
        self.handle(event, handler::future(f))
    }

    /// Handles an event with its arguments unparsed; the ack may be sent whenever it is ready.
    pub fn on_raw(
        &mut self,
        event: &str,
        f: impl Fn(&Socket, Args<'_>, Option<Ack>) + Send + Sync + 'static,
    ) -> &mut Self {
        self.handle(event, handler::raw(f))
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("path", &self.plan.path)
            .finish_non_exhaustive()
    }
}
