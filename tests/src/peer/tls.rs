//! Who a server says it is: a certificate made for a test, and clients that believe it alone.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{CertificateParams, CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider, pki_types::ServerName};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::within;

/// The name in every certificate.
const NAME: &str = "localhost";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate for `localhost`, with its key.
#[derive(Debug)]
pub struct Identity {
    /// The certificate.
    pub cert_pem: String,
    /// Its key.
    pub key_pem: String,
    /// The certificate as it travels.
    pub cert_der: Vec<u8>,
}

impl Identity {
    /// A new one, unlike all before.
    ///
    /// # Panics
    /// When none can be made.
    pub fn new() -> Self {
        let made: CertifiedKey<KeyPair> =
            generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
        Self {
            cert_pem: made.cert.pem(),
            key_pem: made.signing_key.serialize_pem(),
            cert_der: made.cert.der().to_vec(),
        }
    }

    /// A new one that browsers accept by its hash: ECDSA, and for less than two weeks.
    ///
    /// # Panics
    /// When none can be made.
    pub fn for_browsers() -> Self {
        let names = [NAME.to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("names");
        let now = SystemTime::now();
        params.not_before = (now - DAY / 24).into();
        params.not_after = (now + 10 * DAY).into();
        let key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        Self {
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
            cert_der: cert.der().to_vec(),
        }
    }

    /// SHA-256 of the certificate, as pages take it in base64.
    pub fn hash_base64(&self) -> String {
        BASE64_STANDARD.encode(Sha256::digest(&self.cert_der))
    }

    /// The settings of a client that believes this identity alone; `protocols` are offered by ALPN.
    ///
    /// # Panics
    /// When the certificate is none.
    pub fn client_config(&self, protocols: &[&str]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.cert_der.clone().into()).expect("a root");
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        config
    }

    /// Connects to a server that must be of this identity; `protocols` are offered by ALPN.
    ///
    /// # Errors
    /// It is another, or has no TLS.
    pub async fn connect(
        &self,
        at: SocketAddr,
        protocols: &[&str],
    ) -> io::Result<TlsStream<TcpStream>> {
        let config = self.client_config(protocols);
        let tcp = within("connecting", TcpStream::connect(at)).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from(NAME).expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        within("the handshake of TLS", connector.connect(name, tcp)).await
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::new()
    }
}
