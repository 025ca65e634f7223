//! Building a frame: any encoder writes into it, then a header is put in front.
//!
//! Promises: one allocation if the capacity was guessed well (growing doubles it); the header goes
//! into the headroom, so a length that is only known at the end costs no copy. An unfinished builder
//! leaves no trace.

use std::{io, num::NonZero};

use bytes::{BufMut, buf::UninitSlice};

use super::{
    FRAME_BYTES_MAX, Frame,
    raw::{Meta, Unique},
};
use crate::ident::ConnId;

/// Payload bytes a new builder has room for before it grows: most game messages are shorter.
const PAYLOAD_GUESS: usize = 206;

/// What headroom holds until a header comes. Headers are short, so one piece is the rule.
const ZEROS: [u8; 64] = [0; 64];

/// A message being written. Implements [`BufMut`] and [`io::Write`].
///
/// ```
/// use bytes::BufMut;
/// use ringside_core::FrameBuilder;
///
/// let mut builder = FrameBuilder::with_headroom(10);
/// builder.put_slice(b"hello");
/// let header = [0x81, builder.payload_len() as u8];
/// let frame = builder.finish(&header, 0);
/// assert_eq!(frame.wire(), b"\x81\x05hello");
/// ```
#[must_use]
pub struct FrameBuilder {
    raw: Unique,
    headroom: usize,
    except: Option<ConnId>,
    mark: Option<NonZero<u64>>,
    /// Set by the first `attach`: end of the first payload, and the messages after it.
    group: Option<(usize, Vec<Part>)>,
}

/// A further message of a group: header, payload and end, as offsets into the bytes.
#[derive(Clone, Copy)]
struct Part {
    start: u32,
    payload: u32,
    end: u32,
    tag: u8,
}

/// Bytes of one entry in the table behind a group: three offsets and the tag.
pub(super) const PART_BYTES: usize = 13;

impl FrameBuilder {
    /// A builder with `headroom` bytes kept free in front of the payload.
    #[inline]
    pub fn with_headroom(headroom: usize) -> Self {
        Self::with_capacity(headroom, PAYLOAD_GUESS)
    }

    /// A builder with room for `payload` bytes behind the headroom.
    ///
    /// # Panics
    /// When the two together exceed [`FRAME_BYTES_MAX`].
    pub fn with_capacity(headroom: usize, payload: usize) -> Self {
        #[cfg(ringside_seeded_slowdown = "allocation")]
        std::hint::black_box(Box::new([0u8; 64]));
        let mut raw = Unique::with_capacity(headroom.saturating_add(payload));
        for start in (0..headroom).step_by(ZEROS.len()) {
            raw.extend(&ZEROS[..ZEROS.len().min(headroom - start)]);
        }
        Self {
            raw,
            headroom,
            except: None,
            mark: None,
            group: None,
        }
    }

    /// Payload bytes written so far (of the first message, once something was attached).
    #[inline]
    pub fn payload_len(&self) -> usize {
        self.first_end() - self.headroom
    }

    /// The payload written so far, to be looked at or patched.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        let end = self.first_end();
        &mut self.raw.bytes_mut()[self.headroom..end]
    }

    /// Leaves one subscriber out: the sender, who has seen its own message.
    pub fn except(mut self, conn: ConnId) -> Self {
        self.except = Some(conn);
        self
    }

    /// Marks the frame with a number of the publisher's, which is not sent: see [`Frame::mark`].
    pub fn mark(mut self, mark: NonZero<u64>) -> Self {
        self.mark = Some(mark);
        self
    }

    /// Adds a message to the group: it travels behind the first, and nothing comes between them.
    /// After the first `attach` the first payload is complete; further writes panic.
    pub fn attach(&mut self, header: &[u8], payload: &[u8], tag: u8) {
        let start = self.raw.len();
        self.raw.reserve(header.len() + payload.len());
        self.raw.extend(header);
        self.raw.extend(payload);
        let part = Part {
            start: start as u32,
            payload: (start + header.len()) as u32,
            end: self.raw.len() as u32,
            tag,
        };
        self.group
            .get_or_insert_with(|| (start, Vec::new()))
            .1
            .push(part);
    }

    /// Puts `header` in front of the first payload and freezes the frame. `tag` is the caller's mark
    /// on the first message (text or binary, say).
    ///
    /// # Panics
    /// When the header is longer than the headroom.
    pub fn finish(mut self, header: &[u8], tag: u8) -> Frame {
        assert!(
            header.len() <= self.headroom,
            "a header of {} bytes does not fit {} of headroom",
            header.len(),
            self.headroom
        );
        let start = self.headroom - header.len();
        self.raw.bytes_mut()[start..self.headroom].copy_from_slice(header);
        let (first_end, end) = (self.first_end(), self.raw.len());
        let parts = self
            .group
            .take()
            .map(|(_, parts)| parts)
            .unwrap_or_default();
        self.raw.reserve(parts.len() * PART_BYTES);
        for part in &parts {
            for offset in [part.start, part.payload, part.end] {
                self.raw.extend(&offset.to_le_bytes());
            }
            self.raw.extend(&[part.tag]);
        }
        let meta = Meta {
            start: start as u32,
            payload: self.headroom as u32,
            first_end: first_end as u32,
            end: end as u32,
            more: parts.len() as u32,
            tag,
            except: self.except,
            mark: self.mark,
        };
        Frame(self.raw.freeze(meta))
    }

    #[inline]
    fn first_end(&self) -> usize {
        self.group
            .as_ref()
            .map_or_else(|| self.raw.len(), |(end, _)| *end)
    }

    #[inline]
    fn writable(&self) {
        assert!(
            self.group.is_none(),
            "the first message is complete once another is attached"
        );
    }
}

// SAFETY: `chunk_mut` hands out spare capacity, `advance_mut` counts only what fits it, and
// `remaining_mut` never promises more than `reserve` can give.
unsafe impl BufMut for FrameBuilder {
    #[inline]
    fn remaining_mut(&self) -> usize {
        FRAME_BYTES_MAX - self.raw.len()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, n: usize) {
        // SAFETY: the caller of `advance_mut` promises that these bytes are initialised.
        unsafe { self.raw.advance(n) };
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        self.writable();
        if self.raw.spare().is_empty() {
            self.raw.reserve(64);
        }
        self.raw.spare().into()
    }

    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        self.writable();
        self.raw.extend(bytes);
    }
}

impl io::Write for FrameBuilder {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.remaining_mut() {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("a frame holds at most {FRAME_BYTES_MAX} bytes"),
            ));
        }
        self.put_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
