use std::sync::atomic::{AtomicUsize, Ordering};

use crate::proto::grouping::{Limits, SegmentFault};
use crate::sys;

/// What a socket's system is known to cut into datagrams; shared by the threads that send.
#[derive(Debug)]
pub(in crate::udp) struct Segmenting {
    segments: AtomicUsize,
    size: AtomicUsize,
}

impl Default for Segmenting {
    fn default() -> Segmenting {
        Segmenting {
            segments: AtomicUsize::new(sys::SEGMENTS.segments),
            size: AtomicUsize::new(sys::SEGMENTS.size),
        }
    }
}

impl Segmenting {
    pub(super) fn limits(&self) -> Limits {
        Limits { segments: self.segments.load(Ordering::Relaxed), size: self.size.load(Ordering::Relaxed) }
    }

    /// Learns from the refusal of a message of `count` datagrams, cut at `segment` bytes, that was sent under `limits`.
    pub(super) fn learn(&self, limits: Limits, fault: SegmentFault, count: usize, segment: usize) {
        let after = limits.after(fault, count, segment);
        // Each only becomes less, whatever other threads learn meanwhile.
        self.segments.fetch_min(after.segments, Ordering::Relaxed);
        self.size.fetch_min(after.size, Ordering::Relaxed);
    }
}
