//! Engine.IO 3 on the wire: what clients of Socket.IO 2 get instead of the shared frames.
//!
//! Text is the same in both revisions. A binary message has a type byte in front in revision 3, and
//! payloads of polling have lengths instead of separators. So only for these clients, and only for
//! what differs, messages are written anew, one by one.
//! Promises: the shared frame stays what it is for everybody else; nothing is lost on a short write.

use std::{borrow::Cow, collections::HashMap};

use ringside_core::{ConnId, Message, Run, Wrote, driver::TcpSink};
use ringside_proto::{
    engineio::{Data, Packet, PacketKind, Version, payload},
    ws::{OpCode, server_header},
};

use crate::sink::BINARY;

/// The sessions of revision 3, and what is half written of each.
#[derive(Default)]
pub(crate) struct OldClients(HashMap<ConnId, OldClient>);

#[derive(Default)]
struct OldClient {
    /// It asked for base64 in payloads.
    text_only: bool,
    /// The rest of a message whose beginning is on its WebSocket. The core still holds the last byte of
    /// that message in its own form, so that it comes back with it when the socket takes more.
    rest: Vec<u8>,
}

impl OldClients {
    pub(crate) fn insert(&mut self, conn: ConnId, text_only: bool) {
        self.0.insert(
            conn,
            OldClient {
                text_only,
                rest: Vec::new(),
            },
        );
    }

    pub(crate) fn remove(&mut self, conn: ConnId) {
        self.0.remove(&conn);
    }

    /// Whether this connection is one of them. Nobody pays for it while there are none.
    #[inline]
    pub(crate) fn has(&self, conn: ConnId) -> bool {
        !self.0.is_empty() && self.0.contains_key(&conn)
    }

    /// Writes a run to a WebSocket, in revision 3's form.
    pub(crate) fn submit(&mut self, tcp: &mut TcpSink, conn: ConnId, run: &Run<'_>) -> Wrote {
        let Some(client) = self.0.get_mut(&conn) else {
            return Wrote::Gone;
        };
        let resumes = !client.rest.is_empty();
        if resumes {
            match tcp.write(conn, &client.rest) {
                Wrote::All => client.rest.clear(),
                Wrote::Partial(n) => {
                    client.rest.drain(..n);
                    return Wrote::Blocked;
                }
                other => return other,
            }
        }
        let (mut done, mut result, mut is_stub) = (0, Wrote::All, resumes);
        run.for_each_message(|message| {
            if result != Wrote::All {
                return;
            }
            // The byte the core held back stands for what was just written.
            if !std::mem::take(&mut is_stub) {
                let wire = old_frame(&message);
                result = match tcp.write(conn, &wire) {
                    Wrote::Partial(n) => {
                        client.rest = wire[n..].to_vec();
                        Wrote::Partial(done + message.wire.len() - 1)
                    }
                    Wrote::Blocked if done > 0 => Wrote::Partial(done),
                    wrote => wrote,
                };
            }
            done += message.wire.len();
        });
        result
    }

    /// The run as a payload of polling, and whether it is bytes.
    pub(crate) fn payload(&self, conn: ConnId, run: &Run<'_>) -> (Vec<u8>, bool) {
        let text_only = self.0.get(&conn).is_some_and(|client| client.text_only);
        let mut messages = Vec::new();
        run.for_each_message(|message| messages.push((message.tag, message.payload().to_vec())));
        let packets: Vec<_> = messages
            .iter()
            .filter_map(|(tag, bytes)| packet(*tag, bytes))
            .collect();
        let binary = !text_only && packets.iter().any(Packet::is_binary);
        let mut out = Vec::new();
        match binary {
            true => payload::encode_v3_binary(&mut out, &packets),
            false => payload::encode_v3_text(&mut out, &packets),
        }
        (out, binary)
    }
}

fn packet(tag: u8, bytes: &[u8]) -> Option<Packet<'_>> {
    if tag == BINARY {
        return Some(Packet {
            kind: PacketKind::Message,
            data: Data::Binary(Cow::Borrowed(bytes)),
        });
    }
    // Our own encoders made it: a digit, then text.
    Packet::decode_text(std::str::from_utf8(bytes).ok()?, Version::V3).ok()
}

/// A single packet as a payload of revision 3.
pub(crate) fn payload_of(kind: PacketKind, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    payload::encode_v3_text(&mut out, [&Packet::text(kind, text)]);
    out
}

/// A message's frame: the shared one, or for bytes one with the type in front.
fn old_frame<'m>(message: &Message<'m>) -> Cow<'m, [u8]> {
    if message.tag != BINARY {
        return Cow::Borrowed(message.wire);
    }
    let payload = message.payload();
    let mut frame = server_header(OpCode::Binary, 1 + payload.len()).to_vec();
    frame.push(PacketKind::Message as u8);
    frame.extend_from_slice(payload);
    Cow::Owned(frame)
}
