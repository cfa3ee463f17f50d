//! What a server has for the sake of processes: those that serve its connections, and those that
//! accept from the same listener. A build without them has `without_processes.rs` in its place.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::process::Crew;
use super::registry::Inside;
use super::report::ServerCounters;
use super::state::{Phase, Shared, State, earliest};
use crate::wait::{self, CancelToken, ExclusiveAccept, WaitError, WaitLimit};

#[derive(Default)]
pub(super) struct Hooks {
    /// Where it waits for connections that reach one of several processes.
    pub(super) exclusive: OnceLock<ExclusiveAccept>,
    /// The worker processes that serve its connections.
    pub(super) crew: OnceLock<Arc<Crew>>,
    /// What other processes have done for this server.
    pub(super) elsewhere: Mutex<ServerCounters>,
    /// Receives the counters when the server has ended.
    pub(super) at_end: OnceLock<AtEnd>,
}

pub(super) type AtEnd = Box<dyn Fn(&ServerCounters) + Send + Sync>;

impl Hooks {
    pub(super) fn accept(
        &self,
        listener: &TcpListener,
        limit: &WaitLimit<'_>,
        wake: &CancelToken,
    ) -> Result<(TcpStream, SocketAddr), WaitError> {
        match self.exclusive.get() {
            Some(exclusive) if !limit.has_deadline() => exclusive.accept(listener, wake),
            _ => wait::accept_within(listener, &limit.cancelled_by(Some(wake), None)),
        }
    }

    /// No connection wakes this process any more.
    pub(super) fn leave(&self, listener: &TcpListener) {
        if let Some(exclusive) = self.exclusive.get() {
            exclusive.leave(listener);
        }
    }

    pub(super) fn total(&self, own: ServerCounters) -> ServerCounters {
        own.plus(&self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn notify_end(&self, counters: impl FnOnce() -> ServerCounters) {
        if let Some(at_end) = self.at_end.get() {
            at_end(&counters());
        }
    }
}

pub(super) trait Terminate {
    /// The shutdown would like it to end.
    fn terminate(&self) {}
}

/// When those inside who can be asked to end are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TerminateAt {
    /// When the shutdown begins.
    Start,
    /// When half of its time is over.
    HalfTime,
}

impl TerminateAt {
    fn instant(self, now: Instant, grace: Duration) -> Option<Instant> {
        match self {
            TerminateAt::Start => Some(now),
            TerminateAt::HalfTime => now.checked_add(grace / 2),
        }
    }
}

/// Whether and when those inside are asked to end.
#[derive(Clone, Copy, Default)]
pub(super) struct Termination {
    wanted: Option<TerminateAt>,
    at: Option<Instant>,
    is_done: bool,
}

impl Termination {
    /// A shutdown begins, or has less time than before.
    pub(super) fn begin(&mut self, now: Instant, grace: Duration) {
        let at = self.wanted.and_then(|wanted| wanted.instant(now, grace));
        self.at = earliest(self.at, at);
    }

    pub(super) fn at(self) -> Option<Instant> {
        self.at
    }

    /// Asks one that comes after the others were asked.
    pub(super) fn apply(self, inside: &dyn Inside) {
        if self.is_done {
            inside.terminate();
        }
    }
}

impl State {
    /// Those inside, if it is time to ask them.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Vec<Arc<dyn Inside>>> {
        self.termination.at.filter(|at| now >= *at)?;
        // Nobody is asked a second time: there is no other shutdown.
        self.termination = Termination { wanted: None, at: None, is_done: true };
        Some(self.connections.inside())
    }
}

/// How many a server still takes that leaves the queue to others: one for which it was woken last
/// may be waiting, and nobody else is woken for it.
const LOOKS: usize = 8;

impl Shared {
    /// Has those inside asked to end at a shutdown; if one has begun already, at that.
    pub(super) fn terminate_inside(&self, wanted: TerminateAt) {
        let mut state = self.state();
        state.termination.wanted = Some(wanted);
        if let (true, Some(deadline)) = (state.phase != Phase::Open, state.deadline) {
            let now = Instant::now();
            state.termination.at = wanted.instant(now, deadline.saturating_duration_since(now));
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Begins a shutdown that leaves the queue to others, who accept from the same listener.
    pub(super) fn begin_leaving(&self, grace: Duration) {
        let mut state = self.state();
        state.queued = state.queued.min(LOOKS);
        drop(state);
        self.begin_shutdown(grace);
    }
}

#[cfg(test)]
mod tests {
    use crate::tcp::client::TcpClient;
    use crate::tcp::server::serve::TcpServer;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    /// Whoever leaves takes one for whom it may have been woken last, and not the queue; the others
    /// find that as it was.
    #[test]
    fn handoff_accepts_few_and_leaves_backlog() {
        const PATIENCE: Duration = Duration::from_secs(20);
        const WAITING: usize = 30;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = TcpServer::builder().adopt(listener.try_clone().unwrap()).unwrap();
        let address = server.local_addr();
        let clients: Vec<_> = (0..WAITING).map(|_| TcpStream::connect(address).unwrap()).collect();
        server.shared.begin_leaving(PATIENCE);
        let report = server.serve_sequential(|connection| Ok(connection.send("x")?)).unwrap();
        let taken = report.drained as usize;
        assert!((1..=8).contains(&taken), "{report}");
        // A server that goes on, and not one that leaves, takes all the others.
        let other = TcpServer::builder().adopt(listener).unwrap();
        other.handle().begin_shutdown(PATIENCE);
        let report = other.serve_sequential(|connection| Ok(connection.send("x")?)).unwrap();
        assert_eq!(report.drained as usize, WAITING - taken);
        for mut client in clients {
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client.read_exact(&mut [0]).unwrap();
        }
        assert!(TcpClient::new().connect(address).is_err(), "nobody has the port any more");
    }
}
