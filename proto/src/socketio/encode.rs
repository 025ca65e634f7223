//! Packets out: from serde straight into any `BufMut`, encoded once for all receivers.
//!
//! ```text
//!  kind [attachments '-'] [namespace ','] [ack id] ["name",argument,...,offset]
//! ```
//! A tuple is spread, one argument per field; `()` is none; anything else is one argument, a
//! `Vec` too (see [`super::Spread`]). What is written is the Socket.IO packet alone: the Engine.IO
//! type before it and the WebSocket header are the caller's.

use bytes::{BufMut, Bytes};
use serde::Serialize;
use serde::ser::{Impossible, SerializeSeq, SerializeTuple, SerializeTupleStruct, Serializer};

use super::extract::{Collector, Extracted};
use super::probe::{ProbeError, Shape, probe};
use super::{Kind, RESERVED_EVENTS};

/// The binary messages that follow a packet, in order; empty for most.
pub type Attachments = Vec<Bytes>;

/// Why a packet cannot be written: the caller's move. What was written must be thrown away.
#[derive(Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// The event's name is one the protocol keeps for itself.
    ReservedEventName,
    /// A namespace begins with `/` and contains no comma.
    IllegalNamespace,
    /// The arguments cannot be written (a map with keys that are no strings, a failing `Serialize`),
    /// or the buffer is full.
    Unserializable(String),
    /// The arguments gave other bytes when they were serialized a second time.
    Unstable,
}

impl std::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ReservedEventName => f.write_str("the event name is reserved"),
            Self::IllegalNamespace => {
                f.write_str("a namespace begins with a slash and has no comma")
            }
            Self::Unserializable(message) => {
                write!(f, "the arguments cannot be written: {message}")
            }
            Self::Unstable => f.write_str("the arguments changed while they were written"),
        }
    }
}

impl std::error::Error for EncodeError {}

impl From<serde_json::Error> for EncodeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Unserializable(error.to_string())
    }
}

impl From<ProbeError> for EncodeError {
    fn from(error: ProbeError) -> Self {
        Self::Unserializable(error.0)
    }
}

/// Writes an event, with attachments if `args` contain bytes.
///
/// `id`: ask for an ack. `offset`: the recovery offset, which travels as the last argument.
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
) -> Result<Attachments, EncodeError> {
    if RESERVED_EVENTS.contains(&name) {
        return Err(EncodeError::ReservedEventName);
    }
    encode_array(
        out,
        (Kind::Event, Kind::BinaryEvent),
        namespace,
        id,
        Some(name),
        args,
        offset,
    )
}

/// Writes the answer to an event of ack id `id`.
///
/// # Errors
/// See [`EncodeError`].
pub fn encode_ack<T: Serialize + ?Sized>(
    out: &mut impl BufMut,
    namespace: &str,
    id: u64,
    args: &T,
) -> Result<Attachments, EncodeError> {
    encode_array(
        out,
        (Kind::Ack, Kind::BinaryAck),
        namespace,
        Some(id),
        None,
        args,
        None,
    )
}

/// Writes a CONNECT packet; `payload` must serialize to an object. A server sends
/// `{"sid":...}` (with `pid` when recovery is on), a client its auth or nothing.
///
/// # Errors
/// See [`EncodeError`].
pub fn encode_connect<T: Serialize + ?Sized>(
    out: &mut impl BufMut,
    namespace: &str,
    payload: Option<&T>,
) -> Result<(), EncodeError> {
    encode_prefix(out, Kind::Connect, 0, namespace, None)?;
    if let Some(payload) = payload {
        serde_json::to_writer(out.writer(), payload)?;
    }
    Ok(())
}

/// Writes a CONNECT_ERROR packet: `{"message":...}`, with `data` if there is some.
///
/// # Errors
/// See [`EncodeError`].
pub fn encode_connect_error<T: Serialize + ?Sized>(
    out: &mut impl BufMut,
    namespace: &str,
    message: &str,
    data: Option<&T>,
) -> Result<(), EncodeError> {
    #[derive(Serialize)]
    struct Payload<'a, T: ?Sized> {
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a T>,
    }
    encode_prefix(out, Kind::ConnectError, 0, namespace, None)?;
    serde_json::to_writer(out.writer(), &Payload { message, data })?;
    Ok(())
}

/// Writes a DISCONNECT packet.
///
/// # Errors
/// [`EncodeError::IllegalNamespace`].
pub fn encode_disconnect(out: &mut impl BufMut, namespace: &str) -> Result<(), EncodeError> {
    encode_prefix(out, Kind::Disconnect, 0, namespace, None)
}

