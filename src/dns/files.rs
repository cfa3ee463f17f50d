//! Files that are read again when they have changed: looked at now and then, by one thread, while
//! the others go on with what was read before.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::time::{Instant, SystemTime};

/// How often it is looked whether a file has changed, in nanoseconds.
const LOOK: u64 = 5_000_000_000;

/// No such file is larger. A device or a pipe, which need not have an end, is none.
const LARGEST: u64 = 256 << 20;

pub(super) struct Watched<T> {
    path: PathBuf,
    read: Box<dyn Fn(Vec<u8>) -> T + Send + Sync>,
    now: RwLock<Arc<T>>,
    began: Instant,
    /// When it is looked next, in nanoseconds since the beginning.
    next: AtomicU64,
    last: Mutex<Option<Stamp>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

fn stamp(path: &PathBuf) -> Option<Stamp> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(Stamp { modified: found.modified().ok(), length: found.len() })
}

impl<T> Watched<T> {
    /// Reads the file; one that is not there, or cannot be read, is empty until it is.
    pub(super) fn new(path: PathBuf, read: impl Fn(Vec<u8>) -> T + Send + Sync + 'static) -> Watched<T> {
        let before = stamp(&path);
        let bytes = bytes(&path, before).unwrap_or_default();
        let now = RwLock::new(Arc::new(read(bytes)));
        let (read, next) = (Box::new(read), AtomicU64::new(LOOK));
        Watched { path, read, now, began: Instant::now(), next, last: Mutex::new(before) }
    }

    /// What it says, read some seconds ago at most, for something that does not take long; others
    /// clone it first.
    pub(super) fn with<R>(&self, now: Instant, take: impl FnOnce(&Arc<T>) -> R) -> R {
        self.look_if_due(now);
        take(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn look_if_due(&self, now: Instant) {
        let now = u64::try_from(now.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX);
        if now >= self.next.load(Ordering::Relaxed) {
            self.next.store(now.saturating_add(LOOK), Ordering::Relaxed);
            self.look(false);
        }
    }

    /// Reads it again, changed or not.
    pub(super) fn read_again(&self) {
        self.look(true);
    }

    /// Reads it again if it has changed, unless somebody does so now.
    fn look(&self, anyway: bool) {
        let mut last = match self.last.try_lock() {
            Ok(last) => last,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let found = stamp(&self.path);
        if found == *last && !anyway {
            return;
        }
        // What cannot be read now is no reason to forget what was; and what changes while it is
        // read, changes again.
        if let Some(bytes) = bytes(&self.path, found) {
            *last = found;
            let new = Arc::new((self.read)(bytes));
            *self.now.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }
}

fn bytes(path: &PathBuf, stamp: Option<Stamp>) -> Option<Vec<u8>> {
    let length = stamp?.length;
    if length > LARGEST {
        return None;
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // One that grows meanwhile has changed, and is read again.
    fs::File::open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    /// A file of a test's own, gone with it.
    struct File(PathBuf);

    impl File {
        fn new(test: &str, text: &str) -> File {
            let path = std::env::temp_dir().join(format!("socketry-watched-{test}-{}", std::process::id()));
            fs::write(&path, text).unwrap();
            File(path)
        }

        /// The file, as its text, and how often it was read.
        fn watched(&self) -> (Watched<String>, Arc<AtomicUsize>) {
            let count = Arc::new(AtomicUsize::new(0));
            let own = Arc::clone(&count);
            let read = move |bytes: Vec<u8>| {
                own.fetch_add(1, Ordering::SeqCst);
                String::from_utf8(bytes).unwrap()
            };
            (Watched::new(self.0.clone(), read), count)
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn watched_file_refreshes_only_on_change_or_request() {
        let file = File::new("changes", "one");
        let (watched, count) = file.watched();
        let after = |seconds| watched.began + Duration::from_secs(seconds);
        let said = |seconds| watched.with(after(seconds), |text| text.to_string());
        for seconds in [0, 6, 12] {
            assert_eq!((said(seconds).as_str(), count.load(Ordering::SeqCst)), ("one", 1));
        }
        fs::write(&file.0, "three").unwrap();
        assert_eq!(said(16), "one", "it is not time to look");
        assert_eq!(watched.with(after(18), |text| text.len()), 5);
        for seconds in [24, 30] {
            assert_eq!((said(seconds).as_str(), count.load(Ordering::SeqCst)), ("three", 2));
        }
        watched.read_again();
        assert_eq!(count.load(Ordering::SeqCst), 3);
        fs::remove_file(&file.0).unwrap();
        watched.read_again();
        assert_eq!((said(36).as_str(), count.load(Ordering::SeqCst)), ("three", 3));
    }

    #[test]
    fn watched_file_ignores_file_over_size_limit() {
        let file = File::new("long", "");
        fs::File::options().write(true).open(&file.0).unwrap().set_len(LARGEST + 1).unwrap();
        let (watched, _) = file.watched();
        assert!(watched.with(watched.began, |text| text.is_empty()));
    }
}
