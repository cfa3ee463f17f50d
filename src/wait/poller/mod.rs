//! Waiting for many sockets at the same time.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
mod poll;
#[cfg(test)]
mod tests;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use epoll::{EdgePoller, ExclusiveWait, Poller};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use poll::{EdgePoller, ExclusiveWait, Poller};

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// For something to read.
    Read,
    /// For space to write. Other events may be reported, too, and can be ignored.
    Write,
}

/// A socket that an [`EdgePoller`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) key: u64,
    pub(crate) is_writable: bool,
    /// A read that gets fewer bytes than it asks for is followed by another: the peer has ended its
    /// stream, the connection is reset, or urgent data ends a read early (tcp(7)).
    pub(crate) drains: bool,
}

/// A poller that another thread can wake.
pub(crate) trait Wake: std::fmt::Debug + Send + Sync {
    /// Ends the wait of one thread, or else the next wait.
    fn wake(&self);
}

impl Wake for Poller {
    fn wake(&self) {
        Poller::wake(self);
    }
}

impl Wake for EdgePoller {
    fn wake(&self) {
        EdgePoller::wake(self);
    }
}
