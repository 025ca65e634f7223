//! The arguments of an event or ack, as the types of a handler.
//!
//! A tuple takes one argument per field, `()` takes none, and anything else takes the first
//! argument. More arguments than asked for are ignored, as JavaScript ignores them. Bytes stand
//! in the JSON as placeholders and are put back from the attachments ([`super::inject`]).

use bytes::Bytes;
use serde::de::{Deserialize, DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeTuple, Serializer};

use super::inject::ArgsDeserializer;

/// Raw arguments: borrowed JSON and the attachments that came with it.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    payload: &'a str,
    named: bool,
    attachments: &'a [Bytes],
}

/// Why arguments are not what a handler asked for; the handler's move, not a reason to close.
#[derive(Debug)]
pub struct ArgsError(serde_json::Error);

impl ArgsError {
    /// Whether the payload is no JSON at all, which is the peer's fault: the connection must be
    /// closed ([`super::Misbehaviour::InvalidJson`]).
    pub fn is_invalid_json(&self) -> bool {
        self.0.is_syntax() || self.0.is_eof()
    }
}

impl std::fmt::Display for ArgsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ArgsError {}

impl<'a> Args<'a> {
    /// `payload`: the JSON array; `named`: its first element is an event's name.
    pub const fn new(payload: &'a str, named: bool, attachments: &'a [Bytes]) -> Self {
        Self {
            payload,
            named,
            attachments,
        }
    }

    /// The whole payload as it came: the array with the event's name. Not checked to be JSON; see
    /// [`super::Packet::check`].
    pub const fn raw(&self) -> &'a str {
        self.payload
    }

    /// The attachments in the order they came.
    pub const fn attachments(&self) -> &'a [Bytes] {
        self.attachments
    }

    /// The arguments as a `T`: a tuple takes one each, `()` none, anything else the first.
    ///
    /// # Errors
    /// The JSON is broken ([`ArgsError::is_invalid_json`]) or does not fit `T`.
    pub fn parse<T: Deserialize<'a>>(&self) -> Result<T, ArgsError> {
        self.parse_with(std::marker::PhantomData)
    }

    fn parse_with<S: DeserializeSeed<'a>>(&self, seed: S) -> Result<S::Value, ArgsError> {
        let payload = if self.payload.is_empty() {
            "[]"
        } else {
            self.payload
        };
        let named = self.named && !self.payload.is_empty();
        let mut json = serde_json::Deserializer::from_str(payload);
        let value = serde::Deserializer::deserialize_seq(
            &mut json,
            ArgsVisitor {
                seed,
                named,
                attachments: self.attachments,
            },
        )
        .map_err(ArgsError)?;
        json.end().map_err(ArgsError)?;
        Ok(value)
    }
}

struct ArgsVisitor<'a, S> {
    seed: S,
    named: bool,
    attachments: &'a [Bytes],
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for ArgsVisitor<'de, S> {
    type Value = S::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<S::Value, A::Error> {
        if self.named {
            seq.next_element::<IgnoredAny>()?;
        }
        let value = self.seed.deserialize(ArgsDeserializer {
            seq: &mut seq,
            attachments: self.attachments,
        })?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

/// A slice as separate arguments: `Spread(&[1, 2])` is sent as `1,2`, where `&[1, 2]` alone would
/// be one argument, an array.
#[derive(Clone, Copy, Debug)]
pub struct Spread<'a, T>(pub &'a [T]);

impl<T: Serialize> Serialize for Spread<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for item in self.0 {
            tuple.serialize_element(item)?;
        }
        tuple.end()
    }
}
