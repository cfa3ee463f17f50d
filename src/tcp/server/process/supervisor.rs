//! The parent of worker processes: starts them, reads their control messages, and reaps them. One
//! thread executes what [`Supervision`] decides, and blocks meanwhile.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::failures::ProcessError;
use super::role::Role;
use super::worker_table::{RestartError, WorkerState, WorkerStatus, WorkerTable};
use super::workers::Workers;
use crate::error::{Operation, Result};
use crate::proto::control::{MOST_BYTES, Note, VERSION};
use crate::proto::server::lifecycle::Phase;
use crate::proto::supervision::{Fate, Member, Order, Supervision};
use crate::proto::text::Encoding;
use crate::sys::{self, ControlSocket, Tell};
use crate::tcp::server::core::ServerCore;
use crate::tcp::server::events::ServerEvent;
use crate::tcp::server::pool::Member as PoolMember;
use crate::tcp::server::report::{ServerCounters, ShutdownReport};
use crate::tcp::server::serve::TcpServer;
use crate::wait::{Poller, WaitLimit};

impl TcpServer {
    /// Serves connections with worker processes, until the server is shut down.
    ///
    /// Blocks the current thread, which watches the workers. All of them accept from this server's
    /// listener, so a connection that an exiting worker has not accepted is accepted by another. A
    /// worker is this program, started again, and claims its role by
    /// [`process::worker`](crate::process::worker), which has an example. Of this server's options,
    /// only those of the listener apply; each worker has its own options for its connections.
    ///
    /// * A worker that exits is started again after a [delay](crate::process::Workers::backoff),
    ///   which grows with consecutive early exits, and is reported as
    ///   [`ServerEvent::WorkerEnded`](crate::tcp::ServerEvent::WorkerEnded). The others continue to
    ///   accept.
    /// * [`ServerHandle::restart_workers`](crate::tcp::ServerHandle::restart_workers) replaces them
    ///   sequentially without losing a connection.
    /// * At a [shutdown](crate::tcp::ServerHandle::shutdown), the workers serve the backlog and
    ///   their connections, and exit. A worker that is still running at the timeout is killed. The
    ///   timeout of the workers is slightly shorter than that of the server.
    /// * [`ServerHandle::counters`](crate::tcp::ServerHandle::counters) and the report are sums
    ///   over all workers, including those that have exited. Connections of a worker that crashed
    ///   count as aborted.
    /// * If this process exits in any other way, or is killed, the workers detect that their
    ///   control connection is closed. They shut down within their
    ///   [timeout](crate::process::Workers::orphan_timeout) and one second.
    ///
    /// # Errors
    ///
    /// This returns an error if no worker is left because all of them exited
    /// [too often](crate::process::Workers::max_failed_starts), if the process is out of file
    /// descriptors, or if this process is itself a worker that has not claimed its role.
    ///
    /// # Platform-specific behavior
    ///
    /// Unix, with the feature `process`. Not available on Windows, where no safe way is known to
    /// pass a listener to a process that `std` starts.
    pub fn serve_workers(mut self, workers: Workers) -> Result<ShutdownReport> {
        Role::prevent_recursive_spawn()?;
        self.stop_lending();
        let failed = |error| sys::failure(Operation::Serve, error);
        let poller = Arc::new(Poller::new().map_err(failed)?);
        poller.add(&self.core.lifecycle.closing.signal(), WAKE).map_err(failed)?;
        let table = Arc::new(WorkerTable::new(Arc::clone(&poller)));
        let _ = self.core.processes.workers.set(Arc::clone(&table));
        self.core.table.set_waker(poller.clone());
        let mut supervisor = Supervisor {
            supervision: Supervision::new(workers.count, workers.policy, Instant::now()),
            workers,
            core: Arc::clone(&self.core),
            pool: Some(self.core.pool.join_caller()),
            table,
            poller,
            processes: HashMap::new(),
            past: ServerCounters::default(),
            last: None,
            ending: None,
        };
        let result = supervisor.run();
        supervisor.end();
        result?;
        Ok(self.core.serve_to_end())
    }
}

/// The token of the shutdown; the others are those of workers.
const WAKE: u64 = u64::MAX - 1;

struct Supervisor {
    core: Arc<ServerCore>,
    /// Threads that wait for the end of the server wait for this thread.
    pool: Option<PoolMember>,
    workers: Workers,
    supervision: Supervision,
    table: Arc<WorkerTable>,
    poller: Arc<Poller>,
    processes: HashMap<Member, Process>,
    /// The sum of the counters of workers that have exited.
    past: ServerCounters,
    last: Option<ExitStatus>,
    /// The shutdown, and by when it is to be over.
    ending: Option<Option<Instant>>,
}

