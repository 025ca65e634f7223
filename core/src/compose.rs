//! Composed publishes: one descriptor a shard, one message a subscriber, built where it is sent.
//!
//! A snapshot differs from client to client in a few header bytes and in *which* shared slices it
//! holds. Publishing one frame per client would cost an encode and a descriptor each; a [`Compose`]
//! is asked in the shard's turn, for each subscriber, and writes straight into the turn's memory.
//! Promises: no allocation per subscriber once the turn's memory has grown to its working size.

use crate::{class::Class, frame::Message, ident::ConnId};

/// Builds each subscriber's own message from shared parts.
///
/// Runs on the shard's thread within its turn, once per subscriber: it must not block, and must not
/// be slow, for every other connection of the shard waits.
pub trait Compose: Send + Sync {
    /// Writes the messages for `conn` into `outbox`; writing none skips the subscriber.
    fn compose(&self, conn: ConnId, outbox: &mut Outbox<'_>);
}

/// Where a composer writes one subscriber's messages.
pub struct Outbox<'a> {
    pub(crate) bytes: &'a mut Vec<u8>,
    pub(crate) messages: &'a mut Vec<Composed>,
}

/// A composed message: offsets into the turn's bytes.
#[derive(Clone, Copy)]
pub(crate) struct Composed {
    pub(crate) start: u32,
    pub(crate) payload: u32,
    pub(crate) end: u32,
    pub(crate) tag: u8,
    pub(crate) class: Class,
}

impl Composed {
    pub(crate) fn message<'a>(&self, bytes: &'a [u8]) -> Message<'a> {
        Message {
            wire: &bytes[self.start as usize..self.end as usize],
            header_len: (self.payload - self.start) as usize,
            tag: self.tag,
        }
    }
}

impl Outbox<'_> {
    /// Adds one message: `header` (not part of the payload), then the parts one after another. The
    /// parts are copied once, into memory that the next turn uses again.
    pub fn message<'p>(
        &mut self,
        class: Class,
        tag: u8,
        header: &[u8],
        parts: impl IntoIterator<Item = &'p [u8]>,
    ) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(header);
        let payload = self.bytes.len() as u32;
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        let end = self.bytes.len() as u32;
        self.messages.push(Composed {
            start,
            payload,
            end,
            tag,
            class,
        });
    }
}
