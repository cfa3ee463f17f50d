//! Taking the next connection: limits, errors, and the end.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::events::ServerEvent;
use super::state::{Phase, Shared, State};
use crate::error::{Error, Operation, Result};
use crate::proto::accept::{AcceptFault, AcceptFaults, AfterFault};
use crate::proto::admission::{Peer, Verdict};
use crate::sys::{self, Mode};
use crate::tcp::close::Closing;
use crate::tcp::connection::{Inner, TcpConnection};
use crate::wait::{WaitError, WaitLimit};

/// So many are accepted in a row by somebody who has other things to do as well.
const IN_A_ROW: usize = 64;

/// How somebody stands who accepts without waiting.
#[derive(Debug, Default)]
pub(super) struct Accepting {
    faults: AcceptFaults,
    pause: Option<Pause>,
}

#[derive(Clone, Copy, Debug)]
enum Pause {
    /// Until somebody leaves.
    Full,
    /// Until then, or until somebody leaves.
    Until(Instant),
}

impl Accepting {
    pub(super) fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// When to try again, if not only when somebody has left.
    pub(super) fn resume(&self) -> Option<Instant> {
        match self.pause {
            Some(Pause::Until(instant)) => Some(instant),
            Some(Pause::Full) | None => None,
        }
    }
}

/// What a wait for a connection ended with.
pub(super) enum Next {
    Connection(TcpConnection),
    TimedOut,
    /// The server has ended, and nobody is waiting any more.
    Over,
}

impl Shared {
    /// The next connection, admitted and with the server's settings.
    ///
    /// Of several threads that call this, one waits for connections, and the others for their turn,
    /// each within its own limit.
    pub(super) fn next(self: &Arc<Self>, closing: Closing, limit: &WaitLimit<'_>) -> Result<Next> {
        match self.listener.take(limit) {
            Some(mut listener) => self.next_in(&mut listener, closing, limit),
            None => Ok(Next::TimedOut),
        }
    }

    /// The next connection if one is in the backlog, without blocking. If another thread accepts,
    /// that one takes it.
    pub(super) fn try_next(self: &Arc<Self>, closing: Closing) -> Result<Next> {
        match self.listener.try_take() {
            Some(mut listener) => self.next_in(&mut listener, closing, &WaitLimit::no_wait()),
            None => Ok(Next::TimedOut),
        }
    }

    fn next_in(
        self: &Arc<Self>,
        guard: &mut Option<Arc<TcpListener>>,
        closing: Closing,
        limit: &WaitLimit<'_>,
    ) -> Result<Next> {
        let Some(listener) = &*guard else { return Ok(Next::Over) };
        let next = self.next_of(listener, closing, limit);
        match next {
            Ok(Next::Connection(_) | Next::TimedOut) => {}
            Ok(Next::Over) | Err(_) => self.close(guard.take()),
        }
        next
    }

