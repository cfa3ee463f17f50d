use std::sync::atomic::{AtomicUsize, Ordering};

use crate::proto::udp::grouping::{Limits, SegmentFault};
use crate::sys;

/// The limits of segmentation (GSO) of a socket, shared by the threads that send.
#[derive(Debug)]
pub(in crate::udp) struct GsoLimits {
    segments: AtomicUsize,
    size: AtomicUsize,
}

impl Default for GsoLimits {
    fn default() -> GsoLimits {
        GsoLimits {
            segments: AtomicUsize::new(sys::SEGMENTS.segments),
            size: AtomicUsize::new(sys::SEGMENTS.size),
        }
    }
}

impl GsoLimits {
    pub(super) fn limits(&self) -> Limits {
        Limits { segments: self.segments.load(Ordering::Relaxed), size: self.size.load(Ordering::Relaxed) }
    }

    /// Lowers the limits after the OS has rejected a message of `count` datagrams of `segment`
    /// bytes, sent under `limits`.
    pub(super) fn learn(&self, limits: Limits, fault: SegmentFault, count: usize, segment: usize) {
        let after = limits.after(fault, count, segment);
        // Limits only become less, also with other threads at the same time.
        self.segments.fetch_min(after.segments, Ordering::Relaxed);
        self.size.fetch_min(after.size, Ordering::Relaxed);
    }
}
