//! The life of a shard: it serves, it drains, it ends.
//!
//! Draining, in order: what waits in the accept queue is taken in (closing a SO_REUSEPORT listener with
//! clients in its queue would reset them); then the listener closes, QUIC refuses newcomers, and nobody opens
//! a session any more, on whichever connection it comes; then every session is told "the server shuts down",
//! which clients answer by reconnecting elsewhere; then their last bytes go out.
//! Promises: a peer that hangs is cut at the deadline; nobody else is.

use std::{net::TcpListener, rc::Rc, time::Duration};

use ringside_proto::close::CloseReason;
use tokio::{sync::watch, time::Instant};

use crate::{
    http, listener,
    quic::{self, Bound},
    shard::GatewayShard,
};

/// Where a gateway is in its life. It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// Ends its sessions, at the latest by this time.
    Draining(Instant),
    Stopped,
}

/// Sessions ended before others get a turn: each costs some microseconds.
const ENDED_AT_ONCE: usize = 256;

/// How often a draining shard looks whether it is empty.
const LOOK: Duration = Duration::from_millis(10);

/// Serves until the gateway has ended: on `listener` and `socket`, or what a mount sends.
pub(crate) async fn live(
    shard: Rc<GatewayShard>,
    listener: Option<TcpListener>,
    socket: Option<Bound>,
    mut phase: watch::Receiver<Phase>,
) {
    if let (0, Some(tls)) = (shard.id, &shard.shared.tls) {
        shard.local.spawn(tls.clone().watch());
    }
    let quic = quic::serve(&shard, socket);
    let serve = |stream, peer| {
        let connection = http::serve(shard.clone(), stream, peer);
        shard.local.spawn(connection);
    };
    let mut leaving = phase.clone();
    // An error means that every handle is gone: the gateway has ended.
    let until = async move { drop(leaving.wait_for(|phase| *phase != Phase::Serving).await) };
    match listener {
        Some(listener) => listener::accept(listener, serve, until).await,
        None => until.await,
    }
    let now = *phase.borrow_and_update();
    if let Phase::Draining(deadline) = now {
        tokio::select! {
            () = drain(&shard) => {}
            () = tokio::time::sleep_until(deadline) => {
                tracing::warn!(shard = shard.id, "drained only in part: peers that hang are cut");
            }
            _ = phase.wait_for(|phase| *phase == Phase::Stopped) => {}
        }
    }
    quic.end().await;
}

/// Ends all sessions, those that were just opened too, and waits until their last bytes are out.
async fn drain(shard: &Rc<GatewayShard>) {
    shard.draining.set(true);
    loop {
        let conns: Vec<_> = shard.local.shard().connections().collect();
        for some in conns.chunks(ENDED_AT_ONCE) {
            some.iter()
                .for_each(|conn| shard.end_session(*conn, CloseReason::Draining));
            tokio::task::yield_now().await;
        }
        if conns.is_empty() && !shard.local.shard().sink_ref().is_lingering() {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}
