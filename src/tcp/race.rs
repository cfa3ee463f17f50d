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

impl Runners<'_> {
    /// Whether the local address can connect to this one.
    fn check_family(&self, remote: SocketAddr) -> Result<()> {
        match self.local {
            Some(local) if Family::of(&local) != Family::of(&remote) => {
                Err(Error::new(Operation::Connect, ErrorKind::AddressNotAvailable))
            }
            _ => Ok(()),
        }
    }
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
    match *runners.addresses {
        [address] => connect_alone(&runners, address, observer),
        _ => race(runners, observer),
    }
}

/// Connects to the only address: a race of one, without what several need.
fn connect_alone(runners: &Runners<'_>, address: SocketAddr, observer: &mut Observer<'_>) -> Result<Outcome> {
    if runners.limit.is_cancelled() {
        return Err(cancelled());
    }
    let began = Instant::now();
    if runners.limit.deadline().is_some_and(|deadline| began >= deadline) {
        return Ok(Outcome::AllFailed(Vec::new()));
    }
    let error = match attempt_alone(runners, address, observer)? {
        Ok(stream) => {
            observer.tell(|| ConnectEvent::Connected { address, elapsed: began.elapsed() });
            return Ok(Outcome::Connected(stream, address));
        }
        Err(error) => error,
    };
    let attempt = FailedAttempt::new(address, error, began.elapsed());
    observer.tell(|| ConnectEvent::Failed { attempt: &attempt });
    Ok(Outcome::AllFailed(vec![attempt]))
}

/// The inner error is that of the address.
fn attempt_alone(
    runners: &Runners<'_>,
    address: SocketAddr,
    observer: &mut Observer<'_>,
) -> Result<Result<TcpStream>> {
    if let Err(error) = runners.check_family(address) {
        return Ok(Err(error));
    }
    observer.tell(|| ConnectEvent::Attempting { address });
    let mut connecting = match Connecting::begin(address, runners.local, runners.config) {
        Ok(connecting) => connecting,
        Err(error) if is_of_the_address(&error, false) => return Ok(Err(error)),
        Err(error) => return Err(error),
    };
    while !connecting.is_connected() {
        match wait::await_connects(std::iter::once(&connecting), &runners.limit) {
            Ok(_) => {}
            Err(WaitError::Cancelled) => return Err(cancelled()),
            Err(WaitError::Failed(error)) => return Err(sys::failure(Operation::Connect, error)),
            Err(_) => return Ok(Err(timed_out())),
        }
        if let Err(error) = connecting.check() {
            return Ok(Err(error));
        }
    }
    match connecting.finish() {
        Err(error) if error.operation() != Operation::Connect => Err(error),
        result => Ok(result),
    }
}

fn race(runners: Runners<'_>, observer: &mut Observer<'_>) -> Result<Outcome> {
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
        if let Err(error) = self.runners.check_family(remote) {
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
            Err(error) if is_of_the_address(&error, !self.running.is_empty()) => {
                let now = Instant::now();
                self.fail(address, error, now - began, now);
                Ok(())
            }
            Err(error) => Err(error),
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
            self.note(address, timed_out(), now - began);
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

/// Besides the errors of a connect: a family that this OS does not have, and a lack of descriptors that attempts in progress may
/// end.
fn is_of_the_address(error: &Error, has_others: bool) -> bool {
    match error.operation() {
        Operation::Connect => true,
        Operation::Open => error.kind() == ErrorKind::Unsupported || has_others,
        _ => false,
    }
}

fn timed_out() -> Error {
    Error::new(Operation::Connect, ErrorKind::TimedOut).with_limit(TimeLimit::ConnectTimeout)
}

fn cancelled() -> Error {
    Error::new(Operation::Connect, ErrorKind::Cancelled)
}
