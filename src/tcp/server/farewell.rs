//! The polite end of connections whose handlers are done, apart from the threads that serve: one
//! thread waits for all of them, and is there only while there are some.
//!
//! Each has said that nothing follows, and is read until the peer ends its side, too, or until it
//! has taken 2 s or 64 KiB.

use std::collections::{HashMap, VecDeque};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::state::Shared;
use crate::sys::{self, Mode};
use crate::tcp::close::{LONGEST_DRAIN, MOST_DRAINED};
use crate::wait::{self, Poller, WaitLimit};

/// So many leave politely at a time; the next one is closed at once.
const MOST: usize = 1_024;

/// How long the thread waits for another one.
const IDLE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Farewells(Mutex<Leaving>);

#[derive(Default)]
struct Leaving {
    /// Made with the first one.
    poller: Option<Arc<Poller>>,
    has_thread: bool,
    next: u64,
    streams: HashMap<u64, (TcpStream, usize)>,
    /// When the time of each is over; the earliest first, since all have the same.
    ends: VecDeque<(Instant, u64)>,
}

impl Leaving {
    /// Takes out what nobody waits for any more; when the next one's time is over.
    fn expire(&mut self, now: Instant) -> Option<Instant> {
        while let Some(&(end, key)) = self.ends.front() {
            if end > now && self.streams.contains_key(&key) {
                return Some(end);
            }
            self.ends.pop_front();
            if let (Some((stream, _)), Some(poller)) = (self.streams.remove(&key), &self.poller) {
                poller.remove(&stream, key);
            }
        }
        None
    }
}

impl Farewells {
    pub(super) fn count(&self) -> usize {
        self.leaving().streams.len()
    }

    /// Takes a stream over that has said that nothing follows.
    pub(super) fn add(&self, shared: &Arc<Shared>, stream: TcpStream) {
        let mut leaving = self.leaving();
        if leaving.streams.len() >= MOST {
            return;
        }
        let poller = match &leaving.poller {
            Some(poller) => Arc::clone(poller),
            None => match Poller::new() {
                Ok(poller) => Arc::clone(leaving.poller.insert(Arc::new(poller))),
                // Without descriptors there is nothing better than to close.
                Err(_) => return,
            },
        };
        let end = Instant::now() + LONGEST_DRAIN;
        let key = leaving.next;
        leaving.next += 1;
        if poller.add(&stream, key).is_err() {
            return;
        }
        leaving.streams.insert(key, (stream, 0));
        leaving.ends.push_back((end, key));
        if !leaving.has_thread {
            let shared = Arc::clone(shared);
            let builder = std::thread::Builder::new().name("socketry farewell".to_owned());
            leaving.has_thread = builder.spawn(move || shared.farewells.work(&shared)).is_ok();
            if !leaving.has_thread {
                leaving.streams.clear();
            }
        }
    }

    /// Closes all of them now.
    pub(super) fn cut(&self) {
        let mut leaving = self.leaving();
        leaving.streams.clear();
        if let Some(poller) = &leaving.poller {
            poller.wake();
        }
    }

    fn work(&self, shared: &Shared) {
        self.wait_for_all(shared);
        shared.note_change();
    }

    fn wait_for_all(&self, shared: &Shared) {
        let mut ready = Vec::new();
        let mut last_busy = Instant::now();
        loop {
            // Before the lock: whoever waits for the end takes the two in the other order.
            shared.note_change();
            let is_over = shared.has_ended();
            let (poller, wait) = {
                let mut leaving = self.leaving();
                let now = Instant::now();
                let end = leaving.expire(now);
                let is_idle = leaving.streams.is_empty();
                if !is_idle {
                    last_busy = now;
                }
                let Some(poller) = leaving.poller.clone() else { return };
                if is_idle && (is_over || last_busy.elapsed() >= IDLE) {
                    leaving.has_thread = false;
                    return;
                }
                let wait = end.map_or(IDLE, |end| end.saturating_duration_since(now));
                (poller, wait)
            };
            if poller.wait(&mut ready, Some(wait)).is_err() {
                // What it does not tell of is closed when its time is over.
                let _ = wait::sleep(&WaitLimit::timeout(Duration::from_millis(10)));
            }
            let mut leaving = self.leaving();
            for key in ready.drain(..) {
                let Some((stream, drained)) = leaving.streams.get_mut(&key) else { continue };
                if !has_ended(stream, drained) && poller.reregister(stream, key).is_ok() {
                    continue;
                }
                poller.remove(stream, key);
                leaving.streams.remove(&key);
            }
        }
    }

    fn leaving(&self) -> MutexGuard<'_, Leaving> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads and drops what is there. Whether that was the end, or enough.
fn has_ended(stream: &TcpStream, drained: &mut usize) -> bool {
    let mut scratch = [0; 4096];
    loop {
        match sys::read(stream, &mut scratch, Mode::Nonblocking, false) {
            Ok(0) => return true,
            Ok(length) => *drained += length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return true,
        }
        if *drained > MOST_DRAINED {
            return true;
        }
    }
}
