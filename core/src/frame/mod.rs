//! Frames: a message encoded once, shared by every reader, in one allocation.
//!
//! ```text
//! one message      [ headroom | header | payload ]
//! a group          [ headroom | header | payload | header | payload | … | table of the further messages ]
//!                               `---------------- wire --------------'
//! ```
//!
//! Promises: [`Frame::wire`] is contiguous and goes to a socket as it is; [`Frame::messages`] shows
//! the same bytes message by message, for carriers with another framing; cloning copies nothing.
//! Leaves out: what the bytes mean. The core never looks inside a payload.

mod builder;
mod raw;

pub use builder::FrameBuilder;
pub use raw::FRAME_BYTES_MAX;

use std::num::NonZero;

use crate::ident::ConnId;
use builder::PART_BYTES;

/// A finished message (or a group of messages that stay together). Cheap to clone, `Send + Sync`.
#[derive(Clone)]
pub struct Frame(raw::Shared);

/// One message of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Header and payload, as they go to a socket.
    pub wire: &'a [u8],
    /// Bytes of `wire` that are header.
    pub header_len: usize,
    /// The sender's mark on the message.
    pub tag: u8,
}

impl<'a> Message<'a> {
    /// The message without its header.
    pub fn payload(&self) -> &'a [u8] {
        &self.wire[self.header_len..]
    }
}

impl Frame {
    /// A frame of bytes that exist already, without header or headroom: one copy.
    pub fn from_bytes(payload: impl AsRef<[u8]>, tag: u8) -> Self {
        let payload = payload.as_ref();
        let mut builder = FrameBuilder::with_capacity(0, payload.len());
        bytes::BufMut::put_slice(&mut builder, payload);
        builder.finish(&[], tag)
    }

    /// All messages with their headers, as they go to a socket.
    pub fn wire(&self) -> &[u8] {
        let meta = self.0.meta();
        &self.0.bytes()[meta.start as usize..meta.end as usize]
    }

    /// The first message's payload.
    pub fn payload(&self) -> &[u8] {
        let meta = self.0.meta();
        &self.0.bytes()[meta.payload as usize..meta.first_end as usize]
    }

    /// The first message's tag.
    pub fn tag(&self) -> u8 {
        self.0.meta().tag
    }

    /// The subscriber that a publish of this frame leaves out.
    pub fn except(&self) -> Option<ConnId> {
        self.0.meta().except
    }

    /// The number its publisher marked it with.
    pub fn mark(&self) -> Option<NonZero<u64>> {
        self.0.meta().mark
    }

