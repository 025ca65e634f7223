//! The lane alone, for benchmarks that put it beside other queues. Not part of the API: it may change
//! or go at any time. Leaves out everything that makes a lane useful.

use crate::{
    lane::{Consumer, Desc, Producer, Ring},
    sync::Arc,
};

/// A lane's writing end.
pub struct LaneWriter(Producer);

/// A lane's reading end.
pub struct LaneReader(Consumer);

/// A lane of numbers.
pub fn lane() -> (LaneWriter, LaneReader) {
    let ring = Arc::new(Ring::new());
    (
        LaneWriter(Producer::resume(ring.clone())),
        LaneReader(Consumer::resume(ring)),
    )
}

fn desc(number: u64) -> Desc {
    Desc {
        word: std::ptr::null_mut(),
        meta: number,
    }
}

impl LaneWriter {
    /// Whether `n` numbers can be staged now.
    #[inline]
    pub fn has_room(&mut self, n: u32) -> bool {
        self.0.has_room(n)
    }

    /// Writes a number that the reader does not see yet. There must be room.
    #[inline]
    pub fn stage(&mut self, number: u64) {
        self.0.stage(desc(number));
    }

    /// Writes several. There must be room for all.
    #[inline]
    pub fn stage_all(&mut self, numbers: impl ExactSizeIterator<Item = u64>) {
        self.0.stage_all(numbers.map(desc));
    }

    /// Shows the reader what was staged.
    #[inline]
    pub fn publish(&mut self) {
        self.0.publish();
    }
}

impl LaneReader {
    /// Hands out the numbers that are there. Returns how many.
    #[inline]
    pub fn drain(&mut self, mut each: impl FnMut(u64)) -> u64 {
        u64::from(self.0.drain(u32::MAX, |desc| each(desc.meta)))
    }

    /// Gives the room of what was read back to the writer.
    #[inline]
    pub fn release(&mut self) {
        self.0.release();
    }
}
