//! WebTransport for the page: QUIC with the server's own certificate, or with one made for this run.
//!
//! A certificate of this run's is trusted by the page because it is named by its hash, which the page asks for at
//! `/transports.json`. It is valid for two weeks; whoever runs a game for longer has a real one.

use std::net::IpAddr;

use ringside_rooms::{Builder, DevCertificate, Page, Quic, Tls};
use serde_json::json;

/// Offers WebTransport, and gives the hash of the certificate (SHA-256, in hexadecimal) if it was made here.
///
/// # Errors
/// No certificate could be made.
pub(crate) fn serve(
    io: &mut Builder,
    own: Option<&Tls>,
    address: Option<IpAddr>,
) -> Result<Option<String>, Box<dyn std::error::Error>> {
    let made = match own {
        Some(_) => None,
        None => Some(DevCertificate::new(
            address.map(|ip| ip.to_string()),
            DevCertificate::DAYS_MAX,
        )?),
    };
    let tls = match (own, &made) {
        (Some(own), _) => own.clone(),
        (None, Some(made)) => Tls::pem(made.cert.as_bytes(), made.key.as_bytes())?,
        (None, None) => return Ok(None),
    };
    io.quic(Quic::new(tls));
    tell(io, true, made.as_ref());
    Ok(made.map(|made| made.hash_hex()))
}

/// Says that there is none.
pub(crate) fn none(io: &mut Builder) {
    tell(io, false, None);
}

fn tell(io: &mut Builder, offered: bool, made: Option<&DevCertificate>) {
    let hashes: Vec<_> = made.iter().map(|made| made.hash_base64()).collect();
    let answer = json!({ "webtransport": offered, "serverCertificateHashes": hashes });
    let body = answer.to_string().into_bytes();
    io.page("/transports.json", Page::new("application/json", body));
}
