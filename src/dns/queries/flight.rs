//! Several threads that want the same at the same time: one asks, and what it is told is told to
//! all.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use crate::dns::failure::Interrupted;
use crate::dns::promise::{Keeper, Promise};
use crate::proto::dns::name::HostName;
use crate::proto::dns::wire::Kind;
use crate::wait::WaitLimit;
use crate::wait::sync::{Mutex, MutexGuard};

/// With the version of the configuration whose servers are asked.
pub(super) type Wanted = (HostName, Vec<Kind>, u64);

pub(super) struct Flights<T>(Mutex<HashMap<Wanted, Arc<Promise<T>>>>);

/// The one who asks. If it is dropped without an answer, another one asks.
struct Lead<'a, T: Clone + Send + 'static> {
    flights: &'a Flights<T>,
    wanted: Wanted,
    keeper: Keeper<T>,
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
        limit: &WaitLimit<'_>,
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
                        let lead = Lead { flights: self, wanted: wanted.clone(), keeper: Keeper(promise) };
                        let outcome = ask()?;
                        lead.keeper.0.keep(outcome.clone());
                        return Ok(outcome);
                    }
                }
            };
            if let Some(outcome) = other.wait(limit)? {
                return Ok(outcome);
            }
        }
    }
}

impl<T: Clone + Send + 'static> Drop for Lead<'_, T> {
    /// Whoever comes after this begins again; those who wait are told next, when the keeper is
    /// dropped.
    fn drop(&mut self) {
        self.flights.all().remove(&self.wanted);
    }
}

#[cfg(all(test, socketry_loom))]
#[path = "flight/model.rs"]
mod model;

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: &WaitLimit<'static> = &WaitLimit::unlimited();

    /// Whoever waits for one who is told nothing asks in its place, and is not left waiting.
    #[test]
    fn single_flight_waiter_becomes_leader_after_failure() {
        let (flights, wanted) = (Flights::new(), (HostName::found("host.test"), vec![Kind::A], 0));
        std::thread::scope(|scope| {
            let first = flights.fly(&wanted, FREE, || {
                let promise = Arc::clone(&flights.all()[&wanted]);
                scope.spawn(|| assert_eq!(flights.fly(&wanted, FREE, || Ok(7)), Ok(7)));
                // The map, the one who asks, this, and the one who waits.
                while Arc::strong_count(&promise) < 4 {
                    std::thread::yield_now();
                }
                Err(Interrupted::TimedOut(Arc::default()))
            });
            assert_eq!(first, Err(Interrupted::TimedOut(Arc::default())));
        });
        assert!(flights.all().is_empty());
    }

    /// What is not kept is asked for again by those who come later.
    #[test]
    fn single_flight_runs_again_after_completion() {
        let (flights, wanted) = (Flights::new(), (HostName::found("host.test"), vec![Kind::A], 0));
        for number in 0..2 {
            assert_eq!(flights.fly(&wanted, FREE, || Ok(number)), Ok(number));
        }
    }
}
