//! The one door to atomics, locks and shared ownership: std in a normal build, loom under `--cfg loom`.
//!
//! Promises: everything in this crate that two threads touch comes through here, so that a loom
//! test sees all of it. Leaves out: `OnceLock` (used only to make a lane once; loom has none).

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence},
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence},
};

pub(crate) use std::sync::atomic::Ordering;

/// Locks, ignoring poison: no critical section here can leave its data half changed, and one
/// panicking thread must not silence the others.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
