//! Files that are read again when they change. A caller does not wait while a large file is read.
//!
//! At most every few seconds, a caller checks whether a file has changed. If it has and is at most
//! [`SMALL`], the caller reads it. A larger file is read by a thread, at most one for each file,
//! while callers continue with the earlier contents.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use super::interrupted::Interrupted;
use super::oneshot::{Oneshot, Setter};
use crate::sys;
use crate::wait::{Moment, WaitLimit};

/// The minimum time between checks for a change, in nanoseconds.
const CHECK_INTERVAL: u64 = 5_000_000_000;

/// A file up to this length, in bytes, is read by the caller that detects the change.
pub(super) const SMALL: u64 = 64 << 10;

pub(super) struct WatchedFile<T>(Arc<File<T>>);

struct File<T> {
    path: PathBuf,
    /// The maximum length of the file. A larger file is not read.
    max_bytes: u64,
    read: Box<dyn Fn(Vec<u8>) -> T + Send + Sync>,
    contents: RwLock<Arc<T>>,
    /// Whether the first read has finished, successfully or not.
    is_read: AtomicBool,
    /// The time of the next check, in the nanoseconds of [`Moment`].
    next: AtomicU64,
    /// The number of times that the contents were replaced.
    version: AtomicU64,
    state: Mutex<State>,
}

struct State {
    /// The stamp of the current contents.
    stamp: Option<Stamp>,
    /// Set when the current reader has finished.
    reading: Option<Arc<Oneshot<()>>>,
}

/// Identifies one version of a file. The modification time alone does not suffice: a program can
/// set it, and a symbolic link can change to another file with the same time and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    identity: sys::FileIdentity,
}

/// The reason why the wait for the first read failed.
#[derive(Debug)]
pub(super) enum Unread {
    Interrupted(Interrupted),
    /// The thread did not start, or it panicked.
    NoThread(io::Error),
}

/// The only reader of a file. If it is dropped before it has read the file, another reader can
/// begin.
struct Reader<T: Send + Sync + 'static> {
    file: Arc<File<T>>,
    setter: Setter<()>,
}

