//! Delivery classes: what may happen to a frame that cannot be written at once.
//!
//! Falling behind is ordinary. The class says what the publisher prefers then: everything in
//! order, only the newest, or nothing at all.

/// What to do with a frame when a lane is full or a socket does not take it yet.
///
/// | class | full lane | backlogged socket |
/// |---|---|---|
/// | `Reliable` | waits in the overflow, then the publisher gets an error | queued, in order; at the bound the connection closes with a reason |
/// | `Latest(key)` | replaces the waiting frame for the same topic (or connection) and key | replaces the unsent frame of the same key |
/// | `Volatile` | dropped | dropped |
///
/// On its socket a key is the connection's, whatever topic it came by: topics whose newest frames
/// must not replace each other use different keys.
///
/// Every outcome is counted (see [`Stats`](crate::Stats)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Ordered and complete, or the connection ends.
    Reliable,
    /// Only the newest frame of this key matters.
    Latest(Key),
    /// Worth sending only if it can be sent now.
    Volatile,
}

/// The key of [`Class::Latest`]: 26 bits, because it shares a word with the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u32);

impl Key {
    /// Largest key.
    pub const MAX: u32 = (1 << 26) - 1;

    /// A key, if it fits 26 bits.
    pub const fn new(key: u32) -> Option<Self> {
        if key <= Self::MAX {
            Some(Self(key))
        } else {
            None
        }
    }

    /// The key's number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Class {
    /// Class in two bits, key in the 26 above: 28 bits in all.
    pub(crate) const fn to_bits(self) -> u32 {
        match self {
            Class::Reliable => 0,
            Class::Latest(key) => 1 | key.0 << 2,
            Class::Volatile => 2,
        }
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Class::Reliable,
            1 => Class::Latest(Key(bits >> 2 & Key::MAX)),
            _ => Class::Volatile,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_survives_its_28_bits() {
        for class in [
            Class::Reliable,
            Class::Volatile,
            Class::Latest(Key(0)),
            Class::Latest(Key(Key::MAX)),
        ] {
            assert!(class.to_bits() < 1 << 28);
            assert_eq!(Class::from_bits(class.to_bits()), class);
        }
        assert_eq!(Key::new(Key::MAX + 1), None);
    }
}
