//! What every QUIC connection of ours is made with, and trust by a certificate's hash.

use std::{fmt, sync::Arc, time::Duration};

use quinn_proto::{
    ClientConfig, IdleTimeout, TransportConfig, VarInt, crypto::rustls::QuicClientConfig,
};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sha2::{Digest, Sha256};

/// What a native client speaks on the server's UDP port; the version is part of it.
const ALPN: &[u8] = b"ringside/1";
/// Silence after which the connection is over, and how often we say something lest there be silence: the
/// heartbeat of Engine.IO is too slow for that, and routers forget a silent UDP flow after half a minute.
const IDLE_MS: u32 = 20_000;
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// The first guess of a round trip. QUIC's own (333 ms) makes a lost first packet cost a second.
const RTT: Duration = Duration::from_millis(100);
/// Bytes of datagrams that wait, each way: a few ticks of a game. What is older is stale, and QUIC drops the
/// oldest first.
const DATAGRAM_BUFFER: usize = 64 * 1024;

/// The settings of a connection. Leaves out 0-RTT: what is sent that early an eavesdropper can send again, and a
/// hello that saves one round trip at a reconnection is not worth that question.
pub(crate) fn config(tls: &rustls::ClientConfig) -> Result<ClientConfig, String> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![ALPN.into()];
    tls.enable_early_data = false;
    let tls = QuicClientConfig::try_from(tls)
        .map_err(|_| "the TLS settings do not offer TLS 1.3 with AES-128-GCM".to_owned())?;
    let mut config = ClientConfig::new(Arc::new(tls));
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MS))))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .initial_rtt(RTT)
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER))
        .datagram_send_buffer_size(DATAGRAM_BUFFER)
        // The server opens no streams.
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// TLS settings that trust the certificates with these SHA-256 hashes and no others, whatever name and dates are in
/// them: for servers with a certificate of their own making, in development or on a local network. `gen-cert` prints the
/// hash, and browsers take the same as `serverCertificateHashes`.
///
/// ```
/// use ringside_client::{Options, Transport, trust_hashes};
/// let hash = [0; 32]; // as it was printed
/// let options = Options {
///     transports: vec![Transport::WebTransport],
///     tls: Some(trust_hashes([hash])),
///     ..Options::default()
/// };
/// # let _ = options;
/// ```
pub fn trust_hashes(hashes: impl IntoIterator<Item = [u8; 32]>) -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Pinned {
        hashes: hashes.into_iter().collect(),
        provider: provider.clone(),
    };
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Arc::new(config)
}

/// Knows certificates by their hashes. That the server holds the key is checked as ever.
#[derive(Debug)]
struct Pinned {
    hashes: Vec<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

/// The server showed a certificate with this hash, which is not trusted.
struct Stranger([u8; 32]);

/// The same: it is this that rustls shows.
impl fmt::Debug for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate's SHA-256 is ")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(", which is none of those that are trusted")
    }
}

impl std::error::Error for Stranger {}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let hash: [u8; 32] = Sha256::digest(certificate).into();
        if self.hashes.contains(&hash) {
            Ok(ServerCertVerified::assertion())
        } else {
            let stranger = OtherError(Arc::new(Stranger(hash)));
            Err(Error::InvalidCertificate(CertificateError::Other(stranger)))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