struct Process {
    number: usize,
    child: Child,
    socket: ControlSocket,
    arrived: Vec<u8>,
    started: Instant,
    state: WorkerState,
    counters: ServerCounters,
    /// Whether its exit was requested.
    was_requested: bool,
    /// It does not speak any more: when to look again whether it has ended.
    reap_timer: Option<ReapTimer>,
}

impl Process {
    fn send(&self, note: &Note) {
        // The socket buffer holds thousands of messages. A worker that has not read them is killed at
        // its timeout.
        let _ = (&mut &self.socket).write_all(&note.encode());
    }
}

/// A process closes its end of the connection a moment before it can be waited for.
#[derive(Clone, Copy, Debug)]
struct ReapTimer {
    at: Instant,
    pause: Duration,
    since: Instant,
}

const MAX_REAP_PAUSE: Duration = Duration::from_millis(100);

/// A worker without a control connection cannot be asked to exit, and is killed after this time.
const MAX_SILENCE: Duration = Duration::from_secs(1);

impl Supervisor {
    fn run(&mut self) -> Result<()> {
        let mut ready = Vec::new();
        loop {
            self.check_shutdown();
            if let Some(grace) = self.table.take_restart_request() {
                if !self.supervision.begin_restart(grace) {
                    self.table.restarted(Some(RestartError::Cancelled));
                }
            }
            self.reap(Instant::now());
            while let Some(order) = self.supervision.poll_order(Instant::now()) {
                self.execute(order);
            }
            self.publish();
            if self.supervision.is_over() {
                return Ok(());
            }
            if self.supervision.is_given_up() {
                return Err(ProcessError::TooManyFailures { last: self.last }.into_error(Operation::Serve));
            }
            let timers =
                self.processes.values().filter_map(|process| process.reap_timer.map(|timer| timer.at));
            let next = timers.chain(self.supervision.poll_timeout()).min();
            let wait = next.map(|next| next.saturating_duration_since(Instant::now()));
            let waited = self.poller.wait(&mut ready, wait);
            waited.map_err(|error| sys::failure(Operation::Serve, error))?;
            for key in ready.drain(..) {
                self.on_readable(key);
            }
        }
    }

    /// Kills and reaps all workers that are left.
    fn end(&mut self) {
        for process in self.processes.values_mut() {
            sys::tell_group(process.child.id(), Tell::Kill);
            let _ = process.child.wait();
        }
        self.table.end();
        self.pool.take();
        self.core.close();
    }

    fn check_shutdown(&mut self) {
        let deadline = self.core.shutdown_deadline();
        // A second shutdown may have less time.
        if self.core.phase() == Phase::Open || self.ending == Some(deadline) {
            return;
        }
        self.supervision.end(deadline, Instant::now());
        if self.ending.replace(deadline).is_some() {
            return;
        }
        if let Some(listener) = self.core.acceptor.listener() {
            let _ = self.core.acceptor.drop_new_syns(&listener, &WaitLimit::unlimited());
        }
        // The workers have it, too, and the last one that has served the backlog closes it.
        self.core.close();
    }

    fn execute(&mut self, order: Order) {
        match order {
            Order::Start { member, place } => match self.start(place) {
                Ok(process) => {
                    let added = self.poller.add(&process.socket, member);
                    self.processes.insert(member, process);
                    if added.is_err() {
                        self.mark_silent(member);
                    }
                }
                Err(error) => {
                    self.core.observe(&ServerEvent::ProcessFailed { error: &error });
                    self.last = None;
                    self.supervision.handle_gone(member, Instant::now());
                }
            },
            Order::Leave { member, grace } => self.send(member, &Note::Leave { grace }),
            Order::Drain { member, grace } => self.send(member, &Note::Drain { grace }),
            Order::Kill { member } => {
                if let Some(process) = self.processes.get_mut(&member) {
                    process.was_requested |= process.state == WorkerState::Ending;
                    sys::tell_group(process.child.id(), Tell::Kill);
                }
                self.mark_silent(member);
            }
            Order::Forget { member } => {
                if let Some(mut process) = self.processes.remove(&member) {
                    self.count(&mut process, None);
                    self.poller.remove(&process.socket, member);
                    self.supervision.handle_gone(member, Instant::now());
                }
            }
            Order::Restarted { failed } => self.table.restarted(failed.map(|place| match self.ending {
                Some(_) => RestartError::Cancelled,
                None => RestartError::Failed(place),
            })),
        }
    }

