//! The opening handshake (RFC 6455 §4) on plain header values, for both ends.
//!
//! HTTP is the caller's: it hands over the values of the headers that matter and gets a verdict.
//! Not judged here: Origin, path, authorization, limits on headers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The length of a Sec-WebSocket-Key: sixteen bytes in base64.
pub const KEY_LEN: usize = 24;

/// The length of a Sec-WebSocket-Accept: twenty bytes in base64.
pub const ACCEPT_LEN: usize = 28;

/// The value of Sec-WebSocket-Accept: 28 ASCII characters; derefs to `str`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptKey([u8; ACCEPT_LEN]);

impl AcceptKey {
    /// The header value.
    pub fn as_str(&self) -> &str {
        // Base64 is ASCII, so this never gives the empty string.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The header value as bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::ops::Deref for AcceptKey {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2, item 5.4).
pub fn accept_key(key: &str) -> AcceptKey {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut out = [0; ACCEPT_LEN];
    // Twenty bytes make exactly 28 characters.
    let _ = STANDARD.encode_slice(digest, &mut out);
    AcceptKey(out)
}

/// Sixteen random bytes of the caller's as a Sec-WebSocket-Key.
pub fn client_key(random: [u8; 16]) -> String {
    STANDARD.encode(random)
}

/// The header values of an upgrade request. `None`: the header is missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpgradeRequest<'a> {
    /// The method; must be `GET`.
    pub method: &'a str,
    /// `Connection`; must contain the token `Upgrade`.
    pub connection: Option<&'a str>,
    /// `Upgrade`; must contain the token `websocket`.
    pub upgrade: Option<&'a str>,
    /// `Sec-WebSocket-Version`; must be `13`.
    pub version: Option<&'a str>,
    /// `Sec-WebSocket-Key`; must be sixteen bytes in base64.
    pub key: Option<&'a str>,
}

/// Why an upgrade request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The method is not GET.
    Method,
    /// `Upgrade: websocket` or `Connection: Upgrade` is missing: not a WebSocket request.
    NotAnUpgrade,
    /// The version is not 13: the answer must name ours (RFC 6455 §4.4).
    Version,
    /// The key is missing or not sixteen bytes in base64.
    Key,
}

impl Refusal {
    /// The HTTP status of the answer. For 426 add the header `Sec-WebSocket-Version: 13`.
    pub const fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::Version => 426,
            Self::NotAnUpgrade | Self::Key => 400,
        }
    }

    /// A sentence for the body and the log.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Method => "a WebSocket handshake is a GET request",
            Self::NotAnUpgrade => "the request does not ask for an upgrade to WebSocket",
            Self::Version => "only version 13 of WebSocket is spoken here",
            Self::Key => "Sec-WebSocket-Key must be sixteen bytes in base64",
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.sentence())
    }
}

impl std::error::Error for Refusal {}

impl UpgradeRequest<'_> {
    /// Checks the request as RFC 6455 §4.2.1 asks and computes the accept key.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn accept(&self) -> Result<AcceptKey, Refusal> {
        if self.method != "GET" {
            return Err(Refusal::Method);
        }
        if !has_token(self.upgrade, "websocket") || !has_token(self.connection, "upgrade") {
            return Err(Refusal::NotAnUpgrade);
        }
        if self.version.map(str::trim) != Some("13") {
            return Err(Refusal::Version);
        }
        let key = self
            .key
            .map(str::trim)
            .filter(|key| is_key(key))
            .ok_or(Refusal::Key)?;
        Ok(accept_key(key))
    }
}

/// Why a server's answer to our upgrade request is not an acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BadAnswer {
    /// The status is not 101.
    Status(u16),
    /// `Upgrade: websocket` or `Connection: Upgrade` is missing.
    NotAnUpgrade,
    /// The accept key does not belong to our key.
    AcceptKey,
}

impl std::fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the server answered {status} instead of 101"),
            Self::NotAnUpgrade => f.write_str("the server did not upgrade to WebSocket"),
            Self::AcceptKey => f.write_str("the server's accept key does not belong to our key"),
        }
    }
}

impl std::error::Error for BadAnswer {}

/// The client's check of the answer (RFC 6455 §4.1): status 101 and these header values.
///
/// # Errors
/// The first thing wrong with it.
pub fn check_answer(
    key: &str,
    status: u16,
    connection: Option<&str>,
    upgrade: Option<&str>,
    accept: Option<&str>,
) -> Result<(), BadAnswer> {
    if status != 101 {
        return Err(BadAnswer::Status(status));
    }
    if !has_token(upgrade, "websocket") || !has_token(connection, "upgrade") {
        return Err(BadAnswer::NotAnUpgrade);
    }
    if accept.map(str::trim) != Some(accept_key(key).as_str()) {
        return Err(BadAnswer::AcceptKey);
    }
    Ok(())
}

/// Whether a comma-separated header value contains a token, whatever its case.
fn has_token(value: Option<&str>, token: &str) -> bool {
    value.is_some_and(|value| {
        value
            .split(',')
            .any(|part| part.trim().eq_ignore_ascii_case(token))
    })
}

/// "a base64-encoded value that, when decoded, is 16 bytes in length" (RFC 6455 §4.2.1).
fn is_key(key: &str) -> bool {
    let mut decoded = [0; 18];
    key.len() == KEY_LEN && STANDARD.decode_slice(key, &mut decoded) == Ok(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 6455 §1.3
        assert_eq!(
            &*accept_key("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    fn good() -> UpgradeRequest<'static> {
        UpgradeRequest {
            method: "GET",
            connection: Some("keep-alive, Upgrade"),
            upgrade: Some("WebSocket"),
            version: Some("13"),
            key: Some("dGhlIHNhbXBsZSBub25jZQ=="),
        }
    }

    #[test]
    fn every_refusal_has_its_cause() {
        assert!(good().accept().is_ok());
        let refused = |change: fn(&mut UpgradeRequest<'static>)| {
            let mut request = good();
            change(&mut request);
            request.accept().expect_err("refused")
        };
        assert_eq!(refused(|it| it.method = "POST"), Refusal::Method);
        assert_eq!(
            refused(|it| it.connection = Some("close")),
            Refusal::NotAnUpgrade
        );
        assert_eq!(refused(|it| it.upgrade = None), Refusal::NotAnUpgrade);
        assert_eq!(refused(|it| it.version = Some("8")), Refusal::Version);
        for key in [
            "",
            "short",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZSE=",
            "################!!!!!!==",
        ] {
            let request = UpgradeRequest {
                key: Some(key),
                ..good()
            };
            assert_eq!(request.accept(), Err(Refusal::Key), "{key}");
        }
        for refusal in [
            Refusal::Method,
            Refusal::NotAnUpgrade,
            Refusal::Version,
            Refusal::Key,
        ] {
            assert!((400..500).contains(&refusal.status()));
            assert_eq!(refusal.to_string(), refusal.sentence());
        }
    }

    #[test]
    fn a_client_believes_only_its_own_key() {
        let key = client_key([7; 16]);
        let accept = accept_key(&key);
        let check =
            |status, upgrade, accept| check_answer(&key, status, Some("upgrade"), upgrade, accept);
        assert_eq!(check(101, Some("websocket"), Some(&accept)), Ok(()));
        assert_eq!(
            check(200, Some("websocket"), Some(&accept)),
            Err(BadAnswer::Status(200))
        );
        assert_eq!(
            check(101, None, Some(&accept)),
            Err(BadAnswer::NotAnUpgrade)
        );
        assert_eq!(
            check(101, Some("websocket"), Some("no")),
            Err(BadAnswer::AcceptKey)
        );
    }
}
