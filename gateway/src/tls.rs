//! TLS: a certificate and its key, taken up again when their files change.
//!
//! Promises: what cannot be used is an error that names the file and the mend, before anybody is
//! accepted; a pair of files that was replaced serves the next handshake without a restart, and one that
//! cannot be read leaves the old pair in use, with a warning. HTTP/2 is offered by ALPN.
//! Leaves out: client certificates, and several certificates by name: put a proxy in front.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use ring::hmac;
use rustls::{
    ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ProducesTickets, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at: a certificate is replaced days before it ends, so that seconds
/// do not matter, and two calls of `stat` cost microseconds.
const LOOK: Duration = Duration::from_secs(2);

/// The protocols a client may choose from, the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate and its key, for [`Builder::tls`](crate::Builder::tls). Cheap to clone; clones are one.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    source: Option<Files>,
    /// Read at each handshake, written when the files change.
    current: RwLock<Arc<CertifiedKey>>,
    reset_secret: ResetSecret,
    config: Mutex<Option<Arc<ServerConfig>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
}

/// Why a certificate or a key cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// There is no certificate in PEM.
    NoCertificate(String),
    /// There is no private key in PEM.
    NoKey(String),
    /// They are not what TLS needs, or do not belong together.
    Unusable(rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NoCertificate(what) => write!(
                f,
                "{what} holds no certificate; it has to begin with -----BEGIN CERTIFICATE-----, the \
                 server's own first, then those it is signed by"
            ),
            Self::NoKey(what) => write!(
                f,
                "{what} holds no private key; it has to begin with -----BEGIN PRIVATE KEY----- (or \
                 RSA, or EC) and not be encrypted"
            ),
            Self::Unusable(error) => write!(
                f,
                "the certificate and the key cannot be used together: {error}"
            ),
        }
    }
}

impl std::error::Error for TlsError {}

impl Tls {
    /// A certificate chain and its key in two PEM files, taken up again when they change.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn files(cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let files = Files {
            cert: cert.into(),
            key: key.into(),
        };
        let (pair, secret) = files.load()?;
        Ok(Self::new(Some(files), pair, secret))
    }

    /// A certificate chain and its key as PEM.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn pem(cert: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let (pair, secret) = parse(cert, "the given text", key, "the given text")?;
        Ok(Self::new(None, pair, secret))
    }

    fn new(source: Option<Files>, pair: CertifiedKey, reset_secret: ResetSecret) -> Self {
        Self(Arc::new(Inner {
            source,
            current: RwLock::new(Arc::new(pair)),
            reset_secret,
            config: Mutex::default(),
        }))
    }

    /// Reads the files again now; without files, nothing happens. Connections that are there go on.
    ///
    /// # Errors
    /// What is wrong with the files. The old pair stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        if let Some(files) = &self.0.source {
            let pair = Arc::new(files.load()?.0);
            *self
                .0
                .current
                .write()
                .unwrap_or_else(PoisonError::into_inner) = pair;
        }
        Ok(())
    }

    /// What the next process with this key knows too, and nobody else: by it a server tells the peers of its
    /// predecessor that their connections are gone (RFC 9000 §10.3).
    pub(crate) fn reset_secret(&self) -> &ResetSecret {
        &self.0.reset_secret
    }

    /// Looks after the files for ever. One task does, of one shard.
    pub(crate) async fn watch(self) {
        let Some(files) = &self.0.source else { return };
        let mut seen = files.stamps();
        loop {
            tokio::time::sleep(LOOK).await;
            let now = files.stamps();
            // Absent for a moment: whoever replaces them will bring them back.
            if now == seen || now.is_none() {
                continue;
            }
            seen = now;
            match self.reload() {
                Ok(()) => {
                    tracing::info!(cert = %files.cert.display(), "the certificate was replaced")
                }
                // Half of a pair that is being replaced; or nonsense, said once.
                Err(error) => tracing::warn!(%error, "the old certificate stays in use"),
            }
        }
    }

    /// What accepts connections.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let mut config = self.0.config.lock().unwrap_or_else(PoisonError::into_inner);
        let config = config.get_or_insert_with(|| Arc::new(self.config_for(PROTOCOLS)));
        TlsAcceptor::from(config.clone())
    }

    /// The settings of connections that speak one of these protocols.
    pub(crate) fn config_for<const N: usize>(&self, protocols: [&[u8]; N]) -> ServerConfig {
        // The provider's own versions and suites, so this cannot fail.
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites for its versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = protocols.map(Into::into).into();
        // Whoever comes back skips the costly half of the handshake, and nothing is stored for that.
        match ticketer() {
            Ok(ticketer) => config.ticketer = ticketer,
            Err(error) => tracing::warn!(%error, "sessions of TLS are not resumed"),
        }
        config
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.current.read();
        Some(current.unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.source).finish()
    }
}

pub(crate) type ResetSecret = [u8; 32];

/// What tells one version of a file from the next: changed when, how long, which file.
type Stamp = (i64, i64, u64, u64);

impl Files {
    fn load(&self) -> Result<(CertifiedKey, ResetSecret), TlsError> {
        let read = |path: &Path| {
            fs::read(path).map_err(|error| TlsError::Unreadable(path.to_owned(), error))
        };
        let (cert, key) = (read(&self.cert)?, read(&self.key)?);
        let name = |path: &Path| path.display().to_string();
        parse(&cert, &name(&self.cert), &key, &name(&self.key))
    }

    fn stamps(&self) -> Option<[Stamp; 2]> {
        let stamp = |path: &Path| {
            let it = fs::metadata(path).ok()?;
            Some((it.mtime(), it.mtime_nsec(), it.len(), it.ino()))
        };
        Some([stamp(&self.cert)?, stamp(&self.key)?])
    }
}

fn parse(
    cert: &[u8],
    cert_name: &str,
    key: &[u8],
    key_name: &str,
) -> Result<(CertifiedKey, ResetSecret), TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(cert)
        .filter_map(Result::ok)
        .collect();
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(cert_name.to_owned()));
    }
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::NoKey(key_name.to_owned()))?;
    let own = hmac::Key::new(hmac::HMAC_SHA256, key.secret_der());
    let mut secret = [0; 32];
    secret.copy_from_slice(hmac::sign(&own, b"ringside stateless reset").as_ref());
    let pair = CertifiedKey::from_der(chain, key, &provider()).map_err(TlsError::Unusable)?;
    Ok((pair, secret))
}

#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring as implementation;

#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as implementation;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(implementation::default_provider())
}

fn ticketer() -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    implementation::Ticketer::new()
}
