//! Serialization that takes bytes out: `serialize_bytes`, at any depth, becomes a placeholder in
//! the JSON and an attachment beside it.
//!
//! ```text
//!  bytes   →   {"_placeholder":true,"num":0}   and   attachments[0]
//! ```
//! Which types count as bytes is serde's distinction: `bytes::Bytes`, `serde_bytes` and whatever
//! calls `serialize_bytes`. A plain `Vec<u8>` calls `serialize_seq` and stays an array of numbers.

use std::cell::RefCell;
use std::fmt;

use bytes::Bytes;
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// Where attachments are collected while a value is written.
pub(super) type Collector = RefCell<Vec<Bytes>>;

/// A serializer that takes bytes out.
pub(super) struct Extract<'c, S> {
    pub(super) inner: S,
    pub(super) collector: &'c Collector,
}

/// A value that is written through [`Extract`].
pub(super) struct Extracted<'c, 'v, T: ?Sized> {
    pub(super) value: &'v T,
    pub(super) collector: &'c Collector,
}

impl<T: Serialize + ?Sized> Serialize for Extracted<'_, '_, T> {
    fn serialize<S: Serializer>(&self, inner: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Extract {
            inner,
            collector: self.collector,
        })
    }
}

macro_rules! scalars {
    ($($method:ident: $ty:ty;)*) => {$(
        fn $method(self, value: $ty) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        }
    )*};
}

impl<'c, S: Serializer> Serializer for Extract<'c, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Extract<'c, S::SerializeSeq>;
    type SerializeTuple = Extract<'c, S::SerializeTuple>;
    type SerializeTupleStruct = Extract<'c, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Extract<'c, S::SerializeTupleVariant>;
    type SerializeMap = Extract<'c, S::SerializeMap>;
    type SerializeStruct = Extract<'c, S::SerializeStruct>;
    type SerializeStructVariant = Extract<'c, S::SerializeStructVariant>;

    scalars! {
        serialize_bool: bool; serialize_i8: i8; serialize_i16: i16; serialize_i32: i32; serialize_i64: i64;
        serialize_i128: i128; serialize_u8: u8; serialize_u16: u16; serialize_u32: u32; serialize_u64: u64;
        serialize_u128: u128; serialize_f32: f32; serialize_f64: f64; serialize_char: char; serialize_str: &str;
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<S::Ok, S::Error> {
        let num = {
            let mut attachments = self.collector.borrow_mut();
            attachments.push(Bytes::copy_from_slice(bytes));
            attachments.len() - 1
        };
        let mut map = self.inner.serialize_map(Some(2))?;
        map.serialize_entry("_placeholder", &true)?;
        map.serialize_entry("num", &num)?;
        map.end()
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_some(&Extracted {
            value,
            collector: self.collector,
        })
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_struct(name)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_struct(
            name,
            &Extracted {
                value,
                collector: self.collector,
            },
        )
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = Extracted {
            value,
            collector: self.collector,
        };
        self.inner
            .serialize_newtype_variant(name, index, variant, &value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Ok(Extract {
            inner: self.inner.serialize_seq(len)?,
            collector: self.collector,
        })
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        Ok(Extract {
            inner: self.inner.serialize_tuple(len)?,
            collector: self.collector,
        })
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        Ok(Extract {
            inner: self.inner.serialize_tuple_struct(name, len)?,
            collector: self.collector,
        })
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let inner = self
            .inner
            .serialize_tuple_variant(name, index, variant, len)?;
        Ok(Extract {
            inner,
            collector: self.collector,
        })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Ok(Extract {
            inner: self.inner.serialize_map(len)?,
            collector: self.collector,
        })
    }

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, S::Error> {
        Ok(Extract {
            inner: self.inner.serialize_struct(name, len)?,
            collector: self.collector,
        })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let inner = self
            .inner
            .serialize_struct_variant(name, index, variant, len)?;
        Ok(Extract {
            inner,
            collector: self.collector,
        })
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }
}

macro_rules! elements {
    ($($trait:ident::$method:ident;)*) => {$(
        impl<S: $trait> $trait for Extract<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                self.inner.$method(&Extracted { value, collector: self.collector })
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! fields {
    ($($trait:ident;)*) => {$(
        impl<S: $trait> $trait for Extract<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), S::Error> {
                self.inner.serialize_field(key, &Extracted { value, collector: self.collector })
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                self.inner.skip_field(key)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

fields! { SerializeStruct; SerializeStructVariant; }

impl<S: SerializeMap> SerializeMap for Extract<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.inner.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.inner.serialize_value(&Extracted {
            value,
            collector: self.collector,
        })
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}
