//! A running gateway: its threads, its address, and a handle for everybody else.
//!
//! Promises: the handle is `Clone + Send + Sync`; the gateway runs until [`Gateway::stop`] or until the
//! last handle is dropped, and [`Gateway::wait`] returns then.

use std::{
    collections::BTreeMap,
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use ringside_core::{
    AppMessage, Core, Stats,
    driver::{self, ThreadOptions},
};
use ringside_proto::engineio::Timing;
use serde::Serialize;
use tokio::sync::watch;

use crate::{
    admission::Admission,
    counts::Counts,
    deflate::Compression,
    endpoint::{Endpoint, Wanted},
    env,
    http::{Allow, Hooks, Origins, Pages},
    life::{self, Phase},
    limits::Limits,
    listener::{self, ListenError},
    quic::{Quic, Sockets},
    shard::{GatewayHost, GatewayShard},
    shared::{self, Counters, Shared, Transports},
    sid::Sid,
    sink::GatewaySink,
    socketio::{
        Adapter, EmitError, Publisher, Recovery, Room, Rooms, Space, Spaces, SpacesPlan, Target,
        Watch, adapter::Node,
    },
    tls::Tls,
    wire::Parser,
};

/// What a gateway is started from.
pub(crate) struct Plan {
    pub(crate) limits: Limits,
    pub(crate) timing: Timing,
    pub(crate) path: Box<str>,
    pub(crate) raw: Vec<(Box<str>, Wanted)>,
    pub(crate) origins: Origins,
    pub(crate) transports: Transports,
    pub(crate) allow_eio3: bool,
    pub(crate) allow_upgrades: bool,
    pub(crate) pages: Pages,
    pub(crate) spaces: SpacesPlan,
    pub(crate) parser: Parser,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) adapter: Box<dyn Adapter>,
    pub(crate) shards: usize,
    pub(crate) pinned: bool,
    pub(crate) null_sink: bool,
    pub(crate) proxies: Vec<IpAddr>,
    pub(crate) allow: Option<Allow>,
    pub(crate) hooks: Hooks,
    pub(crate) compression: Option<Compression>,
    pub(crate) tls: Option<Tls>,
    pub(crate) quic: Option<Quic>,
}

/// Ports tried when any will do: one that is free for TCP is hardly ever taken for UDP.
const PORTS: usize = 16;

/// The listeners, and the sockets of QUIC on the same port.
fn bind(
    at: SocketAddr,
    shards: usize,
    quic: Option<Quic>,
) -> Result<(Vec<TcpListener>, Option<Sockets>), ListenError> {
    let Some(quic) = quic else {
        return Ok((listener::bind(at, shards)?, None));
    };
    let mut tries = if at.port() == 0 { PORTS } else { 1 };
    loop {
        let listeners = listener::bind(at, shards)?;
        let here = listeners[0].local_addr()?;
        tries -= 1;
        match Sockets::bind(quic.clone(), here, shards) {
            Ok(sockets) => return Ok((listeners, Some(sockets))),
            Err(_) if tries > 0 => {}
            Err(error) => return Err(listener::explain(error, here)),
        }
    }
}

/// A handle to a running gateway.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Dropped or stopped, every shard ends.
    phase: watch::Sender<Phase>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The shard that gets the next session, where the gateway is mounted.
    next: Mutex<usize>,
}

/// A shard that can be asked, and what tells when all have ended.
pub(crate) struct Reach<F> {
    pub(crate) shard: usize,
    pub(crate) ended: F,
}

impl Gateway {
    /// A gateway to set up.
    pub fn builder() -> crate::Builder {
        crate::Builder::default()
    }

