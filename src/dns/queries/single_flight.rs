//! Single-flight: concurrent lookups of the same records share one query.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use crate::dns::interrupted::Interrupted;
use crate::dns::oneshot::{Oneshot, Setter};
use crate::proto::dns::name::HostName;
use crate::proto::dns::records::Kind;
use crate::wait::WaitLimit;
use crate::wait::sync::{Mutex, MutexGuard};

/// The name, the record types, and the version of the configuration whose servers are queried.
pub(super) type Key = (HostName, Vec<Kind>, u64);

pub(super) struct SingleFlight<T>(Mutex<HashMap<Key, Arc<Oneshot<T>>>>);

/// The thread that sends the query. If it has no answer, another thread becomes the leader.
struct Leader<'a, T: Clone + Send + 'static> {
    flights: &'a SingleFlight<T>,
    key: Key,
    setter: Setter<T>,
}

impl<T: Clone + Send + 'static> SingleFlight<T> {
    pub(super) fn new() -> SingleFlight<T> {
        SingleFlight(Mutex::default())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Key, Arc<Oneshot<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the outcome of `query`, called by this thread or by another that has begun before. An
    /// outcome that is not shared is returned to this thread only.
    pub(super) fn run(
        &self,
        key: &Key,
        limit: &WaitLimit<'_>,
        mut query: impl FnMut() -> Result<T, Interrupted>,
        is_shared: impl Fn(&T) -> bool,
    ) -> Result<T, Interrupted> {
        loop {
            let other = {
                let mut all = self.all();
                match all.get(key) {
                    Some(oneshot) => Arc::clone(oneshot),
                    None => {
                        let oneshot = Oneshot::new();
                        all.insert(key.clone(), Arc::clone(&oneshot));
                        drop(all);
                        let leader = Leader { flights: self, key: key.clone(), setter: Setter(oneshot) };
                        let outcome = query()?;
                        if is_shared(&outcome) {
                            leader.setter.0.set(outcome.clone());
                        }
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

impl<T: Clone + Send + 'static> Drop for Leader<'_, T> {
    /// Lookups that begin after this have their own query. The setter, which is dropped next, wakes
    /// those that wait.
    fn drop(&mut self) {
        self.flights.all().remove(&self.key);
    }
}

#[cfg(all(test, socketry_loom))]
#[path = "single_flight/model.rs"]
mod model;

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: &WaitLimit<'static> = &WaitLimit::unlimited();

    /// A waiting thread sends the query itself if that of the leader has no answer.
    #[test]
    fn single_flight_waiter_becomes_leader_after_failure() {
        let (flights, key) = (SingleFlight::new(), (HostName::found("host.test"), vec![Kind::A], 0));
        std::thread::scope(|scope| {
            let first = flights.run(
                &key,
                FREE,
                || {
                    let oneshot = Arc::clone(&flights.all()[&key]);
                    scope.spawn(|| assert_eq!(flights.run(&key, FREE, || Ok(7), |_| true), Ok(7)));
                    // The map, the leader, this, and the waiting thread.
                    while Arc::strong_count(&oneshot) < 4 {
                        std::thread::yield_now();
                    }
                    Err(Interrupted::TimedOut(Arc::default()))
                },
                |_| true,
            );
            assert_eq!(first, Err(Interrupted::TimedOut(Arc::default())));
        });
        assert!(flights.all().is_empty());
    }

    /// The outcome is not kept for later calls.
    #[test]
    fn single_flight_runs_again_after_completion() {
        let (flights, key) = (SingleFlight::new(), (HostName::found("host.test"), vec![Kind::A], 0));
        for number in 0..2 {
            assert_eq!(flights.run(&key, FREE, || Ok(number), |_| true), Ok(number));
        }
    }

    /// A waiting thread makes a query of its own.
    #[test]
    fn single_flight_does_not_share_a_partial_outcome() {
        let (flights, key) = (SingleFlight::new(), (HostName::found("host.test"), vec![Kind::A], 0));
        std::thread::scope(|scope| {
            let query = || {
                let oneshot = Arc::clone(&flights.all()[&key]);
                scope.spawn(|| assert_eq!(flights.run(&key, FREE, || Ok(7), |_| true), Ok(7)));
                while Arc::strong_count(&oneshot) < 4 {
                    std::thread::yield_now();
                }
                Ok(3)
            };
            assert_eq!(flights.run(&key, FREE, query, |_| false), Ok(3));
        });
    }
}
