//! Starting a gateway: from a builder's plan to listeners, shards and their threads.
//!
//! Promises: nothing runs when it fails; what is told to the clients of one port is true of the others, for
//! TCP and QUIC share it. Leaves out: what the plan says (`builder.rs`), and the running gateway (`gateway.rs`).

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    time::Duration,
};

use ringside_core::{
    Core,
    driver::{self, TcpSink, ThreadOptions},
};
use ringside_proto::engineio::Timing;
use tokio::sync::watch;

use crate::{
    Gateway,
    admission::Admission,
    counts::Counts,
    deflate::Compression,
    endpoint::{Endpoint, Wanted},
    http::{Allow, Hooks, Origins, Pages},
    life::{self, Phase},
    limits::Limits,
    listener::{self, ListenError},
    quic::{Quic, Sockets},
    shard::{GatewayHost, GatewayShard},
    shared::{self, Shared, Transports},
    sink::GatewaySink,
    socketio::{Adapter, Recovery, Spaces, SpacesPlan, Watch, adapter::Node},
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
    pub(crate) read_interval: Duration,
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

impl Gateway {
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
                read_interval: plan.read_interval,
            };
            let (shared, phase) = (shared.clone(), serving.clone());
            let (compression, counting) = (plan.compression, shared.clone());
            let tcp = TcpSink::new()?;
            threads.push(driver::spawn(
                &core,
                seed,
                options,
                move || GatewaySink::new(tcp, plan.null_sink, compression, counting),
                move |local| {
                    let shard = GatewayShard::new(local, shared);
                    shared::enter(&shard);
                    let host = GatewayHost(shard.clone());
                    shard.local.spawn(shard.clone().read());
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
        Ok(Self::of_started(shared, address, phase, threads))
    }
}
