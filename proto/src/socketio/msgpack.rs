//! The msgpack parser: the same packets as one binary message each, bytes in place.
//!
//! ```text
//!  { "type": 0..=4, "nsp": "/", "data": ..., "id": 7 }     a msgpack map, keys in any order
//! ```
//! Source: npm socket.io-msgpack-parser 3.0.2. Both ends must be set to it; there are no
//! attachments and no placeholders. Departures, each with its reason: event names are held to the
//! same rules as in JSON (the package checks none); ack ids are 0 to 2^53 - 1 and types are
//! written as integers (it takes negative ids and `2.0`); a repeated key is refused (it takes the
//! last one).

use std::borrow::Cow;
use std::fmt;

use bytes::BufMut;
use serde::Serialize;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde::ser::Serializer;

use super::encode::Payload;
use super::extract::Collector;
use super::packet::ACK_ID_MAX;
use super::probe::probe;
use super::{Args, EncodeError, Kind, Limits, Misbehaviour, RESERVED_EVENTS};

/// A packet of which everything but the data was read; the data is checked to be msgpack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MsgpackPacket<'a> {
    /// Its kind, never a binary one.
    pub kind: Kind,
    /// The namespace.
    pub namespace: Cow<'a, str>,
    /// The ack id.
    pub id: Option<u64>,
    /// The event's name; a number gives its decimal text. `None` for other kinds.
    pub event: Option<Cow<'a, str>>,
    bytes: &'a [u8],
}

/// Reads a packet.
///
/// # Errors
/// What the peer did wrong: the connection must be closed.
pub fn decode<'a>(bytes: &'a [u8], limits: &Limits) -> Result<MsgpackPacket<'a>, Misbehaviour> {
    const BAD: Misbehaviour = Misbehaviour::InvalidMsgpack;
    let mut reader = deserializer(bytes, limits.json_depth_max);
    let map = Envelope::deserialize(&mut reader).map_err(|error| match error {
        rmp_serde::decode::Error::DepthLimitExceeded => Misbehaviour::JsonTooDeep,
        _ => BAD,
    })?;
    // What follows the map is no part of a packet ("trailing bytes"). With no level allowed (the
    // library counts one more), a further value fails for another reason than the end of input.
    reader.set_max_depth(1);
    let end = IgnoredAny::deserialize(&mut reader);
    if !matches!(end, Err(rmp_serde::decode::Error::InvalidMarkerRead(_))) {
        return Err(BAD);
    }
    let kind = map
        .kind
        .filter(|kind| *kind < 5)
        .and_then(|kind| Kind::from_digit(b'0' + kind));
    let kind = kind.ok_or(Misbehaviour::UnknownPacketType)?;
    let namespace = map.namespace.ok_or(BAD)?;
    if namespace.len() > usize::from(limits.namespace_bytes_max) {
        return Err(Misbehaviour::NamespaceTooLong);
    }
    let id = map.id.unwrap_or_default();
    if id.is_some_and(|id| id > ACK_ID_MAX) {
        return Err(Misbehaviour::IllegalAckId);
    }
    let event = match (kind, map.data) {
        (Kind::Connect, None | Some(Shape::Map)) | (Kind::Disconnect, None) => None,
        (Kind::ConnectError, Some(Shape::Text | Shape::Map))
        | (Kind::Ack, Some(Shape::Array(_))) => None,
        (Kind::Event, Some(Shape::Array(Some(name)))) => {
            if RESERVED_EVENTS.contains(&&*name) {
                return Err(Misbehaviour::ReservedEventName);
            }
            if name.len() > usize::from(limits.event_name_bytes_max) {
                return Err(Misbehaviour::EventNameTooLong);
            }
            Some(name)
        }
        (Kind::Event, Some(Shape::Array(None))) => return Err(Misbehaviour::IllegalEventName),
        _ => return Err(Misbehaviour::InvalidPayload),
    };
    Ok(MsgpackPacket {
        kind,
        namespace,
        id,
        event,
        bytes,
    })
}

