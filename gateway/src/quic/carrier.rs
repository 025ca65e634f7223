//! A connection on its way to a session, and in it: its one stream, its datagrams, its end.
//!
//! Promises: whoever lets go of a connection ends it, with a reason where there is one; it may change its
//! thread, and so its shard.

use std::time::Duration;

use bytes::Bytes;
use quinn::{Connection, VarInt};
use web_transport_quinn::{RecvStream, SendStream, Session};

/// How long a peer may take to take in the last bytes, and again to answer the close.
const LINGER: Duration = Duration::from_secs(2);

/// How long the last bytes lie with a peer that has acknowledged them: a browser's page reads later than
/// the browser does, and what it has not read is forgotten when the session closes.
const READ_TIME: Duration = Duration::from_millis(50);

/// Bytes of a reason: what WebTransport carries (1,024), with slack.
const REASON_BYTES_MAX: usize = 1_000;

/// A connection that ends when this is dropped: the library's own tasks would hold it open.
pub(super) struct Held(pub(super) Connection);

impl Drop for Held {
    fn drop(&mut self) {
        // If it is closed already, nothing changes.
        self.0.close(VarInt::from_u32(0), b"");
    }
}

/// A session of WebTransport, or a native client's connection, which is used like one.
pub(super) struct Line {
    pub(super) session: Session,
    /// The client takes datagrams.
    pub(super) datagrams: bool,
    /// Room for datagrams that wait to be sent, while none does.
    pub(super) all_space: usize,
    _held: Held,
}

impl Line {
    pub(super) fn new(session: Session, wants_datagrams: bool, held: Held) -> Self {
        let is_able = Connection::max_datagram_size(&session).is_some();
        Self {
            all_space: session.datagram_send_buffer_space(),
            session,
            datagrams: wants_datagrams && is_able,
            _held: held,
        }
    }

    /// Ends it with a reason, and waits a moment for the peer to take that in.
    pub(super) async fn close(self, code: u16, reason: &str) {
        let mut end = reason.len().min(REASON_BYTES_MAX);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let reason = &reason[..end];
        self.session.close(code.into(), reason.as_bytes());
        // Late: it is closed all the same.
        let _ = tokio::time::timeout(LINGER, self.session.closed()).await;
    }

    /// Says what is left to say on the stream, then ends it with a reason.
    pub(super) async fn close_after(
        self,
        mut send: SendStream,
        last: Bytes,
        code: u16,
        reason: &str,
    ) {
        let said = async {
            if !last.is_empty() {
                send.write_chunk(last).await.ok()?;
            }
            send.finish().ok()?;
            send.stopped().await.ok()
        };
        if let Ok(Some(_)) = tokio::time::timeout(LINGER, said).await {
            // The peer may close first, which ends the wait.
            let _ = tokio::time::timeout(READ_TIME, self.session.closed()).await;
        }
        self.close(code, reason).await;
    }
}

/// A line with the client's stream on it, and what was read of that already.
pub(super) struct Carrier {
    pub(super) line: Line,
    pub(super) send: SendStream,
    pub(super) recv: RecvStream,
    pub(super) leftover: Bytes,
}
