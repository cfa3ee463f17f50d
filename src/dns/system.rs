//! The system's own resolver, which cannot be stopped once it is asked: it is asked by a thread of
//! its own, which is left behind when the time is over. Of these there are only so many.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::failure::Interrupted;
use super::promise::{Keeper, Promise};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::sys;
use crate::wait::WaitLimit;

/// More threads than these wait for nobody's answer.
const MOST: usize = 32;

static BUSY: AtomicUsize = AtomicUsize::new(0);

type Answer = std::result::Result<Vec<SocketAddr>, (ErrorKind, String)>;

struct Seat;

impl Seat {
    fn take() -> Option<Seat> {
        let taken =
            BUSY.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |busy| (busy < MOST).then_some(busy + 1));
        taken.ok().map(|_| Seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        BUSY.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("too many system lookups in progress (limit {MOST})")]
struct AllBusy;

/// Why the system said no.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

pub(super) fn lookup(
    name: &str,
    limit: &WaitLimit<'_>,
) -> std::result::Result<Result<Vec<SocketAddr>>, Interrupted> {
    let Some(seat) = Seat::take() else {
        return Ok(Err(Error::detailed(Operation::Resolve, ErrorKind::ResourceExhausted, AllBusy).at(name)));
    };
    let promise = Promise::<Answer>::new();
    let (own, host) = (Keeper(Arc::clone(&promise)), name.to_owned());
    let thread = std::thread::Builder::new().name("socketry resolve".to_owned());
    let started = thread.spawn(move || {
        own.0.keep(sys::system_lookup(&host));
        drop(seat);
    });
    if let Err(error) = started {
        return Ok(Err(sys::thread_failure(Operation::Resolve, error).at(name)));
    }
    Ok(match promise.wait(limit)? {
        Some(Ok(found)) => Ok(found),
        Some(Err((kind, said))) => Err(Error::detailed(Operation::Resolve, kind, Said(said)).at(name)),
        // The thread has panicked, such as on an error text in the encoding of another locale.
        None => Err(Error::new(Operation::Resolve, ErrorKind::NameResolution).at(name)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing else of these tests asks the system.
    #[test]
    fn thread_permits_are_limited_and_released_on_drop() {
        for _ in 0..2 {
            let taken: Vec<Seat> = std::iter::from_fn(Seat::take).take(MOST + 1).collect();
            assert_eq!(taken.len(), MOST);
        }
    }
}
