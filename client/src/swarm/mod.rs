//! A swarm: thousands of scripted connections on one thread.
//!
//! ```text
//!            ┌───────────── Swarm ─────────────┐
//!  sockets ──> one poll, one scratch buffer ──> Talk (proto's client machines) ──> Script
//!            └── unsent bytes <── Peer <───────────────────────────────────────────┘
//! ```
//!
//! The caller turns it: each [`Swarm::turn`] waits for sockets, reads each that has something once,
//! and hands every message to its [`Script`], which may answer through [`Peer`]. Nothing else happens
//! behind the caller's back but heartbeats. Promises: an idle connection owns no buffer; a message
//! that arrives whole is not copied; what the script says is written once per turn and connection.
//! A connection that ends is told of once, with the reason, and its number is not used again.
//! Leaves out: TLS over TCP, reconnecting, upgrades from polling, HTTP beyond what a Socket.IO server answers.

mod carrier;
mod conn;
mod ended;
mod http;
mod peer;
#[cfg(feature = "quic")]
mod quic;
mod settings;
mod talk;
mod wire;

use std::{
    io,
    time::{Duration, Instant},
};

use mio::{Events, Poll, Registry, Token};
use ringside_proto::time::Millis;

use carrier::Carrier;
pub use ended::Ended;
pub use peer::{Message, Peer};
pub use settings::{Protocol, Settings};

/// Bytes read at once. Larger reads than this come in parts; smaller ones need no second call to
/// learn that the socket is empty.
const SCRATCH: usize = 64 * 1024;

/// Sockets handled between two waits: bounds the time a script's own timers can be late by.
const EVENTS: usize = 1024;

/// How often heartbeats are looked after. They are counted in tens of seconds.
const SWEEP: Duration = Duration::from_secs(1);

/// A connection's number, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub usize);

/// What connections do. All methods are called on the thread that turns the swarm.
pub trait Script {
    /// The connection is ready for messages: upgraded, and admitted to its namespace.
    fn joined(&mut self, peer: &mut Peer<'_>);

    /// A message arrived.
    fn message(&mut self, peer: &mut Peer<'_>, message: Message<'_>);

    /// The connection is over, or never came to be.
    fn ended(&mut self, id: Id, why: Ended);
}

/// What all connections of a swarm use together.
struct Shared {
    settings: Settings,
    /// The state of the generator of mask keys.
    mask: u64,
    /// Where messages are put together before they are framed.
    compose: Vec<u8>,
    epoch: Instant,
    /// How QUIC connections are made.
    #[cfg(feature = "quic")]
    quic: Option<quinn_proto::ClientConfig>,
    /// When QUIC connections want to be told of the time, the earliest first. At most a few for each: one is
    /// added only if it is earlier than the last.
    #[cfg(feature = "quic")]
    timers: std::collections::BinaryHeap<std::cmp::Reverse<(Instant, Id)>>,
    /// Bytes read from all sockets.
    received: u64,
}

impl Shared {
    fn millis(&self, now: Instant) -> Millis {
        let elapsed = now.saturating_duration_since(self.epoch).as_millis();
        Millis(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }
}

/// The connections, and the poll that watches them.
pub struct Swarm {
    poll: Poll,
    events: Option<Events>,
    conns: Vec<Option<Carrier>>,
    /// Connections with something unsent that nobody has tried to send.
    dirty: Vec<Id>,
    scratch: Box<[u8]>,
    shared: Shared,
    swept: Instant,
    alive: usize,
}

impl Swarm {
    /// A swarm without connections.
    ///
    /// # Errors
    /// The system refuses a poll, or the TLS settings do not do for QUIC.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let epoch = Instant::now();
        #[cfg(feature = "quic")]
        let quic = match settings.protocol {
            Protocol::Quic => {
                let tls = settings
                    .tls
                    .clone()
                    .unwrap_or_else(crate::engine::usual_tls);
                Some(crate::quic::config(&tls).map_err(io::Error::other)?)
            }
            _ => None,
        };
        Ok(Self {
            poll: Poll::new()?,
            events: Some(Events::with_capacity(EVENTS)),
            conns: Vec::new(),
            dirty: Vec::new(),
            scratch: vec![0; SCRATCH].into(),
            shared: Shared {
                // Any state but zero will do.
                mask: settings.seed | 1,
                settings,
                compose: Vec::new(),
                epoch,
                #[cfg(feature = "quic")]
                quic,
                #[cfg(feature = "quic")]
                timers: std::collections::BinaryHeap::new(),
                received: 0,
            },
            swept: epoch,
            alive: 0,
        })
    }

    /// Starts a connection; [`Script::joined`] or [`Script::ended`] tells what came of it.
    ///
    /// # Errors
    /// No socket is to be had: most often, too few descriptors.
    pub fn connect(&mut self) -> io::Result<Id> {
        let path = self.shared.settings.path.clone();
        self.connect_to(&path)
    }

