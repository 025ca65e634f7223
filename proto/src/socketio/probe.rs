//! A walk over a value that writes nothing: how many attachments it has, and whether it is a tuple.
//!
//! The number of attachments stands before the payload, so it must be known first. For types
//! without bytes the compiler removes the walk.

use std::fmt;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// What a walk over the arguments found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// How many times bytes are written.
    pub(super) attachments: u32,
    /// The outermost value is a tuple (or nothing), so its fields are the arguments.
    pub(super) spread: bool,
    /// How many fields that tuple has.
    pub(super) arity: usize,
}

impl Shape {
    /// The same value in an encoding that has bytes of its own.
    pub(super) fn inline(self) -> Self {
        Self {
            attachments: 0,
            ..self
        }
    }
}

/// Walks `value` without writing.
///
/// # Errors
/// Whatever the value's own `Serialize` reports.
pub(super) fn probe<T: Serialize + ?Sized>(value: &T) -> Result<Shape, ProbeError> {
    let mut shape = Shape::default();
    value.serialize(Probe {
        shape: &mut shape,
        outermost: true,
    })?;
    Ok(shape)
}

/// A message of a failing `Serialize`.
#[derive(Debug)]
pub(super) struct ProbeError(pub(super) String);

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ProbeError {}

impl Error for ProbeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Probe<'s> {
    shape: &'s mut Shape,
    outermost: bool,
}

impl Probe<'_> {
    fn spread(self, arity: usize) -> Self {
        if self.outermost {
            self.shape.spread = true;
            self.shape.arity = arity;
        }
        self
    }

    #[inline]
    fn inside<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ProbeError> {
        value.serialize(Probe {
            shape: self.shape,
            outermost: false,
        })
    }
}

macro_rules! nothing {
    ($($method:ident: $ty:ty;)*) => {$(
        #[inline]
        fn $method(self, _: $ty) -> Result<(), ProbeError> {
            Ok(())
        }
    )*};
}

impl Serializer for Probe<'_> {
    type Ok = ();
    type Error = ProbeError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    nothing! {
        serialize_bool: bool; serialize_i8: i8; serialize_i16: i16; serialize_i32: i32; serialize_i64: i64;
        serialize_i128: i128; serialize_u8: u8; serialize_u16: u16; serialize_u32: u32; serialize_u64: u64;
        serialize_u128: u128; serialize_f32: f32; serialize_f64: f64; serialize_char: char; serialize_str: &str;
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), ProbeError> {
        self.shape.attachments += 1;
        Ok(())
    }

    fn serialize_none(self) -> Result<(), ProbeError> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), ProbeError> {
        self.inside(value)
    }

    fn serialize_unit(self) -> Result<(), ProbeError> {
        self.spread(0);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), ProbeError> {
        self.spread(0);
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<(), ProbeError> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), ProbeError> {
        self.inside(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), ProbeError> {
        self.inside(value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, ProbeError> {
        Ok(self)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self, ProbeError> {
        Ok(self.spread(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Self, ProbeError> {
        Ok(self.spread(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, ProbeError> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, ProbeError> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, ProbeError> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, ProbeError> {
        Ok(self)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), ProbeError> {
        Ok(())
    }
}

macro_rules! probe_parts {
    ($($trait:ident::$method:ident($($key:ty)?);)*) => {$(
        impl $trait for Probe<'_> {
            type Ok = ();
            type Error = ProbeError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Result<(), ProbeError> {
                self.inside(value)
            }

            #[inline]
            fn end(self) -> Result<(), ProbeError> {
                Ok(())
            }
        }
    )*};
}

probe_parts! {
    SerializeSeq::serialize_element();
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(&'static str);
    SerializeStructVariant::serialize_field(&'static str);
}

impl SerializeMap for Probe<'_> {
    type Ok = ();
    type Error = ProbeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), ProbeError> {
        Ok(())
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ProbeError> {
        self.inside(value)
    }

    #[inline]
    fn end(self) -> Result<(), ProbeError> {
        Ok(())
    }
}
