//! Session ids: unguessable, and they name the shard that owns the session.
//!
//! ```text
//! 15 bytes: | shard 8 bits | node 16 bits (0 for now) | random 96 bits |   as 20 characters of base64url
//! ```
//!
//! Promises: a request that arrives on the wrong shard finds the right one from its sid alone. A sid
//! that was made up names no session: the random part decides.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::env;

/// Characters of a sid.
const CHARS: usize = 20;

/// A session's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Sid([u8; 15]);

impl Sid {
    /// A new id of a session on `shard`.
    pub(crate) fn new(shard: usize) -> Self {
        let mut bytes = [0; 15];
        env::fill(&mut bytes[3..]);
        bytes[0] = shard as u8;
        Self(bytes)
    }

    /// Reads what a peer claims; `None` when it cannot be one of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() != CHARS {
            return None;
        }
        let mut bytes = [0; 15];
        BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The shard it names.
    pub(crate) fn shard(&self) -> usize {
        usize::from(self.0[0])
    }
}

impl std::fmt::Display for Sid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = [0; CHARS];
        // 15 bytes are exactly 20 characters.
        let written = BASE64_URL_SAFE_NO_PAD.encode_slice(self.0, &mut text);
        debug_assert_eq!(written, Ok(CHARS));
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_sid_survives_its_text_and_names_its_shard() {
        for shard in [0, 1, 39] {
            let sid = Sid::new(shard);
            let text = sid.to_string();
            assert_eq!(text.len(), CHARS);
            assert_eq!(Sid::parse(&text), Some(sid));
            assert_eq!(sid.shard(), shard);
        }
    }

    #[test]
    fn what_is_no_sid_is_refused() {
        for text in [
            "",
            "short",
            "!!!!!!!!!!!!!!!!!!!!",
            "AAAAAAAAAAAAAAAAAAAAA",
            "ÄÄÄÄÄÄÄÄÄÄ",
        ] {
            assert_eq!(Sid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn sids_do_not_repeat() {
        let sids: HashSet<_> = (0..10_000).map(|_| Sid::new(0).to_string()).collect();
        assert_eq!(sids.len(), 10_000);
    }
}