    /// As [`connect`](Self::connect), to a path of the connection's own: for servers that hand out
    /// addresses. Long-polling and QUIC have the path of the settings.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub fn connect_to(&mut self, path: &str) -> io::Result<Id> {
        let id = Id(self.conns.len());
        let conn = Carrier::connect(id, path, &mut self.shared, self.poll.registry())?;
        self.conns.push(Some(conn));
        self.alive += 1;
        Ok(id)
    }

    /// Bytes read from TCP sockets so far: everything within, so headers of HTTP and WebSocket as well.
    pub fn received_bytes(&self) -> u64 {
        self.shared.received
    }

    /// Connections that are not over.
    pub fn alive(&self) -> usize {
        self.alive
    }

    /// Speaks for a connection. `None`: it is over or not ready.
    ///
    /// What is said is written by the next [`Swarm::flush`] or [`Swarm::turn`].
    pub fn peer(&mut self, id: Id) -> Option<Peer<'_>> {
        let conn = self.conns.get_mut(id.0)?.as_mut()?;
        if !conn.is_ready() {
            return None;
        }
        self.dirty.push(id);
        Some(conn.peer(id, Instant::now(), &mut self.shared))
    }

    /// Hangs up. The script is not told.
    pub fn close(&mut self, id: Id) {
        if self.conns.get_mut(id.0).and_then(Option::take).is_some() {
            self.alive -= 1;
        }
    }

    /// Writes what was said through [`Swarm::peer`].
    pub fn flush(&mut self, script: &mut impl Script) {
        for id in std::mem::take(&mut self.dirty) {
            self.with(id, script, |conn, cx| conn.flush(id, cx));
        }
    }

    /// Waits for sockets, at most this long, and handles those that are ready; returns how many.
    ///
    /// # Errors
    /// The system refuses to wait.
    pub fn turn(&mut self, wait: Option<Duration>, script: &mut impl Script) -> io::Result<usize> {
        self.flush(script);
        let mut events = self
            .events
            .take()
            .unwrap_or_else(|| Events::with_capacity(EVENTS));
        let polled = self.poll.poll(&mut events, self.sooner(wait));
        for event in &events {
            let Token(token) = event.token();
            let (id, side) = (Id(token >> 1), token & 1);
            let closed = event.is_read_closed() || event.is_error();
            let (readable, writable) = (event.is_readable() || closed, event.is_writable());
            // Moved out for the call: a script may look at the swarm through its peer only.
            let mut scratch = std::mem::take(&mut self.scratch);
            self.with(id, script, |conn, cx| {
                if writable {
                    conn.writable(id, side, cx)?;
                }
                if readable {
                    conn.readable(id, side, closed, &mut scratch, cx)?;
                }
                Ok(())
            });
            self.scratch = scratch;
        }
        let handled = events.iter().count();
        self.events = Some(events);
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        #[cfg(feature = "quic")]
        self.time(script);
        self.sweep(script);
        Ok(handled)
    }

    /// The wait, or what is left until the first timer.
    #[cfg(feature = "quic")]
    fn sooner(&self, wait: Option<Duration>) -> Option<Duration> {
        let first = self.shared.timers.peek();
        let left = first.map(|first| first.0.0.saturating_duration_since(Instant::now()));
        match (wait, left) {
            (Some(wait), Some(left)) => Some(wait.min(left)),
            (wait, left) => wait.or(left),
        }
    }

    #[cfg(not(feature = "quic"))]
    fn sooner(&self, wait: Option<Duration>) -> Option<Duration> {
        wait
    }

    /// Tells connections of the moments they asked for.
    #[cfg(feature = "quic")]
    fn time(&mut self, script: &mut impl Script) {
        let now = Instant::now();
        while let Some(&std::cmp::Reverse((at, id))) = self.shared.timers.peek()
            && at <= now
        {
            self.shared.timers.pop();
            self.with(id, script, |conn, cx| conn.timed(id, at, cx));
        }
    }

    /// Ends connections whose server has gone silent.
    fn sweep(&mut self, script: &mut impl Script) {
        let now = Instant::now();
        if now.saturating_duration_since(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        let millis = self.shared.millis(now);
        for at in 0..self.conns.len() {
            let due = matches!(&self.conns[at], Some(conn) if conn.is_due(millis));
            if due {
                self.with(Id(at), script, |conn, _| conn.expire(millis));
            }
        }
    }

    /// Does something with a connection, and buries it if it ends by that.
    fn with<S: Script>(
        &mut self,
        id: Id,
        script: &mut S,
        act: impl FnOnce(&mut Carrier, &mut conn::Cx<'_, S>) -> Result<(), Ended>,
    ) {
        let Some(conn) = self.conns.get_mut(id.0).and_then(Option::as_mut) else {
            return;
        };
        let registry: &Registry = self.poll.registry();
        let mut cx = conn::Cx {
            shared: &mut self.shared,
            registry,
            script,
        };
        if let Err(why) = act(conn, &mut cx) {
            self.conns[id.0] = None;
            self.alive -= 1;
            script.ended(id, why);
        }
    }
}

impl std::fmt::Debug for Swarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Swarm({} alive)", self.alive)
    }
}
