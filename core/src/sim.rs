//! A simulated sink: connections that take as much as a test lets them, and remember all of it.
//!
//! Promises: deterministic; takes any number of bytes up to the connection's budget, so that short
//! writes, blocked and dead sockets can be played through without a socket.

use std::collections::BTreeMap;

use crate::{
    error::CloseReason,
    ident::ConnId,
    sink::{Run, Sink, Wrote},
};

/// A sink in memory. Connections it was not told of take everything.
#[derive(Debug, Default)]
pub struct SimSink {
    conns: BTreeMap<ConnId, SimConn>,
    /// Connections closed by the shard, in order.
    pub closed: Vec<(ConnId, CloseReason)>,
}

/// One simulated connection.
#[derive(Debug, Default)]
pub struct SimConn {
    /// All bytes taken so far.
    pub wire: Vec<u8>,
    /// How many more bytes it takes; `None`: any number.
    pub budget: Option<usize>,
    /// The next write finds it dead.
    pub dead: bool,
    /// Runs submitted so far.
    pub submits: usize,
}

impl SimSink {
    /// The connection, made on first use.
    pub fn conn(&mut self, conn: ConnId) -> &mut SimConn {
        self.conns.entry(conn).or_default()
    }
}

impl Sink for SimSink {
    fn submit(&mut self, conn: ConnId, run: &Run<'_>) -> Wrote {
        let conn = self.conn(conn);
        conn.submits += 1;
        let mut told = Vec::new();
        run.for_each_delivery(|delivery| {
            let from = told.len();
            delivery.for_each_message(|message| told.extend_from_slice(message.wire));
            assert_eq!(
                told.len() - from,
                delivery.bytes,
                "a delivery tells its size"
            );
        });
        assert_eq!(told, run.wire(), "the deliveries are the run");
        if conn.dead {
            return Wrote::Gone;
        }
        let wire = run.wire();
        let n = conn
            .budget
            .map_or(wire.len(), |budget| budget.min(wire.len()));
        conn.wire.extend_from_slice(&wire[..n]);
        if let Some(budget) = &mut conn.budget {
            *budget -= n;
        }
        match n {
            n if n == wire.len() => Wrote::All,
            0 => Wrote::Blocked,
            n => Wrote::Partial(n),
        }
    }

    fn close(&mut self, conn: ConnId, reason: CloseReason) {
        self.closed.push((conn, reason));
    }
}