    fn start(&self, number: usize) -> Result<Process> {
        let mut command = (self.workers.command)(number);
        let failed = |error| sys::failure(Operation::StartProcess, error);
        let (socket, own) = ControlSocket::pair().map_err(failed)?;
        Role::Worker.assign(&mut command, Encoding::default(), None);
        sys::prepare(&mut command, own);
        let child = command.spawn();
        let mut child = child.map_err(|error| failed(error).at(command.get_program().to_string_lossy()))?;
        let begin = Note::Begin {
            version: VERSION,
            number: number as u64,
            grace: self.workers.grace,
            workers: self.workers.count as u64,
        };
        let handed = match self.core.acceptor.listener() {
            Some(listener) => sys::send_listener(&socket, &begin.encode(), &listener),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        if let Err(error) = handed.and_then(|()| socket.set_nonblocking(true)) {
            sys::tell_group(child.id(), Tell::Kill);
            let _ = child.wait();
            return Err(failed(error));
        }
        Ok(Process {
            number,
            child,
            socket,
            arrived: Vec::new(),
            started: Instant::now(),
            state: WorkerState::Starting,
            counters: ServerCounters::default(),
            was_requested: false,
            reap_timer: None,
        })
    }

    fn send(&mut self, member: Member, note: &Note) {
        let Some(process) = self.processes.get_mut(&member) else { return };
        process.state = WorkerState::Ending;
        process.was_requested = true;
        process.send(note);
    }

    /// Reads the control messages of a worker.
    fn on_readable(&mut self, member: Member) {
        let Some(process) = self.processes.get_mut(&member) else { return };
        let mut buffer = [0; 16 * MOST_BYTES];
        let is_there = loop {
            match (&mut &process.socket).read(&mut buffer) {
                Ok(0) => break false,
                Ok(length) => process.arrived.extend(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break false,
            }
            // More input is read when the poller reports it again.
            break true;
        };
        let is_understood = loop {
            match Note::take(&mut process.arrived) {
                Ok(Some(Note::Ready)) => {
                    if process.state == WorkerState::Starting {
                        process.state = WorkerState::Serving;
                    }
                    self.supervision.handle_ready(member, Instant::now());
                    let (worker, id) = (process.number, process.child.id());
                    self.core.observe(&ServerEvent::WorkerStarted { worker, process: id });
                }
                Ok(Some(Note::Counters(fields) | Note::Ended(fields))) => {
                    process.counters = ServerCounters::from_fields(&fields);
                }
                Ok(Some(_)) => {}
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        if !is_there || !is_understood || self.poller.reregister(&process.socket, member).is_err() {
            self.mark_silent(member);
        }
    }

    /// A worker that has closed its control connection has exited, or will soon.
    fn mark_silent(&mut self, member: Member) {
        let Some(process) = self.processes.get_mut(&member) else { return };
        if process.reap_timer.is_none() {
            self.poller.remove(&process.socket, member);
            let now = Instant::now();
            process.reap_timer = Some(ReapTimer { at: now, pause: Duration::from_millis(1), since: now });
        }
    }

    /// Reaps workers that have exited.
    fn reap(&mut self, now: Instant) {
        let mut gone = Vec::new();
        for (member, process) in &mut self.processes {
            let Some(timer) = &mut process.reap_timer else { continue };
            if timer.at > now {
                continue;
            }
            match process.child.try_wait() {
                Ok(None) => {
                    if now.saturating_duration_since(timer.since) > MAX_SILENCE {
                        sys::tell_group(process.child.id(), Tell::Kill);
                    }
                    timer.at = now + timer.pause;
                    timer.pause = (timer.pause * 2).min(MAX_REAP_PAUSE);
                }
                Ok(Some(status)) => gone.push((*member, Some(status))),
                // The OS discards the status, because this process ignores SIGCHLD.
                Err(_) => gone.push((*member, None)),
            }
        }
        if !gone.is_empty() {
            let others = self.processes.values().filter(|process| process.state == WorkerState::Serving);
            others.for_each(|process| process.send(&Note::Look));
        }
        for (member, status) in gone {
            let Some(mut process) = self.processes.remove(&member) else { continue };
            self.count(&mut process, status);
            self.last = status;
            let fate = self.supervision.handle_gone(member, now);
            let restarts_in = match fate {
                Fate::Replaced(wait) => Some(wait),
                Fate::Left | Fate::GivenUp => None,
            };
            self.core.observe(&ServerEvent::WorkerEnded {
                worker: process.number,
                process: process.child.id(),
                status,
                was_requested: process.was_requested,
                restarts_in,
                counters: &process.counters,
            });
        }
    }

    /// Adds the counters of a worker that has exited. Its open connections are lost.
    fn count(&mut self, process: &mut Process, status: Option<ExitStatus>) {
        let last = &mut process.counters;
        last.aborted += std::mem::take(&mut last.active);
        (last.threads, last.idle_threads) = (0, 0);
        self.past = self.past.plus(last);
        let has_crashed = status.is_some_and(|status| status.code().is_none());
        if has_crashed && !process.was_requested {
            self.core.counters.crashed.add(1);
        }
    }

    fn publish(&self) {
        let sum = self.processes.values().fold(self.past, |sum, process| sum.plus(&process.counters));
        self.table.publish(
            sum,
            self.processes.values().map(|process| WorkerStatus {
                index: process.number,
                process: process.child.id(),
                state: process.state,
                started: process.started,
                counters: process.counters,
            }),
        );
    }
}
