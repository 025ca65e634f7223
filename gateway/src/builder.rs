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
    time::Duration,
};

use ringside_proto::{engineio::Timing, socketio::Args};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    Gateway,
    endpoint::{Wanted, engine_path},
    http::{ConnectionError, Hooks, Origins, Page, PageRequest, Pages, PostRequest},
    limits::Limits,
    listener::ListenError,
    raw::Raw,
    shared::Transports,
    socketio::{
        Ack, Adapter, ConnectError, DisconnectReason, Handshake, Namespace, Recovery, Socket,
        SpacesPlan, adapter::InProcess, matches,
    },
    start::Plan,
    wire::Parser,
};

/// A gateway being set up. The methods without a namespace mean `/`.
pub struct Builder {
    pub(crate) plan: Plan,
}

impl Default for Builder {
    fn default() -> Self {
        let spaces = SpacesPlan {
            named: HashMap::from([("/".into(), Namespace::new("/"))]),
            ..SpacesPlan::default()
        };
        Self {
            plan: Plan {
                limits: Limits::default(),
                timing: Timing::default(),
                path: "/socket.io/".into(),
                raw: Vec::new(),
                origins: Origins::own(),
                transports: Transports::default(),
                allow_eio3: false,
                allow_upgrades: true,
                pages: Pages::default(),
                spaces,
                parser: Parser::default(),
                recovery: None,
                adapter: Box::new(InProcess),
                shards: available_parallelism().map_or(1, NonZero::get),
                pinned: true,
                read_interval: Duration::ZERO,
                null_sink: false,
                proxies: Vec::new(),
                allow: None,
                hooks: Hooks::default(),
                compression: None,
                tls: None,
                quic: None,
            },
        }
    }
}

impl Builder {
    /// A namespace, by its name with the slash; made if it is new.
    pub fn of(&mut self, namespace: &str) -> &mut Namespace {
        self.plan
            .spaces
            .named
            .entry(namespace.into())
            .or_insert_with(|| Namespace::new(namespace))
    }

    /// Namespaces that are made when a client asks for them: all whose name is like `pattern`, where `*`
    /// stands for any text without a slash (`/room-*`). They share what is registered here, and each is
    /// gone when its last socket has left, unless [`keep_empty_namespaces`](Self::keep_empty_namespaces).
    pub fn of_pattern(&mut self, pattern: &str) -> &mut Namespace {
        let text = pattern.to_owned();
        self.of_matching_named(pattern, move |name, _| matches(&text, name))
    }

    /// Namespaces that are made when a client asks for them: all that `predicate` agrees to, by their
    /// name and what the client sent as auth.
    ///
    /// ```
    /// # let mut io = ringside_gateway::Gateway::builder();
    /// io.of_matching(|name, _| name.strip_prefix("/dynamic-").is_some_and(|n| n.parse::<u32>().is_ok()))
    ///     .on_connect(|socket| println!("{} in {}", socket.id(), socket.namespace_name()));
    /// ```
    pub fn of_matching(
        &mut self,
        predicate: impl Fn(&str, &RawValue) -> bool + Send + Sync + 'static,
    ) -> &mut Namespace {
        self.of_matching_named("(predicate)", predicate)
    }

    fn of_matching_named(
        &mut self,
        name: &str,
        predicate: impl Fn(&str, &RawValue) -> bool + Send + Sync + 'static,
    ) -> &mut Namespace {
        let patterns = &mut self.plan.spaces.patterns;
        patterns.push((Box::new(predicate), Namespace::new(name)));
        let (_, namespace) = patterns.last_mut().expect("just pushed");
        namespace
    }

    /// Runs `f` with the name of a namespace that was made from a pattern.
    pub fn on_new_namespace(&mut self, f: impl Fn(&str) + Send + Sync + 'static) -> &mut Self {
        self.plan.spaces.on_new.push(Box::new(f));
        self
    }

    /// Whether namespaces made from patterns stay when their last socket has left. Clients choose their
    /// names, so those that stay fill [`Limits::child_namespaces`]. Default: no.
    pub fn keep_empty_namespaces(&mut self, keep: bool) -> &mut Self {
        self.plan.spaces.keep_empty = keep;
        self
    }

    /// How packets are written. Default: JSON, as stock clients do.
    pub fn parser(&mut self, parser: Parser) -> &mut Self {
        self.plan.parser = parser;
        self
    }

    /// Has clients that lost their connection come back as the same socket, without having missed
    /// anything. Default: off. See [`Recovery`] for what it costs.
    pub fn recovery(&mut self, recovery: Recovery) -> &mut Self {
        self.plan.recovery = Some(recovery);
        self
    }

    /// Has `adapter` carry operations to other servers of a cluster.
    pub fn adapter(&mut self, adapter: impl Adapter) -> &mut Self {
        self.plan.adapter = Box::new(adapter);
        self
    }

    /// Runs `f` for every request that opened or continued no session.
    pub fn on_connection_error(
        &mut self,
        f: impl Fn(&ConnectionError) + Send + Sync + 'static,
    ) -> &mut Self {
        self.plan.hooks.refused.push(Box::new(f));
        self
    }

    /// Runs `f` whenever a socket has joined `/`.
    pub fn on_connect(&mut self, f: impl Fn(&Socket) + Send + Sync + 'static) -> &mut Self {
        self.of("/").on_connect(f);
        self
    }

    /// Runs `f` whenever a socket has left `/`, with the reason as Socket.IO words it.
    pub fn on_disconnect(
        &mut self,
        f: impl Fn(&Socket, DisconnectReason) + Send + Sync + 'static,
    ) -> &mut Self {
        self.of("/").on_disconnect(f);
        self
    }

    /// Has `f` decide who may join `/`; see [`Namespace::use_middleware`].
    pub fn use_middleware<E: Into<ConnectError>>(
        &mut self,
        f: impl Fn(&Socket) -> Result<(), E> + Send + Sync + 'static,
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

    /// Answers requests with a body (POST) at this path, on a shard's thread: it must be quick.
    pub fn post(
        &mut self,
        path: &str,
        answer: impl Fn(&PostRequest<'_>) -> Page + Send + Sync + 'static,
    ) -> &mut Self {
        self.plan.pages.post(path.to_owned(), Arc::new(answer));
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

    /// While messages come often, has a shard's thread look for them once in so long, and take in together what came:
    /// a wake-up for each would cost more than it does. Default: zero, at once. What is sent is not delayed; but clients who wait
    /// for an answer before they say more get it later, so this is for servers whose clients speak in their own time, such
    /// as games. 1 ms is little there: of 1,500 clients' CPU it saved 22 % where they sent 20 inputs a second, 25 ms after each
    /// snapshot, and 12 % where they only acknowledged.
    pub fn read_interval(&mut self, interval: Duration) -> &mut Self {
        self.plan.read_interval = interval;
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

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("path", &self.plan.path)
            .finish_non_exhaustive()
    }
}
