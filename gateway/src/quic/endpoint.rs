//! The endpoints: sockets, and the loop that accepts connections.
//!
//! Promises: a port somebody else uses is an error; a connection in its handshake has its time, and there
//! are only so many of them, with a Retry before there are too many; who is turned away, as everybody is while
//! the shard drains, is told so at once and counted.

use std::{
    cell::Cell,
    io,
    net::{SocketAddr, UdpSocket},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use quinn::{Endpoint, Incoming, TokioRuntime, VarInt};
use socket2::{Domain, Protocol, Socket, Type};

use super::{
    Quic, accept, copies,
    refusal::Refusal,
    steer::{self, Steering},
};
use crate::shard::GatewayShard;

/// The sockets of a gateway, one per shard.
pub(crate) struct Sockets {
    quic: Quic,
    sockets: Vec<UdpSocket>,
    steering: Steering,
}

/// How long a stopping endpoint has to say goodbye: its last packets are written at once.
const GOODBYE: Duration = Duration::from_millis(100);

impl Sockets {
    /// One socket per shard, all on `at`.
    pub(crate) fn bind(quic: Quic, at: SocketAddr, shards: usize) -> io::Result<Self> {
        // A probe that does not share: it fails if anybody has the port, sharing or not.
        let probe = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
        probe.bind(&at.into())?;
        drop(probe);
        let (sockets, steering) = steer::bind(at, shards)?;
        tracing::info!(%at, ?steering, endpoints = sockets.len(), "QUIC");
        Ok(Self {
            quic,
            sockets,
            steering,
        })
    }

    /// What each shard takes with it.
    pub(crate) fn split(self) -> impl Iterator<Item = Bound> {
        let sockets: Arc<[UdpSocket]> = self.sockets.into();
        let (quic, steering) = (self.quic, self.steering);
        (0..sockets.len()).map(move |shard| Bound {
            quic: quic.clone(),
            sockets: sockets.clone(),
            steering,
            shard,
        })
    }
}

/// The socket of a shard, and how to serve on it.
pub(crate) struct Bound {
    quic: Quic,
    /// All of them: the kernel steers by how many there are, so none is closed before the last shard is done.
    sockets: Arc<[UdpSocket]>,
    steering: Steering,
    shard: usize,
}

/// A shard's endpoint while it serves, and what it keeps open meanwhile.
pub(crate) struct Serving(Option<(Endpoint, Arc<[UdpSocket]>)>);

impl Serving {
    /// Ends what is left, and lets the last packets out.
    pub(crate) async fn end(self) {
        let Some((endpoint, _sockets)) = self.0 else {
            return;
        };
        if endpoint.open_connections() == 0 {
            return;
        }
        let entry = ringside_proto::close::CloseReason::Draining.entry();
        endpoint.close(
            VarInt::from_u32(entry.code.0.into()),
            entry.sentence.as_bytes(),
        );
        // Late: whoever did not hear it times out.
        let _ = tokio::time::timeout(GOODBYE, endpoint.wait_idle()).await;
    }
}

/// Serves on a shard's socket, if it has one.
pub(crate) fn serve(this: &Rc<GatewayShard>, bound: Option<Bound>) -> Serving {
    if this.shared.has_quic {
        // Without a socket of its own a shard may still be dealt sessions.
        this.local.spawn(copies::run(this.clone()));
    }
    let Some(bound) = bound else {
        return Serving(None);
    };
    match endpoint(&bound) {
        Ok(endpoint) => {
            let (retry_above, refuse_above) = bound.quic.half_open_of(bound.sockets.len());
            let accepting = Accepting {
                this: this.clone(),
                half_open: Rc::default(),
                next: Cell::default(),
                is_alone: bound.sockets.len() == 1,
                retry_above,
                refuse_above,
            };
            this.local.spawn(accepting.run(endpoint.clone()));
            Serving(Some((endpoint, bound.sockets)))
        }
        Err(error) => {
            tracing::error!(%error, "this shard has no QUIC");
            Serving(None)
        }
    }
}

fn endpoint(bound: &Bound) -> io::Result<Endpoint> {
    let config = bound.quic.server_config().map_err(io::Error::other)?;
    let socket = bound.sockets[bound.shard].try_clone()?;
    socket.set_nonblocking(true)?;
    let shards = bound.sockets.len();
    let mut endpoint = steer::endpoint_config(bound.shard, shards, bound.steering);
    endpoint.reset_key(bound.quic.reset_key());
    Endpoint::new(endpoint, Some(config), socket, Arc::new(TokioRuntime))
}

/// The accept loop of one endpoint.
struct Accepting {
    this: Rc<GatewayShard>,
    half_open: Rc<Cell<usize>>,
    retry_above: usize,
    refuse_above: usize,
    /// There is only this endpoint: it deals its sessions out.
    is_alone: bool,
    /// The shard that gets the next one then.
    next: Cell<usize>,
}

impl Accepting {
    /// The shard that gets the session of the next connection.
    fn home(&self) -> usize {
        if !self.is_alone {
            return self.this.id;
        }
        let shard = self.next.get();
        self.next.set((shard + 1) % self.this.shared.core.shards());
        shard
    }

    async fn run(self, endpoint: Endpoint) {
        while let Some(incoming) = endpoint.accept().await {
            self.judge(incoming);
        }
    }

    fn judge(&self, incoming: Incoming) {
        let counts = &self.this.shared.counts;
        if self.this.draining.get() {
            // As a closed port of TCP's does. Were it not answered, it would wait until it gives up.
            counts.count(Refusal::DRAINING.name);
            return incoming.refuse();
        }
        let half_open = self.half_open.get();
        if half_open >= self.refuse_above {
            counts.count("quic.TooManyHandshakes");
            return incoming.refuse();
        }
        if half_open >= self.retry_above && incoming.may_retry() {
            counts.count("quic.Retry");
            // It may retry, so it can.
            let _ = incoming.retry();
            return;
        }
        let guest = HalfOpen::new(&self.half_open);
        let this = self.this.clone();
        self.this
            .local
            .spawn(accept::welcome(this, incoming, guest, self.home()));
    }
}

/// A connection that has no session yet.
pub(super) struct HalfOpen(Rc<Cell<usize>>);

impl HalfOpen {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(count.clone())
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
