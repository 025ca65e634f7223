//! Arguments that are handed on as they came, without knowing their types.
//!
//! A relay or an echo has no types to parse into. With the default parser the JSON stays text, with its
//! placeholders, and the attachments stay bytes; with the msgpack parser the arguments are values.

use bytes::{BufMut, Bytes};
use ringside_proto::socketio::{Args, ArgsError, EncodeError, Kind, RESERVED_EVENTS, Spread};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::value::RawValue;

/// Arguments of an event, unparsed.
#[derive(Clone, Debug)]
pub struct RawArgs(pub(crate) Raw);

#[derive(Clone, Debug)]
pub(crate) enum Raw {
    Json(RawJson),
    Values(Vec<Value>),
}

/// JSON text and its attachments.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawJson {
    /// The arguments as JSON, separated by commas, without the array's brackets.
    json: String,
    attachments: Vec<Bytes>,
}

impl Default for RawArgs {
    fn default() -> Self {
        Self(Raw::Json(RawJson::default()))
    }
}

impl RawArgs {
    /// Keeps the arguments of an event, without its name.
    ///
    /// # Errors
    /// The payload is not an array.
    pub fn of_event(args: &Args<'_>) -> Result<Self, ArgsError> {
        if args.raw().is_empty() {
            return Ok(Self(Raw::Values(args.parse::<All>()?.0)));
        }
        let Ok(all) = serde_json::from_str::<Vec<&RawValue>>(args.raw()) else {
            // The typed parser words the error.
            return args.parse::<IgnoredAny>().map(|_| Self::default());
        };
        let rest: Vec<&str> = all.iter().skip(1).map(|arg| arg.get()).collect();
        Ok(Self(Raw::Json(RawJson {
            json: rest.join(","),
            attachments: args.attachments().to_vec(),
        })))
    }
}

impl RawJson {
    pub(crate) fn encode_event(
        &self,
        out: &mut impl BufMut,
        namespace: &str,
        event: &str,
        offset: Option<&str>,
    ) -> Result<Vec<Bytes>, EncodeError> {
        if RESERVED_EVENTS.contains(&event) {
            return Err(EncodeError::ReservedEventName);
        }
        self.put_head(out, (Kind::Event, Kind::BinaryEvent), namespace);
        out.put_u8(b'[');
        serde_json::to_writer((&mut *out).writer(), event)?;
        if !self.json.is_empty() {
            out.put_u8(b',');
        }
        out.put_slice(self.json.as_bytes());
        if let Some(offset) = offset {
            out.put_slice(b",\"");
            out.put_slice(offset.as_bytes());
            out.put_u8(b'"');
        }
        out.put_u8(b']');
        Ok(self.attachments.clone())
    }

    pub(crate) fn encode_ack(
        &self,
        out: &mut impl BufMut,
        namespace: &str,
        id: u64,
    ) -> Result<Vec<Bytes>, EncodeError> {
        self.put_head(out, (Kind::Ack, Kind::BinaryAck), namespace);
        out.put_slice(id.to_string().as_bytes());
        out.put_u8(b'[');
        out.put_slice(self.json.as_bytes());
        out.put_u8(b']');
        Ok(self.attachments.clone())
    }

    fn put_head(&self, out: &mut impl BufMut, (plain, binary): (Kind, Kind), namespace: &str) {
        if self.attachments.is_empty() {
            out.put_u8(plain.digit());
        } else {
            out.put_u8(binary.digit());
            out.put_slice(self.attachments.len().to_string().as_bytes());
            out.put_u8(b'-');
        }
        if namespace != "/" {
            out.put_slice(namespace.as_bytes());
            out.put_u8(b',');
        }
    }
}

/// Spread over the parameters, like a tuple.
impl Serialize for RawArgs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Raw::Values(values) => Spread(values).serialize(serializer),
            Raw::Json(raw) => {
                let text = format!("[{}]", raw.json);
                let args = Args::new(&text, false, &raw.attachments);
                let All(mut values) = args.parse().map_err(serde::ser::Error::custom)?;
                values
                    .iter_mut()
                    .for_each(|value| value.inject(&raw.attachments));
                Spread(&values).serialize(serializer)
            }
        }
    }
}