impl<'a> MsgpackPacket<'a> {
    /// The arguments of an event (without its name) or of an ack.
    pub const fn args(&self) -> Args<'a> {
        Args::of_msgpack(self.bytes, matches!(self.kind, Kind::Event))
    }

    /// The data of CONNECT or CONNECT_ERROR, or the whole array of another packet.
    ///
    /// # Errors
    /// It is no `T`, or there is none.
    pub fn data<T: Deserialize<'a>>(&self) -> Result<T, super::ArgsError> {
        parse_data(self.bytes, std::marker::PhantomData).map_err(super::ArgsError::of_msgpack)
    }
}

/// Writes an event; `offset` travels as the last argument.
///
/// # Errors
/// See [`EncodeError`].
pub fn encode_event<T: Serialize + ?Sized>(
    out: &mut impl BufMut,
    namespace: &str,
    id: Option<u64>,
    name: &str,
    args: &T,
    offset: Option<&str>,
) -> Result<(), EncodeError> {
    if RESERVED_EVENTS.contains(&name) {
        return Err(EncodeError::ReservedEventName);
    }
    let shape = probe(args)?;
    let payload = Payload {
        name: Some(name),
        args,
        offset,
        shape: shape.inline(),
        collector: &Collector::default(),
    };
    write(out, Kind::Event, namespace, id, Some(&payload))
}

/// Writes an ack.
///
/// # Errors
/// See [`EncodeError`].
pub fn encode_ack<T: Serialize + ?Sized>(
    out: &mut impl BufMut,
    namespace: &str,
    id: u64,
    args: &T,
) -> Result<(), EncodeError> {
    let shape = probe(args)?;
    let payload = Payload {
        name: None,
        args,
        offset: None,
        shape: shape.inline(),
        collector: &Collector::default(),
    };
    write(out, Kind::Ack, namespace, Some(id), Some(&payload))
}

/// Writes CONNECT, CONNECT_ERROR or DISCONNECT with `data`: an object, an object or nothing.
///
/// # Errors
/// See [`EncodeError`].
pub fn encode_other<T: Serialize + ?Sized>(
    out: &mut impl BufMut,
    kind: Kind,
    namespace: &str,
    data: Option<&T>,
) -> Result<(), EncodeError> {
    write(out, kind, namespace, None, data)
}

fn write<T: Serialize + ?Sized>(
    out: &mut impl BufMut,
    kind: Kind,
    namespace: &str,
    id: Option<u64>,
    data: Option<&T>,
) -> Result<(), EncodeError> {
    #[derive(Serialize)]
    struct Wire<'a, T: ?Sized> {
        r#type: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<Inner<'a, T>>,
        nsp: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    }
    struct Inner<'a, T: ?Sized>(&'a T);
    impl<T: Serialize + ?Sized> Serialize for Inner<'_, T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.serialize(serializer)
        }
    }
    let wire = Wire {
        r#type: kind as u8,
        data: data.map(Inner),
        nsp: namespace,
        id,
    };
    // Types that have a text form (addresses, dates) use it, as they do in JSON.
    let mut serializer = rmp_serde::Serializer::new(out.writer())
        .with_struct_map()
        .with_human_readable();
    wire.serialize(&mut serializer)
        .map_err(|error| EncodeError::Unserializable(error.to_string()))
}

type Reader<'a> = rmp_serde::Deserializer<
    rmp_serde::decode::ReadRefReader<'a, [u8]>,
    rmp_serde::config::HumanReadableConfig<rmp_serde::config::DefaultConfig>,
>;

/// Two more than the levels of the data: the packet's own map, and the one the library counts.
fn deserializer(bytes: &[u8], depth_max: u16) -> Reader<'_> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    deserializer.set_max_depth(usize::from(depth_max) + 2);
    deserializer
}