    /// The messages in order: one, or those of the group.
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        let (meta, bytes) = (self.0.meta(), self.0.bytes());
        let first = Message {
            wire: &bytes[meta.start as usize..meta.first_end as usize],
            header_len: (meta.payload - meta.start) as usize,
            tag: meta.tag,
        };
        let table = &bytes[meta.end as usize..meta.end as usize + meta.more as usize * PART_BYTES];
        let more = table.chunks_exact(PART_BYTES).map(|entry| {
            let at = |i: usize| {
                u32::from_le_bytes([entry[i], entry[i + 1], entry[i + 2], entry[i + 3]]) as usize
            };
            let (start, payload, end) = (at(0), at(4), at(8));
            Message {
                wire: &bytes[start..end],
                header_len: payload - start,
                tag: entry[12],
            }
        });
        std::iter::once(first).chain(more)
    }

    /// A copy in memory of its own.
    pub(crate) fn copy(&self) -> Self {
        Self(self.0.copy())
    }

    /// A frame of messages that lie elsewhere; there is at least one.
    pub(crate) fn copy_of<'m>(mut messages: impl Iterator<Item = Message<'m>>) -> Self {
        let first = messages.next().unwrap_or(Message {
            wire: &[],
            header_len: 0,
            tag: 0,
        });
        let header = &first.wire[..first.header_len];
        let mut builder = FrameBuilder::with_capacity(header.len(), first.payload().len());
        bytes::BufMut::put_slice(&mut builder, first.payload());
        for message in messages {
            let header = &message.wire[..message.header_len];
            builder.attach(header, message.payload(), message.tag);
        }
        builder.finish(header, first.tag)
    }

    /// References held to this frame now. For tests and statistics: it is out of date at once.
    pub fn refs(&self) -> u32 {
        self.0.refs()
    }

    /// Splits one owned reference into `n` raw ones (`n >= 1`), counted before any is sent.
    pub(crate) fn into_raw_shares(self, n: u32) -> *mut () {
        debug_assert!(n >= 1);
        if n > 1 {
            self.0.add_refs(n - 1);
        }
        self.0.into_raw()
    }

    /// Takes up one raw reference.
    ///
    /// # Safety
    /// `ptr` comes from [`into_raw_shares`](Self::into_raw_shares), and each of its `n` references is
    /// taken up at most once.
    pub(crate) unsafe fn from_raw(ptr: *mut ()) -> Self {
        // SAFETY: passed on to the caller.
        Self(unsafe { raw::Shared::from_raw(ptr) })
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({} bytes, tag {})", self.wire().len(), self.tag())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use bytes::BufMut;

    use super::*;

    #[test]
    fn the_header_goes_into_the_headroom() {
        let mut builder = FrameBuilder::with_headroom(10);
        builder.put_slice(&[7; 300]);
        assert_eq!(builder.payload_len(), 300);
        let frame = builder.finish(&[1, 2, 3], 9);
        assert_eq!(&frame.wire()[..3], &[1, 2, 3]);
        assert_eq!(frame.payload(), &[7; 300]);
        assert_eq!((frame.wire().len(), frame.tag()), (303, 9));
        let message = frame.messages().next().unwrap();
        assert_eq!(
            (message.header_len, message.payload()),
            (3, &[7u8; 300][..])
        );
    }

    #[test]
    fn a_group_is_one_run_of_bytes_and_several_messages() {
        let mut builder = FrameBuilder::with_headroom(4);
        builder.put_slice(b"text");
        builder.attach(b"H1", b"one", 1);
        builder.attach(b"", b"", 2);
        builder.attach(b"H3", b"three", 3);
        assert_eq!(builder.payload_len(), 4);
        let frame = builder.finish(b"H0", 0);
        assert_eq!(frame.wire(), b"H0textH1oneH3three");
        let seen: Vec<_> = frame
            .messages()
            .map(|m| (m.wire, m.payload().to_vec(), m.tag))
            .collect();
        assert_eq!(
            seen,
            [
                (&b"H0text"[..], b"text".to_vec(), 0),
                (b"H1one", b"one".to_vec(), 1),
                (b"", b"".to_vec(), 2),
                (b"H3three", b"three".to_vec(), 3),
            ]
        );
    }

    #[test]
    fn references_are_counted_for_all_shards_at_once() {
        let frame = Frame::from_bytes(b"x", 0);
        let kept = frame.clone();
        let ptr = frame.into_raw_shares(3);
        assert_eq!(kept.refs(), 4);
        for left in [3, 2, 1] {
            // SAFETY: three references were made, and each is taken up once.
            drop(unsafe { Frame::from_raw(ptr) });
            assert_eq!(kept.refs(), left);
        }
    }

    #[test]
    #[should_panic(expected = "does not fit")]
    fn a_header_longer_than_the_headroom_is_a_bug() {
        let _ = FrameBuilder::with_headroom(1).finish(b"ab", 0);
    }

    #[test]
    fn a_writer_serves_encoders() {
        use std::io::Write;
        let mut builder = FrameBuilder::with_capacity(0, 1);
        write!(builder, "{}-{}", 12, "x".repeat(500)).unwrap();
        assert_eq!(builder.payload_len(), 503);
        assert_eq!(builder.finish(&[], 0).payload()[..3], *b"12-");
    }
}
