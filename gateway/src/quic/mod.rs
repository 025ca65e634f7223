//! QUIC: WebTransport for browsers, datagrams for games, and native clients on the same port.
//!
//! ```text
//! UDP, one endpoint per shard, the port number of TCP
//!   ALPN h3          CONNECT to an Engine.IO path    a browser's WebTransport session
//!   ALPN ringside/1  nothing before the stream       a native client
//!     either: one bidirectional stream, opened by the client
//!       `0`                 a new session; answered with the open packet
//!       `0{"sid":"…"}`      an upgrade of one that polls: `2probe`, `3probe`, `5`
//!     and datagrams, each one whole Socket.IO packet in the stream's own frames
//! ```
//!
//! # Contract
//!
//! - The framing is Engine.IO's for WebTransport ([`ringside_proto::webtransport`]), on the stream and
//!   in datagrams. A client that opens further streams is not heard on them.
//! - The session is the shard's own, like one by WebSocket or polling: heartbeat, limits, close reasons,
//!   outbox and counters are the same. A stream for a session of another shard is handed over to it; the
//!   packets of its connection go on being moved by the endpoint that accepted it. Where there can be only
//!   one endpoint, it deals new sessions out to the shards in the same way.
//! - A **datagram** holds the text frame of one packet and its attachments as binary frames, at most
//!   [`DATAGRAM_BYTES_MAX`] bytes. The server sends some only to whom has asked: native clients always, a
//!   browser by the query `datagrams=1`. Then events of [`Class::Volatile`](crate::Class::Volatile) and
//!   [`Class::Latest`](crate::Class::Latest) that fit go as datagrams, everything else by the stream.
//! - A datagram that comes in must be an event without an ack; any other is counted and dropped. So is
//!   one for a namespace that the client is not in, for datagrams overtake the stream, and one too many for
//!   the pace at which a client is read.
//! - A close says code and reason, as `docs/close-reasons.md` lists them: a session's end to a browser, a
//!   connection's to a native client.
//! - Nothing is taken in before the handshake is done (no 0-RTT), so nothing can be replayed.

mod accept;
mod candidate;
mod carrier;
mod copies;
mod datagram;
mod endpoint;
mod read;
mod refusal;
mod settings;
mod sink;
mod steer;
#[cfg(test)]
mod steer_tests;

pub(crate) use endpoint::{Bound, Sockets, serve};
pub use settings::Quic;
pub(crate) use sink::{Goodbye, QuicSink};

/// Bytes of one datagram. Browsers take 1,024 at least, and paths of the internet 1,200 with all headers.
pub const DATAGRAM_BYTES_MAX: usize = 1_000;

/// What native clients offer by ALPN. A change of the contract changes the number.
pub const NATIVE: &[u8] = b"ringside/1";
