//! From packets to frames: encoded once, with the WebSocket header in the headroom.
//!
//! ```text
//! text     [ ws header | '4' socket.io packet ]        tag TEXT, or BROADCAST
//! group    [ ws header | '4' packet | ws header | bytes | … ]    attachments follow, tag BINARY
//! msgpack  [ ws header | packet ]                      tag BINARY
//! ```
//!
//! This is the one place where the core's frames and the protocol's encoders meet. A polling session
//! gets the same frame and uses the payloads without their headers.

use bytes::{BufMut, Bytes};
use ringside_core::{ConnId, Frame, FrameBuilder};
use ringside_proto::{
    engineio::PacketKind,
    socketio::{
        EncodeError, Kind, encode_ack, encode_connect, encode_connect_error, encode_disconnect,
        encode_event, msgpack,
    },
    ws::{self, CloseCode, OpCode},
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    mark::{AS_IS, BINARY, BROADCAST, CONTROL, TEXT},
    raw::RawMessage,
    socketio::{Mark, Raw, RawArgs},
};

/// The longest header a server writes.
const HEADROOM: usize = 10;

/// How Socket.IO packets are written and read. Both ends must agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parser {
    /// The default one: JSON, with attachments for bytes.
    #[default]
    Json,
    /// npm `socket.io-msgpack-parser`: one binary message a packet. What is emitted must not be made of
    /// `serde_json::RawValue`, which only JSON can hold.
    Msgpack,
}

/// What a frame carries besides its packet.
#[derive(Clone, Copy, Default)]
pub(crate) struct Stamp {
    /// It goes to many.
    pub(crate) many: bool,
    /// All but this one.
    pub(crate) except: Option<ConnId>,
    /// It can be recovered.
    pub(crate) mark: Option<Mark>,
    /// It is not compressed.
    as_is: bool,
}

impl Stamp {
    pub(crate) fn one(mark: Option<Mark>) -> Self {
        Self {
            mark,
            ..Self::default()
        }
    }

    pub(crate) fn many(except: Option<ConnId>, mark: Option<Mark>) -> Self {
        Self {
            many: true,
            except,
            mark,
            as_is: false,
        }
    }

    /// The same of a message that may be compressed, or may not.
    pub(crate) fn compress(self, compress: bool) -> Self {
        Self {
            as_is: !compress,
            ..self
        }
    }

    /// The mark of a message with this stamp.
    fn tag(&self, tag: u8) -> u8 {
        match self.as_is {
            true => tag | AS_IS,
            false => tag,
        }
    }

    fn builder(&self) -> FrameBuilder {
        let mut builder = FrameBuilder::with_headroom(HEADROOM);
        if let Some(conn) = self.except {
            builder = builder.except(conn);
        }
        if let Some(mark) = self.mark {
            builder = builder.mark(mark.get());
        }
        builder
    }
}

impl Parser {
    pub(crate) fn event<T: Serialize + ?Sized>(
        self,
        stamp: Stamp,
        nsp: &str,
        id: Option<u64>,
        name: &str,
        args: &T,
    ) -> Result<Frame, EncodeError> {
        let offset = stamp.mark.map(|mark| mark.offset().to_string());
        let offset = offset.as_deref();
        match self {
            Self::Json => text(stamp, |out| encode_event(out, nsp, id, name, args, offset)),
            Self::Msgpack => binary(stamp, |out| {
                msgpack::encode_event(out, nsp, id, name, args, offset)
            }),
        }
    }

    /// An event whose arguments are handed on as they came.
    pub(crate) fn event_raw(
        self,
        stamp: Stamp,
        nsp: &str,
        name: &str,
        args: &RawArgs,
    ) -> Result<Frame, EncodeError> {
        match (self, &args.0) {
            (Self::Json, Raw::Json(json)) => {
                let offset = stamp.mark.map(|mark| mark.offset().to_string());
                text(stamp, |out| {
                    json.encode_event(out, nsp, name, offset.as_deref())
                })
            }
            _ => self.event(stamp, nsp, None, name, args),
        }
    }

    pub(crate) fn ack<T: Serialize + ?Sized>(
        self,
        nsp: &str,
        id: u64,
        args: &T,
    ) -> Result<Frame, EncodeError> {
        match self {
            Self::Json => text(Stamp::default(), |out| encode_ack(out, nsp, id, args)),
            Self::Msgpack => binary(Stamp::default(), |out| {
                msgpack::encode_ack(out, nsp, id, args)
            }),
        }
    }

    pub(crate) fn ack_raw(self, nsp: &str, id: u64, args: &RawArgs) -> Result<Frame, EncodeError> {
        match (self, &args.0) {
            (Self::Json, Raw::Json(json)) => {
                text(Stamp::default(), |out| json.encode_ack(out, nsp, id))
            }
            _ => self.ack(nsp, id, args),
        }
    }

    pub(crate) fn connect<T: Serialize + ?Sized>(
        self,
        nsp: &str,
        payload: Option<&T>,
    ) -> Result<Frame, EncodeError> {
        match self {
            Self::Json => text(Stamp::default(), |out| {
                encode_connect(out, nsp, payload).map(|()| Vec::new())
            }),
            Self::Msgpack => binary(Stamp::default(), |out| {
                msgpack::encode_other(out, Kind::Connect, nsp, payload)
            }),
        }
    }

