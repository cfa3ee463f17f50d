//! The listener of a server, and the threads that accept from it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::backoff::Backoff;
use super::lifecycle::ServerLifecycle;
use crate::error::Result;
use crate::sys;
use crate::wait::{self, AcceptQueue, AcceptWatch, Changes, ReceiveTimeout, Turn, WaitError, WaitLimit};

/// How long the third segment of a handshake is waited for: it may be on its way in the same
/// building, or the thread of the client is not running.
const HANDSHAKE_WAIT: Duration = Duration::from_millis(10);

/// A listener until it is closed.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: Mutex<Option<Arc<TcpListener>>>,
    queue: AcceptQueue,
    pub(super) backoff: Backoff,
    /// How many threads use the listener.
    users: AtomicUsize,
    changes: Arc<Changes>,
    /// The kernel's timeout that connections inherit from the listener.
    pub(super) rcvtimeo: ReceiveTimeout,
    /// Whether no other process or server accepts from the listener.
    owns_listener: bool,
    /// Whether an event loop has borrowed the handle, so that the listener stays open.
    is_lent: AtomicBool,
    /// Whether new SYNs are dropped.
    drops_syns: Turn<bool>,
}

/// The listener, in use by a thread.
#[derive(Debug)]
pub(super) struct InUse<'a> {
    acceptor: &'a Acceptor,
    listener: Option<Arc<TcpListener>>,
}

impl Deref for InUse<'_> {
    type Target = TcpListener;

    fn deref(&self) -> &TcpListener {
        self.listener.as_ref().unwrap_or_else(|| unreachable!("the listener is there until the drop"))
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        // A thread that waits for the end finds the listener closed.
        drop(self.listener.take());
        if self.acceptor.users.fetch_sub(1, Ordering::SeqCst) == 1 && self.acceptor.is_closed() {
            self.acceptor.changes.notify();
        }
    }
}

impl Acceptor {
    pub(super) fn new(
        listener: TcpListener,
        owns_listener: bool,
        rcvtimeo: ReceiveTimeout,
        lifecycle: &ServerLifecycle,
    ) -> Result<Acceptor> {
        Ok(Acceptor {
            listener: Mutex::new(Some(Arc::new(listener))),
            queue: AcceptQueue::new(&lifecycle.closing)?,
            backoff: Backoff::default(),
            users: AtomicUsize::new(0),
            changes: Arc::clone(&lifecycle.changes),
            rcvtimeo,
            owns_listener,
            is_lent: AtomicBool::new(false),
            drops_syns: Turn::new(false),
        })
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<TcpListener>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The listener, for this thread to use. `None` once it is closed.
    pub(super) fn listener(&self) -> Option<InUse<'_>> {
        let slot = self.slot();
        let listener = Arc::clone(slot.as_ref()?);
        self.users.fetch_add(1, Ordering::SeqCst);
        Some(InUse { acceptor: self, listener: Some(listener) })
    }

    fn is_closed(&self) -> bool {
        self.slot().is_none()
    }

    /// Whether the listener is open, or a thread still uses it.
    pub(super) fn is_open(&self) -> bool {
        !self.is_closed() || self.users.load(Ordering::SeqCst) > 0
    }

    /// Blocks until there is a connection. Returns [`WaitError::Cancelled`] if the shutdown begins, or
    /// the wait is [interrupted](Self::interrupt).
    pub(super) fn accept(
        &self,
        listener: &TcpListener,
        watch: &AcceptWatch,
        limit: &WaitLimit<'_>,
    ) -> std::result::Result<(TcpStream, SocketAddr), WaitError> {
        self.queue.accept(listener, watch, limit)
    }

    /// Begins an accept, before the state of the server is checked.
    pub(super) fn watch(&self) -> AcceptWatch {
        self.queue.watch()
    }

    /// Prepares for the given number of connections. Blocks for some 10 ms on Linux.
    pub(super) fn reserve_descriptors(&self, connections: usize) {
        if let Some(listener) = self.listener() {
            sys::reserve_descriptors(&listener, connections);
        }
    }

    /// Whether a connection is in the backlog.
    pub(super) fn has_pending(&self) -> bool {
        self.slot().as_ref().is_some_and(wait::is_readable)
    }

    /// Has all threads that wait for a connection check the state of the server.
    pub(super) fn interrupt(&self) -> Result<()> {
        self.queue.interrupt()
    }

    /// Drops new SYNs in the kernel, if it can and no other process accepts from the listener. Otherwise
    /// a client that connects between the last accept and the close of the listener is reset; now it
    /// retries after a second, and meets a closed port or the next server. Handshakes in progress have
    /// a moment to finish. Returns `false` if the limit passes while another thread does this.
    pub(super) fn drop_new_syns(&self, listener: &TcpListener, limit: &WaitLimit<'_>) -> bool {
        if !self.owns_listener {
            return true;
        }
        let Some(mut is_done) = self.drops_syns.take(limit) else { return false };
        if !std::mem::replace(&mut *is_done, true) && sys::drop_new_syns(listener) {
            let _ = wait::sleep(&WaitLimit::timeout(HANDSHAKE_WAIT));
        }
        true
    }

    /// Closes the listener, as soon as no thread uses it. If an event loop has borrowed its handle, it
    /// stops listening now, where the OS supports that, and is closed when the server is dropped.
    pub(super) fn close(&self) {
        let Some(listener) = self.slot().take() else { return };
        if self.owns_listener && self.is_lent.load(Ordering::SeqCst) {
            sys::stop_listening(&listener);
        }
    }

    /// The listener, to stay open for an event loop. `None` if it is closed.
    pub(super) fn lend(&self) -> Option<Arc<TcpListener>> {
        let slot = self.slot();
        self.is_lent.store(true, Ordering::SeqCst);
        slot.clone()
    }

    /// The event loop has given the handle back.
    pub(super) fn stop_lending(&self) {
        self.is_lent.store(false, Ordering::SeqCst);
    }

    /// The listener itself, if no thread uses it.
    pub(super) fn take_listener(&self) -> Option<TcpListener> {
        Arc::into_inner(self.slot().take()?)
    }
}
