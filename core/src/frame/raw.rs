//! The memory of a frame: one allocation, a header with the reference count, then the bytes.
//!
//! ```text
//! ptr                  ptr + size_of::<Header>()
//! +--------+------+----+-----------------------------------------+
//! |  refs  | Meta | .. | bytes: len initialised, capacity in all |
//! +--------+------+----+-----------------------------------------+
//! ```
//!
//! This is one of the few files with `unsafe`. [`Unique`] owns the memory alone and writes;
//! [`Shared`] only reads and counts. Promises: memory is freed exactly once, when the last reference
//! goes, and every read is of initialised bytes. Leaves out: what the bytes mean (`mod.rs`).

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc},
    mem::{MaybeUninit, forget},
    num::NonZero,
    ptr::{NonNull, drop_in_place},
    slice,
};

use crate::{
    ident::ConnId,
    sync::{AtomicU32, Ordering, Promise, Witness, acquire_from, release},
};

/// Largest number of bytes in one frame, headroom included: 1 GiB, so that offsets fit a `u32` and
/// sums of two of them too.
pub const FRAME_BYTES_MAX: usize = 1 << 30;

/// More references than any program can hold on purpose; beyond it the count could wrap.
const REFS_MAX: u32 = u32::MAX / 2;

/// Where the messages lie in the bytes. Offsets count from the first byte after the header.
#[derive(Clone, Copy, Default)]
pub(super) struct Meta {
    /// First byte of the wire form: the first message's header.
    pub(super) start: u32,
    /// First byte of the first message's payload.
    pub(super) payload: u32,
    /// One past the first message's payload.
    pub(super) first_end: u32,
    /// One past the last message: what follows is the table of further messages.
    pub(super) end: u32,
    /// Entries in that table.
    pub(super) more: u32,
    /// The sender's mark on the first message.
    pub(super) tag: u8,
    /// The subscriber that does not get this frame.
    pub(super) except: Option<ConnId>,
    /// Where its publisher stood, for those who keep a log.
    pub(super) mark: Option<NonZero<u64>>,
}

struct Header {
    refs: AtomicU32,
    len: u32,
    capacity: u32,
    meta: Meta,
    /// Stands for the bytes, in a model.
    witness: Witness,
}

fn layout(capacity: u32) -> Layout {
    Layout::new::<Header>()
        .extend(Layout::array::<u8>(capacity as usize).expect("at most 1 GiB"))
        .expect("at most 1 GiB and a header")
        .0
}

/// A frame under construction.
pub(super) struct Unique {
    ptr: NonNull<Header>,
}

// SAFETY: the memory is owned by this value alone; header and bytes are plain data.
unsafe impl Send for Unique {}
// SAFETY: through `&Unique` the memory is only read.
unsafe impl Sync for Unique {}

impl Unique {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        assert!(
            capacity <= FRAME_BYTES_MAX,
            "a frame of {capacity} bytes exceeds the maximum"
        );
        let capacity = capacity as u32;
        // SAFETY: the layout has the header's size, so it is not zero-sized.
        let ptr = unsafe { alloc(layout(capacity)) }.cast::<Header>();
        let Some(ptr) = NonNull::new(ptr) else {
            handle_alloc_error(layout(capacity))
        };
        let header = Header {
            refs: AtomicU32::new(1),
            len: 0,
            capacity,
            meta: Meta::default(),
            witness: Witness::new(),
        };
        // SAFETY: freshly allocated with this type's layout, and nobody else knows the address.
        unsafe { ptr.write(header) };
        Self { ptr }
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: written in `with_capacity`, alive until this value drops or is frozen.
        unsafe { self.ptr.as_ref() }
    }

    #[inline]
    fn header_mut(&mut self) -> &mut Header {
        // SAFETY: as in `header`, and `&mut self` is the only way to the memory.
        unsafe { self.ptr.as_mut() }
    }

    #[inline]
    fn data(&self) -> *mut u8 {
        // SAFETY: one header past the start is inside, or at the end of, the same allocation.
        unsafe { self.ptr.as_ptr().add(1) }.cast()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.header().len as usize
    }

    #[inline]
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        let len = self.len();
        // SAFETY: the first `len` bytes are initialised (kept by `advance`), and `&mut self` makes the
        // borrow exclusive.
        unsafe { slice::from_raw_parts_mut(self.data(), len) }
    }

    /// Makes room for `more` further bytes, at least doubling when it must grow.
    #[inline]
    pub(super) fn reserve(&mut self, more: usize) {
        if self.header().capacity as usize - self.len() < more {
            self.grow(more);
        }
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let (len, old) = (self.len(), self.header().capacity as usize);
        let needed = len + more;
        assert!(
            needed <= FRAME_BYTES_MAX,
            "a frame of {needed} bytes exceeds the maximum"
        );
        let new = needed.max(old * 2).min(FRAME_BYTES_MAX) as u32;
        let (old_layout, new_layout) = (layout(old as u32), layout(new));
        // SAFETY: `ptr` was allocated with `old_layout`; the new size is larger, hence not zero, and
        // `layout` checked that it does not overflow. Moving the header is fine: nobody shares it.
        let ptr = unsafe { realloc(self.ptr.as_ptr().cast(), old_layout, new_layout.size()) };
        let Some(ptr) = NonNull::new(ptr.cast()) else {
            handle_alloc_error(new_layout)
        };
        self.ptr = ptr;
        self.header_mut().capacity = new;
    }

    /// The capacity not yet written.
    #[inline]
    pub(super) fn spare(&mut self) -> &mut [MaybeUninit<u8>] {
        let (len, capacity) = (self.len(), self.header().capacity as usize);
        // SAFETY: `len <= capacity`, so this stays in the allocation.
        let start = unsafe { self.data().add(len) }.cast();
        // SAFETY: `MaybeUninit` asks for no initialisation, and `&mut self` makes it exclusive.
        unsafe { slice::from_raw_parts_mut(start, capacity - len) }
    }

    /// Counts `n` bytes of [`spare`](Self::spare) as written.
    ///
    /// # Safety
    /// The caller has initialised the first `n` bytes of the spare capacity.
    #[inline]
    pub(super) unsafe fn advance(&mut self, n: usize) {
        let header = self.header_mut();
        assert!(
            n <= (header.capacity - header.len) as usize,
            "advanced past the capacity"
        );
        header.len += n as u32;
    }

    #[inline]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        let (into, from) = (self.spare().as_mut_ptr().cast::<u8>(), bytes.as_ptr());
        // SAFETY: `reserve` made room for all of `bytes`; a borrow cannot overlap our own memory.
        unsafe { into.copy_from_nonoverlapping(from, bytes.len()) };
        // SAFETY: just initialised.
        unsafe { self.advance(bytes.len()) };
    }

    #[inline]
    pub(super) fn freeze(mut self, meta: Meta) -> Shared {
        debug_assert!(meta.start <= meta.payload && meta.payload <= meta.first_end);
        debug_assert!(meta.first_end <= meta.end && meta.end as usize <= self.len());
        self.header_mut().meta = meta;
        let ptr = self.ptr;
        forget(self);
        Shared { ptr }
    }
}

