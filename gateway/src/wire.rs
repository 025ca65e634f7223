//! From packets to frames: encoded once, with the WebSocket header in the headroom.
//!
//! ```text
//! text    [ ws header | '4' socket.io packet ]        tag TEXT, or BROADCAST
//! group   [ ws header | '4' packet | ws header | bytes | … ]    attachments follow, tag BINARY
//! ```
//!
//! This is the one place where the core's frames and the protocol's encoders meet. A polling session
//! gets the same frame and uses the payloads without their headers.

use bytes::{BufMut, Bytes};
use ringside_core::{ConnId, Frame, FrameBuilder};
use ringside_proto::{
    engineio::PacketKind,
    socketio::EncodeError,
    ws::{self, CloseCode, OpCode},
};

use crate::{
    raw::RawMessage,
    sink::{BINARY, BROADCAST, CONTROL, TEXT},
};

/// The longest header a server writes.
const HEADROOM: usize = 10;

/// A Socket.IO packet as an Engine.IO message. `encode` writes the packet and returns its attachments.
pub(crate) fn message(
    except: Option<ConnId>,
    encode: impl FnOnce(&mut FrameBuilder) -> Result<Vec<Bytes>, EncodeError>,
) -> Result<Frame, EncodeError> {
    tagged(TEXT, except, encode)
}

/// The same for everybody in a namespace or room.
pub(crate) fn broadcast(
    except: Option<ConnId>,
    encode: impl FnOnce(&mut FrameBuilder) -> Result<Vec<Bytes>, EncodeError>,
) -> Result<Frame, EncodeError> {
    tagged(BROADCAST, except, encode)
}

fn tagged(
    tag: u8,
    except: Option<ConnId>,
    encode: impl FnOnce(&mut FrameBuilder) -> Result<Vec<Bytes>, EncodeError>,
) -> Result<Frame, EncodeError> {
    let mut builder = FrameBuilder::with_headroom(HEADROOM);
    if let Some(conn) = except {
        builder = builder.except(conn);
    }
    builder.put_u8(PacketKind::Message.digit());
    let attachments = encode(&mut builder)?;
    let header = ws::server_header(OpCode::Text, builder.payload_len());
    for bytes in &attachments {
        builder.attach(
            &ws::server_header(OpCode::Binary, bytes.len()),
            bytes,
            BINARY,
        );
    }
    Ok(builder.finish(&header, tag))
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
