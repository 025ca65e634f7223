//! Deserialization that puts bytes back: a placeholder in the JSON becomes its attachment.
//!
//! ```text
//!  {"_placeholder":true,"num":1}   where a type asks for bytes   →   attachments[1]
//! ```
//! A type that asks for anything else at that place sees the plain JSON object. Types that do not
//! say what they want (untagged enums, `serde_json::Value`) therefore see the placeholder.

use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// A deserializer that knows the attachments.
pub(super) struct Inject<'de, D> {
    pub(super) inner: D,
    pub(super) attachments: &'de [Bytes],
}

macro_rules! forward {
    ($($method:ident($($arg:ident: $ty:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $ty,)* visitor: V) -> Result<V::Value, Self::Error> {
            self.inner.$method($($arg,)* Inject { inner: visitor, attachments: self.attachments })
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Inject<'de, D> {
    type Error = D::Error;

    forward! {
        deserialize_any(); deserialize_bool(); deserialize_i8(); deserialize_i16(); deserialize_i32();
        deserialize_i64(); deserialize_i128(); deserialize_u8(); deserialize_u16(); deserialize_u32();
        deserialize_u64(); deserialize_u128(); deserialize_f32(); deserialize_f64(); deserialize_char();
        deserialize_str(); deserialize_string(); deserialize_option(); deserialize_unit();
        deserialize_unit_struct(name: &'static str); deserialize_newtype_struct(name: &'static str);
        deserialize_seq(); deserialize_tuple(len: usize); deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map(); deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]); deserialize_identifier();
        deserialize_ignored_any();
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.inner.deserialize_any(BytesVisitor {
            inner: visitor,
            attachments: self.attachments,
        })
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_bytes(visitor)
    }
}

macro_rules! visit {
    ($($method:ident: $ty:ty;)*) => {$(
        fn $method<E: Error>(self, value: $ty) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Inject<'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool: bool; visit_i8: i8; visit_i16: i16; visit_i32: i32; visit_i64: i64; visit_i128: i128;
        visit_u8: u8; visit_u16: u16; visit_u32: u32; visit_u64: u64; visit_u128: u128; visit_f32: f32;
        visit_f64: f64; visit_char: char; visit_str: &str; visit_borrowed_str: &'de str; visit_string: String;
        visit_bytes: &[u8]; visit_borrowed_bytes: &'de [u8]; visit_byte_buf: Vec<u8>;
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Inject {
            inner,
            attachments: self.attachments,
        })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Inject {
            inner,
            attachments: self.attachments,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Inject {
            inner,
            attachments: self.attachments,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Inject {
            inner,
            attachments: self.attachments,
        })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Inject {
            inner,
            attachments: self.attachments,
        })
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Inject<'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Inject {
            inner,
            attachments: self.attachments,
        })
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Inject<'de, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        self.inner.next_element_seed(Inject {
            inner: seed,
            attachments: self.attachments,
        })
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Inject<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.next_value_seed(Inject {
            inner: seed,
            attachments: self.attachments,
        })
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Inject<'de, A> {
    type Error = A::Error;
    type Variant = Inject<'de, A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self::Variant), A::Error> {
        let (value, inner) = self.inner.variant_seed(seed)?;
        Ok((
            value,
            Inject {
                inner,
                attachments: self.attachments,
            },
        ))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Inject<'de, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.newtype_variant_seed(Inject {
            inner: seed,
            attachments: self.attachments,
        })
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(
            len,
            Inject {
                inner: visitor,
                attachments: self.attachments,
            },
        )
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(
            fields,
            Inject {
                inner: visitor,
                attachments: self.attachments,
            },
        )
    }
}

/// For a type that asked for bytes: a placeholder, or whatever else it accepts.
struct BytesVisitor<'de, V> {
    inner: V,
    attachments: &'de [Bytes],
}

/// The object the reference writes in the place of bytes (npm socket.io-parser, `binary.js`).
#[derive(Deserialize)]
struct Placeholder {
    #[serde(rename = "_placeholder")]
    is_placeholder: bool,
    num: u64,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for BytesVisitor<'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let placeholder = Placeholder::deserialize(MapAccessDeserializer::new(map))?;
        let attachment = usize::try_from(placeholder.num)
            .ok()
            .filter(|_| placeholder.is_placeholder)
            .and_then(|num| self.attachments.get(num))
            .ok_or_else(|| A::Error::custom("a placeholder names no attachment"))?;
        self.inner.visit_borrowed_bytes(attachment)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(seq)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.inner.visit_str(value)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.inner.visit_borrowed_str(value)
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<V::Value, E> {
        self.inner.visit_bytes(value)
    }

    fn visit_borrowed_bytes<E: Error>(self, value: &'de [u8]) -> Result<V::Value, E> {
        self.inner.visit_borrowed_bytes(value)
    }

    fn visit_byte_buf<E: Error>(self, value: Vec<u8>) -> Result<V::Value, E> {
        self.inner.visit_byte_buf(value)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }
}

/// The arguments after the event's name as one deserializer: a tuple takes one each, `()` and
/// ignored values none, an `Option` the first if there is one, anything else the first.
pub(super) struct ArgsDeserializer<'s, 'de, A> {
    pub(super) seq: &'s mut A,
    pub(super) attachments: &'de [Bytes],
}

macro_rules! take_first {
    ($($method:ident($($arg:ident: $ty:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $ty,)* visitor: V) -> Result<V::Value, Self::Error> {
            struct First<'de, V> { visitor: V, attachments: &'de [Bytes], $($arg: $ty,)* }
            impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for First<'de, V> {
                type Value = V::Value;
                fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
                    Inject { inner, attachments: self.attachments }.$method($(self.$arg,)* self.visitor)
                }
            }
            let first = First { visitor, attachments: self.attachments, $($arg,)* };
            self.seq.next_element_seed(first)?.ok_or_else(|| Self::Error::invalid_length(0, &"an argument"))
        }
    )*};
}

impl<'de, A: SeqAccess<'de>> Deserializer<'de> for ArgsDeserializer<'_, 'de, A> {
    type Error = A::Error;

    take_first! {
        deserialize_any(); deserialize_bool(); deserialize_i8(); deserialize_i16(); deserialize_i32();
        deserialize_i64(); deserialize_i128(); deserialize_u8(); deserialize_u16(); deserialize_u32();
        deserialize_u64(); deserialize_u128(); deserialize_f32(); deserialize_f64(); deserialize_char();
        deserialize_str(); deserialize_string(); deserialize_bytes(); deserialize_byte_buf();
        deserialize_newtype_struct(name: &'static str); deserialize_seq(); deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]); deserialize_identifier();
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        struct First<'de, V> {
            visitor: Option<V>,
            attachments: &'de [Bytes],
        }
        impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for &mut First<'de, V> {
            type Value = Option<V::Value>;
            fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
                let Some(visitor) = self.visitor.take() else {
                    return Ok(None);
                };
                Inject {
                    inner,
                    attachments: self.attachments,
                }
                .deserialize_option(visitor)
                .map(Some)
            }
        }
        let mut first = First {
            visitor: Some(visitor),
            attachments: self.attachments,
        };
        let value = self.seq.next_element_seed(&mut first)?.flatten();
        match (value, first.visitor) {
            (Some(value), _) => Ok(value),
            (None, Some(visitor)) => visitor.visit_none(),
            (None, None) => Err(Self::Error::invalid_length(0, &"an argument")),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_seq(self)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_seq(self)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for ArgsDeserializer<'_, 'de, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        self.seq.next_element_seed(Inject {
            inner: seed,
            attachments: self.attachments,
        })
    }
}