/// Any value of a message, bytes included.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    Bytes(Bytes),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    /// Puts attachments in the place of their placeholders.
    fn inject(&mut self, attachments: &[Bytes]) {
        match self {
            Self::List(list) => list.iter_mut().for_each(|item| item.inject(attachments)),
            Self::Map(map) => {
                if let [(a, Self::Bool(true)), (b, Self::Uint(num))] = &map[..]
                    && a == "_placeholder"
                    && b == "num"
                    && let Some(bytes) = attachments.get(*num as usize)
                {
                    *self = Self::Bytes(bytes.clone());
                    return;
                }
                map.iter_mut()
                    .for_each(|(_, item)| item.inject(attachments));
            }
            _ => {}
        }
    }
}

/// All arguments there are.
struct All(Vec<Value>);

impl<'de> Deserialize<'de> for All {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AllVisitor;
        impl<'de> Visitor<'de> for AllVisitor {
            type Value = All;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<All, A::Error> {
                let mut all = Vec::new();
                while let Some(value) = seq.next_element()? {
                    all.push(value);
                }
                Ok(All(all))
            }
        }
        // A tuple takes one argument per field; how many there are, the sequence says.
        deserializer.deserialize_tuple(usize::MAX, AllVisitor)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

macro_rules! plain {
    ($($method:ident($value:ident: $ty:ty) = $made:expr;)*) => {$(
        fn $method<E: Error>(self, $value: $ty) -> Result<Value, E> {
            Ok($made)
        }
    )*};
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any value")
    }

    plain! {
        visit_bool(it: bool) = Value::Bool(it);
        visit_i64(it: i64) = Value::Int(it);
        visit_u64(it: u64) = Value::Uint(it);
        visit_f64(it: f64) = Value::Float(it);
        visit_str(it: &str) = Value::Text(it.to_owned());
        visit_bytes(it: &[u8]) = Value::Bytes(Bytes::copy_from_slice(it));
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        Value::deserialize(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(it) => serializer.serialize_bool(*it),
            Self::Int(it) => serializer.serialize_i64(*it),
            Self::Uint(it) => serializer.serialize_u64(*it),
            Self::Float(it) => serializer.serialize_f64(*it),
            Self::Text(it) => serializer.serialize_str(it),
            Self::Bytes(it) => serializer.serialize_bytes(it),
            Self::List(it) => it.serialize(serializer),
            Self::Map(it) => {
                let mut map = serializer.serialize_map(Some(it.len()))?;
                for (key, value) in it {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ringside_proto::socketio::{Limits, Packet, msgpack};

    use super::*;

    fn json(raw: &RawArgs) -> &RawJson {
        match &raw.0 {
            Raw::Json(raw) => raw,
            Raw::Values(_) => panic!("JSON stays JSON"),
        }
    }

    #[test]
    fn arguments_come_out_as_they_went_in() {
        let packet =
            Packet::scan(r#"51-/x,7["a",{"_placeholder":true,"num":0}, [1, "]"] ]"#).unwrap();
        let attachments = [Bytes::from_static(b"\x01\x02")];
        let raw = RawArgs::of_event(&packet.args(&attachments)).unwrap();
        let raw = json(&raw);
        let mut out = Vec::new();
        assert_eq!(
            raw.encode_event(&mut out, "/x", "b\"", Some("1.a"))
                .unwrap(),
            attachments
        );
        assert_eq!(
            out,
            br#"51-/x,["b\"",{"_placeholder":true,"num":0},[1, "]"],"1.a"]"#
        );
        out.clear();
        raw.encode_ack(&mut out, "/", 12).unwrap();
        assert_eq!(out, br#"61-12[{"_placeholder":true,"num":0},[1, "]"]]"#);
        assert!(raw.encode_event(&mut out, "/", "connect", None).is_err());
    }

    #[test]
    fn either_parser_takes_what_the_other_gave() {
        let packet = Packet::scan(r#"51-["a",{"_placeholder":true,"num":0},[-1,2.5,{"k":null}]]"#);
        let attachments = [Bytes::from_static(b"\x01\x02")];
        let from_json = RawArgs::of_event(&packet.unwrap().args(&attachments)).unwrap();
        let mut bytes = Vec::new();
        msgpack::encode_event(&mut bytes, "/", None, "a", &from_json, None).unwrap();
        let packet = msgpack::decode(&bytes, &Limits::default()).unwrap();
        let from_msgpack = RawArgs::of_event(&packet.args()).unwrap();
        let mut text = Vec::new();
        let sent =
            ringside_proto::socketio::encode_event(&mut text, "/", None, "a", &from_msgpack, None);
        assert_eq!(sent.unwrap(), attachments);
        assert_eq!(
            std::str::from_utf8(&text).unwrap(),
            r#"51-["a",{"_placeholder":true,"num":0},[-1,2.5,{"k":null}]]"#
        );
    }
}
