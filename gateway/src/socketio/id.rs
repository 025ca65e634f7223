//! Ids of sockets, and of what they may be recovered by.
//!
//! ```text
//! 15 bytes: | shard 8 | node 16 (0 for now) | slot 24, masked | random 72 |   as 20 characters of base64url
//! ```
//!
//! An id is an address: a socket's own-id room needs no table, for the id names the shard and the slot
//! of its connection. The slot is masked by a keyed hash of the random part, so that ids tell nobody how
//! many connections there are. Promises: unguessable (72 random bits), unique, and a made-up id finds nobody.

use std::{hash::BuildHasher, sync::LazyLock};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ringside_core::ConnId;
use serde::{Serialize, Serializer};

use crate::env::{self, HashState};

const BYTES: usize = 15;
const CHARS: usize = 20;
/// Where the random part begins.
const RANDOM: usize = 6;

static MASKS: LazyLock<HashState> = LazyLock::new(HashState::default);

/// A socket's id: 20 characters, unguessable, another one for each connection and namespace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId([u8; CHARS]);

fn mask(random: &[u8]) -> [u8; 3] {
    let [a, b, c, ..] = MASKS.hash_one(random).to_le_bytes();
    [a, b, c]
}

impl SocketId {
    /// A new id for something on this connection.
    pub(crate) fn new(conn: ConnId) -> Self {
        let mut bytes = [0; BYTES];
        env::fill(&mut bytes[RANDOM..]);
        bytes[0] = conn.shard() as u8;
        let slot = (conn.slot() as u32).to_le_bytes();
        let mask = mask(&bytes[RANDOM..]);
        (0..3).for_each(|i| bytes[3 + i] = slot[i] ^ mask[i]);
        let mut text = [0; CHARS];
        // 15 bytes are exactly 20 characters.
        let written = BASE64_URL_SAFE_NO_PAD.encode_slice(bytes, &mut text);
        debug_assert_eq!(written, Ok(CHARS));
        Self(text)
    }

    /// Reads what may be an id; `None` when it cannot be one of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let id = Self(text.as_bytes().try_into().ok()?);
        id.bytes().map(|_| id)
    }

    fn bytes(&self) -> Option<[u8; BYTES]> {
        let mut bytes = [0; BYTES];
        BASE64_URL_SAFE_NO_PAD
            .decode_slice(self.0, &mut bytes)
            .ok()?;
        Some(bytes)
    }

    /// The shard and the slot it was made for.
    pub(crate) fn address(&self) -> Option<(usize, usize)> {
        let bytes = self.bytes()?;
        let mask = mask(&bytes[RANDOM..]);
        let slot = u32::from_le_bytes([
            bytes[3] ^ mask[0],
            bytes[4] ^ mask[1],
            bytes[5] ^ mask[2],
            0,
        ]);
        Some((usize::from(bytes[0]), slot as usize))
    }

    /// The characters of the text: all that tells it from other ids, without a look at whether they are text.
    pub const fn as_bytes(&self) -> &[u8; CHARS] {
        &self.0
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Display for SocketId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for SocketId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for SocketId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_to_its_connection_and_does_not_show_it() {
        let conn = ConnId::from_bits(7 << 56 | 0x0001_2345 << 32 | 9);
        let ids: Vec<_> = (0..100).map(|_| SocketId::new(conn)).collect();
        let mut shown = std::collections::HashSet::new();
        for id in ids {
            assert_eq!(id.as_str().len(), CHARS);
            assert_eq!(id.address(), Some((7, 0x0001_2345)));
            assert_eq!(SocketId::parse(id.as_str()), Some(id));
            shown.insert(id.bytes().unwrap()[3..6].to_vec());
        }
        assert!(shown.len() > 90, "the slot's bytes differ from id to id");
    }

    #[test]
    fn what_is_no_id_is_none() {
        for text in [
            "",
            "lobby",
            "!!!!!!!!!!!!!!!!!!!!",
            "AAAAAAAAAAAAAAAAAAAAA",
            "ÄÄÄÄÄÄÄÄÄÄ",
        ] {
            assert_eq!(SocketId::parse(text), None, "{text}");
        }
    }
}