    /// Starts the shards: with listeners of their own, or without (`at` is none) for a mount.
    pub(crate) fn start(plan: Plan, at: Option<SocketAddr>) -> Result<Self, ListenError> {
        listener::raise_descriptor_limit();
        let has_quic = plan.quic.is_some();
        let (listeners, sockets) = match at {
            Some(at) => bind(at, plan.shards, plan.quic)?,
            None if has_quic => return Err(ListenError::QuicOfMount),
            None => (Vec::new(), None),
        };
        let address = match listeners.first() {
            Some(first) => first.local_addr()?,
            None => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        };
        let mut listeners = listeners.into_iter();
        let mut sockets = sockets.into_iter().flat_map(Sockets::split);
        let (core, seeds) = Core::new(plan.shards).map_err(std::io::Error::other)?;
        if plan.recovery.is_some() {
            // Whatever is published, every shard remembers: a client may come back on any.
            core.reach_all_shards();
        }
        let spaces = Spaces::settle(plan.spaces, plan.limits.child_namespaces, &core)
            .map_err(std::io::Error::other)?;
        let mut endpoints = Vec::new();
        for (path, wanted) in [(plan.path, Wanted::SocketIo)].into_iter().chain(plan.raw) {
            let endpoint = Endpoint::settle(path, wanted, &core).map_err(std::io::Error::other)?;
            endpoints.push(Arc::new(endpoint));
        }
        let endpoints = endpoints.into();
        let shared = Arc::new(Shared {
            core: core.clone(),
            limits: plan.limits,
            timing: plan.timing,
            endpoints,
            origins: plan.origins,
            admission: Arc::new(Admission::new(plan.limits.address, plan.proxies)),
            allow: plan.allow,
            transports: plan.transports,
            has_quic,
            allow_eio3: plan.allow_eio3,
            allow_upgrades: plan.allow_upgrades,
            pages: plan.pages,
            watch_rooms: spaces.watch_rooms(),
            watch: Watch::default(),
            spaces,
            parser: plan.parser,
            recovery: plan.recovery,
            adapter: plan.adapter,
            counters: Mutex::default(),
            acks: Mutex::default(),
            hooks: plan.hooks,
            compression: plan.compression,
            tls: plan.tls,
            is_mounted: at.is_none(),
            counts: Counts::default(),
        });
        shared.adapter.attach(Node(Arc::downgrade(&shared)));
        let (phase, serving) = watch::channel(Phase::Serving);
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        let mut threads = Vec::new();
        for seed in seeds {
            let (listener, socket) = (listeners.next(), sockets.next());
            let pin = plan
                .pinned
                .then(|| cores.get(seed.id()).map(|core| core.id))
                .flatten();
            let options = ThreadOptions {
                core: pin,
                outbox: plan.limits.outbox,
            };
            let (shared, phase) = (shared.clone(), serving.clone());
            let (compression, counting) = (plan.compression, shared.clone());
            threads.push(driver::spawn(
                &core,
                seed,
                options,
                move || GatewaySink::new(plan.null_sink, compression, counting),
                move |local| {
                    let shard = GatewayShard::new(local, shared);
                    shared::enter(&shard);
                    let host = GatewayHost(shard.clone());
                    if shard.shared.recovery.is_some() {
                        shard.local.spawn(shard.clone().sweep());
                    }
                    let main = async move {
                        life::live(shard, listener, socket, phase).await;
                        shared::leave();
                    };
                    (host, main)
                },
            )?);
        }
        Ok(Self(Arc::new(Inner {
            shared,
            address,
            phase,
            threads: Mutex::new(threads),
            next: Mutex::default(),
        })))
    }

    /// Where it listens: with the port that was picked, if 0 was asked for. A mounted gateway does not
    /// listen, and answers 0.0.0.0:0.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Everybody in `/`.
    pub fn everybody(&self) -> Target {
        Target::everybody(self.0.shared.clone(), self.root())
    }

    /// Everybody in a namespace, by its name with the slash. `None`: there is no such namespace, or
    /// nobody is in one that a pattern makes.
    pub fn of(&self, namespace: &str) -> Option<Target> {
        let space = self.0.shared.spaces.find(namespace)?;
        Some(Target::everybody(self.0.shared.clone(), space))
    }

    /// The names of the namespaces there are.
    pub fn namespaces(&self) -> Vec<String> {
        self.0.shared.spaces.names()
    }

    /// Everybody in these rooms of `/`.
    pub fn to(&self, rooms: impl Rooms) -> Target {
        self.everybody().to(rooms)
    }

    /// The same as [`to`](Self::to).
    pub fn in_(&self, rooms: impl Rooms) -> Target {
        self.to(rooms)
    }

    /// Everybody in `/` but who is in these rooms.
    pub fn except(&self, rooms: impl Rooms) -> Target {
        self.everybody().except(rooms)
    }

