//! One event, other bytes for each receiver: how snapshots travel.
//!
//! A room's snapshot differs from client to client in a small header and in *which* shared parts it holds. An
//! [`EachBytes`] is asked in the shard's turn, for each member of the room, and its parts go straight into
//! the turn's memory: one descriptor a shard, no allocation a client.
//!
//! The event is an ordinary binary event of Socket.IO, so it is two messages, text and bytes. Losing one of
//! them would break the stream, therefore they are always `Reliable`: whoever sends often bounds what is in
//! flight by its receivers' own acknowledgements.

use std::sync::Arc;

use bytes::Bytes;
use ringside_core::{Class, Compose, ConnId, Outbox};
use ringside_proto::{engineio::PacketKind, socketio::encode_event, ws, ws::OpCode};

use super::{EmitError, Room};
use crate::sink::{BINARY, TEXT};

/// Gives each member of a room its own bytes.
///
/// Runs on the shards' threads, within their turns: it must neither block nor be slow.
pub trait EachBytes: Send + Sync {
    /// Calls `send` with the length and the pieces of `member`'s bytes; without a call it gets nothing.
    fn each(&self, member: ConnId, send: &mut SendPieces<'_>);
}

/// Takes the length and the pieces of one member's bytes.
pub type SendPieces<'s> = dyn FnMut(usize, &mut dyn Iterator<Item = &[u8]>) + 's;

/// An event's text, made once, and who knows its bytes.
pub(crate) struct ComposedEvent {
    header: [u8; 10],
    header_len: usize,
    text: Vec<u8>,
    each: Arc<dyn EachBytes>,
}

impl ComposedEvent {
    pub(crate) fn new(
        room: &Room,
        event: &str,
        each: Arc<dyn EachBytes>,
    ) -> Result<Self, EmitError> {
        let mut text = vec![PacketKind::Message.digit()];
        let nsp = &room.namespace.name;
        encode_event(&mut text, nsp, None, event, &Bytes::new(), None)?;
        let bytes = ws::server_header(OpCode::Text, text.len());
        let mut header = [0; 10];
        header[..bytes.len()].copy_from_slice(&bytes);
        Ok(Self {
            header,
            header_len: bytes.len(),
            text,
            each,
        })
    }
}

impl Compose for ComposedEvent {
    fn compose(&self, conn: ConnId, outbox: &mut Outbox<'_>) {
        self.each.each(conn, &mut |len, pieces| {
            let header = &self.header[..self.header_len];
            outbox.message(Class::Reliable, TEXT, header, [&self.text[..]]);
            let header = ws::server_header(OpCode::Binary, len);
            outbox.message(Class::Reliable, BINARY, &header, pieces);
        });
    }
}
