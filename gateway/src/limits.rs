//! How much a peer may ask of the server. Each limit has a unit and a reason.
//!
//! Promises: the defaults suit a game on the open internet; [`Limits::unlimited`] is for benches
//! and echo tests, where a limit would measure itself.

use std::time::Duration;

use ringside_core::OutboxLimits;
use ringside_proto::{socketio, ws};

use crate::admission::AddressLimits;

/// The limits of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message, and of one polling request's body. Default 1,000,000, what stock
    /// clients expect; a peer can make the server hold this much once.
    pub message_bytes: u32,
    /// Frames of one WebSocket message. Default 16,384: far above any honest sender.
    pub fragments: u32,
    /// Attachments of one Socket.IO packet. Default 10.
    pub attachments: u32,
    /// Bytes and messages that may wait for a slow socket. Default 1 MiB and 4,096.
    pub outbox: OutboxLimits,
    /// Pongs of WebSocket's own that may wait for a client that does not read. Default 60: a ping a second
    /// for a minute.
    pub pongs: u16,
    /// Namespaces one client may join. Default 16, of about 400 bytes each.
    pub namespaces: usize,
    /// Rooms one client may be in, over all its namespaces. Default 512, of about 40 bytes each. A join
    /// beyond it has no effect, and is counted ([`Stats::joins_refused`](ringside_core::Stats::joins_refused)).
    pub rooms: usize,
    /// Namespaces that clients may have made from patterns, at once. Default 10,000.
    pub child_namespaces: usize,
    /// Answers one socket may owe. Default 1,024, of about 40 bytes each.
    pub acks: usize,
    /// Milliseconds an answer is waited for, when the asker names no time of its own. Default 60,000:
    /// whoever has not answered by then has forgotten.
    pub ack_ms: u32,
    /// Bytes of a request's path and query. Default 8 KiB, what proxies commonly pass on.
    pub url_bytes: usize,
    /// Bytes of a request's line and headers. Default 16 KiB.
    pub header_bytes: usize,
    /// Headers of a request. Default 64.
    pub headers: usize,
    /// Milliseconds for a request's headers. Default 10,000.
    pub handshake_ms: u64,
    /// Milliseconds for a polling request's body. Default 30,000: slower than this is an attack, or a
    /// session that is better lost.
    pub body_ms: u64,
    /// Milliseconds from the opening of a session to its first namespace. Default 45,000, as in the
    /// reference.
    pub connect_ms: u32,
    /// Messages a second one client may send, and how many at once. A client that sends more is read
    /// more slowly: its own sends back up. Default 100 and 200.
    pub messages_per_second: u32,
    /// See [`messages_per_second`](Self::messages_per_second).
    pub message_burst: u32,
    /// What one address may ask for.
    pub address: AddressLimits,
    /// Levels of nesting in a payload that is handed on unparsed. Default 64.
    pub json_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 1_000_000,
            fragments: 16_384,
            attachments: 10,
            outbox: OutboxLimits::default(),
            pongs: 60,
            namespaces: 16,
            rooms: 512,
            child_namespaces: 10_000,
            acks: 1_024,
            ack_ms: 60_000,
            url_bytes: 8 * 1024,
            header_bytes: 16 * 1024,
            headers: 64,
            handshake_ms: 10_000,
            body_ms: 30_000,
            connect_ms: 45_000,
            messages_per_second: 100,
            message_burst: 200,
            address: AddressLimits::default(),
            json_depth: 64,
        }
    }
}

impl Limits {
    /// Nothing but the width of the counters: for benches and conformance suites.
    pub fn unlimited() -> Self {
        Self {
            message_bytes: u32::MAX,
            fragments: u32::MAX,
            attachments: u32::MAX,
            outbox: OutboxLimits {
                bytes: usize::MAX / 2,
                messages: usize::MAX / 2,
            },
            pongs: u16::MAX,
            namespaces: usize::MAX,
            rooms: usize::MAX,
            child_namespaces: usize::MAX,
            acks: usize::MAX,
            messages_per_second: u32::MAX,
            message_burst: u32::MAX,
            address: AddressLimits {
                sessions: u32::MAX,
                sessions_per_second: u32::MAX,
                count_loopback: false,
            },
            ..Self::default()
        }
    }

    pub(crate) fn ack_timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.ack_ms))
    }

    pub(crate) fn ws(&self) -> ws::Limits {
        ws::Limits {
            message_bytes_max: self.message_bytes,
            fragments_max: self.fragments,
        }
    }

    pub(crate) fn socketio(&self) -> socketio::Limits {
        socketio::Limits {
            attachments_max: self.attachments,
            packet_bytes_max: self.message_bytes,
            ..socketio::Limits::default()
        }
    }
}
