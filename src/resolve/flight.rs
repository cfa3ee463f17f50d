//! Several threads that want the same at the same time: one asks, and what it is told is told to all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::exchange::{Bound, Interrupted};
use super::promise::Promise;
use crate::proto::dns::name::HostName;
use crate::proto::dns::wire::Kind;

pub(super) type Wanted = (HostName, Vec<Kind>);

pub(super) struct Flights<T>(Mutex<HashMap<Wanted, Arc<Promise<T>>>>);

/// The one who asks. If it is dropped without an answer, another one asks.
struct Lead<'a, T: Clone + Send + 'static> {
    flights: &'a Flights<T>,
    wanted: Wanted,
    promise: Arc<Promise<T>>,
}

impl<T: Clone + Send + 'static> Flights<T> {
    pub(super) fn new() -> Flights<T> {
        Flights(Mutex::default())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Wanted, Arc<Promise<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What asking comes to, of this thread or of another that has begun before.
    pub(super) fn fly(
        &self,
        wanted: &Wanted,
        bound: Bound<'_>,
        mut ask: impl FnMut() -> Result<T, Interrupted>,
    ) -> Result<T, Interrupted> {
        loop {
            let other = {
                let mut all = self.all();
                match all.get(wanted) {
                    Some(promise) => Arc::clone(promise),
                    None => {
                        let promise = Promise::new();
                        all.insert(wanted.clone(), Arc::clone(&promise));
                        drop(all);
                        let lead = Lead { flights: self, wanted: wanted.clone(), promise };
                        let outcome = ask()?;
                        lead.promise.keep(outcome.clone());
                        return Ok(outcome);
                    }
                }
            };
            if let Some(outcome) = other.wait(bound)? {
                return Ok(outcome);
            }
        }
    }
}

impl<T: Clone + Send + 'static> Drop for Lead<'_, T> {
    fn drop(&mut self) {
        self.flights.all().remove(&self.wanted);
        self.promise.break_if_open();
    }
}
