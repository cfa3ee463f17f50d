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
        let mut queue = self.queue();
        let connections = std::mem::take(&mut *queue);
        self.len.store(0, Ordering::SeqCst);
        drop(queue);
        drop(connections);
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<TcpConnection>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::AtomicBool;

    /// Nothing is in the queue that its length does not tell of.
    #[test]
    fn length_is_that_of_the_queue_while_it_is_cleared() {
        let (ahead, over) = (AcceptedAhead::default(), AtomicBool::new(false));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    ahead.clear();
                }
            });
            for _ in 0..2_000 {
                let client = TcpStream::connect(address).unwrap();
                ahead.push(TcpConnection::try_from(client).unwrap());
                drop(listener.accept().unwrap());
                let queue = ahead.queue();
                assert_eq!(ahead.len(), queue.len());
            }
            over.store(true, Ordering::SeqCst);
        });
    }
}