impl<T: Send + Sync + 'static> WatchedFile<T> {
    /// Watches a file of at most `max_bytes`. A missing or larger file has empty contents. A small
    /// file is read immediately, a larger one by a thread, which
    /// [`wait_until_read`](Self::wait_until_read) waits for.
    pub(super) fn new(
        path: PathBuf,
        max_bytes: u64,
        read: impl Fn(Vec<u8>) -> T + Send + Sync + 'static,
    ) -> WatchedFile<T> {
        let contents = RwLock::new(Arc::new(read(Vec::new())));
        let (read, is_read) = (Box::new(read), AtomicBool::new(false));
        let next = AtomicU64::new(Moment::now().as_nanos().saturating_add(CHECK_INTERVAL));
        let state = Mutex::new(State { stamp: None, reading: None });
        let version = AtomicU64::new(0);
        let watched =
            WatchedFile(Arc::new(File { path, max_bytes, read, contents, is_read, next, version, state }));
        // If the thread does not start, the first caller that waits for the file starts another
        // one.
        let _ = watched.refresh(true);
        watched
    }

    pub(super) fn contents(&self) -> Arc<T> {
        Arc::clone(&self.0.contents.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of times that the contents were replaced. It increases after the replacement.
    #[cfg(feature = "dns")]
    #[inline]
    pub(super) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// Calls a function with the contents, which are locked during the call. They reflect the file
    /// as it was at most 5 s ago. Does not wait for a reader.
    pub(super) fn with<R>(&self, now: Moment, call: impl FnOnce(&T) -> R) -> R {
        self.refresh_if_due(now);
        call(&self.0.contents.read().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    fn contents_at(&self, now: Moment) -> Arc<T> {
        self.refresh_if_due(now);
        self.contents()
    }

    /// Waits until the first read of a large file has finished.
    pub(super) fn wait_until_read(&self, limit: &WaitLimit<'_>) -> Result<(), Unread> {
        while !self.0.is_read.load(Ordering::Acquire) {
            let reading = self.0.state().reading.clone();
            match reading {
                None => self.refresh(true).map_err(Unread::NoThread)?,
                Some(reading) => {
                    if reading.wait(limit).map_err(Unread::Interrupted)?.is_none() {
                        return Err(Unread::NoThread(io::Error::other("reading the file failed")));
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads the file again, even if it has not changed. If another reader is active, waits for it
    /// first.
    pub(super) fn read_again(&self) {
        loop {
            let found = stamp(&self.0.path);
            match self.begin(found, true) {
                Ok(reader) => return reader.run(found, self.0.max_bytes),
                Err(Some(reading)) => drop(reading.wait(&WaitLimit::unlimited())),
                Err(None) => {}
            }
        }
    }

    /// Checks whether the file has changed, unless a check was made in the last 5 s.
    #[inline]
    pub(super) fn refresh_if_due(&self, now: Moment) {
        let now = now.as_nanos();
        let due = self.0.next.load(Ordering::Relaxed);
        if now >= due {
            self.refresh_after(due, now);
        }
    }

    #[cold]
    fn refresh_after(&self, due: u64, now: u64) {
        let (set, relaxed) = (now.saturating_add(CHECK_INTERVAL), Ordering::Relaxed);
        if self.0.next.compare_exchange(due, set, relaxed, relaxed).is_ok() {
            // If the thread does not start, callers continue with the current contents until the
            // next check.
            let _ = self.refresh(false);
        }
    }

    /// If the file has changed (or `anyway` is set) and has no reader, reads it, or starts a thread
    /// that does.
    fn refresh(&self, anyway: bool) -> io::Result<()> {
        let found = stamp(&self.0.path);
        let Ok(reader) = self.begin(found, anyway) else { return Ok(()) };
        let length = found.map_or(0, |found| found.length);
        if length <= SMALL || length > self.0.max_bytes {
            reader.run(found, SMALL);
            return Ok(());
        }
        let thread = std::thread::Builder::new().name("socketry file".to_owned());
        let max_bytes = self.0.max_bytes;
        thread.spawn(move || reader.run(found, max_bytes)).map(drop)
    }

    /// Returns a reader. If there is one already, it is returned as the error. The error is `None`
    /// if the file has not changed.
    fn begin(&self, found: Option<Stamp>, anyway: bool) -> Result<Reader<T>, Option<Arc<Oneshot<()>>>> {
        let mut state = self.0.state();
        if state.reading.is_some() || found == state.stamp && !anyway {
            return Err(state.reading.clone());
        }
        let oneshot = Oneshot::new();
        state.reading = Some(Arc::clone(&oneshot));
        Ok(Reader { file: Arc::clone(&self.0), setter: Setter(oneshot) })
    }
}

impl<T> File<T> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + Sync + 'static> Reader<T> {
    fn run(self, found: Option<Stamp>, max_bytes: u64) {
        let file = &*self.file;
        // The contents are kept if the file cannot be read, or is being written (it is shorter than
        // its metadata says). A file that changes while it is read has another stamp afterwards,
        // and is read again.
        let readable = found.filter(|found| found.length <= file.max_bytes);
        let is_first = !file.is_read.load(Ordering::Relaxed);
        let bytes = readable.and_then(|found| {
            let bytes = bytes(&file.path, found, max_bytes)?;
            (is_first || bytes.len() as u64 >= found.length).then_some(bytes)
        });
        if let Some(bytes) = bytes {
            let new = Arc::new((file.read)(bytes));
            let old =
                std::mem::replace(&mut *file.contents.write().unwrap_or_else(PoisonError::into_inner), new);
            file.version.fetch_add(1, Ordering::AcqRel);
            file.state().stamp = found;
            // Freeing large contents takes time, so no lock is held here.
            drop(old);
        }
        file.is_read.store(true, Ordering::Release);
        file.state().reading = None;
        self.setter.0.set(());
    }
}

impl<T: Send + Sync + 'static> Drop for Reader<T> {
    /// Runs after a panic too, or if the thread did not start. Dropping `setter` notifies the
    /// waiting threads.
    fn drop(&mut self) {
        let mut state = self.file.state();
        if state.reading.as_ref().is_some_and(|reading| Arc::ptr_eq(reading, &self.setter.0)) {
            state.reading = None;
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let identity = sys::FileIdentity::of(&found);
    Some(Stamp { modified: found.modified().ok(), length: found.len(), identity })
}

fn bytes(path: &Path, found: Stamp, max_bytes: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(found.length.min(max_bytes) as usize);
    fs::File::open(path).ok()?.take(max_bytes).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::OnceLock;
    use std::sync::atomic::AtomicUsize;
    use std::time::{Duration, Instant};

    /// A file that is deleted on drop.
    struct File(PathBuf);

    impl File {
        fn new(test: &str, text: &str) -> File {
            let path = std::env::temp_dir().join(format!("socketry-watched-{test}-{}", std::process::id()));
            fs::write(&path, text).unwrap();
            File(path)
        }

        fn write(&self, text: &str) {
            fs::write(&self.0, text).unwrap();
        }

        /// A watched file with its text as the contents, and the number of times it was parsed.
        fn watched(&self) -> (WatchedFile<String>, Arc<AtomicUsize>) {
            let count = Arc::new(AtomicUsize::new(0));
            let own = Arc::clone(&count);
            let read = move |bytes: Vec<u8>| {
                // The first call is for the initial empty contents.
                own.fetch_add(1, Ordering::SeqCst);
                String::from_utf8(bytes).unwrap()
            };
            (WatchedFile::new(self.0.clone(), SMALL, read), count)
        }

        /// A watched file with its length as the contents, and a gate for its readers.
        fn held(&self) -> (WatchedFile<usize>, Arc<Gate>) {
            let gate = Arc::new(Gate::default());
            let own = Arc::clone(&gate);
            let read = move |bytes: Vec<u8>| {
                if bytes.len() as u64 > SMALL {
                    own.readers.fetch_add(1, Ordering::SeqCst);
                    drop(own.lock.lock());
                }
                bytes.len()
            };
            (WatchedFile::new(self.0.clone(), LARGE, read), gate)
        }
    }

    /// While it is locked, readers of large files block.
    #[derive(Default)]
    struct Gate {
        lock: Mutex<()>,
        readers: AtomicUsize,
    }

    const LARGE: u64 = 4 * SMALL;

    fn long(more: u64) -> String {
        "x".repeat((SMALL + more) as usize)
    }

    /// A time that is later than all checks with the real clock.
    fn after(seconds: u64) -> Moment {
        static START: OnceLock<Instant> = OnceLock::new();
        let start = *START.get_or_init(|| Instant::now() + Duration::from_secs(3_600));
        Moment::from(start + Duration::from_secs(seconds))
    }

    fn eventually(is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(20));
            std::thread::yield_now();
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
        let contents = |seconds| watched.with(after(seconds), |text| text.to_string());
        for seconds in [0, 6, 12] {
            assert_eq!((contents(seconds).as_str(), count.load(Ordering::SeqCst)), ("one", 2));
        }
        file.write("three");
        assert_eq!(contents(16), "one", "the next check is later");
        assert_eq!(watched.with(after(18), |text| text.len()), 5);
        for seconds in [24, 30] {
            assert_eq!((contents(seconds).as_str(), count.load(Ordering::SeqCst)), ("three", 3));
        }
        watched.read_again();
        assert_eq!(count.load(Ordering::SeqCst), 4);
        fs::remove_file(&file.0).unwrap();
        watched.read_again();
        assert_eq!((contents(36).as_str(), count.load(Ordering::SeqCst)), ("three", 4));
    }

    #[test]
    fn file_that_is_missing_at_first_is_read_later() {
        let file = File::new("late", "one");
        fs::remove_file(&file.0).unwrap();
        let (watched, _) = file.watched();
        assert_eq!(*watched.contents(), "");
        file.write("late");
        assert_eq!(*watched.contents_at(after(6)), "late");
    }

    #[test]
    fn watched_file_ignores_file_over_size_limit() {
        let file = File::new("over", &long(1));
        let (watched, _) = file.watched();
        assert!(watched.contents().is_empty());
        file.write("fits");
        assert_eq!(*watched.contents_at(after(6)), "fits");
        file.write(&long(1));
        watched.read_again();
        assert_eq!(*watched.contents_at(after(12)), "fits");
        let (large, _) = file.held();
        large.wait_until_read(&WaitLimit::unlimited()).unwrap();
        fs::File::options().write(true).open(&file.0).unwrap().set_len(LARGE + 1).unwrap();
        large.read_again();
        assert_eq!(*large.contents(), long(1).len());
    }

    /// One thread reads the file. Callers do not wait for it.
    #[test]
    fn callers_continue_while_thread_reads_large_file() {
        let file = File::new("large", "one");
        let (watched, gate) = file.held();
        let held = gate.lock.lock().unwrap();
        for more in 1..4 {
            file.write(&long(more));
            assert_eq!(*watched.contents_at(after(6 * more)), 3);
            assert!(watched.wait_until_read(&WaitLimit::no_wait()).is_ok());
            eventually(|| gate.readers.load(Ordering::SeqCst) == 1);
        }
        drop(held);
        eventually(|| *watched.contents() == long(1).len());
        eventually(|| watched.0.state().reading.is_none());
        assert_eq!(gate.readers.load(Ordering::SeqCst), 1);
        // A change during the read is detected by the next check.
        watched.contents_at(after(60));
        eventually(|| *watched.contents() == long(3).len());
    }

    #[test]
    fn first_read_of_large_file_is_waited_for_within_limit() {
        let file = File::new("first", &long(1));
        let gate = Arc::new(Mutex::new(()));
        let (own, held) = (Arc::clone(&gate), gate.lock().unwrap());
        let read = move |bytes: Vec<u8>| {
            if !bytes.is_empty() {
                drop(own.lock());
            }
            bytes.len()
        };
        let watched = WatchedFile::new(file.0.clone(), LARGE, read);
        let timeout = Duration::from_millis(30);
        for _ in 0..2 {
            let unread = watched.wait_until_read(&WaitLimit::timeout(timeout)).unwrap_err();
            assert!(matches!(unread, Unread::Interrupted(Interrupted::TimedOut(_))), "{unread:?}");
        }
        drop(held);
        watched.wait_until_read(&WaitLimit::unlimited()).unwrap();
        assert_eq!(*watched.contents(), long(1).len());
    }

    /// It reads the current file, even if the file has changed since a thread began to read it.
    #[test]
    fn read_again_waits_for_thread_and_reads_latest() {
        let file = File::new("again", "one");
        let (watched, gate) = file.held();
        let held = gate.lock.lock().unwrap();
        file.write(&long(1));
        watched.contents_at(after(6));
        eventually(|| gate.readers.load(Ordering::SeqCst) == 1);
        file.write(&long(2));
        std::thread::scope(|scope| {
            let again = scope.spawn(|| watched.read_again());
            assert_eq!(*watched.contents(), 3);
            drop(held);
            again.join().unwrap();
        });
        assert_eq!(*watched.contents(), long(2).len());
    }

    /// Programs that rewrite a file truncate it first.
    #[test]
    fn file_that_is_being_written_keeps_earlier_contents() {
        let file = File::new("torn", "one");
        let (watched, _) = file.watched();
        let reader = watched.begin(stamp(&file.0), true).ok().unwrap();
        let before = stamp(&file.0);
        file.write("");
        reader.run(before, SMALL);
        assert_eq!(*watched.contents(), "one");
        assert_eq!(*watched.contents_at(after(6)), "");
    }

    #[test]
    fn panic_of_reader_is_error_and_next_caller_tries_again() {
        let file = File::new("panic", &long(1));
        let fails = Arc::new(AtomicBool::new(true));
        let own = Arc::clone(&fails);
        let read = move |bytes: Vec<u8>| {
            assert!(bytes.is_empty() || !own.load(Ordering::SeqCst), "a panic in the reader");
            bytes.len()
        };
        let watched = WatchedFile::new(file.0.clone(), LARGE, read);
        let unread = watched.wait_until_read(&WaitLimit::unlimited());
        assert!(matches!(unread, Err(Unread::NoThread(_))), "{unread:?}");
        fails.store(false, Ordering::SeqCst);
        // The first calls may still wait for the failed reader.
        eventually(|| watched.wait_until_read(&WaitLimit::unlimited()).is_ok());
        assert_eq!(*watched.contents(), long(1).len());
    }
}
