//! One event, other bytes for each receiver: how snapshots travel.
//!
//! A room's snapshot differs from client to client in a small header and in *which* shared parts it holds. An
//! [`EachBytes`] is asked in the shard's turn, for each member of the room, and its parts go straight into
//! the turn's memory: one descriptor a shard, no allocation a client.
//!
//! The event is an ordinary binary event of Socket.IO, so it is two messages, text and bytes, which stay together: one
//! is lost with the other, or neither. `Reliable` is for streams: whoever sends often bounds what is in flight by its
//! receivers' own acknowledgements. `Volatile` is for those with datagrams who can do with a loss.

use std::sync::Arc;

use bytes::Bytes;
use ringside_core::{Class, Compose, ConnId, Outbox};
use ringside_proto::{ws, ws::OpCode};

use super::{EmitError, Room};
use crate::{
    mark::{BINARY, TEXT, TWICE},
    wire::{Parser, Stamp},
};

/// Gives each member of a room its own bytes.
///
/// Runs on the shards' threads, within their turns: it must neither block nor be slow.
pub trait EachBytes: Send + Sync {
    /// Calls `send` with what may become of `member`'s bytes, how often they go, their length and their pieces; without
    /// a call it gets nothing.
    fn each(&self, member: ConnId, send: &mut SendPieces<'_>);
}

/// Takes what may become of one member's bytes, how often they go, their length and their pieces.
pub type SendPieces<'s> = dyn FnMut(Class, Copies, usize, &mut dyn Iterator<Item = &[u8]>) + 's;

/// How often something is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Copies {
    /// Once.
    #[default]
    One,
    /// Twice where it goes by datagram, in two packets, so that one lost packet does not take both; if the first cannot
    /// leave at once, it goes once. By a stream, which loses nothing, once. A receiver may get both.
    Two,
}

impl Copies {
    /// What that adds to a message's mark.
    fn mark(self) -> u8 {
        match self {
            Self::One => 0,
            Self::Two => TWICE,
        }
    }
}

/// An event without its bytes, made once, and who knows them.
pub(crate) struct ComposedEvent {
    around: Around,
    each: Arc<dyn EachBytes>,
}

/// What stands around the bytes.
enum Around {
    /// A text of its own before them, as it goes, and how much of that is its header.
    Json { text: Vec<u8>, header: usize },
    /// The rest of the same message, before and behind them.
    Msgpack { before: Vec<u8>, after: Vec<u8> },
}

/// msgpack: bytes of none, then the key `nsp`, which is what follows an event's arguments.
const NO_BYTES: &[u8] = b"\xc4\x00\xa3nsp";
/// msgpack: bytes, and how many in the next four.
const BYTES: u8 = 0xc6;

impl ComposedEvent {
    pub(crate) fn new(
        room: &Room,
        event: &str,
        each: Arc<dyn EachBytes>,
    ) -> Result<Self, EmitError> {
        let (parser, nsp) = (room.shared.parser, &room.space.name);
        let frame = parser.event(Stamp::default(), nsp, None, event, &Bytes::new())?;
        let around = match parser {
            Parser::Json => {
                // The text alone: the empty bytes it was made with stand behind it. The encoder has just written it.
                let text = frame.messages().next();
                let (text, header) = text.map_or((&[][..], 0), |text| (text.wire, text.header_len));
                Around::Json {
                    text: text.to_vec(),
                    header,
                }
            }
            Parser::Msgpack => {
                let packet = frame.payload();
                let found = packet
                    .windows(NO_BYTES.len())
                    .rposition(|at| at == NO_BYTES);
                // The encoder has just written it.
                let at = found.unwrap_or(packet.len());
                Around::Msgpack {
                    before: packet[..at].to_vec(),
                    after: packet.get(at + 2..).unwrap_or_default().to_vec(),
                }
            }
        };
        Ok(Self { around, each })
    }
}

impl Compose for ComposedEvent {
    fn compose(&self, conn: ConnId, outbox: &mut Outbox<'_>) {
        self.each
            .each(conn, &mut |class, copies, len, pieces| match &self.around {
                Around::Json { text, header } => outbox.together(|outbox| {
                    outbox.ready(class, TEXT, text, *header);
                    let header = ws::server_header(OpCode::Binary, len);
                    outbox.message(class, BINARY | copies.mark(), &header, pieces);
                }),
                Around::Msgpack { before, after } => {
                    // Copied together: here the bytes stand in the middle of a message.
                    let mut packet = Vec::with_capacity(before.len() + 5 + len + after.len());
                    packet.extend_from_slice(before);
                    packet.push(BYTES);
                    packet.extend_from_slice(&(len as u32).to_be_bytes());
                    pieces.for_each(|piece| packet.extend_from_slice(piece));
                    packet.extend_from_slice(after);
                    let header = ws::server_header(OpCode::Binary, packet.len());
                    outbox.message(class, BINARY | copies.mark(), &header, [&packet[..]]);
                }
            });
    }
}
