//! The arguments of an event or ack, as the types of a handler.
//!
//! A tuple takes one argument per field, `()` takes none, and anything else takes the first
//! argument. More arguments than asked for are ignored, as JavaScript ignores them. Bytes stand
//! in the JSON as placeholders and are put back from the attachments ([`super::inject`]).

use bytes::Bytes;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeTuple, Serializer};

use super::{inject::ArgsDeserializer, only_text::OnlyText};

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
    #[inline]
    pub fn parse<T: Deserialize<'a>>(&self) -> Result<T, ArgsError> {
        if let Source::Json(payload) = self.source
            && let Some(mut seq) = OnlyText::find(payload, self.named)
            && let Ok(value) = T::deserialize(ArgsDeserializer {
                seq: &mut seq,
                attachments: self.attachments,
            })
        {
            return Ok(value);
        }
        // What is wrong is found there, too, with its place in the payload.
        self.parse_any()
    }

    /// Parses any arguments.
    fn parse_any<T: Deserialize<'a>>(&self) -> Result<T, ArgsError> {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Name(#[allow(dead_code)] String);

    #[derive(Debug, Deserialize)]
    struct Place {
        #[allow(dead_code)]
        x: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    enum Colour {
        Red,
        Blue(#[allow(dead_code)] String),
    }

    /// A type reads the same from any array, or is refused with the same words.
    fn reads_the_same<'a, T: Deserialize<'a> + std::fmt::Debug>(args: &Args<'a>) {
        let shown = |result: Result<T, ArgsError>| match result {
            Ok(value) => format!("{value:?}"),
            Err(error) => format!("{error}, invalid: {}", error.is_invalid_json()),
        };
        let wanted = std::any::type_name::<T>();
        assert_eq!(
            shown(args.parse()),
            shown(args.parse_any()),
            "{args:?} as {wanted}"
        );
    }

    #[test]
    fn one_string_is_found() {
        for (payload, named) in [
            (r#"["i","AQI"]"#, true),
            (r#"["",""]"#, true),
            (r#"["é"]"#, false),
        ] {
            assert!(OnlyText::find(payload, named).is_some(), "{payload}");
        }
    }

    proptest! {
        #[test]
        fn one_string_is_no_case_of_its_own(
            payload in r#"[\[ ]?("(i|say|é|\\n|\u{1})?",? ?){0,2}("[ -~é\u{1}]{0,12}"|"Red"|\{"x":"y"\}|7|null|\["a"\]|"){0,2}[\],"]?[\] x]?"#,
            named: bool,
        ) {
            let attachments = [Bytes::from_static(b"bytes")];
            let args = Args::new(&payload, named, &attachments);
            reads_the_same::<&str>(&args);
            reads_the_same::<String>(&args);
            reads_the_same::<char>(&args);
            reads_the_same::<Bytes>(&args);
            reads_the_same::<&[u8]>(&args);
            reads_the_same::<()>(&args);
            reads_the_same::<bool>(&args);
            reads_the_same::<u32>(&args);
            reads_the_same::<f64>(&args);
            reads_the_same::<Vec<u8>>(&args);
            reads_the_same::<Option<String>>(&args);
            reads_the_same::<Option<u8>>(&args);
            reads_the_same::<(String,)>(&args);
            reads_the_same::<(Bytes, String)>(&args);
            reads_the_same::<(&str, Option<u8>)>(&args);
            reads_the_same::<[String; 1]>(&args);
            reads_the_same::<IgnoredAny>(&args);
            reads_the_same::<serde_json::Value>(&args);
            reads_the_same::<&RawValue>(&args);
            reads_the_same::<(Box<RawValue>,)>(&args);
            reads_the_same::<Name>(&args);
            reads_the_same::<Place>(&args);
            reads_the_same::<Colour>(&args);
            reads_the_same::<BTreeMap<String, String>>(&args);
        }
    }
}
