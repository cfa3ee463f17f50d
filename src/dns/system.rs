//! Lookups with the OS resolver. A call to it cannot be cancelled, so a separate thread makes the
//! call, and is abandoned when the wait limit ends the lookup. The number of these threads is
//! limited.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::interrupted::Interrupted;
use super::oneshot::{Oneshot, Setter};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::sys;
use crate::wait::WaitLimit;

/// The maximum number of threads that call the OS resolver.
const MAX_THREADS: usize = 32;

static BUSY: AtomicUsize = AtomicUsize::new(0);

type Answer = std::result::Result<Vec<SocketAddr>, (ErrorKind, String)>;

struct ThreadPermit;

impl ThreadPermit {
    fn take() -> Option<ThreadPermit> {
        let taken = BUSY.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |busy| {
            (busy < MAX_THREADS).then_some(busy + 1)
        });
        taken.ok().map(|_| ThreadPermit)
    }
}

impl Drop for ThreadPermit {
    fn drop(&mut self) {
        BUSY.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("too many system lookups in progress (limit {MAX_THREADS})")]
struct TooManyLookups;

/// The error text of the OS.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct SystemMessage(String);

pub(super) fn lookup(
    name: &str,
    limit: &WaitLimit<'_>,
) -> std::result::Result<Result<Vec<SocketAddr>>, Interrupted> {
    let Some(permit) = ThreadPermit::take() else {
        return Ok(Err(
            Error::detailed(Operation::Resolve, ErrorKind::ResourceExhausted, TooManyLookups).at(name)
        ));
    };
    let oneshot = Oneshot::<Answer>::new();
    let (own, host) = (Setter(Arc::clone(&oneshot)), name.to_owned());
    let thread = std::thread::Builder::new().name("socketry resolve".to_owned());
    let started = thread.spawn(move || {
        own.0.set(sys::system_lookup(&host));
        drop(permit);
    });
    if let Err(error) = started {
        return Ok(Err(sys::thread_failure(Operation::Resolve, error).at(name)));
    }
    Ok(match oneshot.wait(limit)? {
        Some(Ok(found)) => Ok(found),
        Some(Err((kind, message))) => {
            Err(Error::detailed(Operation::Resolve, kind, SystemMessage(message)).at(name))
        }
        // The thread panicked.
        None => Err(Error::new(Operation::Resolve, ErrorKind::NameResolution).at(name)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No other test in this process uses the OS resolver.
    #[test]
    fn thread_permits_are_limited_and_released_on_drop() {
        for _ in 0..2 {
            let taken: Vec<ThreadPermit> =
                std::iter::from_fn(ThreadPermit::take).take(MAX_THREADS + 1).collect();
            assert_eq!(taken.len(), MAX_THREADS);
        }
    }
}
