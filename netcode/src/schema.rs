//! What is replicated: the fields of a type, their widths and how they travel.
//!
//! A [`Schema`] is data, made once by `#[derive(Replicate)]` and read by the encoder, the decoder
//! and the generator of the browser's decoder, so that no field is described twice. Its hash goes
//! into the handshake: two ends with different schemas must not talk.
//!
//! Field values travel as unsigned integers of 1 to 32 bits ("raw" values). This module says how
//! integers, booleans and ranged floats become raw values and back; it does not encode them.

/// A type that can be replicated. Derive it; the two methods must agree with the schema.
pub trait Replicate: Sized {
    /// The type's fields, in wire order.
    const SCHEMA: Schema;

    /// Writes the raw value of every field into `row`, which has one place per field.
    fn store(&self, row: &mut [u32]);

    /// The value whose raw fields are `row`.
    fn load(row: &[u32]) -> Self;
}

/// Most fields a schema may have. It bounds the columns of a snapshot.
pub const FIELDS_MAX: usize = 64;

/// The fields of a replicated type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schema {
    /// The type's name.
    pub name: &'static str,
    /// Its fields, in wire order; at most [`FIELDS_MAX`].
    pub fields: &'static [Field],
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    /// The field's name.
    pub name: &'static str,
    /// Width of the raw value: 1 to 32 bits.
    pub bits: u8,
    /// What the raw value means.
    pub kind: Kind,
    /// How encoder and decoder guess the next value.
    pub predict: Predict,
    /// Who gets it, and when.
    pub scope: Scope,
}

/// What a raw value means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// An unsigned number.
    Unsigned,
    /// An unsigned number on a circle, such as a heading: the largest value is next to zero. The
    /// wire is the same; interpolation takes the shorter way round.
    Wrapping,
    /// A signed number in two's complement.
    Signed,
    /// 0 or 1.
    Bool,
    /// A real number from `min` to `max` in equal steps, ends included.
    Ranged {
        /// The number that raw zero stands for.
        min: f64,
        /// The number that the largest raw value stands for.
        max: f64,
    },
}

/// How the next value is guessed; what travels is the difference from the guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predict {
    /// It stays as it was.
    Same,
    /// It changes as it did before. Fields predicted so are taken to change together: one mask
    /// says for which entities they changed at all.
    Linear,
}

/// Who gets a field, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everyone who sees the entity, whenever it changes.
    Always,
    /// Everyone who sees the entity, once, when it comes into view. It must not change after.
    Once,
    /// The entity's owner alone, in every frame.
    Owner,
}

impl Field {
    /// The largest raw value, which is also the mask of its bits.
    pub const fn mask(&self) -> u32 {
        u32::MAX >> (32 - self.bits as u32)
    }

    /// Bits that a plane needs to name a width of 1 to `bits`.
    pub(crate) const fn width_bits(&self) -> u32 {
        32 - (self.bits as u32 - 1).leading_zeros()
    }
}

impl Schema {
    /// A number that differs (but for one chance in 2^32) whenever the wire form differs.
    pub fn hash(&self) -> u32 {
        let mut hash = Fnv::new();
        self.hash_into(&mut hash);
        hash.get()
    }

    pub(crate) fn hash_into(&self, hash: &mut Fnv) {
        hash.text(self.name);
        for field in self.fields {
            hash.text(field.name);
            let (kind, ends) = match field.kind {
                Kind::Unsigned => (0, [0.0; 2]),
                Kind::Wrapping => (1, [0.0; 2]),
                Kind::Signed => (2, [0.0; 2]),
                Kind::Bool => (3, [0.0; 2]),
                Kind::Ranged { min, max } => (4, [min, max]),
            };
            hash.bytes(&[field.bits, kind, field.predict as u8, field.scope as u8]);
            for end in ends {
                hash.bytes(&end.to_bits().to_le_bytes());
            }
        }
    }

    /// Whether the schema can be used: its size and its fields' widths are within bounds.
    pub const fn is_valid(&self) -> bool {
        let mut n = 0;
        while n < self.fields.len() {
            let bits = self.fields[n].bits;
            if bits < 1 || bits > 32 {
                return false;
            }
            n += 1;
        }
        n >= 1 && n <= FIELDS_MAX
    }
}

/// FNV-1a, 32 bits: enough to tell schemas and test states apart, useless against an attacker.
#[derive(Clone, Copy, Debug)]
pub struct Fnv(u32);

impl Fnv {
    /// The hash of nothing.
    pub const fn new() -> Self {
        Fnv(0x811c_9dc5)
    }

    /// Adds bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0xff]);
    }

    /// The hash of all that was added.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Fnv {
    fn default() -> Self {
        Self::new()
    }
}

/// The raw value nearest to `value`; what lies outside the range goes to its end, a NaN to zero.
pub fn quantise(value: f64, min: f64, max: f64, bits: u32) -> u32 {
    let steps = f64::from(u32::MAX >> (32 - bits));
    // A float-to-integer cast saturates and turns NaN to zero, so this is total.
    ((value - min) / (max - min) * steps + 0.5)
        .floor()
        .clamp(0.0, steps) as u32
}

/// The number that `raw` stands for.
pub fn dequantise(raw: u32, min: f64, max: f64, bits: u32) -> f64 {
    let steps = f64::from(u32::MAX >> (32 - bits));
    min + f64::from(raw) * ((max - min) / steps)
}

/// The signed number that the low `bits` of `raw` stand for.
pub const fn sign_extend(raw: u32, bits: u32) -> i32 {
    ((raw << (32 - bits)) as i32) >> (32 - bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quantising_errs_by_half_a_step(value in -100.0..100.0f64, bits in 1u32..=32) {
            let raw = quantise(value, -100.0, 100.0, bits);
            let step = 200.0 / f64::from(u32::MAX >> (32 - bits));
            let back = dequantise(raw, -100.0, 100.0, bits);
            prop_assert!((back - value).abs() <= step * 0.5000001);
            prop_assert_eq!(quantise(back, -100.0, 100.0, bits), raw);
        }

        #[test]
        fn quantising_is_total(value: f64, bits in 1u32..=32) {
            prop_assert!(quantise(value, -1.0, 1.0, bits) <= u32::MAX >> (32 - bits));
        }
    }

    #[test]
    fn every_detail_changes_the_hash() {
        const FIELD: Field = Field {
            name: "x",
            bits: 8,
            kind: Kind::Unsigned,
            predict: Predict::Same,
            scope: Scope::Always,
        };
        const VARIANTS: [&[Field]; 7] = [
            &[FIELD],
            &[Field { name: "y", ..FIELD }],
            &[Field { bits: 9, ..FIELD }],
            &[Field {
                kind: Kind::Wrapping,
                ..FIELD
            }],
            &[Field {
                predict: Predict::Linear,
                ..FIELD
            }],
            &[Field {
                scope: Scope::Once,
                ..FIELD
            }],
            &[FIELD, FIELD],
        ];
        let hashes: std::collections::HashSet<u32> = VARIANTS
            .iter()
            .map(|fields| Schema { name: "T", fields }.hash())
            .collect();
        assert_eq!(hashes.len(), VARIANTS.len());
    }
}
