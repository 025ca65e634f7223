//! What shards tell a room thread: a bounded box that is emptied once a turn.
//!
//! Inputs come by the ten thousand a second and are only looked at when a step is due, so posting one wakes
//! nobody. Promises: first in, first out; bounded, and inputs can fill only part of it, so that joins and
//! goodbyes find room in a flood.

use std::{
    sync::{Condvar, Mutex, MutexGuard},
    time::Duration,
};

/// Letters that may wait: at 64 B each 2 MB, beside what they point to. A thread empties it before every step, and four
/// times a second at least.
const LETTERS_MAX: usize = 32_768;
/// Of these, inputs and the like.
const INPUTS_MAX: usize = LETTERS_MAX - 4_096;

/// A thread's letter box.
#[derive(Debug)]
pub(crate) struct Mailbox<L> {
    inside: Mutex<Inside<L>>,
    arrived: Condvar,
}

#[derive(Debug)]
struct Inside<L> {
    letters: Vec<L>,
    refused: u64,
}

/// The box is full, since its thread is far behind: the letter comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full<L>(pub(crate) L);

impl<L> Mailbox<L> {
    pub(crate) fn new() -> Self {
        Self {
            inside: Mutex::new(Inside {
                letters: Vec::new(),
                refused: 0,
            }),
            arrived: Condvar::new(),
        }
    }

    /// Posts something that may be lost: an input, which the next one follows. Wakes nobody.
    pub(crate) fn post_input(&self, letter: L) -> Result<(), Full<L>> {
        self.post(letter, INPUTS_MAX)
    }

    /// Posts something that matters, and wakes the thread.
    pub(crate) fn post_urgent(&self, letter: L) -> Result<(), Full<L>> {
        self.post(letter, LETTERS_MAX)?;
        self.arrived.notify_one();
        Ok(())
    }

    /// Posts what must not be lost and is rare enough not to need a bound: a room thread's own.
    pub(crate) fn post_always(&self, letter: L) {
        self.lock().letters.push(letter);
        self.arrived.notify_one();
    }

    fn post(&self, letter: L, most: usize) -> Result<(), Full<L>> {
        let mut inside = self.lock();
        if inside.letters.len() >= most {
            inside.refused += 1;
            return Err(Full(letter));
        }
        inside.letters.push(letter);
        Ok(())
    }

    /// Takes everything, in order; `into` is empty and gives its memory for the next letters.
    pub(crate) fn take(&self, into: &mut Vec<L>) {
        std::mem::swap(&mut self.lock().letters, into);
    }

    /// Waits until something urgent arrives, or for `time`.
    pub(crate) fn wait(&self, time: Duration) {
        let inside = self.lock();
        // Woken, late, or for nothing: the caller looks anyway.
        let _woken = self.arrived.wait_timeout(inside, time);
    }

    /// Letters that found it full.
    pub(crate) fn refused(&self) -> u64 {
        self.lock().refused
    }

    fn lock(&self) -> MutexGuard<'_, Inside<L>> {
        self.inside
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_inputs_leaves_room_for_goodbyes() {
        let mailbox = Mailbox::new();
        let posted = (0..2 * LETTERS_MAX).filter(|n| mailbox.post_input(*n).is_ok());
        assert_eq!(posted.count(), INPUTS_MAX);
        assert_eq!(mailbox.post_urgent(7), Ok(()));
        assert_eq!(mailbox.refused(), (2 * LETTERS_MAX - INPUTS_MAX) as u64);
        let mut letters = Vec::new();
        mailbox.take(&mut letters);
        assert_eq!((letters.len(), letters.last()), (INPUTS_MAX + 1, Some(&7)));
        assert!(letters[..INPUTS_MAX].iter().copied().eq(0..INPUTS_MAX));
    }
}
