//! An allocator that counts, for each thread and for the process. A program that counts makes it
//! its global allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

thread_local! {
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

static IN_USE: AtomicIsize = AtomicIsize::new(0);

/// Bytes of the whole process that are allocated and not freed.
pub fn in_use() -> isize {
    IN_USE.load(Ordering::Relaxed)
}

pub struct CountingAllocator;

fn count(change: isize) {
    IN_USE.fetch_add(change, Ordering::Relaxed);
    // A thread that ends frees memory after these are gone.
    let _ = ALLOCATED.try_with(|allocated| {
        allocated.set(allocated.get() + change);
        PEAK.with(|peak| peak.set(peak.get().max(allocated.get())));
        if change > 0 {
            CALLS.with(|calls| calls.set(calls.get() + 1));
        }
    });
}

// SAFETY: every call is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

pub const KIB: isize = 1024;

/// What some work allocated in this thread.
#[derive(Clone, Copy, Debug)]
pub struct Allocated {
    /// The maximum of bytes at a time, beyond those before the work.
    pub most: isize,
    /// The bytes that are still allocated.
    pub held: isize,
    /// The number of allocations.
    pub calls: usize,
}

pub fn allocated(work: impl FnOnce()) -> Allocated {
    let (before, calls) = (ALLOCATED.get(), CALLS.get());
    PEAK.set(before);
    work();
    Allocated { most: PEAK.get() - before, held: ALLOCATED.get() - before, calls: CALLS.get() - calls }
}
