//! What calls cost, counted exactly: allocations and memory by the global allocator, system calls by strace.
#![allow(unreachable_pub, reason = "the modules of one test program")]

#[cfg(feature = "dns")]
mod dns_memory;
mod frame_memory;
#[path = "../kit/mod.rs"]
mod kit;
mod requests;
mod tcp;
mod udp;

#[global_allocator]
static ALLOCATOR: kit::allocations::CountingAllocator = kit::allocations::CountingAllocator;
