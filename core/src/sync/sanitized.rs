//! A lock that the thread sanitizer can follow, for its builds only (`--cfg tsan`).
//!
//! std comes compiled without the sanitizer, and its lock waits in there; so the sanitizer misses what a
//! contended lock orders, and sees races where there are none. This one is all ours. It spins: tests
//! may, servers must not.

use std::{
    cell::UnsafeCell,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicBool, Ordering},
};

pub(crate) struct Mutex<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: a guard is the only way to the value, and `lock` gives out one at a time.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            taken: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // Acquire: pairs with the Release store of the last guard.
        while self.taken.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        MutexGuard(self)
    }
}

pub(crate) struct MutexGuard<'a, T>(&'a Mutex<T>);

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while this guard lives there is no other.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and `&mut self` makes it exclusive.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire swap in `lock`.
        self.0.taken.store(false, Ordering::Release);
    }
}
