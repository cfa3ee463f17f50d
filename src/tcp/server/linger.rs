//! Lingering close. After a handler returns, one background thread half-closes the socket, discards
//! input until EOF, 2 s or 64 KiB, and then closes it. The thread exits when it is idle.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::counters::Counters;
use super::table::ConnectionTable;
use crate::proto::server::admission::{Admitted, Peer};
use crate::sys::{self, Mode};
use crate::tcp::close::{LINGER_MAX_BYTES, LINGER_TIMEOUT};
use crate::wait::{self, Changes, Poller, WaitLimit};

/// How long the thread waits for another connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection lingers at least, if its place is needed for a new one.
const MIN_LINGER: Duration = Duration::from_millis(200);

/// How many of the last connections are checked when a connection exceeds a limit.
const MAX_CHECKED: usize = 16;

/// The lingering connections of a server. They count in its limits.
#[derive(Debug)]
pub(super) struct Lingering {
    set: Mutex<LingerSet>,
    /// Created with the server, so that a close needs no descriptor.
    poller: Poller,
    max: usize,
    table: Arc<ConnectionTable>,
    counters: Arc<Counters>,
    changes: Arc<Changes>,
}

#[derive(Debug, Default)]
struct LingerSet {
    has_thread: bool,
    is_ending: bool,
    /// The shutdown has aborted the connections, and so are those that are still added.
    is_aborted: bool,
    next: u64,
    /// The oldest first.
    entries: BTreeMap<u64, Entry>,
    /// When each expires; the earliest first, since all have the same timeout.
    timers: VecDeque<(Instant, u64)>,
}

/// A stream whose write half is shut down, and how much of its input was discarded.
#[derive(Debug)]
pub(super) struct LingeringStream {
    stream: TcpStream,
    drained: usize,
}

#[derive(Debug)]
struct Entry {
    stream: LingeringStream,
    began: Instant,
    /// `None` for a connection that was refused.
    admitted: Option<Admitted>,
}

impl Lingering {
    pub(super) fn new(
        max: usize,
        table: Arc<ConnectionTable>,
        counters: Arc<Counters>,
        changes: Arc<Changes>,
    ) -> io::Result<Lingering> {
        Ok(Lingering { set: Mutex::default(), poller: Poller::new()?, max, table, counters, changes })
    }

