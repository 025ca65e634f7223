//! Engine.IO 3 on the wire: what clients of Socket.IO 2 get instead of the shared frames.
//!
//! Text is the same in both revisions. A binary message has a type byte in front in revision 3, and
//! payloads of polling have lengths instead of separators. So only for these clients, and only for
//! what differs, messages are written anew. Leaves out how they reach a socket: that is `recode.rs`.

use std::borrow::Cow;

use ringside_core::Run;
use ringside_proto::engineio::{Data, Packet, PacketKind, Version, payload};

use crate::mark::is_binary;

/// A run as a payload of polling, and whether it is bytes.
pub(crate) fn payload(run: &Run<'_>, text_only: bool) -> (Vec<u8>, bool) {
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

fn packet(tag: u8, bytes: &[u8]) -> Option<Packet<'_>> {
    if is_binary(tag) {
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

/// A binary message's payload on WebSocket: the type, then the bytes.
pub(crate) fn typed(payload: &[u8]) -> Vec<u8> {
    let mut typed = Vec::with_capacity(1 + payload.len());
    typed.push(PacketKind::Message as u8);
    typed.extend_from_slice(payload);
    typed
}
