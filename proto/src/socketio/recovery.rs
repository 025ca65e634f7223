//! Connection state recovery: what travels between the ends.
//!
//! The server names a session by a private id (`pid`) in its CONNECT answer and appends an
//! [`Offset`] to every event that can be recovered: EVENT packets without ack id that are not
//! volatile (npm socket.io-adapter 2.5, `SessionAwareAdapter`). A returning client puts both into
//! its CONNECT payload ([`RecoveryClaim`]). The log of events is the caller's.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

/// The position of an event in its publisher's sequence, as clients carry it: opaque to them.
///
/// Ordered within one publisher only. An offset of a publisher the server does not know (another
/// epoch, another node) means `recovered = false`, never a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offset {
    /// Who published, unique in the server's lifetime.
    pub publisher: u32,
    /// Its running number.
    pub sequence: u64,
}

/// The longest text of an offset: 8 and 16 hexadecimal digits and a dot.
pub const OFFSET_LEN_MAX: usize = 25;

impl Offset {
    /// Reads the text of an offset; nothing if it was not written by [`Offset`]'s `Display`.
    pub fn parse(text: &str) -> Option<Self> {
        let (publisher, sequence) = text.split_once('.')?;
        let is_canonical = |digits: &str| {
            digits
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                && (digits == "0" || !digits.starts_with('0'))
        };
        if !is_canonical(publisher) || !is_canonical(sequence) {
            return None;
        }
        Some(Self {
            publisher: u32::from_str_radix(publisher, 16).ok()?,
            sequence: u64::from_str_radix(sequence, 16).ok()?,
        })
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}", self.publisher, self.sequence)
    }
}

/// What a returning client claims in its CONNECT payload, beside the application's auth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryClaim<'a> {
    /// The private id the server gave it.
    pub pid: Cow<'a, str>,
    /// The offset of the last event it saw. `None`: it saw none, or something we did not write.
    pub offset: Option<Offset>,
}

impl<'a> RecoveryClaim<'a> {
    /// Reads the claim from a CONNECT payload; `None` if it holds none (or is not JSON, which the
    /// parsing of the auth will report).
    pub fn parse(payload: &'a str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            pid: Cow<'a, str>,
            #[serde(borrow, default)]
            offset: Option<Cow<'a, str>>,
        }
        let raw: Raw<'a> = serde_json::from_str(payload).ok()?;
        Some(Self {
            pid: raw.pid,
            offset: raw.offset.and_then(|text| Offset::parse(&text)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_offset_survives_its_text(publisher: u32, sequence: u64) {
            let offset = Offset { publisher, sequence };
            let text = offset.to_string();
            prop_assert!(text.len() <= OFFSET_LEN_MAX);
            prop_assert_eq!(Offset::parse(&text), Some(offset));
        }

        #[test]
        fn only_the_canonical_text_is_an_offset(text in "[0-9a-fA-F.+ ]{0,28}") {
            if let Some(offset) = Offset::parse(&text) {
                prop_assert_eq!(offset.to_string(), text);
            }
        }
    }

    #[test]
    fn a_claim_is_found_beside_the_auth() {
        let claim = RecoveryClaim::parse(r#"{"token":"x","pid":"p","offset":"1.a"}"#);
        let offset = Some(Offset {
            publisher: 1,
            sequence: 10,
        });
        assert_eq!(
            claim,
            Some(RecoveryClaim {
                pid: "p".into(),
                offset
            })
        );
        let foreign = RecoveryClaim::parse(r#"{"pid":"p","offset":"MTIz$"}"#);
        assert_eq!(
            foreign,
            Some(RecoveryClaim {
                pid: "p".into(),
                offset: None
            })
        );
        for payload in ["", "{}", r#"{"pid":7}"#, r#"{"offset":"1.a"}"#, "[]"] {
            assert_eq!(RecoveryClaim::parse(payload), None, "{payload}");
        }
    }
}
