//! Where a session's messages go: its WebSocket, its stream of QUIC, or the poll it has pending.
//!
//! Promises: a session has one outbox (the core's), whatever carries it. A poll takes what waits as
//! one payload and is then gone; without one the session is simply not writable, so nothing is lost
//! between two polls or across an upgrade.

use std::{
    io,
    net::TcpStream,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use ringside_core::{
    CloseReason, ConnId, Run, Sink, Wrote,
    driver::{DriverSink, TcpSink},
};
use ringside_proto::{
    close::CloseReason as Reason,
    engineio::PacketKind,
    ws::{self, CloseCode},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::AbortHandle,
    time::timeout,
};

use crate::{
    deflate::Compression,
    mark,
    poll::Polls,
    quic::{Goodbye, QuicSink},
    recode::Recoded,
    shared::Shared,
    stream::{Stream, TlsState},
};

/// The sink of a gateway's shard.
pub(crate) struct GatewaySink {
    pub(crate) tcp: TcpSink,
    /// For benches: what only broadcasts would write is not written.
    swallow: bool,
    /// Held once more by every closed connection whose last bytes are still on their way.
    lingering: Rc<()>,
    /// Sessions over QUIC.
    pub(crate) quic: QuicSink,
    /// Pending polls.
    pub(crate) polls: Polls,
    /// Connections that get another form of what others share.
    pub(crate) recoded: Recoded,
}

impl GatewaySink {
    /// A sink that writes everything, or everything but broadcasts.
    pub(crate) fn new(
        tcp: TcpSink,
        swallow: bool,
        compression: Option<Compression>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            tcp,
            swallow,
            lingering: Rc::default(),
            quic: QuicSink::new(shared),
            polls: Polls::default(),
            recoded: Recoded::new(compression),
        }
    }

    /// Gives the connection its WebSocket. `deflate`: its messages may be compressed.
    ///
    /// # Errors
    /// The system cannot watch one stream more.
    pub(crate) fn insert(&mut self, conn: ConnId, stream: Stream, deflate: bool) -> io::Result<()> {
        self.tcp.insert(conn, stream.tcp.into_std()?)?;
        self.recoded.insert(conn, stream.tls, deflate);
        Ok(())
    }

    /// Appends what an encrypted connection said to `plain`.
    pub(crate) fn decrypt(
        &mut self,
        conn: ConnId,
        ciphertext: &[u8],
        plain: &mut Vec<u8>,
    ) -> TlsState {
        self.recoded.decrypt(&mut self.tcp, conn, ciphertext, plain)
    }

    /// Whether last bytes of closed connections are still on their way.
    pub(crate) fn is_lingering(&self) -> bool {
        Rc::strong_count(&self.lingering) > 1
    }

    /// Answers the pending poll, if any, with a payload of the caller's.
    pub(crate) fn answer_poll(&mut self, conn: ConnId, kind: PacketKind) {
        let is_old = self.recoded.is_old(conn);
        self.polls.answer(conn, kind, is_old);
    }
}

/// Whether a run holds nothing but broadcasts.
fn is_broadcast(run: &Run<'_>) -> bool {
    let mut all = true;
    run.for_each_message(|message| all &= mark::is_broadcast(message.tag));
    all
}

/// What the gate is tried with: a build that does more for every delivery than it must. Otherwise
/// nothing.
#[inline]
fn slow_down(_run: &Run<'_>) {
    #[cfg(ringside_seeded_slowdown = "copy")]
    std::hint::black_box(_run.wire().to_vec());
    #[cfg(ringside_seeded_slowdown = "encode")]
    let _ = std::hint::black_box(crate::wire::Parser::Json.event(
        crate::wire::Stamp::one(None),
        "/",
        None,
        "m",
        _run.wire(),
    ));
}

impl Sink for GatewaySink {
    fn submit(&mut self, conn: ConnId, run: &Run<'_>) -> Wrote {
        slow_down(run);
        if self.swallow && is_broadcast(run) {
            return Wrote::All;
        }
        if self.tcp.has(conn) {
            if self.recoded.has(conn) {
                return self.recoded.submit(&mut self.tcp, conn, run);
            }
            return self.tcp.submit(conn, run);
        }
        if let Some(wrote) = self.quic.submit(conn, run) {
            return wrote;
        }
        self.polls.submit(conn, run, &mut self.recoded)
    }

