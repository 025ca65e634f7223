//! Who a server says it is: a certificate made for a test, and clients that believe it alone.

use std::{io, net::SocketAddr, sync::Arc};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use ringside_gateway::Tls;
use rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::within;

/// The name in every certificate.
const NAME: &str = "localhost";

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

    /// The settings of a server of this identity.
    ///
    /// # Panics
    /// When the certificate is none.
    pub fn server_tls(&self) -> Tls {
        let (cert, key) = (self.cert_pem.as_bytes(), self.key_pem.as_bytes());
        Tls::pem(cert, key).expect("a certificate and its key")
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
