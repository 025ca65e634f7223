//! A turn's memory: what was routed, for whom, and the bytes made for it.
//!
//! Consecutive publishes to one topic form one *item*; a connection notes items, not frames, so a
//! burst of sixteen costs a subscriber one note. Promises: everything here is emptied and kept at the
//! end of a turn, so a turn at working size allocates nothing.

use std::ops::Range;

use crate::{
    class::Class,
    compose::{Composed, Together},
    frame::{Frame, Message},
    sink::{Delivery, Messages, RUN_BYTES_MAX},
};

/// A frame that was routed in this turn.
pub(crate) struct Routed {
    pub(crate) frame: Frame,
    pub(crate) class: Class,
}

/// Something several connections may have noted.
pub(crate) enum Item {
    /// Consecutive frames. More than one are joined, once, in `joined`.
    Frames {
        frames: Range<u32>,
        joined: Option<Range<u32>>,
    },
    /// One connection's composed messages.
    Composed(Range<u32>),
}

/// One delivery of a run.
pub(crate) struct Unit<'a> {
    /// All its messages, in one piece: looked up once, for it is asked for again and again.
    pub(crate) wire: &'a [u8],
    made: Made<'a>,
}

/// What a delivery was made of.
enum Made<'a> {
    Frame(&'a Frame),
    Composed(Together<'a>),
}

impl<'a> Unit<'a> {
    fn of_frame(frame: &'a Frame) -> Self {
        Self {
            wire: frame.wire(),
            made: Made::Frame(frame),
        }
    }

    fn of_composed(together: Together<'a>) -> Self {
        Self {
            wire: together.wire(),
            made: Made::Composed(together),
        }
    }

    /// A private copy, so that a slow socket pins nothing shared.
    pub(crate) fn copy(&self) -> Frame {
        match &self.made {
            Made::Frame(frame) => frame.copy(),
            Made::Composed(together) => Frame::copy_of(together.messages()),
        }
    }

    fn for_each(&self, each: &mut dyn FnMut(Message<'_>)) {
        match &self.made {
            Made::Frame(frame) => frame.messages().for_each(each),
            Made::Composed(together) => together.messages().for_each(each),
        }
    }
}

#[derive(Default)]
pub(crate) struct Turn {
    pub(crate) frames: Vec<Routed>,
    pub(crate) items: Vec<Item>,
    pub(crate) composed: Vec<Composed>,
    pub(crate) composed_bytes: Vec<u8>,
    joined: Vec<u8>,
    /// Second and later items of connections that noted several: (item, next link).
    pub(crate) links: Vec<(u32, u32)>,
    /// Connections that noted something, in the order of their first note.
    pub(crate) dirty: Vec<u32>,
}

/// No item, no link.
pub(crate) const NONE: u32 = u32::MAX;

impl Turn {
    /// Bytes gathered so far, apart from the shared frames themselves.
    pub(crate) fn bytes_held(&self) -> usize {
        self.composed_bytes.len() + self.joined.len() + self.links.len() * size_of::<(u32, u32)>()
    }

    /// Makes the frames from `from` on one item, and returns its number.
    pub(crate) fn close_item(&mut self, from: usize) -> u32 {
        let frames = from as u32..self.frames.len() as u32;
        let joined = self.join(from);
        self.items.push(Item::Frames { frames, joined });
        self.items.len() as u32 - 1
    }

    /// Joins several frames' bytes once for all who will get them.
    fn join(&mut self, from: usize) -> Option<Range<u32>> {
        let frames = &self.frames[from..];
        let bytes: usize = frames.iter().map(|routed| routed.frame.wire().len()).sum();
        if frames.len() < 2 || bytes > RUN_BYTES_MAX {
            return None;
        }
        let start = self.joined.len() as u32;
        for routed in frames {
            self.joined.extend_from_slice(routed.frame.wire());
        }
        Some(start..self.joined.len() as u32)
    }

    /// The item's bytes, if they lie in one piece.
    pub(crate) fn wire(&self, item: u32) -> Option<&[u8]> {
        match &self.items[item as usize] {
            Item::Frames {
                joined: Some(at), ..
            } => Some(&self.joined[at.start as usize..at.end as usize]),
            Item::Frames {
                frames,
                joined: None,
            } if frames.len() == 1 => Some(self.frames[frames.start as usize].frame.wire()),
            Item::Frames { .. } => None,
            Item::Composed(messages) => {
                let (first, last) = (messages.start as usize, messages.end as usize - 1);
                let (start, end) = (self.composed[first].start, self.composed[last].end);
                Some(&self.composed_bytes[start as usize..end as usize])
            }
        }
    }

    /// How many bytes an item is.
    pub(crate) fn bytes(&self, item: u32) -> usize {
        let mut bytes = 0;
        self.for_each_unit(item, &mut |_, unit| bytes += unit.wire.len());
        bytes
    }

    pub(crate) fn copy_into(&self, item: u32, into: &mut Vec<u8>) {
        match self.wire(item) {
            Some(wire) => into.extend_from_slice(wire),
            None => self.for_each_unit(item, &mut |_, unit| into.extend_from_slice(unit.wire)),
        }
    }

    /// The item's deliveries, in order.
    pub(crate) fn for_each_unit(&self, item: u32, each: &mut dyn FnMut(Class, Unit<'_>)) {
        match &self.items[item as usize] {
            Item::Frames { frames, .. } => {
                for routed in &self.frames[frames.start as usize..frames.end as usize] {
                    each(routed.class, Unit::of_frame(&routed.frame));
                }
            }
            Item::Composed(messages) => {
                for together in self.together(messages) {
                    each(together.class(), Unit::of_composed(together));
                }
            }
        }
    }

    /// How many deliveries an item is.
    pub(crate) fn units(&self, item: u32) -> u64 {
        match &self.items[item as usize] {
            Item::Frames { frames, .. } => frames.len() as u64,
            Item::Composed(messages) => self.together(messages).count() as u64,
        }
    }

    fn together(&self, messages: &Range<u32>) -> impl Iterator<Item = Together<'_>> {
        let messages = &self.composed[messages.start as usize..messages.end as usize];
        Together::split(messages, &self.composed_bytes)
    }

    pub(crate) fn clear(&mut self) {
        self.frames.clear();
        self.items.clear();
        self.composed.clear();
        self.composed_bytes.clear();
        self.joined.clear();
        self.links.clear();
        self.dirty.clear();
    }
}

/// Some items of a turn, as the messages of one run.
pub(crate) struct Noted<'a> {
    pub(crate) turn: &'a Turn,
    pub(crate) items: &'a [u32],
}

impl Messages for Noted<'_> {
    fn for_each(&self, each: &mut dyn FnMut(Message<'_>)) {
        for item in self.items {
            self.turn
                .for_each_unit(*item, &mut |_, unit| unit.for_each(each));
        }
    }

    fn for_each_delivery(&self, each: &mut dyn FnMut(Delivery<'_>)) {
        for item in self.items {
            self.turn.for_each_unit(*item, &mut |class, unit| {
                Single(class, unit).for_each_delivery(each)
            });
        }
    }
}

/// One delivery, as the messages of one run.
pub(crate) struct Single<'a>(pub(crate) Class, pub(crate) Unit<'a>);

impl Messages for Single<'_> {
    fn for_each(&self, each: &mut dyn FnMut(Message<'_>)) {
        self.1.for_each(each);
    }

    fn for_each_delivery(&self, each: &mut dyn FnMut(Delivery<'_>)) {
        each(Delivery::new(self.0, self.1.wire.len(), self));
    }
}
