//! An allocator that counts, for each thread by itself.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of several tests, each of which counts what it is about"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn count(change: isize) {
    // A thread that ends frees without them.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + change);
        MOST.with(|most| most.set(most.get().max(held.get())));
        if change > 0 {
            CALLS.with(|calls| calls.set(calls.get() + 1));
        }
    });
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

pub const KIB: isize = 1024;

/// What some work allocated, in this thread.
#[derive(Clone, Copy, Debug)]
pub struct Allocated {
    /// The most bytes at a time, beyond what there was.
    pub most: isize,
    /// The bytes that are still there.
    pub held: isize,
    /// How often.
    pub calls: usize,
}

pub fn allocated(work: impl FnOnce()) -> Allocated {
    let (before, calls) = (HELD.get(), CALLS.get());
    MOST.set(before);
    work();
    Allocated { most: MOST.get() - before, held: HELD.get() - before, calls: CALLS.get() - calls }
}