impl Drop for Unique {
    fn drop(&mut self) {
        free(self.ptr);
    }
}

/// Frees a frame's memory: the one place that does.
fn free(ptr: NonNull<Header>) {
    // Both callers hold the last owner: `Unique` by its type, `Shared` by the count of zero.
    // SAFETY: so the header is alive and unshared.
    let Header {
        capacity, witness, ..
    } = unsafe { ptr.as_ref() };
    let capacity = *capacity;
    witness.end();
    if cfg!(loom) {
        // A model that finds a use after this must find the memory, to say so.
        return;
    }
    // SAFETY: as above; it is not used again.
    unsafe { drop_in_place(ptr.as_ptr()) };
    // SAFETY: allocated (or grown) with exactly this layout.
    unsafe { dealloc(ptr.as_ptr().cast(), layout(capacity)) };
}

/// A finished frame: immutable bytes with an intrusive reference count.
pub(super) struct Shared {
    ptr: NonNull<Header>,
}

// SAFETY: the bytes are immutable once frozen, and the count is atomic.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: this value owns one reference, so the memory is alive.
        unsafe { self.ptr.as_ref() }
    }

    #[inline]
    pub(super) fn meta(&self) -> &Meta {
        &self.header().meta
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.header().witness.read();
        // SAFETY: one header past the start is inside, or at the end of, the same allocation.
        let data = unsafe { self.ptr.as_ptr().add(1) }.cast::<u8>();
        // SAFETY: `len` bytes were initialised before the frame was frozen, and are immutable since.
        unsafe { slice::from_raw_parts(data, self.header().len as usize) }
    }

    /// Adds `n` references that [`from_raw`](Self::from_raw) will take up.
    pub(super) fn add_refs(&self, n: u32) {
        let refs = &self.header().refs;
        // If the count is one it is ours, and nobody else can change it. Acquire: pairs with the
        // Release decrement of whoever shared it before. The store below ends that decrement's release
        // sequence, so we pass it on: to whoever receives the new references, by a lane's Release store.
        if refs.load(Ordering::Acquire) == 1 {
            assert!(n < REFS_MAX, "too many references to one frame");
            refs.store(1 + n, Ordering::Relaxed);
        } else {
            // Relaxed: a new reference is made from one we hold, which keeps the frame alive.
            let before = refs.fetch_add(n, Ordering::Relaxed);
            assert!(
                before < REFS_MAX && n < REFS_MAX,
                "too many references to one frame"
            );
        }
    }

    pub(super) fn refs(&self) -> u32 {
        // Relaxed: a count for tests and statistics; it orders nothing.
        self.header().refs.load(Ordering::Relaxed)
    }

    pub(super) fn copy(&self) -> Self {
        let mut copy = Unique::with_capacity(self.bytes().len());
        copy.extend(self.bytes());
        copy.freeze(*self.meta())
    }

    /// Gives this reference up as a bare pointer.
    pub(super) fn into_raw(self) -> *mut () {
        let ptr = self.ptr.as_ptr().cast();
        forget(self);
        ptr
    }

    /// Takes up one reference.
    ///
    /// # Safety
    /// `ptr` comes from [`into_raw`](Self::into_raw), which gives up one reference and any that
    /// [`add_refs`](Self::add_refs) made before; each of these is taken up once.
    pub(super) unsafe fn from_raw(ptr: *mut ()) -> Self {
        debug_assert!(!ptr.is_null());
        // SAFETY: the caller's pointer came from a `NonNull`.
        let ptr = unsafe { NonNull::new_unchecked(ptr.cast()) };
        Self { ptr }
    }
}

impl Clone for Shared {
    fn clone(&self) -> Self {
        // Relaxed: as in `add_refs`.
        let before = self.header().refs.fetch_add(1, Ordering::Relaxed);
        assert!(before < REFS_MAX, "too many references to one frame");
        Self { ptr: self.ptr }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Release: pairs with the acquire below in whichever thread frees; our reads of the
        // bytes happen before it frees them.
        if self.header().refs.fetch_sub(1, release(Promise::FrameDrop)) == 1 {
            // Pairs with every other owner's Release decrement above.
            acquire_from(&self.header().refs);
            free(self.ptr);
        }
    }
}
