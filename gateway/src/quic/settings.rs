//! Settings of QUIC, each with its reason.
//!
//! Promises: what one peer can make the server hold is bounded by the sums here, before a session's own
//! limits are asked. Leaves out: congestion control other than quinn's default (Cubic; its BBR calls
//! itself experimental).

use std::{sync::Arc, time::Duration};

use quinn::{
    IdleTimeout, ServerConfig, TransportConfig, VarInt,
    crypto::{HmacKey, rustls::QuicServerConfig},
};
use ring::hmac;

use super::NATIVE;
use crate::tls::Tls;

/// QUIC on the gateway's port number: WebTransport for browsers, and native clients. For
/// [`Builder::quic`](crate::Builder::quic).
#[derive(Clone, Debug)]
pub struct Quic {
    tls: Tls,
    idle_ms: u32,
    keep_alive_ms: u32,
    retry_above: usize,
    half_open: usize,
}

/// Streams a peer may have open: CONNECT and the session's, and one of each that is refused.
const STREAMS_BOTH_WAYS: u32 = 4;

/// HTTP/3's control stream, QPACK's two, and some that browsers open to keep servers honest.
const STREAMS_ONE_WAY: u32 = 8;

/// Bytes of a stream that may be on their way to us: 64 KiB is 5 Mbit/s at 100 ms, far above what a
/// client may say (`Limits::messages_per_second`).
const STREAM_WINDOW: u32 = 64 * 1024;

/// The same for all streams of a connection: one full stream, and the others' few bytes.
const WINDOW: u32 = STREAM_WINDOW + 32 * 1024;

/// Bytes written and not acknowledged, per connection: beyond it a session waits in its outbox, which has
/// classes and a bound. 256 KiB is 20 Mbit/s at 100 ms.
const SEND_WINDOW: u64 = 256 * 1024;

/// Bytes of datagrams that wait to be sent: 64 of the largest, a tick's burst for the busiest client.
/// When it is full the oldest go, so whatever waits here is at most as old as this takes to send.
const DATAGRAMS_OUT: usize = 64 * 1024;

/// Bytes of datagrams that wait to be read; the oldest go. A client sends inputs, and is read at a pace.
const DATAGRAMS_IN: usize = 32 * 1024;

/// A guess at the round trip before one is known. RFC 9002's 333 ms delays the first loss's repair.
const INITIAL_RTT: Duration = Duration::from_millis(100);

impl Quic {
    /// QUIC with this certificate; it must be one that TLS 1.3 can use. Browsers want it to be trusted, or
    /// named by its hash (`serverCertificateHashes`: ECDSA P-256, valid for at most 14 days).
    pub fn new(tls: Tls) -> Self {
        Self {
            tls,
            idle_ms: 30_000,
            keep_alive_ms: 10_000,
            retry_above: 1_000,
            half_open: 4_096,
        }
    }

    /// Milliseconds of silence after which a connection is dead. Default 30,000: sooner than the heartbeat
    /// would know. Beneath three keep-alives a lost packet or two would end it.
    #[must_use]
    pub fn idle_ms(mut self, idle_ms: u32) -> Self {
        self.idle_ms = idle_ms;
        self
    }

    /// Milliseconds of silence after which something is sent all the same. Default 10,000: translators of
    /// addresses forget silent UDP after 30 s, some sooner. 0: never.
    #[must_use]
    pub fn keep_alive_ms(mut self, keep_alive_ms: u32) -> Self {
        self.keep_alive_ms = keep_alive_ms;
        self
    }

    /// Connections in their handshake, over all shards, above which a newcomer must first prove its address
    /// (a Retry). Default 1,000. Proving costs an honest client one round trip, an invented address
    /// everything.
    #[must_use]
    pub fn retry_above(mut self, half_open: usize) -> Self {
        self.retry_above = half_open;
        self
    }

    /// Connections in their handshake, over all shards, above which newcomers are refused. Default 4,096, of
    /// some 20 kB each.
    #[must_use]
    pub fn half_open(mut self, half_open: usize) -> Self {
        self.half_open = half_open;
        self
    }

    /// Of connections in their handshake, how many one of so many shards takes before it asks for proof,
    /// and before it refuses.
    pub(super) fn half_open_of(&self, shards: usize) -> (usize, usize) {
        let share = |all: usize| all.div_ceil(shards.max(1));
        (share(self.retry_above), share(self.half_open))
    }

    /// What an endpoint tells the peers of an earlier process by that their connections are gone.
    pub(super) fn reset_key(&self) -> Arc<dyn HmacKey> {
        Arc::new(hmac::Key::new(hmac::HMAC_SHA256, self.tls.reset_secret()))
    }

    /// What an endpoint accepts with.
    pub(super) fn server_config(
        &self,
    ) -> Result<ServerConfig, quinn::crypto::rustls::NoInitialCipherSuite> {
        let tls = self
            .tls
            .config_for([web_transport_quinn::ALPN.as_bytes(), NATIVE]);
        let crypto = QuicServerConfig::try_from(tls)?;
        let mut config = ServerConfig::with_crypto(Arc::new(crypto));
        config.transport_config(Arc::new(self.transport()));
        // Accepted or refused at once by our own loop, which counts: these only bound the moment between.
        config.max_incoming(1_024);
        config.incoming_buffer_size(16 * 1024);
        config.incoming_buffer_size_total(4 * 1024 * 1024);
        Ok(config)
    }

    fn transport(&self) -> TransportConfig {
        let mut transport = TransportConfig::default();
        let keep_alive = Duration::from_millis(u64::from(self.keep_alive_ms));
        transport
            .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(self.idle_ms))))
            .keep_alive_interval((!keep_alive.is_zero()).then_some(keep_alive))
            .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_BOTH_WAYS))
            .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_ONE_WAY))
            .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
            .receive_window(VarInt::from_u32(WINDOW))
            .send_window(SEND_WINDOW)
            .datagram_send_buffer_size(DATAGRAMS_OUT)
            .datagram_receive_buffer_size(Some(DATAGRAMS_IN))
            .initial_rtt(INITIAL_RTT);
        transport
    }
}
