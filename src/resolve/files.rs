//! Files that are read again when they have changed: looked at now and then, by one thread, while the others go on with what was
//! read before.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant, SystemTime};

/// How often it is looked whether a file has changed.
const LOOK: Duration = Duration::from_secs(5);

/// No such file is larger, and a device without an end is none.
const LARGEST: u64 = 256 << 20;

pub(super) struct Watched<T> {
    path: PathBuf,
    read: Box<dyn Fn(Vec<u8>) -> T + Send + Sync>,
    now: RwLock<Arc<T>>,
    last: Mutex<Last>,
}

struct Last {
    looked: Instant,
    stamp: Option<Stamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

fn stamp(path: &PathBuf) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some(Stamp { modified: found.modified().ok(), length: found.len() })
}

impl<T> Watched<T> {
    /// Reads the file; one that is not there, or cannot be read, is empty until it is.
    pub(super) fn new(path: PathBuf, read: impl Fn(Vec<u8>) -> T + Send + Sync + 'static) -> Watched<T> {
        let before = stamp(&path);
        let bytes = bytes(&path, before).unwrap_or_default();
        let last = Last { looked: Instant::now(), stamp: before };
        let now = RwLock::new(Arc::new(read(bytes)));
        Watched { read: Box::new(read), now, last: Mutex::new(last), path }
    }

    pub(super) fn current(&self) -> Arc<T> {
        self.look(LOOK, false);
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads it again, changed or not.
    pub(super) fn read_again(&self) {
        self.look(Duration::ZERO, true);
    }

    /// Looks whether it has changed, if nobody has for so long, and nobody does now.
    fn look(&self, after: Duration, anyway: bool) {
        let mut last = match self.last.try_lock() {
            Ok(last) => last,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if last.looked.elapsed() < after {
            return;
        }
        last.looked = Instant::now();
        let found = stamp(&self.path);
        if found == last.stamp && !anyway {
            return;
        }
        // What cannot be read now is no reason to forget what was; and what changes while it is read, changes again.
        if let Some(bytes) = bytes(&self.path, found) {
            last.stamp = found;
            let new = Arc::new((self.read)(bytes));
            *self.now.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }
}

fn bytes(path: &PathBuf, stamp: Option<Stamp>) -> Option<Vec<u8>> {
    if stamp?.length > LARGEST {
        return None;
    }
    fs::read(path).ok()
}