    /// Sends an event to everybody in `/`.
    ///
    /// # Errors
    /// [`EmitError`]: nothing was sent, to anybody.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.everybody().emit(event, args)
    }

    /// Sends an event named `message` to everybody in `/`.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn send<T: Serialize + ?Sized>(&self, args: &T) -> Result<(), EmitError> {
        self.everybody().send(args)
    }

    /// A room of `/` to hold on to, for a [`Publisher`].
    ///
    /// # Errors
    /// [`EmitError::TooManyRooms`].
    pub fn room(&self, name: &str) -> Result<Room, EmitError> {
        self.everybody().hold_room(name)
    }

    /// A publisher for the calling thread's own use.
    ///
    /// # Errors
    /// When too many are registered.
    pub fn publisher(&self) -> Result<Publisher, ringside_core::SetupError> {
        self.0.shared.core.publisher().map(Publisher::new)
    }

    /// What went wrong above the connections.
    pub fn counters(&self) -> Counters {
        *self
            .0
            .shared
            .counters
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The core's counters, summed over all shards and publishers.
    pub fn stats(&self) -> Stats {
        self.0.shared.core.stats()
    }

    /// Why sessions ended and requests were refused so far, counted by name: those of
    /// `docs/close-reasons.md`, `http.STATUS` for refusals, and `http.HeadTimeout`, `http.HeadTooLarge`,
    /// `http.BadHead` and `tls.Handshake` for connections that did not get as far as a request. Those of
    /// QUIC that got no session begin with `quic.`.
    pub fn closes(&self) -> BTreeMap<&'static str, u64> {
        self.0.shared.counts.all()
    }

    /// Ends in good order: accepts nobody new, tells every client, lets their last bytes out, and cuts
    /// whoever hangs after `patience`. Follow with [`wait`](Self::wait).
    pub fn drain(&self, patience: Duration) {
        let draining = Phase::Draining(env::deadline(patience));
        self.0.phase.send_if_modified(|phase| {
            let begins = *phase == Phase::Serving;
            if begins {
                *phase = draining;
            }
            begins
        });
    }

    /// Ends all shards at once, and with them all connections.
    pub fn stop(&self) {
        self.0.phase.send_replace(Phase::Stopped);
    }

    /// Waits until the gateway has ended: by [`stop`](Self::stop), or never.
    pub fn wait(&self) {
        let threads = std::mem::take(
            &mut *self
                .0
                .threads
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        );
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a shard's thread panicked");
            }
        }
    }

    /// Whether a path is one of the gateway's own.
    pub(crate) fn answers(&self, path: &str) -> bool {
        let endpoints = self.0.shared.endpoints.iter();
        endpoints.into_iter().any(|it| it.matches(path).is_some())
    }

    /// The shard to ask about a request: its session's owner, or for a new one the next in turn. `None`
    /// when the gateway has ended.
    pub(crate) fn reach(
        &self,
        uri: &http::Uri,
    ) -> Option<Reach<impl Future<Output = ()> + Send + use<>>> {
        let mut phase = self.0.phase.subscribe();
        let now = *phase.borrow_and_update();
        let shards = self.0.shared.core.shards();
        let query = uri.query().unwrap_or_default().split('&');
        let owner = query
            .filter_map(|pair| pair.strip_prefix("sid="))
            .find_map(Sid::parse)
            .map(|sid| sid.shard())
            .filter(|shard| *shard < shards);
        let shard = match (now, owner) {
            (Phase::Stopped, _) | (Phase::Draining(_), None) => return None,
            (_, Some(owner)) => owner,
            (Phase::Serving, None) => {
                let mut next = self.0.next.lock().unwrap_or_else(PoisonError::into_inner);
                *next = (*next + 1) % shards;
                *next
            }
        };
        let ended = async move {
            // An error means that every handle is gone: the gateway has ended too.
            let _ = phase.wait_for(|phase| *phase == Phase::Stopped).await;
        };
        Some(Reach { shard, ended })
    }

    /// Has a shard do something, from any thread. Whether it will.
    pub(crate) fn hand(&self, shard: usize, what: AppMessage) -> bool {
        self.0.shared.core.app(shard, what).is_ok()
    }

    fn root(&self) -> Arc<Space> {
        let root = self.0.shared.spaces.find("/");
        root.expect("a builder begins with it")
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gateway({})", self.0.address)
    }
}