/// Finds the member `data` and reads it with `seed`.
pub(super) fn parse_data<'de, S: DeserializeSeed<'de>>(
    bytes: &'de [u8],
    seed: S,
) -> Result<S::Value, rmp_serde::decode::Error> {
    struct DataVisitor<S>(S);
    impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for DataVisitor<S> {
        type Value = S::Value;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a packet with data")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<S::Value, A::Error> {
            while let Some(key) = map.next_key::<Key>()? {
                if matches!(key, Key::Data) {
                    let value = map.next_value_seed(self.0)?;
                    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                    return Ok(value);
                }
                map.next_value::<IgnoredAny>()?;
            }
            Err(A::Error::missing_field("data"))
        }
    }
    deserializer(bytes, Limits::default().json_depth_max).deserialize_map(DataVisitor(seed))
}

/// The members of a packet, data by its shape only.
#[derive(Default)]
struct Envelope<'a> {
    kind: Option<u8>,
    namespace: Option<Cow<'a, str>>,
    /// `Some(None)`: present as nil, which counts as absent.
    id: Option<Option<u64>>,
    data: Option<Shape<'a>>,
}

/// What kind of value the data is.
enum Shape<'a> {
    Map,
    Text,
    /// An array, and its first element if that can be an event's name.
    Array(Option<Cow<'a, str>>),
    Other,
}

enum Key {
    Type,
    Namespace,
    Id,
    Data,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(match key {
                    "type" => Key::Type,
                    "nsp" => Key::Namespace,
                    "id" => Key::Id,
                    "data" => Key::Data,
                    _ => Key::Other,
                })
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EnvelopeVisitor;
        impl<'de> Visitor<'de> for EnvelopeVisitor {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a packet")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
                fn once<T, E: Error>(slot: &mut Option<T>, value: T) -> Result<(), E> {
                    if slot.replace(value).is_some() {
                        return Err(E::custom("a key is repeated"));
                    }
                    Ok(())
                }
                let mut it = Envelope::default();
                while let Some(key) = map.next_key()? {
                    match key {
                        Key::Type => once(&mut it.kind, map.next_value()?)?,
                        Key::Namespace => once(&mut it.namespace, map.next_value()?)?,
                        Key::Id => once(&mut it.id, map.next_value()?)?,
                        Key::Data => once(&mut it.data, map.next_value()?)?,
                        Key::Other => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(it)
            }
        }
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

impl<'de> Deserialize<'de> for Shape<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

macro_rules! other {
    ($($method:ident: $ty:ty;)*) => {$(
        fn $method<E>(self, _: $ty) -> Result<Shape<'de>, E> {
            Ok(Shape::Other)
        }
    )*};
}

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data")
    }

    other! {
        visit_bool: bool; visit_i64: i64; visit_u64: u64; visit_f32: f32; visit_f64: f64; visit_bytes: &[u8];
    }

    fn visit_unit<E>(self) -> Result<Shape<'de>, E> {
        Ok(Shape::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape<'de>, E> {
        Ok(Shape::Text)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Shape<'de>, D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        Ok(Shape::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape<'de>, A::Error> {
        let name = seq.next_element::<Name<'de>>()?.and_then(|name| name.0);
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shape::Array(name))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Shape::Map)
    }
}

/// A string or a number, or nothing for any other value.
struct Name<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameVisitor)
    }
}

struct NameVisitor;

macro_rules! numbers {
    ($($method:ident: $ty:ty;)*) => {$(
        fn $method<E>(self, value: $ty) -> Result<Name<'de>, E> {
            Ok(Name(Some(Cow::Owned(value.to_string()))))
        }
    )*};
}

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    numbers! { visit_i64: i64; visit_u64: u64; visit_f32: f32; visit_f64: f64; visit_str: &str; }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Some(Cow::Borrowed(value))))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Name<'de>, E> {
        Ok(Name(None))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Name<'de>, E> {
        Ok(Name(None))
    }

    fn visit_unit<E>(self) -> Result<Name<'de>, E> {
        Ok(Name(None))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Name<'de>, D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        Ok(Name(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Name<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Name(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Name<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Name(None))
    }
}
