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
    /// The next one belongs to the same delivery.
    pub(crate) more: bool,
}

impl Composed {
    fn message<'a>(&self, bytes: &'a [u8]) -> Message<'a> {
        Message {
            wire: &bytes[self.start as usize..self.end as usize],
            header_len: (self.payload - self.start) as usize,
            tag: self.tag,
        }
    }
}

/// The messages of one delivery, and the turn's bytes in which they lie one behind the other.
#[derive(Clone, Copy)]
pub(crate) struct Together<'a> {
    messages: &'a [Composed],
    bytes: &'a [u8],
}

impl<'a> Together<'a> {
    /// The deliveries that these messages are.
    pub(crate) fn split(
        messages: &'a [Composed],
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Together<'a>> {
        messages
            .split_inclusive(|message| !message.more)
            .map(move |messages| Together { messages, bytes })
    }

    pub(crate) fn class(&self) -> Class {
        // There is at least one; they are all of one class.
        self.messages.first().map_or(Class::Reliable, |it| it.class)
    }

    pub(crate) fn wire(&self) -> &'a [u8] {
        match self.messages {
            [first, .., last] => &self.bytes[first.start as usize..last.end as usize],
            [only] => only.message(self.bytes).wire,
            [] => &[],
        }
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = Message<'a>> {
        let bytes = self.bytes;
        self.messages.iter().map(move |it| it.message(bytes))
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
        let start = self.bytes.len();
        self.bytes.extend_from_slice(header);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.add(class, tag, start, header.len());
    }

    /// Adds one message that is the same for many: `wire` with its header, which are so many of its bytes.
    pub fn ready(&mut self, class: Class, tag: u8, wire: &[u8], header_len: usize) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(wire);
        self.add(class, tag, start, header_len.min(wire.len()));
    }

    fn add(&mut self, class: Class, tag: u8, start: usize, header_len: usize) {
        self.messages.push(Composed {
            start: start as u32,
            payload: (start + header_len) as u32,
            end: self.bytes.len() as u32,
            tag,
            class,
            more: false,
        });
    }

    /// Makes one delivery of the messages that `write` adds, all of one class: what becomes of one becomes of all.
    pub fn together(&mut self, write: impl FnOnce(&mut Self)) {
        let from = self.messages.len();
        write(self);
        let added = &mut self.messages[from..];
        if let Some((_, before)) = added.split_last_mut() {
            before.iter_mut().for_each(|message| message.more = true);
        }
    }
}
