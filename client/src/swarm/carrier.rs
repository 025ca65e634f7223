//! A connection, whatever carries it: streams of TCP, or QUIC.

use std::{io, time::Instant};

use mio::Registry;
use ringside_proto::time::Millis;

#[cfg(feature = "quic")]
use super::quic::Quic;
use super::{
    Ended, Id, Peer, Script, Shared,
    conn::{Conn, Cx},
};

pub(super) enum Carrier {
    Tcp(Box<Conn>),
    #[cfg(feature = "quic")]
    Quic(Box<Quic>),
}

/// Does the same with whichever it is.
macro_rules! either {
    ($carrier:expr, $conn:ident => $does:expr) => {
        match $carrier {
            Carrier::Tcp($conn) => $does,
            #[cfg(feature = "quic")]
            Carrier::Quic($conn) => $does,
        }
    };
}

impl Carrier {
    pub(super) fn connect(
        id: Id,
        path: &str,
        shared: &mut Shared,
        registry: &Registry,
    ) -> io::Result<Self> {
        #[cfg(feature = "quic")]
        if shared.settings.protocol == super::Protocol::Quic {
            return Quic::connect(id, shared, registry).map(|conn| Self::Quic(Box::new(conn)));
        }
        Conn::connect(id, path, shared, registry).map(|conn| Self::Tcp(Box::new(conn)))
    }

    /// Whether the script may speak.
    pub(super) fn is_ready(&self) -> bool {
        either!(self, conn => conn.is_ready())
    }

    pub(super) fn is_due(&self, now: Millis) -> bool {
        either!(self, conn => conn.is_due(now))
    }

    /// The server was silent for too long.
    pub(super) fn expire(&mut self, now: Millis) -> Result<(), Ended> {
        either!(self, conn => conn.expire(now))
    }

    /// For a script that speaks unasked.
    pub(super) fn peer<'a>(&'a mut self, id: Id, now: Instant, shared: &'a mut Shared) -> Peer<'a> {
        either!(self, conn => conn.peer(id, now, shared))
    }

    /// Writes what was said.
    pub(super) fn flush<S: Script>(&mut self, id: Id, cx: &mut Cx<'_, S>) -> Result<(), Ended> {
        either!(self, conn => conn.flush(id, cx))
    }

    pub(super) fn writable<S: Script>(
        &mut self,
        id: Id,
        side: usize,
        cx: &mut Cx<'_, S>,
    ) -> Result<(), Ended> {
        match self {
            Self::Tcp(conn) => conn.writable(id, side, cx),
            #[cfg(feature = "quic")]
            Self::Quic(conn) => conn.flush(id, cx),
        }
    }

    /// Something is there to be read.
    pub(super) fn readable<S: Script>(
        &mut self,
        id: Id,
        side: usize,
        closed: bool,
        scratch: &mut [u8],
        cx: &mut Cx<'_, S>,
    ) -> Result<(), Ended> {
        match self {
            Self::Tcp(conn) => conn.readable(id, side, closed, scratch, cx),
            #[cfg(feature = "quic")]
            Self::Quic(conn) => conn.readable(id, scratch, cx),
        }
    }

    /// A moment came that it asked to be told of.
    #[cfg(feature = "quic")]
    pub(super) fn timed<S: Script>(
        &mut self,
        id: Id,
        at: Instant,
        cx: &mut Cx<'_, S>,
    ) -> Result<(), Ended> {
        match self {
            Self::Tcp(_) => Ok(()),
            Self::Quic(conn) => conn.timed(id, at, cx),
        }
    }
}
