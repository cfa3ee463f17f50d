//! The race of `proto::race` over sockets: connects that do not block, and one poll for all of
//! them, in the calling thread.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::failures::FailedAttempt;
use super::observe::{ConnectEvent, Observer};
use crate::error::{Error, ErrorKind, Operation, Result, TimeLimit};
use crate::options::TcpOptions;
use crate::proto::race::{Race, Step};
use crate::sys::{self, Connecting, Family};
use crate::wait::{self, WaitError, WaitLimit};

/// The attempts of a race, and their options.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runners<'a> {
    /// In the order of preference.
    pub(super) addresses: &'a [SocketAddr],
    pub(super) local: Option<SocketAddr>,
    pub(super) config: &'a TcpOptions,
    pub(super) delay: Option<Duration>,
    pub(super) limit: WaitLimit<'a>,
}

/// What a race ended with.
pub(super) enum Outcome {
    Connected(TcpStream, SocketAddr),
    /// The outcome of each address that was tried, in the order of preference.
    AllFailed(Vec<FailedAttempt>),
}

/// An attempt under way.
struct Runner {
    address: usize,
    began: Instant,
    connecting: Connecting,
}

/// The attempts of a race, and their results. Pending attempts are closed with it.
struct Attempts<'a, 'o> {
    runners: Runners<'a>,
    race: Race,
    observer: &'a mut Observer<'o>,
    running: Vec<Runner>,
    connected: Vec<(usize, TcpStream, Duration)>,
    /// By the address, so that they are in the order of preference at the end.
    failed: Vec<Option<FailedAttempt>>,
}

/// Connects to the first address that responds.
///
/// # Errors
///
/// An error that concerns no address ends the race: an option that the OS refuses, or the cancel
/// token.
pub(super) fn connect(runners: Runners<'_>, observer: &mut Observer<'_>) -> Result<Outcome> {
    let deadline = runners.limit.deadline();
    let count = runners.addresses.len();
    let mut attempts = Attempts {
        runners,
        race: Race::new(count, runners.delay, deadline),
        observer,
        running: Vec::new(),
        connected: Vec::new(),
        failed: (0..count).map(|_| None).collect(),
    };
    loop {
        if runners.limit.is_cancelled() {
            return Err(cancelled());
        }
        let now = Instant::now();
        match attempts.race.poll(now) {
            Step::Begin(address) => attempts.begin(address, now)?,
            Step::GiveUp(address) => attempts.give_up(address, now),
            Step::Wait(until) => attempts.wait(until)?,
            Step::Won(address) => {
                let mut connected = attempts.connected.into_iter();
                if let Some((_, stream, elapsed)) = connected.find(|(winner, ..)| *winner == address) {
                    let address = runners.addresses[address];
                    attempts.observer.tell(|| ConnectEvent::Connected { address, elapsed });
                    return Ok(Outcome::Connected(stream, address));
                }
                return Ok(Outcome::AllFailed(attempts.failed.into_iter().flatten().collect()));
            }
            Step::Lost => return Ok(Outcome::AllFailed(attempts.failed.into_iter().flatten().collect())),
        }
    }
}

impl Attempts<'_, '_> {
    fn begin(&mut self, address: usize, began: Instant) -> Result<()> {
        let Runners { addresses, local, config, .. } = self.runners;
        let remote = addresses[address];
        if local.is_some_and(|local| Family::of(&local) != Family::of(&remote)) {
            let error = Error::new(Operation::Connect, ErrorKind::AddressNotAvailable);
            self.fail(address, error, Duration::ZERO, began);
            return Ok(());
        }
        self.observer.tell(|| ConnectEvent::Attempting { address: remote });
        match Connecting::begin(remote, local, config) {
            Ok(connecting) => {
                let runner = Runner { address, began, connecting };
                match runner.connecting.is_connected() {
                    true => self.finish(runner),
                    false => {
                        self.running.push(runner);
                        Ok(())
                    }
                }
            }
            Err(error) if self.is_of_the_address(&error) => {
                let now = Instant::now();
                self.fail(address, error, now - began, now);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Besides what a connect says: a family that this system does not have, and a lack of
    /// descriptors that those under way may end.
    fn is_of_the_address(&self, error: &Error) -> bool {
        match error.operation() {
            Operation::Connect => true,
            Operation::Open => error.kind() == ErrorKind::Unsupported || !self.running.is_empty(),
            _ => false,
        }
    }

    fn wait(&mut self, until: Option<Instant>) -> Result<()> {
        let limit = self.runners.limit.before(until, TimeLimit::ConnectTimeout);
        let connects = self.running.iter().map(|runner| &runner.connecting);
        match wait::await_connects(connects, &limit) {
            // From the last to the first, so that the places of the others stay what they are.
            Ok(ready) => ready.into_iter().rev().try_for_each(|place| self.look(place)),
            Err(WaitError::Cancelled) => Err(cancelled()),
            Err(WaitError::Failed(error)) => Err(sys::failure(Operation::Connect, error)),
            Err(_) => Ok(()),
        }
    }

    /// The result of a pending attempt.
    fn look(&mut self, place: usize) -> Result<()> {
        match self.running[place].connecting.check() {
            Ok(false) => Ok(()),
            Ok(true) => {
                let runner = self.running.remove(place);
                self.finish(runner)
            }
            Err(error) => {
                let Runner { address, began, .. } = self.running.remove(place);
                let now = Instant::now();
                self.fail(address, error, now - began, now);
                Ok(())
            }
        }
    }

    /// One is connected, unless to itself.
    fn finish(&mut self, runner: Runner) -> Result<()> {
        let Runner { address, began, connecting } = runner;
        let now = Instant::now();
        match connecting.finish() {
            Ok(stream) => {
                self.connected.push((address, stream, now - began));
                self.race.handle_success(address);
            }
            Err(error) if error.operation() == Operation::Connect => {
                self.fail(address, error, now - began, now);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn give_up(&mut self, address: usize, now: Instant) {
        if let Some(place) = self.running.iter().position(|runner| runner.address == address) {
            let began = self.running.remove(place).began;
            let error =
                Error::new(Operation::Connect, ErrorKind::TimedOut).with_limit(TimeLimit::ConnectTimeout);
            self.note(address, error, now - began);
        }
    }

    fn fail(&mut self, address: usize, error: Error, elapsed: Duration, now: Instant) {
        self.note(address, error, elapsed);
        self.race.handle_failure(address, now);
    }

    fn note(&mut self, address: usize, error: Error, elapsed: Duration) {
        let attempt = FailedAttempt::new(self.runners.addresses[address], error, elapsed);
        self.observer.tell(|| ConnectEvent::Failed { attempt: &attempt });
        self.failed[address] = Some(attempt);
    }
}

fn cancelled() -> Error {
    Error::new(Operation::Connect, ErrorKind::Cancelled)
}
