//! A connection as a script sees it: who it is, and how to speak for it.

use std::time::Instant;

use bytes::Bytes;
use ringside_proto::{
    engineio::{PacketKind, payload::SEPARATOR},
    socketio::{EncodeError, Packet, encode_event},
    webtransport,
    ws::{OpCode, encode_masked_frame},
};
use serde::Serialize;

use super::{Id, Shared};
use crate::machine::DATAGRAM_BYTES_MAX;

/// What arrived.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A text message. Over Socket.IO: never.
    Text(&'a str),
    /// A binary message. Over Socket.IO: an attachment of the event before it.
    Binary(&'a [u8]),
    /// A Socket.IO event or ack; its payload is not parsed yet.
    Packet(Packet<'a>),
}

/// How messages travel to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// As masked WebSocket frames.
    Frames,
    /// As the packets of one Engine.IO payload.
    Payload,
    /// As frames of a QUIC stream.
    #[cfg(feature = "quic")]
    Lengths,
}

/// A connection that is ready for messages.
pub struct Peer<'a> {
    pub(super) id: Id,
    pub(super) now: Instant,
    pub(super) framing: Framing,
    pub(super) out: &'a mut Vec<u8>,
    /// Datagrams, where there are any.
    pub(super) beside: Option<&'a mut Vec<Bytes>>,
    pub(super) shared: &'a mut Shared,
}

impl Peer<'_> {
    /// Which one it is.
    pub fn id(&self) -> Id {
        self.id
    }

    /// When what is being handled was read.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Sends a text message; over Socket.IO use [`Peer::emit`].
    pub fn send(&mut self, text: &str) {
        self.put(OpCode::Text, text.as_bytes());
    }

    /// Sends a binary message; over Socket.IO bytes belong to an event.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.put(OpCode::Binary, bytes);
    }

    /// Sends a Socket.IO event.
    ///
    /// # Errors
    /// The event's name is reserved, or its arguments have no JSON.
    pub fn emit<T: Serialize + ?Sized>(
        &mut self,
        event: &str,
        args: &T,
    ) -> Result<(), EncodeError> {
        self.say(event, args, false)
    }

    /// Sends a Socket.IO event that may be lost: as a datagram, where there are any and it fits into one.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_volatile<T: Serialize + ?Sized>(
        &mut self,
        event: &str,
        args: &T,
    ) -> Result<(), EncodeError> {
        self.say(event, args, true)
    }

    fn say<T: Serialize + ?Sized>(
        &mut self,
        event: &str,
        args: &T,
        volatile: bool,
    ) -> Result<(), EncodeError> {
        let mut compose = std::mem::take(&mut self.shared.compose);
        compose.clear();
        compose.push(PacketKind::Message.digit());
        let namespace = &self.shared.settings.namespace;
        let encoded = encode_event(&mut compose, namespace, None, event, args, None);
        if let Ok(attachments) = &encoded
            && !(volatile && self.throw(&compose, attachments))
        {
            self.put(OpCode::Text, &compose);
            for bytes in attachments {
                self.attach(bytes);
            }
        }
        self.shared.compose = compose;
        encoded.map(drop)
    }

    /// Makes a datagram of an event, if it fits into one.
    fn throw(&mut self, text: &[u8], attachments: &[Bytes]) -> bool {
        let Some(beside) = &mut self.beside else {
            return false;
        };
        let mut out = webtransport::header(false, text.len()).to_vec();
        out.extend_from_slice(text);
        for bytes in attachments {
            out.extend_from_slice(&webtransport::header(true, bytes.len()));
            out.extend_from_slice(bytes);
        }
        let fits = out.len() <= DATAGRAM_BYTES_MAX;
        if fits {
            beside.push(out.into());
        }
        fits
    }

    fn attach(&mut self, bytes: &[u8]) {
        match self.framing {
            Framing::Frames => self.put(OpCode::Binary, bytes),
            #[cfg(feature = "quic")]
            Framing::Lengths => self.put(OpCode::Binary, bytes),
            Framing::Payload => {
                let packet = ringside_proto::engineio::Packet::binary(bytes);
                self.separate();
                packet.encode_as_text(self.out, ringside_proto::engineio::Version::V4);
            }
        }
    }

    fn separate(&mut self) {
        if !self.out.is_empty() {
            self.out.push(SEPARATOR);
        }
    }

    /// Queues one frame, or one packet that is text already.
    pub(super) fn put(&mut self, op: OpCode, payload: &[u8]) {
        match self.framing {
            Framing::Frames => {
                let key = self.shared.mask_key();
                encode_masked_frame(self.out, op, payload, key);
            }
            Framing::Payload => {
                self.separate();
                self.out.extend_from_slice(payload);
            }
            #[cfg(feature = "quic")]
            Framing::Lengths => {
                let header = webtransport::header(op == OpCode::Binary, payload.len());
                self.out.extend_from_slice(&header);
                self.out.extend_from_slice(payload);
            }
        }
    }
}

impl Shared {
    /// The next mask key (xorshift64: cheap, and no two in a row alike).
    fn mask_key(&mut self) -> [u8; 4] {
        self.random().to_be_bytes()[..4]
            .try_into()
            .unwrap_or_default()
    }

    pub(super) fn random(&mut self) -> u64 {
        self.mask ^= self.mask << 13;
        self.mask ^= self.mask >> 7;
        self.mask ^= self.mask << 17;
        self.mask
    }
}