fn encode_array<T: Serialize + ?Sized>(
    out: &mut impl BufMut,
    (plain, binary): (Kind, Kind),
    namespace: &str,
    id: Option<u64>,
    name: Option<&str>,
    args: &T,
    offset: Option<&str>,
) -> Result<Attachments, EncodeError> {
    let shape = probe(args)?;
    let kind = if shape.attachments == 0 {
        plain
    } else {
        binary
    };
    encode_prefix(out, kind, shape.attachments, namespace, id)?;
    let collector = Collector::default();
    let payload = Payload {
        name,
        args,
        offset,
        shape,
        collector: &collector,
    };
    serde_json::to_writer(out.writer(), &payload)?;
    let attachments = collector.into_inner();
    if attachments.len() == shape.attachments as usize {
        Ok(attachments)
    } else {
        Err(EncodeError::Unstable)
    }
}

/// Writes everything before the payload.
pub(super) fn encode_prefix(
    out: &mut impl BufMut,
    kind: Kind,
    attachments: u32,
    namespace: &str,
    id: Option<u64>,
) -> Result<(), EncodeError> {
    out.put_u8(kind.digit());
    if kind.is_binary() {
        put_number(out, u64::from(attachments));
        out.put_u8(b'-');
    }
    if namespace != "/" {
        if !namespace.starts_with('/') || namespace.contains(',') {
            return Err(EncodeError::IllegalNamespace);
        }
        out.put_slice(namespace.as_bytes());
        out.put_u8(b',');
    }
    if let Some(id) = id {
        put_number(out, id);
    }
    Ok(())
}

fn put_number(out: &mut impl BufMut, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}

/// The array: name, arguments, offset.
pub(super) struct Payload<'a, T: ?Sized> {
    pub(super) name: Option<&'a str>,
    pub(super) args: &'a T,
    pub(super) offset: Option<&'a str>,
    pub(super) shape: Shape,
    pub(super) collector: &'a Collector,
}

impl<T: Serialize + ?Sized> Serialize for Payload<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let arity = if self.shape.spread {
            self.shape.arity
        } else {
            1
        };
        let len = arity + usize::from(self.name.is_some()) + usize::from(self.offset.is_some());
        let mut seq = serializer.serialize_seq(Some(len))?;
        if let Some(name) = self.name {
            seq.serialize_element(name)?;
        }
        let extract = (self.shape.attachments > 0).then_some(self.collector);
        if self.shape.spread {
            self.args.serialize(SpreadInto {
                seq: &mut seq,
                extract,
            })?;
        } else {
            put_element(&mut seq, self.args, extract)?;
        }
        if let Some(offset) = self.offset {
            seq.serialize_element(offset)?;
        }
        seq.end()
    }
}

#[inline]
fn put_element<S: SerializeSeq, T: Serialize + ?Sized>(
    seq: &mut S,
    value: &T,
    extract: Option<&Collector>,
) -> Result<(), S::Error> {
    match extract {
        Some(collector) => seq.serialize_element(&Extracted { value, collector }),
        None => seq.serialize_element(value),
    }
}

/// Writes the fields of a tuple as elements of a sequence that is open already. It only meets
/// what the probe called spread: tuples, tuple structs and units.
struct SpreadInto<'s, 'c, S> {
    seq: &'s mut S,
    extract: Option<&'c Collector>,
}

macro_rules! unstable {
    ($($method:ident($($ty:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $ty),*) -> Result<$ok, S::Error> {
            Err(unstable())
        }
    )*};
}

fn unstable<E: serde::ser::Error>() -> E {
    E::custom("the arguments changed while they were written")
}

impl<S: SerializeSeq> Serializer for SpreadInto<'_, '_, S> {
    type Ok = ();
    type Error = S::Error;
    type SerializeSeq = Impossible<(), S::Error>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Impossible<(), S::Error>;
    type SerializeMap = Impossible<(), S::Error>;
    type SerializeStruct = Impossible<(), S::Error>;
    type SerializeStructVariant = Impossible<(), S::Error>;

    fn serialize_unit(self) -> Result<(), S::Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), S::Error> {
        Ok(())
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, S::Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, S::Error> {
        Ok(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), S::Error> {
        Err(unstable())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<(), S::Error> {
        Err(unstable())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), S::Error> {
        Err(unstable())
    }

    unstable! {
        serialize_bool(bool) -> (); serialize_i8(i8) -> (); serialize_i16(i16) -> (); serialize_i32(i32) -> ();
        serialize_i64(i64) -> (); serialize_u8(u8) -> (); serialize_u16(u16) -> (); serialize_u32(u32) -> ();
        serialize_u64(u64) -> (); serialize_f32(f32) -> (); serialize_f64(f64) -> (); serialize_char(char) -> ();
        serialize_str(&str) -> (); serialize_bytes(&[u8]) -> (); serialize_none() -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}

impl<S: SerializeSeq> SerializeTuple for SpreadInto<'_, '_, S> {
    type Ok = ();
    type Error = S::Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        put_element(self.seq, value, self.extract)
    }

    fn end(self) -> Result<(), S::Error> {
        Ok(())
    }
}

impl<S: SerializeSeq> SerializeTupleStruct for SpreadInto<'_, '_, S> {
    type Ok = ();
    type Error = S::Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        put_element(self.seq, value, self.extract)
    }

    fn end(self) -> Result<(), S::Error> {
        Ok(())
    }
}
