//! Where a session's messages go: its WebSocket, or the poll it has pending.
//!
//! Promises: a session has one outbox (the core's), whatever carries it. A poll takes what waits as
//! one payload and is then gone; without one the session is simply not writable, so nothing is lost
//! between two polls or across an upgrade.

use std::{
    collections::HashMap,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use ringside_core::{
    CloseReason, ConnId, Message, Run, Sink, Wrote,
    driver::{DriverSink, TcpSink},
};
use ringside_proto::engineio::payload::SEPARATOR;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::AbortHandle,
};

/// Mark of a text message on a frame.
pub(crate) const TEXT: u8 = 0;
/// Mark of a binary message on a frame.
pub(crate) const BINARY: u8 = 1;
/// Mark of a text message on a frame for many receivers.
pub(crate) const BROADCAST: u8 = 2;

/// The sink of a gateway's shard.
#[derive(Default)]
pub(crate) struct GatewaySink {
    pub(crate) tcp: TcpSink,
    /// For benches: what only broadcasts would write is not written.
    swallow: bool,
    /// Held once more by every closed connection whose last bytes are still on their way.
    lingering: Rc<()>,
    /// Pending polls. Absent: the session is between two polls.
    polls: HashMap<ConnId, oneshot::Sender<Bytes>>,
}

impl GatewaySink {
    /// A sink that writes everything, or everything but broadcasts.
    pub(crate) fn new(swallow: bool) -> Self {
        Self {
            swallow,
            ..Self::default()
        }
    }

    /// Whether last bytes of closed connections are still on their way.
    pub(crate) fn is_lingering(&self) -> bool {
        Rc::strong_count(&self.lingering) > 1
    }

    /// Parks a poll until there is something to answer it with.
    pub(crate) fn park(&mut self, conn: ConnId, poll: oneshot::Sender<Bytes>) {
        self.polls.insert(conn, poll);
    }

    /// Whether a poll is pending.
    pub(crate) fn has_poll(&self, conn: ConnId) -> bool {
        self.polls.contains_key(&conn)
    }

    /// Answers the pending poll, if any, with a payload of the caller's.
    pub(crate) fn answer_poll(&mut self, conn: ConnId, payload: &'static [u8]) {
        if let Some(poll) = self.polls.remove(&conn) {
            // Nobody waits any more: the session hears of that as an aborted poll.
            let _ = poll.send(Bytes::from_static(payload));
        }
    }
}

/// Writes a message as one packet of a version 4 payload.
fn put_packet(payload: &mut Vec<u8>, message: &Message<'_>) {
    if !payload.is_empty() {
        payload.push(SEPARATOR);
    }
    if message.tag != BINARY {
        return payload.extend_from_slice(message.payload());
    }
    let mut text = String::new();
    BASE64_STANDARD.encode_string(message.payload(), &mut text);
    payload.push(b'b');
    payload.extend_from_slice(text.as_bytes());
}

/// Whether a run holds nothing but broadcasts.
fn is_broadcast(run: &Run<'_>) -> bool {
    let mut all = true;
    run.for_each_message(|message| all &= message.tag == BROADCAST);
    all
}

impl Sink for GatewaySink {
    fn submit(&mut self, conn: ConnId, run: &Run<'_>) -> Wrote {
        #[cfg(ringside_seeded_slowdown = "copy")]
        std::hint::black_box(run.wire().to_vec());
        #[cfg(ringside_seeded_slowdown = "encode")]
        let _ = std::hint::black_box(crate::wire::message(None, |out| {
            ringside_proto::socketio::encode_event(out, "/", None, "m", run.wire(), None)
        }));
        if self.swallow && is_broadcast(run) {
            return Wrote::All;
        }
        if self.tcp.stream(conn).is_some() {
            return self.tcp.submit(conn, run);
        }
        let Some(poll) = self.polls.remove(&conn) else {
            return Wrote::Blocked;
        };
        let mut payload = Vec::with_capacity(run.wire().len() + 8);
        run.for_each_message(|message| put_packet(&mut payload, &message));
        match poll.send(Bytes::from(payload)) {
            Ok(()) => Wrote::All,
            // The poll was given up in this moment: the messages stay for the next transport.
            Err(_) => Wrote::Blocked,
        }
    }

    fn close(&mut self, conn: ConnId, reason: CloseReason) {
        self.polls.remove(&conn);
        match self.tcp.take(conn) {
            // The close frame must arrive: closing with unread input would reset the connection.
            Some(stream) if matches!(reason, CloseReason::Requested(_)) => {
                let lingering = self.lingering.clone();
                tokio::task::spawn_local(async move {
                    linger(stream).await;
                    drop(lingering);
                });
            }
            stream => drop(stream),
        }
    }
}

/// How long a peer may take to answer a close frame.
const LINGER: Duration = Duration::from_secs(2);

/// Lets the peer read what was written: half-closes, then reads until the peer closes as well.
async fn linger(mut stream: TcpStream) {
    let drain = async {
        stream.shutdown().await?;
        let mut sink = [0; 1024];
        while stream.read(&mut sink).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Late or failed: it is closed all the same.
    let _ = tokio::time::timeout(LINGER, drain).await;
}

impl DriverSink for GatewaySink {
    fn take_blocked(&mut self) -> Option<ConnId> {
        self.tcp.take_blocked()
    }

    fn poll_writable(&self, conn: ConnId, cx: &mut Context<'_>) -> Poll<()> {
        self.tcp.poll_writable(conn, cx)
    }

    fn set_watcher(&mut self, conn: ConnId, task: AbortHandle) {
        self.tcp.set_watcher(conn, task);
    }
}
