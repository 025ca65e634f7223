//! The one door to atomics, locks and shared ownership: std in a normal build, loom under `--cfg loom`.
//!
//! Promises: everything in this crate that two threads touch comes through here, so that a loom
//! test sees all of it; and the promises the models are there to check have names ([`Promise`]), so
//! that a test can break each one and see the model notice. In a normal build all of that is nothing.
//! Leaves out: `OnceLock` (used only to make a lane once; loom has none), and statistics, which
//! order nothing.

#[cfg(tsan)]
mod sanitized;
#[cfg(tsan)]
pub(crate) use sanitized::{Mutex, MutexGuard};
#[cfg(not(any(loom, tsan)))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence},
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence},
};

pub(crate) use std::sync::atomic::{AtomicU64 as Statistic, Ordering};

#[cfg(tsan)]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

/// Locks, ignoring poison: no critical section here can leave its data half changed, and one
/// panicking thread must not silence the others.
#[cfg(not(tsan))]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A bound: as it is, as this crate's own tests have it, and as its models do: small, so that a few
/// operations reach it. The tests under `tests/` run at full size.
pub(crate) const fn sized(full: u32, tested: u32, modelled: u32) -> u32 {
    if cfg!(loom) {
        modelled
    } else if cfg!(test) {
        tested
    } else {
        full
    }
}

/// What the models check, one name for each thing that a seeded bug can take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Slots are written before the tail shows them.
    LaneTail,
    /// Slots are read before the head gives them back.
    LaneHead,
    /// A frame's bytes are read before its memory goes.
    FrameDrop,
    /// A shard looks at its lanes after it said that it sleeps.
    ShardFence,
    /// A publisher looks for sleepers after it showed its tails.
    PublisherFence,
    /// The ring is shown before the overflow.
    RingFirst,
    /// A topic keeps a shard's bit while a join is on its way.
    JoinsHoldBits,
}

/// `Release`, wherever the promise is kept.
#[inline(always)]
pub(crate) fn release(promise: Promise) -> Ordering {
    match kept(promise) {
        true => Ordering::Release,
        false => Ordering::Relaxed,
    }
}

/// A sequentially consistent fence, wherever the promise is kept.
#[inline(always)]
pub(crate) fn full_fence(promise: Promise) {
    if kept(promise) {
        fence(Ordering::SeqCst);
    }
}

/// After a count has reached zero: everything its other owners did happens before what follows.
#[inline(always)]
pub(crate) fn acquire_from(count: &AtomicU32) {
    // Acquire: pairs with every other owner's Release decrement. The thread sanitizer knows no fences.
    if cfg!(tsan) {
        count.load(Ordering::Acquire);
    } else {
        fence(Ordering::Acquire);
    }
}

#[cfg(not(loom))]
pub(crate) use kept::{Witness, kept};
#[cfg(all(test, loom))]
pub(crate) use modelled::broken;
#[cfg(loom)]
pub(crate) use modelled::{Witness, kept};

/// A normal build: every promise is kept, and nobody watches.
#[cfg(not(loom))]
mod kept {
    use super::Promise;

    #[inline(always)]
    pub(crate) const fn kept(_: Promise) -> bool {
        true
    }

    pub(crate) struct Witness;

    impl Witness {
        #[inline(always)]
        pub(crate) const fn new() -> Self {
            Self
        }

        #[inline(always)]
        pub(crate) fn read(&self) {}

        #[inline(always)]
        pub(crate) fn write(&self) {}

        #[inline(always)]
        pub(crate) fn end(&self) {}
    }
}

/// A model: one promise may be broken, and memory has a witness.
#[cfg(loom)]
mod modelled {
    use std::cell::Cell;

    use super::Promise;

    thread_local! {
        /// All threads of a model run on the thread of its test.
        static BROKEN: Cell<Option<Promise>> = const { Cell::new(None) };
    }

    pub(crate) fn kept(promise: Promise) -> bool {
        BROKEN.get() != Some(promise)
    }

    /// Runs `model` with one promise broken.
    #[cfg(test)]
    pub(crate) fn broken(promise: Promise, model: impl FnOnce()) {
        BROKEN.set(Some(promise));
        model();
    }

    /// Plain memory as loom sees it: two accesses of which one writes must be ordered, and after
    /// the end there must be none.
    pub(crate) struct Witness(loom::cell::UnsafeCell<bool>);

    impl Witness {
        pub(crate) fn new() -> Self {
            Self(loom::cell::UnsafeCell::new(true))
        }

        pub(crate) fn read(&self) {
            // SAFETY: loom fails the model unless this is ordered with every write.
            self.0
                .with(|alive| assert!(unsafe { *alive }, "used after its end"));
        }

        pub(crate) fn write(&self) {
            // SAFETY: as in `read`, with every other access.
            self.0
                .with_mut(|alive| assert!(unsafe { *alive }, "used after its end"));
        }

        pub(crate) fn end(&self) {
            self.write();
            // SAFETY: as in `write`.
            self.0.with_mut(|alive| unsafe { *alive = false });
        }
    }

    // SAFETY: shared on purpose: loom's cell checks what the type system cannot.
    unsafe impl Sync for Witness {}
}
