//! Connections that are accepted before there are threads for them.
//!
//! To start a thread takes ten times as long as to accept. When thousands of clients connect at the
//! same time, the backlog would be full before a thread has accepted each: the kernel drops the rest,
//! and the clients try again after a second. So they are accepted as soon as the threads are about to
//! be started.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::tcp::connection::TcpConnection;

/// Connections that wait for a thread, in the order in which they were accepted.
#[derive(Debug, Default)]
pub(super) struct AcceptedAhead {
    queue: Mutex<VecDeque<TcpConnection>>,
    /// The length of the queue, to be read without its lock.
    len: AtomicUsize,
}

impl AcceptedAhead {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::SeqCst)
    }

    pub(super) fn push(&self, connection: TcpConnection) {
        let mut queue = self.queue();
        queue.push_back(connection);
        self.len.store(queue.len(), Ordering::SeqCst);
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<TcpConnection> {
        if self.len() == 0 {
            return None;
        }
        let mut queue = self.queue();
        let first = queue.pop_front();
        self.len.store(queue.len(), Ordering::SeqCst);
        first
    }

    /// Closes all of them.
    pub(super) fn clear(&self) {
        // Closing a connection waits for nothing, but other threads need not wait for it.
        let connections = std::mem::take(&mut *self.queue());
        self.len.store(0, Ordering::SeqCst);
        drop(connections);
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<TcpConnection>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
