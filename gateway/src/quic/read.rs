//! Reading: one task per session, for its stream and its datagrams.
//!
//! Promises: a task only reads; of a client that says too much the stream is read more slowly, and what
//! comes by datagram meanwhile is dropped and counted. What a peer does wrong ends its own session, with a reason.

use std::{pin::pin, rc::Rc, time::Duration};

use bytes::Bytes;
use quinn::ConnectionError;
use ringside_core::{CloseReason as CoreReason, ConnId, Shard};
use ringside_proto::{close::CloseReason, engineio::Act, webtransport::Decoder};
use web_transport_quinn::{ReadError, RecvStream, Session, SessionError, WebTransportError};

use super::carrier::Carrier;
use crate::{shard::GatewayShard, sink::GatewaySink};

/// Bytes taken from a stream at once: what the window lets be on its way.
const READ: usize = 64 * 1024;

/// Gives the session its stream and starts reading it.
pub(super) fn start(
    this: &Rc<GatewayShard>,
    shard: &mut Shard<GatewaySink>,
    conn: ConnId,
    carrier: Carrier,
) {
    let Carrier {
        line,
        send,
        recv,
        leftover,
    } = carrier;
    let session = line.session.clone();
    shard.sink().quic.insert(conn, line, send);
    let reader = this
        .local
        .spawn(read(this.clone(), conn, session, recv, leftover));
    shard.sink().quic.set_reader(conn, reader);
    // What waited for a transport goes out by this one.
    shard.writable(conn);
    this.local.wake_pump();
}

async fn read(
    this: Rc<GatewayShard>,
    conn: ConnId,
    session: Session,
    mut recv: RecvStream,
    leftover: Bytes,
) {
    let mut decoder = Decoder::new(this.shared.limits.message_bytes);
    if !this.batch(|| this.take_in_frames(conn, &mut decoder, &leftover)) {
        return;
    }
    drop(leftover);
    let mut has_datagrams = true;
    loop {
        let goes_on = tokio::select! {
            chunk = recv.read_chunk(READ, true) => match chunk {
                Ok(Some(chunk)) => {
                    this.batch(|| this.take_in_frames(conn, &mut decoder, &chunk.bytes))
                }
                Ok(None) => return this.line_lost(conn, CloseReason::TransportClosed),
                Err(error) => return this.line_lost(conn, end_of(&error)),
            },
            datagram = session.read_datagram(), if has_datagrams => {
                match datagram {
                    Ok(bytes) => this.batch(|| this.on_datagram(conn, &bytes)),
                    Err(SessionError::WebTransportError(WebTransportError::UnknownSession)) => {
                        this.shared.count(|counters| counters.datagrams_refused += 1);
                    }
                    // The stream says why.
                    Err(_) => has_datagrams = false,
                }
                true
            }
        };
        if !goes_on {
            return;
        }
        if let Some(wait) = this.debt(conn) {
            // Boxed: every reader would otherwise carry room for a timer it hardly ever needs.
            Box::pin(wait_out(&this, &session, wait)).await;
        }
    }
}

/// Reads nothing from the stream for a while. What comes by datagram meanwhile is too much, and dropped here
/// rather than in a queue: so the next one that is read is a new one.
async fn wait_out(this: &GatewayShard, session: &Session, wait: Duration) {
    let mut over = pin!(tokio::time::sleep(wait));
    loop {
        let datagram = tokio::select! {
            biased;
            () = &mut over => return,
            datagram = session.read_datagram() => datagram,
        };
        this.shared
            .count(|counters| counters.datagrams_refused += 1);
        if datagram.is_err() {
            return over.await;
        }
    }
}

/// Why a session ends whose stream cannot be read.
fn end_of(error: &ReadError) -> CloseReason {
    match error {
        ReadError::SessionError(error) => match error {
            SessionError::ConnectionError(ConnectionError::TimedOut) => CloseReason::PingTimeout,
            SessionError::ConnectionError(
                ConnectionError::ApplicationClosed(_)
                | ConnectionError::ConnectionClosed(_)
                // A session whose CONNECT stream ended without a word is closed for its peer.
                | ConnectionError::LocallyClosed,
            )
            | SessionError::WebTransportError(WebTransportError::Closed(..)) => {
                CloseReason::TransportClosed
            }
            _ => CloseReason::TransportError,
        },
        _ => CloseReason::TransportError,
    }
}

impl GatewayShard {
    /// Takes in what was read. Returns whether reading goes on.
    fn take_in_frames(self: &Rc<Self>, conn: ConnId, decoder: &mut Decoder, bytes: &[u8]) -> bool {
        let mut input = decoder.input(bytes);
        loop {
            match input.next() {
                Ok(None) => return true,
                Ok(Some(packet)) => {
                    if !self.on_packet(conn, &packet) {
                        return false;
                    }
                }
                Err(misbehaviour) => {
                    self.end_session(conn, CloseReason::EngineIo(misbehaviour));
                    return false;
                }
            }
        }
    }

    /// The session's line is gone.
    fn line_lost(self: &Rc<Self>, conn: ConnId, reason: CloseReason) {
        let act = match self.sessions.borrow_mut().get(conn) {
            Some(session) => session.engine.close(reason),
            None => Act::Nothing,
        };
        self.act(&mut self.local.shard(), conn, act);
        if act == Act::Nothing {
            // Closed by us, and now by the peer: nothing is left to wait for.
            self.local.close(conn, CoreReason::Gone);
        }
    }
}
