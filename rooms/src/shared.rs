//! Small state that threads share: a lock around a few numbers.
//!
//! Promises: nobody holds the lock for longer than a look or a change; a thread that panicked meanwhile
//! leaves the numbers as they were.

use std::sync::{Mutex, MutexGuard};

/// A value behind a lock.
#[derive(Debug, Default)]
pub(crate) struct Shared<T>(Mutex<T>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<T: Clone> Shared<T> {
    /// The value as it is now.
    pub(crate) fn get(&self) -> T {
        self.lock().clone()
    }
}
