//! One call of the API that makes several reads and writes through `Read` and `Write`.
//!
//! [`Framed`](crate::frame::Framed) takes any stream: a connection, a `BufReader` or a TLS session
//! around one. These traits have no parameter for a limit, so the call leaves it in a variable of
//! the thread, where a connection at the bottom finds it. The first read that needs a limit creates
//! it; later reads of the same call use it, whatever is configured meanwhile.

use std::cell::Cell;
use std::marker::PhantomData;

use super::limit::WaitLimit;
use super::moment::{Moment, NEVER};
use super::timeouts::Timeouts;
use crate::error::TimeLimit;

/// When a call started, and from when its timeout counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed {
    pub(super) started: Moment,
    pub(super) from: Moment,
}

/// A limit that a call has created, for the socket with these timeouts.
#[derive(Clone, Copy)]
struct Created {
    owner: usize,
    deadline: Moment,
    reason: TimeLimit,
    /// Whether the idle timeout applied.
    is_idle: bool,
}

/// The state of the outermost call of this thread.
pub(super) struct Scope {
    depth: Cell<u32>,
    /// When the call started; [`NEVER`] until a limit is needed.
    started: Cell<Moment>,
    /// When its message began; [`NEVER`] if that is the start of the call.
    message_began: Cell<Moment>,
    /// Whether the call waits for the first byte of a message.
    is_idle: Cell<bool>,
    reading: Cell<Option<Created>>,
    writing: Cell<Option<Created>>,
}

thread_local! {
    static SCOPE: Scope = const {
        Scope {
            depth: Cell::new(0),
            started: Cell::new(NEVER),
            message_began: Cell::new(NEVER),
            is_idle: Cell::new(false),
            reading: Cell::new(None),
            writing: Cell::new(None),
        }
    };
}

/// A call in progress. A call within another call has the limit of the outer one.
#[derive(Debug)]
#[must_use]
pub(crate) struct CallScope {
    /// The variable belongs to the thread.
    not_send: PhantomData<*const ()>,
}

impl CallScope {
    /// Begins a call. `is_idle` means that it waits for the first byte of a message, which the idle
    /// timeout limits.
    #[inline]
    pub(crate) fn enter(is_idle: bool) -> CallScope {
        SCOPE.with(|scope| {
            let depth = scope.depth.get();
            scope.depth.set(depth + 1);
            if depth == 0 {
                scope.started.set(NEVER);
                scope.message_began.set(NEVER);
                scope.is_idle.set(is_idle);
                scope.reading.set(None);
                scope.writing.set(None);
            }
        });
        CallScope { not_send: PhantomData }
    }

    /// The first byte of the message has arrived: the read timeout begins.
    #[inline]
    pub(crate) fn message_begins(&self) {
        SCOPE.with(|scope| {
            if scope.depth.get() != 1 || !scope.is_idle.replace(false) {
                return;
            }
            // Without an idle timeout, the read timeout began with the call.
            if scope.reading.get().is_some_and(|created| created.is_idle) {
                scope.message_began.set(Moment::now());
                scope.reading.set(None);
            }
        });
    }
}

impl Drop for CallScope {
    #[inline]
    fn drop(&mut self) {
        SCOPE.with(|scope| scope.depth.set(scope.depth.get().saturating_sub(1)));
    }
}

/// Whether the call of this thread, if there is one, waits for the first byte of a message.
#[inline]
pub(crate) fn is_between_messages() -> bool {
    SCOPE.with(|scope| scope.depth.get() > 0 && scope.is_idle.get())
}

/// The call of this thread that is in progress, if there is one.
#[inline]
pub(super) fn current() -> Option<Current> {
    SCOPE.with(|scope| (scope.depth.get() > 0).then_some(Current(())))
}

/// Proof that a call is in progress.
#[derive(Clone, Copy)]
pub(super) struct Current(());

impl Current {
    pub(super) fn read_limit<'a>(self, timeouts: &Timeouts, now: Moment) -> WaitLimit<'a> {
        SCOPE.with(|scope| {
            let started = scope.started_or(now);
            let idle = if scope.is_idle.get() { timeouts.idle_nanos() } else { u64::MAX };
            let began = scope.message_began.get();
            let from = if began == NEVER { started } else { began };
            let (timeout, reason) = match idle {
                u64::MAX => (timeouts.read_nanos(), TimeLimit::ReadTimeout),
                idle => (idle, TimeLimit::IdleTimeout),
            };
            let create = || timeouts.limit(Timed { started, from }, now, timeout, reason);
            limit(&scope.reading, timeouts, (started, now), idle != u64::MAX, create)
        })
    }

    pub(super) fn write_limit<'a>(self, timeouts: &Timeouts, now: Moment) -> WaitLimit<'a> {
        SCOPE.with(|scope| {
            let started = scope.started_or(now);
            let create = || {
                let timed = Timed { started, from: started };
                timeouts.limit(timed, now, timeouts.write_nanos(), TimeLimit::WriteTimeout)
            };
            limit(&scope.writing, timeouts, (started, now), false, create)
        })
    }
}

/// The limit that the call has for this socket. It is created once; another socket of the same call
/// has one of its own, from the same start.
fn limit<'a>(
    created: &Cell<Option<Created>>,
    timeouts: &Timeouts,
    (started, now): (Moment, Moment),
    is_idle: bool,
    create: impl FnOnce() -> WaitLimit<'a>,
) -> WaitLimit<'a> {
    let owner = std::ptr::from_ref(timeouts) as usize;
    match created.get() {
        Some(made) if made.owner == owner => WaitLimit::new(started, now, made.deadline, made.reason),
        made => {
            let limit = create();
            if made.is_none() {
                let (deadline, reason) = (limit.deadline_moment(), limit.reason());
                created.set(Some(Created { owner, deadline, reason, is_idle }));
            }
            limit
        }
    }
}

impl Scope {
    fn started_or(&self, now: Moment) -> Moment {
        if self.started.get() == NEVER {
            self.started.set(now);
        }
        self.started.get()
    }
}
