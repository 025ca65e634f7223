//! Where a room sends to: sockets in a server, a simulated network in a test.
//!
//! The room names its clients by a [`ClientId`] of the caller's. Promises of whoever implements this:
//! what is sent to one client arrives in the order of the calls, or its connection ends.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    time::Duration,
};

use ringside_netcode::snapshot::{FrameIndex, FrameSet};
use serde::Serialize;
use serde_json::value::RawValue;

/// A client, as its transport names it: one connection's life. A server has the connection's place in the upper half, so that
/// what belongs to neighbours lies together wherever it is kept by client, and they mostly speak one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

impl ClientId {
    /// The shard of a server's client.
    pub(crate) fn shard(self) -> usize {
        (self.0 >> (32 + SHARD_BITS)) as usize
    }
}

/// Something by client.
pub(crate) type ByClient<V> = HashMap<ClientId, V, BuildHasherDefault<Places>>;

/// Hashes clients so that neighbours are neighbours in a table, and other numbers of a server's own, as those of its rooms, as what
/// they are. A peer chooses none of them, so this needs not withstand one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places(u64);

/// Places of a shard.
const SHARD_BITS: u32 = 24;

impl Hasher for Places {
    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, client: u64) {
        // A table takes the lower bits for where it lies, and the uppermost to tell those apart that lie together.
        let (place, other) = (client >> 32, client << 32);
        // Small numbers, a room's or a test's client's, are places themselves.
        let place = if place == 0 { client } else { place };
        // Shards count their places from 0 each: 2^32 over the golden ratio sets them apart.
        let shard = (place >> SHARD_BITS).wrapping_mul(0x9E37_79B9);
        self.0 = self.0.rotate_left(5) ^ (place.wrapping_add(shard) & u64::from(u32::MAX)) ^ other;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Receivers of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To<'a> {
    /// All who are [`shared`](Outlet::share).
    Shared,
    /// These.
    Clients(&'a [ClientId]),
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// It arrives, in order, or the connection ends.
    Reliable,
    /// It is dropped for those who are behind.
    Volatile,
}

/// Why the room has nothing more to do with a client, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Goodbye {
    /// A word that does not change: `kicked`, `closed`, `replaced`, `crashed`, `over`.
    pub code: &'static str,
    /// For people.
    pub reason: String,
}

/// A frame of a tick, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameFor {
    /// The client that gets it.
    pub client: ClientId,
    /// The frame, among the tick's.
    pub frame: FrameIndex,
    /// It goes twice where it goes by datagram, for the client's link is seen to lose some.
    pub twice: bool,
}

/// Takes what a room sends.
pub trait Outlet {
    /// Answers a client's request to come in: a welcome or a refusal, as JSON.
    fn answer(&mut self, client: ClientId, answer: &RawValue);

    /// From now on the client is, or is no longer, among those who get what is sent to
    /// [`To::Shared`] and by [`frames`](Self::frames).
    fn share(&mut self, client: ClientId, shared: bool);

    /// The room is done with the client: it gets nothing more after this. `None`: the client knows.
    fn dismiss(&mut self, client: ClientId, why: Option<Goodbye>);

    /// An event with its argument, as JSON.
    fn event(&mut self, to: To<'_>, name: &'static str, argument: &RawValue, urgency: Urgency);

    /// The frames of a tick, each for one shared client. Returns a set to be used again, if there is one.
    fn frames(&mut self, frames: FrameSet, whose: &[FrameFor]) -> Option<FrameSet>;

    /// From now on the client's [`frames`](Self::frames) may be lost, or no longer. At first they may not.
    fn lossy(&mut self, client: ClientId, lossy: bool) {
        let _ = (client, lossy);
    }

    /// A frame for a client that is not shared.
    fn frame(&mut self, client: ClientId, frame: &[u8]);

    /// Answers a client that asked for the time: the room's, when it was asked.
    fn time(&mut self, client: ClientId, time: Duration);

    /// Whether the client is gone without having said so.
    fn is_gone(&self, client: ClientId) -> bool;
}

/// The outlet of a room without clients: one of bots, or one that nobody is in yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Outlet for Nobody {
    fn answer(&mut self, _: ClientId, _: &RawValue) {}
    fn share(&mut self, _: ClientId, _: bool) {}
    fn dismiss(&mut self, _: ClientId, _: Option<Goodbye>) {}
    fn event(&mut self, _: To<'_>, _: &'static str, _: &RawValue, _: Urgency) {}
    fn frames(&mut self, frames: FrameSet, _: &[FrameFor]) -> Option<FrameSet> {
        Some(frames)
    }
    fn frame(&mut self, _: ClientId, _: &[u8]) {}
    fn time(&mut self, _: ClientId, _: Duration) {}
    fn is_gone(&self, _: ClientId) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, hash::BuildHasher};

    use super::*;

    fn hash(shard: u64, slot: u64, random: u64) -> u64 {
        let client = ClientId((shard << 24 | slot) << 32 | random);
        BuildHasherDefault::<Places>::default().hash_one(client)
    }

    #[test]
    fn neighbours_lie_together_and_shards_and_lives_apart() {
        let place = |shard, slot| hash(shard, slot, 7) as u32;
        for shard in 0..40 {
            let follows = |slot| place(shard, slot + 1) == place(shard, slot).wrapping_add(1);
            assert!((1..5_000).all(follows));
        }
        // Forty shards with a thousand places each: hardly any two share one of a table's 131,072 buckets.
        let buckets: HashSet<u32> = (0..40_000)
            .map(|n| place(n % 40, 1 + n / 40) % 131_072)
            .collect();
        assert!(buckets.len() > 33_000, "{}", buckets.len());
        // A table tells those of one bucket apart by the uppermost seven bits.
        let lives: HashSet<u64> = (0..128).map(|n| hash(3, 9, n << 25) >> 57).collect();
        assert_eq!(lives.len(), 128);
    }

    #[test]
    fn small_numbers_have_places_of_their_own() {
        let places: HashSet<u32> = (0..10_000).map(|n| hash(0, 0, n) as u32).collect();
        assert_eq!(places.len(), 10_000);
    }
}