    fn submit_to_all(&mut self, conns: &[ConnId], run: &Run<'_>, short: &mut Vec<(usize, Wrote)>) {
        conns.iter().for_each(|_| slow_down(run));
        if self.swallow && is_broadcast(run) {
            return;
        }
        let one_by_one = |sink: &mut Self, at: usize, short: &mut Vec<(usize, Wrote)>| match sink
            .submit(conns[at], run)
        {
            Wrote::All => {}
            wrote => short.push((at, wrote)),
        };
        if !self.recoded.is_empty() {
            return (0..conns.len()).for_each(|at| one_by_one(self, at, short));
        }
        let mut elsewhere = Vec::new();
        self.tcp
            .write_to_all(conns, run.wire(), |at, wrote| match wrote {
                Some(Wrote::All) => {}
                Some(wrote) => short.push((at, wrote)),
                None => elsewhere.push(at),
            });
        for at in elsewhere {
            one_by_one(self, at, short);
        }
    }

    fn commit(&mut self) {
        self.recoded.commit();
        self.quic.commit();
        self.polls.commit();
    }

    fn close(&mut self, conn: ConnId, reason: CloseReason) {
        // A poll that is still pending hears of the end as of any message.
        self.answer_poll(conn, PacketKind::Close);
        if let Some(last_words) = self.quic.take(conn, parting(reason)) {
            let lingering = self.lingering.clone();
            tokio::task::spawn_local(async move {
                last_words.await;
                drop(lingering);
            });
            return;
        }
        let goodbye = match reason {
            CloseReason::Requested(asked) => goodbye(asked),
            _ => Vec::new(),
        };
        let last = self.recoded.remove(conn, goodbye);
        if let Some(stream) = self.tcp.take(conn)
            && let CloseReason::Requested(_) = reason
        {
            let lingering = self.lingering.clone();
            tokio::task::spawn_local(async move {
                // Late or failed: it is closed all the same.
                let _ = timeout(LINGER, linger(stream, last)).await;
                drop(lingering);
            });
        }
    }
}

/// Asks for the end of a connection that has been sent its close frame.
pub(crate) const GOODBYE_SAID: u16 = 0;

/// Why a connection ends whose end was asked for, by the asker's code.
pub(crate) fn reason_of(asked: u16) -> Reason {
    match CloseCode(asked) {
        CloseCode::INTERNAL_ERROR => Reason::HandlerFailed,
        _ => Reason::ClosedByServer,
    }
}

/// The close frame that is still to be sent, if any.
fn goodbye(asked: u16) -> Vec<u8> {
    let mut frame = Vec::new();
    if asked != GOODBYE_SAID {
        let entry = reason_of(asked).entry();
        ws::encode_close(&mut frame, entry.code, entry.sentence);
    }
    frame
}

/// What a session over QUIC is told at its end, unless it was told better before.
fn parting(reason: CloseReason) -> Option<Goodbye> {
    let reason = match reason {
        CloseReason::Requested(asked) => reason_of(asked),
        CloseReason::SlowConsumer => Reason::FellBehind,
        _ => return None,
    };
    let entry = reason.entry();
    Some(Goodbye {
        code: entry.code.0,
        reason: entry.sentence.into(),
    })
}

/// How long a peer may take to answer a close frame.
const LINGER: Duration = Duration::from_secs(2);

/// Says goodbye and lets the peer read it: half-closes, then reads until the peer closes as well, for
/// closing with unread input would reset the connection.
async fn linger(stream: TcpStream, last: Vec<u8>) -> io::Result<()> {
    let mut stream = tokio::net::TcpStream::from_std(stream)?;
    stream.write_all(&last).await?;
    stream.shutdown().await?;
    let mut sink = [0; 1024];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}

impl AsMut<TcpSink> for GatewaySink {
    fn as_mut(&mut self) -> &mut TcpSink {
        &mut self.tcp
    }
}

/// Only streams of QUIC need tasks that wait for them: of sockets the shard hears.
impl DriverSink for GatewaySink {
    fn take_blocked(&mut self) -> Option<ConnId> {
        self.quic.take_blocked()
    }

    fn poll_writable(&self, conn: ConnId, cx: &mut Context<'_>) -> Poll<()> {
        self.quic.poll_writable(conn, cx)
    }

    fn set_watcher(&mut self, conn: ConnId, task: AbortHandle) {
        self.quic.set_watcher(conn, task);
    }
}
