//! Handlers of connections: how they run, and how their errors are counted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::accept::Accepted;
use super::core::ServerCore;
use super::events::ServerEvent;
use super::pool::{Next, Workload};
use super::report::ShutdownReport;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::handler::{self, HandlerResult};
use crate::proto::server::lifecycle::{Phase, earliest};
use crate::sys;
use crate::tcp::connection::TcpConnection;
use crate::wait::WaitLimit;

/// Serves connections with a handler.
pub(super) struct Connections<H> {
    pub(super) core: Arc<ServerCore>,
    pub(super) handler: H,
}

impl<H> Workload for Connections<H>
where
    H: Fn(TcpConnection) -> HandlerResult + Send + Sync + 'static,
{
    type Item = TcpConnection;
    type Scratch = ();

    const THREADS_PER_PROCESSOR: usize = 4;

    fn scratch(&self) {}

    fn next(&self, timeout: Duration, (): &mut ()) -> Next<TcpConnection> {
        self.core.next_connection(timeout)
    }

    fn run(&self, connection: TcpConnection, (): &mut ()) {
        let peer = connection.peer_addr();
        self.core.run_handler(peer, || (self.handler)(connection));
    }

    fn fetch(&self, max: usize) {
        self.core.accept_ahead(max);
    }

    fn fetched(&self) -> usize {
        self.core.ahead.len()
    }

    fn on_thread_error(&self, error: io::Error) {
        self.core.on_thread_error(error);
        self.core.share_ahead();
    }

    fn share_fetched(&self) {
        self.core.share_ahead();
    }
}

impl ServerCore {
    /// Serves on threads until the server has ended.
    pub(super) fn serve(&self, work: impl Workload) -> Result<ShutdownReport> {
        let work = Arc::new(work);
        // The first thread is necessary, and its failure is the caller's to know.
        self.pool.start(&work).map_err(|error| {
            self.close();
            sys::thread_failure(Operation::Serve, error)
        })?;
        self.acceptor.reserve_descriptors(self.options.max_connections);
        Ok(self.serve_and(|| earliest(self.pool.grow(&work), work.on_timer())))
    }

    pub(super) fn next_connection(self: &Arc<Self>, timeout: Duration) -> Next<TcpConnection> {
        let limit = WaitLimit::timeout(timeout);
        loop {
            if let Some(connection) = self.ahead.pop() {
                return Next::Item(connection);
            }
            let next = match self.accept_unless(|| self.ahead.len() > 0, &limit) {
                Ok(Accepted::Connection(connection)) => return Next::Item(connection),
                Ok(Accepted::TimedOut) => Next::TimedOut,
                Ok(Accepted::Closed) => Next::Closed,
                Err(error) => {
                    self.observe(&ServerEvent::AcceptFailed { error: &error });
                    Next::Closed
                }
            };
            // Another thread may have taken the connection for which this one was woken.
            let was_woken = matches!(next, Next::TimedOut) && !limit.has_passed();
            if self.ahead.len() == 0 && !was_woken {
                return next;
            }
        }
    }

    /// Threads for them cannot be started: those that wait for a connection serve them.
    pub(super) fn share_ahead(&self) {
        if self.ahead.len() == 0 {
            return;
        }
        let _ = self.acceptor.interrupt();
        if self.pool.size().total == 0 {
            // The server has ended meanwhile.
            self.ahead.clear();
        }
    }

    /// Accepts connections that are in the backlog, at most `max` of them, without blocking. In a
    /// shutdown, threads accept them: the end of the backlog is waited for.
    pub(super) fn accept_ahead(self: &Arc<Self>, max: usize) {
        for _ in 0..max {
            if self.phase() != Phase::Open {
                return;
            }
            match self.accept(&WaitLimit::no_wait()) {
                Ok(Accepted::Connection(connection)) => self.ahead.push(connection),
                Ok(Accepted::TimedOut | Accepted::Closed) => return,
                Err(error) => return self.observe(&ServerEvent::AcceptFailed { error: &error }),
            }
        }
    }

    pub(super) fn on_thread_error(&self, error: io::Error) {
        let error = sys::thread_failure(Operation::Serve, error);
        self.observe(&ServerEvent::ThreadFailed { error: &error });
    }

    /// Runs a handler. An error or a panic of it, or of the drop of either, ends its connection only.
    pub(super) fn run_handler(&self, peer: SocketAddr, handler: impl FnOnce() -> HandlerResult) -> bool {
        let outcome = handler::catch(|| match handler() {
            Ok(()) => true,
            Err(error) => {
                self.count_error(peer, &*error);
                false
            }
        });
        outcome.unwrap_or_else(|message| {
            self.counters.panicked.add(1);
            self.observe(&ServerEvent::HandlerPanicked { peer, message: &message });
            false
        })
    }

    fn count_error(&self, peer: SocketAddr, error: &(dyn std::error::Error + 'static)) {
        // The error of a handler whose connection was aborted says so.
        if self.lifecycle.aborted.is_cancelled() || self.is_end_of_connection(peer, error) {
            return;
        }
        self.counters.failed.add(1);
        self.observe(&ServerEvent::HandlerFailed { peer, error });
    }

    /// Returns `true` if the error of a handler is that of its own connection: the peer went silent
    /// or left, which is counted and reported as such, and is no failure of the handler.
    fn is_end_of_connection(&self, peer: SocketAddr, error: &(dyn std::error::Error + 'static)) -> bool {
        let own = error.downcast_ref::<Error>().or_else(|| {
            let error = error.downcast_ref::<io::Error>()?;
            error.get_ref()?.downcast_ref::<Error>()
        });
        let Some(error) = own.filter(|error| error.peer_addr() == Some(peer)) else { return false };
        let is_transfer =
            matches!(error.operation(), Operation::Receive | Operation::Send | Operation::SendFile);
        let (counter, event) = match error.kind() {
            ErrorKind::TimedOut => (&self.counters.expired, ServerEvent::Expired { peer, error }),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::DeadPeer => {
                (&self.counters.disconnected, ServerEvent::Disconnected { peer, error })
            }
            _ => return false,
        };
        if is_transfer {
            counter.add(1);
            self.observe(&event);
        }
        is_transfer
    }
}