    fn set(&self) -> MutexGuard<'_, LingerSet> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.set().entries.len()
    }

    /// Closes a stream when its peer has ended it.
    pub(super) fn add(self: &Arc<Self>, stream: LingeringStream, admitted: Option<Admitted>) {
        let now = Instant::now();
        let entry = Entry { stream, began: now, admitted };
        let mut set = self.set();
        let key = set.next;
        set.next += 1;
        let is_full = set.entries.len() >= self.max || set.is_aborted;
        if is_full || self.poller.add(&entry.stream.stream, key).is_err() || !self.has_thread(&mut set) {
            drop(set);
            self.end(key, entry, true);
            return;
        }
        set.timers.push_back((now + LINGER_TIMEOUT, key));
        set.entries.insert(key, entry);
        drop(set);
        self.table.note_lingering();
    }

    fn has_thread(self: &Arc<Self>, set: &mut LingerSet) -> bool {
        if !set.has_thread {
            let lingering = Arc::clone(self);
            let builder = std::thread::Builder::new().name("socketry-linger".to_owned());
            set.has_thread = builder.spawn(move || lingering.run()).is_ok();
        }
        set.has_thread
    }

    /// Closes a connection of the set, and frees its place.
    fn end(&self, key: u64, entry: Entry, is_early: bool) {
        self.poller.remove(&entry.stream.stream, key);
        if is_early {
            self.counters.closed_early.add(1);
        }
        drop(entry.stream);
        match entry.admitted {
            Some(admitted) => self.table.release(admitted),
            None => self.changes.notify(),
        }
    }

    /// Closes the oldest connection for one in the backlog, if it has lingered for [`MIN_LINGER`].
    pub(super) fn evict_oldest(&self) -> bool {
        self.evict(|entry| entry.is_of(None) && entry.began.elapsed() >= MIN_LINGER)
    }

    /// Makes place for a connection that was accepted and exceeds a limit: closes a connection whose
    /// peer has ended its stream, or else the oldest. Only connections of the peer make place in its
    /// own limit; without a peer, any does.
    pub(super) fn make_place(&self, peer: Option<Peer>) -> bool {
        self.close_ended(peer) || self.evict(|entry| entry.is_of(peer))
    }

    fn evict(&self, suits: impl Fn(&Entry) -> bool) -> bool {
        let mut set = self.set();
        let oldest = set.entries.iter().find(|(_, entry)| suits(entry)).map(|(key, _)| *key);
        let Some((key, entry)) = oldest.and_then(|key| set.entries.remove_entry(&key)) else { return false };
        drop(set);
        self.end(key, entry, true);
        true
    }

    /// Closes those of the last connections, of one peer or of all, whose peers have ended their stream,
    /// before the thread does. Returns `true` if there are such.
    fn close_ended(&self, peer: Option<Peer>) -> bool {
        let mut set = self.set();
        let is_of_peer =
            |entry: &Entry| peer.is_none() || entry.admitted.is_some_and(|admitted| admitted.peer() == peer);
        let last = set.entries.iter_mut().rev().filter(|(_, entry)| is_of_peer(entry)).take(MAX_CHECKED);
        let ended: Vec<u64> =
            last.filter_map(|(key, entry)| entry.stream.has_ended().then_some(*key)).collect();
        let ended: Vec<_> = ended.iter().filter_map(|key| set.entries.remove_entry(key)).collect();
        drop(set);
        let is_any = !ended.is_empty();
        ended.into_iter().for_each(|(key, entry)| self.end(key, entry, false));
        is_any
    }

    /// When the oldest connection can be closed for a new one.
    pub(super) fn next_eviction(&self) -> Option<Instant> {
        let set = self.set();
        set.entries.values().find(|entry| entry.is_of(None)).map(|entry| entry.began + MIN_LINGER)
    }

    /// Closes all connections now.
    pub(super) fn abort_all(&self) {
        let entries = std::mem::take(&mut self.set().entries);
        for (key, entry) in entries {
            self.end(key, entry, true);
        }
        self.poller.wake();
    }

    /// Closes all connections now, and those that are added later.
    pub(super) fn abort_for_good(&self) {
        self.set().is_aborted = true;
        self.abort_all();
    }

    /// The server accepts no more connections, so the thread exits with the last one.
    pub(super) fn set_ending(&self) {
        self.set().is_ending = true;
        self.poller.wake();
    }

    fn run(&self) {
        let mut ready = Vec::new();
        let mut last_busy = Instant::now();
        loop {
            let now = Instant::now();
            let (expired, next) = self.set().expire(now);
            for (key, entry) in expired {
                self.end(key, entry, false);
            }
            let wait = {
                let mut set = self.set();
                if set.entries.is_empty() {
                    if set.is_ending || last_busy.elapsed() >= IDLE_TIMEOUT {
                        set.has_thread = false;
                        return;
                    }
                } else {
                    last_busy = now;
                }
                next.map_or(IDLE_TIMEOUT, |next| next.saturating_duration_since(now))
            };
            if self.poller.wait(&mut ready, Some(wait)).is_err() {
                // Connections that are not reported are closed when they expire.
                let _ = wait::sleep(&WaitLimit::timeout(Duration::from_millis(10)));
            }
            for key in ready.drain(..) {
                self.on_readable(key);
            }
        }
    }

    fn on_readable(&self, key: u64) {
        let mut set = self.set();
        let Some(entry) = set.entries.get_mut(&key) else { return };
        if !entry.stream.has_ended() && self.poller.reregister(&entry.stream.stream, key).is_ok() {
            return;
        }
        let entry = set.entries.remove(&key);
        drop(set);
        if let Some(entry) = entry {
            self.end(key, entry, false);
        }
    }
}

impl Entry {
    /// Whether it counts as a connection of that peer, if peers are limited; of any with `None`.
    fn is_of(&self, peer: Option<Peer>) -> bool {
        self.admitted.is_some_and(|admitted| peer.is_none() || admitted.peer() == peer)
    }
}

impl LingerSet {
    /// Takes out the expired connections. Returns when the next one expires.
    fn expire(&mut self, now: Instant) -> (Vec<(u64, Entry)>, Option<Instant>) {
        let mut expired = Vec::new();
        while let Some(&(at, key)) = self.timers.front() {
            if at > now && self.entries.contains_key(&key) {
                return (expired, Some(at));
            }
            self.timers.pop_front();
            expired.extend(self.entries.remove(&key).map(|entry| (key, entry)));
        }
        (expired, None)
    }
}

impl LingeringStream {
    pub(super) fn new(stream: TcpStream) -> LingeringStream {
        LingeringStream { stream, drained: 0 }
    }

    /// Discards available input. Returns `true` at EOF, after an error, or when it was enough.
    pub(super) fn has_ended(&mut self) -> bool {
        let mut scratch = [0; 4096];
        loop {
            match sys::read(&self.stream, &mut scratch, Mode::Nonblocking, false) {
                Ok(0) => return true,
                Ok(length) => self.drained += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return true,
            }
            if self.drained > LINGER_MAX_BYTES {
                return true;
            }
        }
    }
}