    fn next_of(
        self: &Arc<Self>,
        listener: &TcpListener,
        closing: Closing,
        limit: &WaitLimit<'_>,
    ) -> Result<Next> {
        let mut faults = AcceptFaults::default();
        loop {
            let Some(phase) = self.wait_for_room(limit) else { return Ok(Next::TimedOut) };
            let accepted = match phase {
                Phase::Closed | Phase::Cut => return Ok(Next::Over),
                Phase::Draining => {
                    self.hold_newcomers(listener);
                    self.hooks.leave(listener);
                    match sys::accept_now(listener) {
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                            return Ok(Next::Over);
                        }
                        accepted => accepted,
                    }
                }
                Phase::Open => match self.hooks.accept(listener, limit, &self.wake) {
                    Ok(accepted) => Ok(accepted),
                    Err(WaitError::Failed(error)) => Err(error),
                    Err(WaitError::TimedOut) => return Ok(Next::TimedOut),
                    // The shutdown has begun.
                    Err(WaitError::Cancelled | WaitError::ErrorQueueReady) => continue,
                },
            };
            match accepted {
                Ok((stream, peer)) => {
                    faults.succeeded();
                    if let Some(connection) = self.admit(stream, peer, closing) {
                        return Ok(Next::Connection(connection));
                    }
                }
                Err(error) => self.after_fault(error, &mut faults, limit)?,
            }
            // Connections that are refused, or fail, do not extend the call.
            if limit.has_passed() {
                return Ok(Next::TimedOut);
            }
        }
    }

    /// Takes those who wait, at most so many that others have a turn, without waiting for any. True
    /// if the server has ended and nobody waits any more.
    pub(super) fn accept_some(
        self: &Arc<Self>,
        listener: &TcpListener,
        accepting: &mut Accepting,
        mut take: impl FnMut(TcpConnection),
    ) -> Result<bool> {
        accepting.pause = None;
        for _ in 0..IN_A_ROW {
            if self.must_wait() {
                let mut state = self.state();
                // Looked at again, now that whoever leaves rings.
                state.awaits_room = true;
                if self.is_closed_to(&state) {
                    accepting.pause = Some(Pause::Full);
                    return Ok(false);
                }
            }
            let phase = self.state().step();
            match phase {
                Phase::Closed | Phase::Cut => return Ok(true),
                Phase::Draining => self.hold_newcomers(listener),
                Phase::Open => {}
            }
            match sys::accept_now(listener) {
                Ok((stream, peer)) => {
                    accepting.faults.succeeded();
                    if let Some(connection) = self.admit(stream, peer, Closing::Polite) {
                        take(connection);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    // If the shutdown has begun meanwhile, whoever comes before the end must be
                    // held off first.
                    if phase == Phase::Open && self.phase() >= Phase::Draining {
                        continue;
                    }
                    return Ok(phase >= Phase::Draining);
                }
                Err(error) => {
                    if let Some(pause) = self.fault(error, &mut accepting.faults)? {
                        self.state().awaits_room = true;
                        accepting.pause = Some(Pause::Until(Instant::now() + pause));
                        return Ok(false);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Where those who come at the limit wait, whether it is reached.
    pub(super) fn must_wait(&self) -> bool {
        self.is_closed_to(&self.state())
    }

    fn is_closed_to(&self, state: &State) -> bool {
        self.options.waits_when_full() && state.admission.is_full() && state.phase <= Phase::Draining
    }

    /// Where those who come at the limit wait, waits until somebody leaves. Then the phase, as
    /// [`State::step`] tells it; `None` if the time is over.
    fn wait_for_room(&self, limit: &WaitLimit<'_>) -> Option<Phase> {
        let mut state = self.state();
        while self.is_closed_to(&state) {
            state.awaits_room = true;
            state = match limit.remaining() {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(remaining) => {
                    let wait = self.changed.wait_timeout(state, remaining);
                    wait.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        Some(state.step())
    }

    fn admit(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        closing: Closing,
    ) -> Option<TcpConnection> {
        let key = Peer::from(peer.ip());
        let ticket = {
            let mut state = self.state();
            match state.admission.admit(key) {
                Verdict::Admitted => self.ticket(&mut state, key),
                Verdict::Full | Verdict::PeerFull => {
                    drop(state);
                    self.refuse(stream, peer);
                    return None;
                }
            }
        };
        self.totals.accepted.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = sys::adopt_accepted(&stream, &self.settings.options) {
            // It has already gone.
            self.note_accept_error(&error.with_remote(Some(peer)));
            return None;
        }
        let mut inner = Inner::new(stream, peer, &self.settings);
        inner.receive_timeout = self.inherited.inherited();
        inner.closing = closing;
        inner.ticket = Some(ticket);
        let connection = TcpConnection::assemble(inner);
        self.register(&connection.inner);
        Some(connection)
    }

    fn refuse(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        self.totals.refused.fetch_add(1, Ordering::Relaxed);
        if let Some(Ok(message)) =
            self.options.refuse_with.as_ref().map(|message| message.to_bytes(self.settings.options.encoding))
        {
            // A new connection has buffer space for a message; without it, the connection is closed
            // already.
            let _ = sys::write(&stream, &message, Mode::Nonblocking);
            let _ = stream.shutdown(Shutdown::Write);
            // To close it with unread input would destroy the message.
            self.farewells.add(self, stream);
        }
        self.observe(&ServerEvent::Refused { peer });
    }

    fn after_fault(
        &self,
        error: std::io::Error,
        faults: &mut AcceptFaults,
        limit: &WaitLimit<'_>,
    ) -> Result<()> {
        let Some(pause) = self.fault(error, faults)? else { return Ok(()) };
        let pause = limit.remaining().map_or(pause, |remaining| pause.min(remaining));
        let state = self.state();
        let (phase, inside) = (state.phase, state.admission.inside());
        // Whoever leaves gives a descriptor back.
        let still = |state: &mut State| {
            state.awaits_room = true;
            state.phase == phase && state.admission.inside() >= inside
        };
        drop(self.changed.wait_timeout_while(state, pause, still));
        Ok(())
    }

    /// Counts an accept that failed, and says how long to wait before the next, if so.
    fn fault(&self, error: std::io::Error, faults: &mut AcceptFaults) -> Result<Option<Duration>> {
        let kind = sys::error_kind(&error);
        let after = faults.failed(AcceptFault::of(kind));
        let error = Error::system(Operation::Accept, error).with_kind(kind).with_local(Some(self.address));
        match after {
            AfterFault::GiveUp => Err(error),
            AfterFault::AcceptAgain => {
                self.note_accept_error(&error);
                Ok(None)
            }
            AfterFault::Wait(pause) => {
                self.note_accept_error(&error);
                // Their descriptors are worth more now.
                self.farewells.cut();
                let mut state = self.state();
                // Whoever was to be accepted still waits.
                state.queued += usize::from(state.phase == Phase::Draining);
                Ok(Some(pause))
            }
        }
    }

    pub(super) fn note_accept_error(&self, error: &Error) {
        self.totals.accept_errors.fetch_add(1, Ordering::Relaxed);
        self.observe(&ServerEvent::AcceptFailed { error });
    }
}

impl State {
    /// The phase; while draining, one of those who may still come is counted off.
    fn step(&mut self) -> Phase {
        if self.phase == Phase::Draining {
            // Whoever came after the shutdown began cannot keep it from ending.
            match self.queued.checked_sub(1) {
                Some(left) => self.queued = left,
                None => self.phase = Phase::Closed,
            }
        }
        self.phase
    }
}
