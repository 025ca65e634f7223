//! Identities that travel between threads: connections and times.
//!
//! Promises: a [`ConnId`] names one life of one connection. When its slot is used again the
//! generation differs, so an operation that arrives late finds nobody instead of somebody else.

/// One connection: the shard that owns it, its slot there, and which life of that slot it is.
///
/// ```text
/// 63      56 55                32 31                 0
/// +---------+--------------------+-------------------+
/// |  shard  |        slot        |    generation     |
/// +---------+--------------------+-------------------+
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(u64);

/// Connections a shard can hold: the slot is 24 bits. Far above any descriptor limit.
pub const CONNS_PER_SHARD_MAX: usize = 1 << 24;

impl ConnId {
    pub(crate) fn new(shard: u8, slot: u32, generation: u32) -> Self {
        debug_assert!((slot as usize) < CONNS_PER_SHARD_MAX);
        Self(u64::from(shard) << 56 | u64::from(slot) << 32 | u64::from(generation))
    }

    /// The shard that owns the connection.
    pub fn shard(self) -> usize {
        (self.0 >> 56) as usize
    }

    /// The connection's slot in its shard: dense, small, used again after it closes.
    pub fn slot(self) -> usize {
        (self.0 >> 32) as usize & (CONNS_PER_SHARD_MAX - 1)
    }

    /// Which life of the slot this is.
    pub fn generation(self) -> u32 {
        self.0 as u32
    }

    /// The identity as one word, for logs and for [`from_bits`](Self::from_bits).
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The inverse of [`to_bits`](Self::to_bits). A made-up identity is harmless: it finds nobody.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl std::fmt::Debug for ConnId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "conn {}.{}#{}",
            self.shard(),
            self.slot(),
            self.generation()
        )
    }
}

/// Milliseconds since an epoch of the caller's choosing (the driver uses the start of the shard).
///
/// The core never reads a clock: every turn is told the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// This time, `ms` later.
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_keeps_its_parts() {
        let id = ConnId::new(39, 0x00ab_cdef, 0xdead_beef);
        assert_eq!(
            (id.shard(), id.slot(), id.generation()),
            (39, 0x00ab_cdef, 0xdead_beef)
        );
        assert_eq!(ConnId::from_bits(id.to_bits()), id);
    }
}
