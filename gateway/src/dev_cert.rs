//! Certificates for development: browsers accept them over WebTransport by their hash.
//!
//! A page that gives a certificate's SHA-256 as `serverCertificateHashes` needs no authority to vouch for it,
//! if the certificate is ECDSA and valid for at most fourteen days (W3C WebTransport, "custom certificate
//! requirements"). So a game can be tried with datagrams on one machine, or in a local network, without a
//! domain. Promises: what is made meets those requirements. Leaves out: `https://` without a warning, which
//! takes a certificate that the browser trusts; and production: use [`Tls::files`](crate::Tls::files).

use std::{fmt, fmt::Write, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd};
use sha2::{Digest, Sha256};

use crate::env;

/// It begins before it is made, for clients whose clocks are behind.
const BEFORE: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Whatever else it is for.
const ALWAYS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A self-signed certificate and its key, as PEM, and its hash.
pub struct DevCertificate {
    /// The certificate.
    pub cert: String,
    /// Its private key.
    pub key: String,
    /// SHA-256 of the certificate's DER.
    pub hash: [u8; 32],
}

/// Why there is no certificate: a name is none, or the days are too many.
#[derive(Debug)]
pub struct DevCertError(String);

impl fmt::Display for DevCertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DevCertError {}

impl DevCertificate {
    /// Days: valid for longer, a browser refuses it.
    pub const DAYS_MAX: u32 = 14;

    /// A certificate for `localhost`, `127.0.0.1`, `::1` and these names and addresses, from an hour ago on and
    /// for so many days (at most [`DAYS_MAX`](Self::DAYS_MAX)).
    ///
    /// # Errors
    /// A name cannot stand in a certificate, or the days are none or too many.
    pub fn new(
        names: impl IntoIterator<Item = impl Into<String>>,
        days: u32,
    ) -> Result<Self, DevCertError> {
        if !(1..=Self::DAYS_MAX).contains(&days) {
            return Err(DevCertError(format!(
                "{days} days: browsers accept certificates by their hash for 1 to {}",
                Self::DAYS_MAX
            )));
        }
        let unfit = |error: rcgen::Error| DevCertError(error.to_string());
        let mut all: Vec<String> = ALWAYS.map(String::from).into();
        for name in names.into_iter().map(Into::into) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        let mut params = CertificateParams::new(all).map_err(unfit)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Ringside development");
        params.not_before =
            date_time_ymd(1970, 1, 1) + Duration::from_millis(env::epoch_ms()) - BEFORE;
        params.not_after = params.not_before + DAY * days;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(unfit)?;
        let cert = params.self_signed(&key).map_err(unfit)?;
        Ok(Self {
            hash: Sha256::digest(cert.der()).into(),
            cert: cert.pem(),
            key: key.serialize_pem(),
        })
    }

    /// The hash in base64, as the browser client takes it.
    pub fn hash_base64(&self) -> String {
        BASE64_STANDARD.encode(self.hash)
    }

    /// The hash in hexadecimal, as other programs show it.
    pub fn hash_hex(&self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.hash {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// The option that admits this certificate, for a page's own `new WebTransport(…)`.
    pub fn javascript(&self) -> String {
        format!(
            r#"serverCertificateHashes: [{{ algorithm: "sha-256", value: Uint8Array.from(atob("{}"), (c) => c.charCodeAt(0)) }}]"#,
            self.hash_base64()
        )
    }
}

impl fmt::Debug for DevCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        write!(f, "DevCertificate({})", self.hash_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tls;

    #[test]
    fn a_certificate_is_usable_and_no_two_are_alike() {
        let one = DevCertificate::new(["game.lan", "localhost", "10.0.0.7"], 14).expect("fine");
        let two = DevCertificate::new([""; 0], 1).expect("fine");
        assert_ne!(one.hash, two.hash);
        Tls::pem(one.cert.as_bytes(), one.key.as_bytes()).expect("a pair");
        assert_eq!(one.hash_hex().len(), 64);
        assert!(one.javascript().contains(&one.hash_base64()));
    }

    #[test]
    fn what_a_browser_would_refuse_is_not_made() {
        for days in [0, 15, u32::MAX] {
            assert!(DevCertificate::new([""; 0], days).is_err(), "{days}");
        }
        assert!(DevCertificate::new(["no\u{fc}name"], 14).is_err());
    }
}
