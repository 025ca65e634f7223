//! The arguments as they usually are when they are short: one string, as `["input","Eh0IAA"]`.
//!
//! Such a string is lent to the type that asks for it, without a parser that would look at the name
//! and at each byte once more. Promises: whatever is read here is read no differently by serde_json.
//! Leaves out strings with escapes, arrays with whitespace, and errors: those are serde_json's.

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::json;

/// A payload's only argument.
pub(super) struct OnlyText<'de>(Option<Text<'de>>);

impl<'de> OnlyText<'de> {
    /// The only argument of this array, if it is a plain string; `named`: its first element is an
    /// event's name.
    #[inline]
    pub(super) fn find(payload: &'de str, named: bool) -> Option<Self> {
        let mut rest = payload.strip_prefix("[\"")?;
        if named {
            let len = json::plain(rest.as_bytes());
            rest = rest.get(len..)?.strip_prefix("\",\"")?;
        }
        let plain = rest.strip_suffix("\"]")?;
        let is_plain = json::plain(plain.as_bytes()) == plain.len();
        is_plain.then_some(Self(Some(Text { payload, plain })))
    }
}

impl<'de> SeqAccess<'de> for OnlyText<'de> {
    type Error = serde_json::Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Self::Error> {
        let text = self.0.take();
        text.map(|text| seed.deserialize(text)).transpose()
    }
}

/// A string without escapes, and the payload that ends with it.
struct Text<'de> {
    payload: &'de str,
    plain: &'de str,
}

impl<'de> Text<'de> {
    /// The string as it stands in the JSON.
    fn quoted(&self) -> &'de str {
        let end = self.payload.len() - "]".len();
        let start = end - self.plain.len() - "\"\"".len();
        self.payload.get(start..end).unwrap_or_default()
    }
}

/// What wants a string gets it; what wants something else has serde_json see what it makes of it.
macro_rules! read {
    (lent: $($lent:ident)*; parsed: $($parsed:ident($($arg:ident: $ty:ty),*);)*) => {
        $(
            #[inline]
            fn $lent<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
                visitor.visit_borrowed_str(self.plain)
            }
        )*
        $(
            fn $parsed<V: Visitor<'de>>(self, $($arg: $ty,)* visitor: V) -> Result<V::Value, Self::Error> {
                serde_json::Deserializer::from_str(self.quoted()).$parsed($($arg,)* visitor)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = serde_json::Error;

    read! {
        lent: deserialize_any deserialize_str deserialize_string;
        parsed: deserialize_bool(); deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64();
        deserialize_i128(); deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64();
        deserialize_u128(); deserialize_f32(); deserialize_f64(); deserialize_char(); deserialize_bytes();
        deserialize_byte_buf(); deserialize_option(); deserialize_unit(); deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str); deserialize_seq(); deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize); deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]); deserialize_identifier();
        deserialize_ignored_any();
    }
}
