//! Waiting for many sockets at the same time.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
mod poll;
#[cfg(test)]
mod tests;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use epoll::{ExclusiveWait, Poller};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use poll::{ExclusiveWait, Poller};
