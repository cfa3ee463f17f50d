//! The parent of worker processes: starts them, hears them, and buries them. What it does when is
//! decided by [`Supervision`]; one thread does it, and sleeps while nothing happens.

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
        Role::refuse_to_start_again()?;
        self.stop_lending();
        let failed = |error| sys::failure(Operation::Serve, error);
        let poller = Arc::new(Poller::new().map_err(failed)?);
        poller.add(&self.core.lifecycle.closing.signal(), WAKE).map_err(failed)?;
        let table = Arc::new(WorkerTable::new(Arc::clone(&poller)));
        let _ = self.core.processes.workers.set(Arc::clone(&table));
        self.core.table.set_waker(Arc::clone(&poller));
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

/// The key of the switch that says that the shutdown has begun; the others are those of workers.
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
    /// What those did that are no more.
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
    /// It was told to end, or to end at once.
    is_told: bool,
    /// It does not speak any more: when to look again whether it has ended.
    look: Option<Look>,
}

impl Process {
    fn say(&self, note: &Note) {
        // It holds thousands of notes; one that has not read them does nothing, and is killed when
        // its time is over.
        let _ = (&mut &self.socket).write_all(&note.encode());
    }
}

/// A process closes its end of the connection a moment before it can be waited for.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    pause: Duration,
    since: Instant,
}

const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// One that does not speak cannot be told anything, and is killed after so long.
const LONGEST_SILENCE: Duration = Duration::from_secs(1);

impl Supervisor {
    fn run(&mut self) -> Result<()> {
        let mut ready = Vec::new();
        loop {
            self.notice_end();
            if let Some(grace) = self.table.take_restart_request() {
                if !self.supervision.begin_restart(grace) {
                    self.table.restarted(Some(RestartError::Cancelled));
                }
            }
            self.bury(Instant::now());
            while let Some(order) = self.supervision.poll_order(Instant::now()) {
                self.obey(order);
            }
            self.publish();
            if self.supervision.is_over() {
                return Ok(());
            }
            if self.supervision.is_given_up() {
                return Err(ProcessError::TooManyFailures { last: self.last }.into_error(Operation::Serve));
            }
            let looks = self.processes.values().filter_map(|process| process.look.map(|look| look.at));
            let next = looks.chain(self.supervision.poll_timeout()).min();
            let wait = next.map(|next| next.saturating_duration_since(Instant::now()));
            let waited = self.poller.wait(&mut ready, wait);
            waited.map_err(|error| sys::failure(Operation::Serve, error))?;
            for key in ready.drain(..) {
                self.hear(key);
            }
        }
    }

    /// Whatever it ended with, nobody is left behind.
    fn end(&mut self) {
        for process in self.processes.values_mut() {
            sys::tell_group(process.child.id(), Tell::Kill);
            let _ = process.child.wait();
        }
        self.table.end();
        self.pool.take();
        self.core.close();
    }

    fn notice_end(&mut self) {
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

    fn obey(&mut self, order: Order) {
        match order {
            Order::Start { member, place } => match self.start(place) {
                Ok(process) => {
                    let added = self.poller.add(&process.socket, member);
                    self.processes.insert(member, process);
                    if added.is_err() {
                        self.lose(member);
                    }
                }
                Err(error) => {
                    self.core.observe(&ServerEvent::ProcessFailed { error: &error });
                    self.last = None;
                    self.supervision.handle_gone(member, Instant::now());
                }
            },
            Order::Leave { member, grace } => self.tell(member, &Note::Leave { grace }),
            Order::Drain { member, grace } => self.tell(member, &Note::Drain { grace }),
            Order::Kill { member } => {
                if let Some(process) = self.processes.get_mut(&member) {
                    process.is_told |= process.state == WorkerState::Ending;
                    sys::tell_group(process.child.id(), Tell::Kill);
                }
                self.lose(member);
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
        Role::Worker.give(&mut command, Encoding::default(), None);
        sys::prepare(&mut command, own);
        let child = command.spawn();
        let mut child = child.map_err(|error| failed(error).at(command.get_program().to_string_lossy()))?;
        let begin = Note::Begin { version: VERSION, number: number as u64, grace: self.workers.grace };
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
            is_told: false,
            look: None,
        })
    }

    fn tell(&mut self, member: Member, note: &Note) {
        let Some(process) = self.processes.get_mut(&member) else { return };
        process.state = WorkerState::Ending;
        process.is_told = true;
        process.say(note);
    }

    /// Reads what a worker says.
    fn hear(&mut self, member: Member) {
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
            // What is more is heard at the next turn.
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
            self.lose(member);
        }
    }

    /// A worker that says nothing more has ended, or will soon.
    fn lose(&mut self, member: Member) {
        let Some(process) = self.processes.get_mut(&member) else { return };
        if process.look.is_none() {
            self.poller.remove(&process.socket, member);
            let now = Instant::now();
            process.look = Some(Look { at: now, pause: Duration::from_millis(1), since: now });
        }
    }

    /// Takes the status of those who have ended.
    fn bury(&mut self, now: Instant) {
        let mut gone = Vec::new();
        for (member, process) in &mut self.processes {
            let Some(look) = &mut process.look else { continue };
            if look.at > now {
                continue;
            }
            match process.child.try_wait() {
                Ok(None) => {
                    if now.saturating_duration_since(look.since) > LONGEST_SILENCE {
                        sys::tell_group(process.child.id(), Tell::Kill);
                    }
                    look.at = now + look.pause;
                    look.pause = (look.pause * 2).min(LONGEST_PAUSE);
                }
                Ok(Some(status)) => gone.push((*member, Some(status))),
                // The program has the system throw it away, by ignoring SIGCHLD.
                Err(_) => gone.push((*member, None)),
            }
        }
        if !gone.is_empty() {
            let others = self.processes.values().filter(|process| process.state == WorkerState::Serving);
            others.for_each(|process| process.say(&Note::Look));
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
                was_requested: process.is_told,
                restarts_in,
                counters: &process.counters,
            });
        }
    }

    /// Of one that was killed those whom it had are lost.
    fn count(&mut self, process: &mut Process, status: Option<ExitStatus>) {
        let last = &mut process.counters;
        last.aborted += std::mem::take(&mut last.active);
        (last.threads, last.idle_threads) = (0, 0);
        self.past = self.past.plus(last);
        let has_crashed = status.is_some_and(|status| status.code().is_none());
        if has_crashed && !process.is_told {
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