    pub(crate) fn connect_error(
        self,
        nsp: &str,
        message: &str,
        data: Option<&RawValue>,
    ) -> Result<Frame, EncodeError> {
        #[derive(Serialize)]
        struct Payload<'a> {
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<serde_json::Value>,
        }
        match self {
            Self::Json => text(Stamp::default(), |out| {
                encode_connect_error(out, nsp, message, data).map(|()| Vec::new())
            }),
            Self::Msgpack => {
                let data = data.and_then(|data| serde_json::from_str(data.get()).ok());
                let payload = Payload { message, data };
                binary(Stamp::default(), |out| {
                    msgpack::encode_other(out, Kind::ConnectError, nsp, Some(&payload))
                })
            }
        }
    }

    /// A refusal in the protocol before version 5: the error is the data alone, or without any the bare message.
    pub(crate) fn connect_error_old(
        nsp: &str,
        message: &str,
        data: Option<&RawValue>,
    ) -> Result<Frame, EncodeError> {
        text(Stamp::default(), |out| {
            out.put_u8(Kind::ConnectError.digit());
            if nsp != "/" {
                out.put_slice(nsp.as_bytes());
                out.put_u8(b',');
            }
            match data {
                Some(data) => out.put_slice(data.get().as_bytes()),
                None => serde_json::to_writer(out.writer(), message)?,
            }
            Ok(Vec::new())
        })
    }

    pub(crate) fn disconnect(self, nsp: &str) -> Result<Frame, EncodeError> {
        match self {
            Self::Json => text(Stamp::default(), |out| {
                encode_disconnect(out, nsp).map(|()| Vec::new())
            }),
            Self::Msgpack => binary(Stamp::default(), |out| {
                msgpack::encode_other(out, Kind::Disconnect, nsp, None::<&()>)
            }),
        }
    }
}

/// A Socket.IO packet as an Engine.IO message. `encode` writes the packet and returns its attachments.
fn text(
    stamp: Stamp,
    encode: impl FnOnce(&mut FrameBuilder) -> Result<Vec<Bytes>, EncodeError>,
) -> Result<Frame, EncodeError> {
    let mut builder = stamp.builder();
    builder.put_u8(PacketKind::Message.digit());
    let attachments = encode(&mut builder)?;
    let header = ws::server_header(OpCode::Text, builder.payload_len());
    for bytes in &attachments {
        builder.attach(
            &ws::server_header(OpCode::Binary, bytes.len()),
            bytes,
            stamp.tag(BINARY),
        );
    }
    let tag = if stamp.many { BROADCAST } else { TEXT };
    Ok(builder.finish(&header, stamp.tag(tag)))
}

/// A Socket.IO packet that is one binary message.
fn binary(
    stamp: Stamp,
    encode: impl FnOnce(&mut FrameBuilder) -> Result<(), EncodeError>,
) -> Result<Frame, EncodeError> {
    let mut builder = stamp.builder();
    encode(&mut builder)?;
    let header = ws::server_header(OpCode::Binary, builder.payload_len());
    Ok(builder.finish(&header, stamp.tag(BINARY)))
}

/// A message without Socket.IO, as an Engine.IO packet if `framed`.
pub(crate) fn raw(message: RawMessage<'_>, framed: bool, except: Option<ConnId>) -> Frame {
    let (op, tag, bytes) = match message {
        RawMessage::Text(text) => (OpCode::Text, TEXT, text.as_bytes()),
        RawMessage::Binary(bytes) => (OpCode::Binary, BINARY, bytes),
    };
    let mut builder = FrameBuilder::with_capacity(HEADROOM, 1 + bytes.len());
    if let Some(conn) = except {
        builder = builder.except(conn);
    }
    if framed && tag == TEXT {
        builder.put_u8(PacketKind::Message.digit());
    }
    builder.put_slice(bytes);
    let header = ws::server_header(op, builder.payload_len());
    builder.finish(&header, tag)
}

/// A ping of WebSocket's own, for routes without Engine.IO.
pub(crate) fn ping() -> Frame {
    FrameBuilder::with_capacity(HEADROOM, 0).finish(&ws::server_header(OpCode::Ping, 0), CONTROL)
}

/// An Engine.IO packet with text.
pub(crate) fn packet(kind: PacketKind, text: &[u8]) -> Frame {
    let mut builder = FrameBuilder::with_capacity(HEADROOM, 1 + text.len());
    builder.put_u8(kind.digit());
    builder.put_slice(text);
    let header = ws::server_header(OpCode::Text, builder.payload_len());
    builder.finish(&header, TEXT)
}

/// A pong that carries the ping's payload. Travels only on WebSockets.
pub(crate) fn pong(payload: &[u8]) -> Frame {
    let mut builder = FrameBuilder::with_capacity(HEADROOM, payload.len());
    builder.put_slice(payload);
    builder.finish(&ws::server_header(OpCode::Pong, payload.len()), CONTROL)
}

/// A close frame. Travels only on WebSockets.
pub(crate) fn close(code: CloseCode, reason: &str) -> Frame {
    let mut builder = FrameBuilder::with_capacity(HEADROOM, 2 + reason.len());
    ws::close_payload(&mut builder, code, reason);
    let header = ws::server_header(OpCode::Close, builder.payload_len());
    builder.finish(&header, CONTROL)
}
