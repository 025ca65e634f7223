//! The arguments of an event or ack, as the types of a handler.
//!
//! A tuple takes one argument per field, `()` takes none, and anything else takes the first
//! argument. More arguments than asked for are ignored, as JavaScript ignores them. Bytes stand
//! in the JSON as placeholders and are put back from the attachments ([`super::inject`]).

use bytes::Bytes;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeTuple, Serializer};

use super::inject::ArgsDeserializer;

/// Raw arguments: borrowed from a packet, with the attachments that came with it.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    source: Source<'a>,
    named: bool,
    attachments: &'a [Bytes],
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    /// A JSON array, or nothing.
    Json(&'a str),
    /// A whole packet of the msgpack parser.
    Msgpack(&'a [u8]),
}

/// Why arguments are not what a handler asked for; the handler's move, not a reason to close.
#[derive(Debug)]
pub struct ArgsError(Cause);

#[derive(Debug)]
enum Cause {
    Json(serde_json::Error),
    Msgpack(rmp_serde::decode::Error),
}

impl ArgsError {
    pub(super) const fn of_msgpack(error: rmp_serde::decode::Error) -> Self {
        Self(Cause::Msgpack(error))
    }

    /// Whether the payload is no JSON at all, which is the peer's fault: the connection must be
    /// closed ([`super::Misbehaviour::InvalidJson`]).
    pub fn is_invalid_json(&self) -> bool {
        match &self.0 {
            Cause::Json(error) => error.is_syntax() || error.is_eof(),
            // A msgpack packet was checked as a whole when it was decoded.
            Cause::Msgpack(_) => false,
        }
    }
}

impl std::fmt::Display for ArgsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Cause::Json(error) => error.fmt(f),
            Cause::Msgpack(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ArgsError {}

impl<'a> Args<'a> {
    /// `payload`: the JSON array; `named`: its first element is an event's name.
    pub const fn new(payload: &'a str, named: bool, attachments: &'a [Bytes]) -> Self {
        Self {
            source: Source::Json(payload),
            named,
            attachments,
        }
    }

    pub(super) const fn of_msgpack(packet: &'a [u8], named: bool) -> Self {
        Self {
            source: Source::Msgpack(packet),
            named,
            attachments: &[],
        }
    }

    /// The whole payload as it came: the array with the event's name. Not checked to be JSON; see
    /// [`super::Packet::check`]. Empty for a packet of the msgpack parser.
    pub const fn raw(&self) -> &'a str {
        match self.source {
            Source::Json(payload) => payload,
            Source::Msgpack(_) => "",
        }
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
        let seed = std::marker::PhantomData;
        let visitor = ArgsVisitor {
            seed,
            named: self.named,
            attachments: self.attachments,
        };
        match self.source {
            // A packet without payload has no arguments, and no name to skip.
            Source::Json("") => {
                let mut json = serde_json::Deserializer::from_str("[]");
                let visitor = ArgsVisitor {
                    named: false,
                    ..visitor
                };
                visitor
                    .deserialize(&mut json)
                    .map_err(|error| ArgsError(Cause::Json(error)))
            }
            Source::Json(payload) => {
                let mut json = serde_json::Deserializer::from_str(payload);
                visitor
                    .deserialize(&mut json)
                    .and_then(|value| json.end().map(|()| value))
                    .map_err(|error| ArgsError(Cause::Json(error)))
            }
            Source::Msgpack(packet) => {
                super::msgpack::parse_data(packet, visitor).map_err(ArgsError::of_msgpack)
            }
        }
    }
}

struct ArgsVisitor<'a, S> {
    seed: S,
    named: bool,
    attachments: &'a [Bytes],
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for ArgsVisitor<'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
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
