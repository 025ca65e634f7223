//! A running gateway: its threads, its address, and a handle for everybody else.
//!
//! Promises: the handle is `Clone + Send + Sync`; the gateway runs until [`Gateway::stop`] or until the
//! last handle is dropped, and [`Gateway::wait`] returns then.

use std::{
    collections::BTreeMap,
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use ringside_core::{AppMessage, Stats};
use serde::Serialize;
use tokio::sync::watch;

use crate::{
    env,
    life::Phase,
    shared::{Counters, Shared},
    sid::Sid,
    socketio::{EmitError, Publisher, Room, Rooms, Space, Target},
};

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

    /// The handle of shards that were started.
    pub(crate) fn of_started(
        shared: Arc<Shared>,
        address: SocketAddr,
        phase: watch::Sender<Phase>,
        threads: Vec<JoinHandle<()>>,
    ) -> Self {
        Self(Arc::new(Inner {
            shared,
            address,
            phase,
            threads: Mutex::new(threads),
            next: Mutex::default(),
        }))
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
