//! Inputs whose schema is their wire form: the fields one after another, each at its width.
//!
//! Both ends use it: a server to read what a client sent, a client in Rust to write it. What does not
//! fit its width is cut, so that no input can shift the bits of the next.

use super::{Input, WireInput};
use crate::bits::{BitReader, BitWriter};
use crate::schema::{FIELDS_MAX, Replicate};

/// An input that travels as the fields of its schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wired<I>(pub I);

impl<I: Input> Input for Wired<I> {
    fn repeated(&self) -> Self {
        Self(self.0.repeated())
    }
}

impl<I: Input + Replicate + PartialEq> WireInput for Wired<I> {
    fn write(&self, out: &mut BitWriter) {
        let fields = I::SCHEMA.fields;
        let mut row = [0; FIELDS_MAX];
        self.0.store(&mut row[..fields.len()]);
        for (field, value) in fields.iter().zip(row) {
            out.put(value & field.mask(), field.bits.into());
        }
    }

    fn read(from: &mut BitReader<'_>) -> Option<Self> {
        let fields = I::SCHEMA.fields;
        let mut row = [0; FIELDS_MAX];
        for (field, value) in fields.iter().zip(&mut row) {
            *value = from.get(field.bits.into());
        }
        Some(Self(I::load(&row[..fields.len()])))
    }
}
