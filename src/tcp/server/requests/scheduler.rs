//! Which thread does what: the state that the threads of a server of requests share.

use std::time::Instant;

use super::load::Load;
use super::slots::{Ready, RequestConnection, Slots, Token, Why};
use crate::tcp::server::accept::AcceptState;
use crate::wait::poller::Event;

/// What a thread is to do.
pub(super) enum Work<F> {
    /// Accept connections, and put the state back.
    Accept(AcceptState),
    Serve(Ready<F>),
}

/// The connections, the listener, and the threads that wait in the poller.
pub(super) struct Scheduler<F> {
    pub(super) slots: Slots<F>,
    accepting: Accepting,
    /// The number of threads that wait in the poller.
    polling: usize,
    /// The number of threads that wait without polling.
    parked: usize,
    load: Load,
    /// Which connection was served last, and how often in a row.
    last: Option<(Token, usize)>,
    /// A thread was woken, and is not back yet.
    is_waking: bool,
    /// How much work was taken since a thread polled. Connections that are ready again and again do not
    /// keep the threads from all others.
    taken: usize,
    /// Idle connections were closed in the shutdown.
    is_swept: bool,
    /// When [`Scheduler::on_timer`] is called again.
    timer: Option<Instant>,
}

/// Which thread must be woken, as there is work for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wakeup {
    Polling,
    Parked,
}

/// How a thread without work waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Idle {
    /// In the poller, for at most this number of events.
    Poll(usize),
    /// Without polling, for [`WATCH_INTERVAL`](super::load::WATCH_INTERVAL).
    Park,
}

/// The minimum number of ready connections for which a parked thread is woken. Running threads serve
/// fewer of them sooner.
const MIN_FOR_PARKED: usize = 4;

/// How many requests in a row make a connection the only one.
const MIN_TO_FOLLOW: usize = 16;

/// How much work is taken between two polls.
const MAX_TAKEN: usize = 64;

/// Who accepts connections.
enum Accepting {
    /// No thread; the poller reports connections, or it is paused.
    Idle(AcceptState),
    /// A thread, as soon as one is free.
    Queued(AcceptState),
    /// A thread. There may have been an event since.
    Running { is_notified: bool },
    /// The listener is closed.
    Closed,
}

impl<F> Default for Scheduler<F> {
    fn default() -> Self {
        Scheduler {
            slots: Slots::default(),
            accepting: Accepting::Idle(AcceptState::default()),
            polling: 0,
            parked: 0,
            load: Load::default(),
            last: None,
            is_waking: false,
            taken: 0,
            is_swept: false,
            timer: None,
        }
    }
}

impl<F> Scheduler<F> {
    /// Whether a thread is to poll before it takes work.
    pub(super) fn must_poll(&self) -> bool {
        self.taken >= MAX_TAKEN
    }

    /// The next work for a thread. Accepting comes first.
    pub(super) fn pop(&mut self) -> Option<Work<F>> {
        self.taken += 1;
        match std::mem::replace(&mut self.accepting, Accepting::Running { is_notified: false }) {
            Accepting::Queued(state) => Some(Work::Accept(state)),
            other => {
                self.accepting = other;
                let ready = self.slots.pop()?;
                self.last = match self.last {
                    Some((token, times)) if token == ready.token => Some((token, times + 1)),
                    _ => Some((ready.token, 1)),
                };
                self.load.begin();
                Some(Work::Serve(ready))
            }
        }
    }

    pub(super) fn has_work(&self) -> bool {
        self.slots.ready() > 0 || matches!(self.accepting, Accepting::Queued(_))
    }

    /// Which thread must be woken, if any.
    pub(super) fn wakeup(&mut self) -> Option<Wakeup> {
        if self.is_waking || !self.has_work() {
            return None;
        }
        let wakeup = match (self.parked, self.polling) {
            (0, 0) => return None,
            (0, _) => Wakeup::Polling,
            _ if self.slots.ready() >= MIN_FOR_PARKED || !self.load.is_high() => Wakeup::Parked,
            _ => return None,
        };
        self.is_waking = true;
        Some(wakeup)
    }

    /// A thread begins to wait.
    pub(super) fn begin_wait(&mut self, max_events: usize, now: impl FnOnce() -> Instant) -> Idle {
        if self.has_work() || self.polling == 0 {
            self.polling += 1;
            return Idle::Poll(max_events);
        }
        self.load.measure(now());
        if self.load.is_high() {
            self.parked += 1;
            return Idle::Park;
        }
        // The kernel wakes another thread for the next event.
        self.polling += 1;
        Idle::Poll(1)
    }

    /// A thread was parked.
    pub(super) fn end_park(&mut self) {
        self.parked -= 1;
        self.is_waking = false;
    }

    /// Whether the thread that serves a connection may wait for its next request at the connection
    /// itself, which saves a system call: it is the only one with requests, and another thread polls.
    pub(super) fn may_follow(&self, token: Token) -> bool {
        let is_alone = self.last.is_some_and(|(last, times)| last == token && times >= MIN_TO_FOLLOW);
        is_alone && self.polling > 0 && !self.has_work()
    }

    /// Whether a connection can be followed once a parked thread polls.
    pub(super) fn may_follow_soon(&self, token: Token) -> bool {
        let is_alone = self.last.is_some_and(|(last, times)| last == token && times == MIN_TO_FOLLOW);
        is_alone && self.polling == 0 && self.parked > 0
    }

    /// A thread has served a connection.
    pub(super) fn finish(&mut self) {
        self.load.finish();
    }

    /// A thread has waited.
    pub(super) fn end_polling(&mut self, events: impl IntoIterator<Item = Event>, was_woken: bool) {
        self.polling -= 1;
        (self.is_waking, self.taken) = (false, 0);
        for event in events {
            match Token::from_bits(event.key) {
                Token::LISTENER => self.notify_accept(),
                Token::CLOSING => self.retry_accept(),
                token => {
                    let why = if event.drains { Why::Drain } else { Why::Event };
                    self.slots.notify(token, why, event.is_writable);
                }
            }
        }
        if was_woken && self.is_at_capacity() {
            self.retry_accept();
        }
    }

    /// There is a connection in the backlog. While accepting is paused, it is left there.
    fn notify_accept(&mut self) {
        match &self.accepting {
            Accepting::Idle(state) if state.is_paused() => {}
            _ => self.retry_accept(),
        }
    }

    /// Has a thread accept, also if that is paused.
    fn retry_accept(&mut self) {
        self.accepting = match std::mem::replace(&mut self.accepting, Accepting::Closed) {
            Accepting::Idle(state) | Accepting::Queued(state) => Accepting::Queued(state),
            Accepting::Running { .. } => Accepting::Running { is_notified: true },
            Accepting::Closed => Accepting::Closed,
        };
    }

    /// The poller is woken when there may be capacity, which may be before the state is put back.
    fn is_at_capacity(&self) -> bool {
        match &self.accepting {
            Accepting::Idle(state) => state.is_at_capacity(),
            Accepting::Running { .. } => true,
            Accepting::Queued(_) | Accepting::Closed => false,
        }
    }

    /// A thread has accepted the backlog, or paused; `has_more` if there may be more. Returns `true` if
    /// the timer is earlier now.
    pub(super) fn put_back_accept(&mut self, state: AcceptState, has_more: bool) -> bool {
        let is_notified = matches!(self.accepting, Accepting::Running { is_notified: true });
        if has_more || is_notified {
            self.accepting = Accepting::Queued(state);
            return false;
        }
        let resume = state.resume();
        self.accepting = Accepting::Idle(state);
        resume.is_some_and(|resume| self.is_before_timer(resume))
    }

    /// Nothing is accepted from now on.
    pub(super) fn close_accept(&mut self) {
        self.accepting = Accepting::Closed;
    }

    /// Puts a connection back that was served; `ready` if there is more to do for it. Returns `true` if
    /// the timer is earlier now.
    pub(super) fn put_back(
        &mut self,
        token: Token,
        member: RequestConnection<F>,
        ready: Option<Why>,
    ) -> bool {
        if ready.is_some() {
            self.taken = MAX_TAKEN;
        }
        // It was served when idle connections were closed.
        let is_swept = self.is_swept && member.buffers.is_none();
        let ready = ready.or(is_swept.then_some(Why::Event));
        let expires = member.expires;
        self.slots.put_back(token, member, ready)
            && expires.is_some_and(|expires| self.is_before_timer(expires))
    }

    fn is_before_timer(&self, at: Instant) -> bool {
        self.timer.is_none_or(|timer| at < timer)
    }

    /// Makes expired connections ready, and all if idle connections are closed from now on. Returns when
    /// to call this again.
    pub(super) fn on_timer(&mut self, now: Instant, closes_idle: bool) -> Option<Instant> {
        if closes_idle && !std::mem::replace(&mut self.is_swept, true) {
            self.slots.notify_all();
        }
        let expires = self.slots.expire(now);
        let resume = match &self.accepting {
            Accepting::Idle(state) => state.resume(),
            _ => None,
        };
        let is_due = resume.is_some_and(|resume| resume <= now);
        if is_due {
            self.retry_accept();
        }
        self.timer = expires.into_iter().chain(resume.filter(|_| !is_due)).min();
        self.timer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    fn member() -> RequestConnection<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        RequestConnection {
            connection: stream.try_into().unwrap(),
            buffers: None,
            expires: None,
            interest: None,
        }
    }

    fn event(token: Token) -> Event {
        Event { key: token.to_bits(), is_writable: false, drains: false }
    }

    fn poll(scheduler: &mut Scheduler<()>, events: &[Event], was_woken: bool) {
        assert!(matches!(scheduler.begin_wait(9, Instant::now), Idle::Poll(_)));
        scheduler.end_polling(events.iter().copied(), was_woken);
    }

    fn accept(scheduler: &mut Scheduler<()>) -> Option<AcceptState> {
        match scheduler.pop() {
            Some(Work::Accept(state)) => Some(state),
            Some(Work::Serve(_)) => panic!("accepting comes first"),
            None => None,
        }
    }

    fn serve(scheduler: &mut Scheduler<()>) -> Option<Ready<()>> {
        match scheduler.pop() {
            Some(Work::Serve(ready)) => Some(ready),
            Some(Work::Accept(_)) => panic!("nothing to accept"),
            None => None,
        }
    }

    #[test]
    fn event_of_the_listener_while_a_thread_accepts_is_not_lost() {
        let mut scheduler = Scheduler::default();
        poll(&mut scheduler, &[event(Token::LISTENER)], false);
        let state = accept(&mut scheduler).unwrap();
        poll(&mut scheduler, &[event(Token::LISTENER)], false);
        assert!(accept(&mut scheduler).is_none(), "one thread accepts");
        scheduler.put_back_accept(state, false);
        let state = accept(&mut scheduler).unwrap();
        scheduler.put_back_accept(state, false);
        assert!(accept(&mut scheduler).is_none());
        // The same for a wake that may mean capacity.
        poll(&mut scheduler, &[event(Token::LISTENER)], false);
        let state = accept(&mut scheduler).unwrap();
        poll(&mut scheduler, &[], true);
        scheduler.put_back_accept(state, false);
        assert!(accept(&mut scheduler).is_some());
    }

    #[test]
    fn threads_are_woken_while_there_is_more_work() {
        let mut scheduler = Scheduler::default();
        assert_eq!(scheduler.begin_wait(9, Instant::now), Idle::Poll(9));
        assert_eq!(scheduler.begin_wait(9, Instant::now), Idle::Poll(1), "others wait, too");
        scheduler.slots.insert(member());
        assert_eq!(scheduler.wakeup(), Some(Wakeup::Polling));
        assert_eq!(scheduler.wakeup(), None, "it is on its way");
        scheduler.end_polling([], true);
        let ready = serve(&mut scheduler).unwrap();
        assert_eq!(scheduler.wakeup(), None);
        scheduler.finish();
        scheduler.put_back(ready.token, ready.member, None);
        assert!(serve(&mut scheduler).is_none());
    }

    #[test]
    fn work_that_comes_again_and_again_does_not_keep_others_waiting() {
        let mut scheduler = Scheduler::default();
        scheduler.slots.insert(member());
        let ready = serve(&mut scheduler).unwrap();
        assert!(!scheduler.must_poll());
        scheduler.finish();
        scheduler.put_back(ready.token, ready.member, Some(Why::Event));
        assert!(scheduler.must_poll(), "there may be events of others");
        poll(&mut scheduler, &[], false);
        assert!(!scheduler.must_poll() && serve(&mut scheduler).is_some());
    }

    #[test]
    fn idle_connection_is_closed_also_if_it_was_served_meanwhile() {
        let mut scheduler = Scheduler::default();
        scheduler.slots.insert(member());
        scheduler.slots.insert(member());
        let (served, waiting) = (serve(&mut scheduler).unwrap(), serve(&mut scheduler).unwrap());
        scheduler.put_back(waiting.token, waiting.member, None);
        assert_eq!(scheduler.on_timer(Instant::now(), true), None);
        assert_eq!(serve(&mut scheduler).unwrap().token, waiting.token);
        scheduler.put_back(served.token, served.member, None);
        assert_eq!(serve(&mut scheduler).unwrap().token, served.token);
    }

    #[test]
    fn connection_is_followed_only_while_it_is_alone() {
        let mut scheduler = Scheduler::default();
        scheduler.slots.insert(member());
        let mut ready = serve(&mut scheduler).unwrap();
        let token = ready.token;
        for _ in 1..MIN_TO_FOLLOW {
            assert!(!scheduler.may_follow(token));
            scheduler.finish();
            scheduler.put_back(token, ready.member, None);
            poll(&mut scheduler, &[event(token)], false);
            ready = serve(&mut scheduler).unwrap();
        }
        assert!(!scheduler.may_follow(token), "no other thread polls");
        assert!(matches!(scheduler.begin_wait(9, Instant::now), Idle::Poll(_)));
        assert!(scheduler.may_follow(token));
        scheduler.slots.insert(member());
        assert!(!scheduler.may_follow(token), "another is ready");
        assert!(serve(&mut scheduler).is_some());
        assert!(!scheduler.may_follow(token), "another was served");
    }

    #[test]
    fn thread_is_parked_only_under_high_load() {
        let start = Instant::now();
        let mut scheduler: Scheduler<()> = Scheduler::default();
        assert_eq!(scheduler.begin_wait(9, || start), Idle::Poll(9));
        assert_eq!(scheduler.begin_wait(9, || start), Idle::Poll(1));
        for _ in 0..100 {
            scheduler.load.begin();
            scheduler.finish();
        }
        scheduler.end_polling([], false);
        let later = start + super::super::load::WATCH_INTERVAL;
        assert_eq!(scheduler.begin_wait(9, || later), Idle::Park);
        // A few connections are served sooner by the threads that run.
        scheduler.slots.insert(member());
        assert_eq!(scheduler.wakeup(), None);
        (1..MIN_FOR_PARKED).for_each(|_| scheduler.slots.insert(member()));
        assert_eq!(scheduler.wakeup(), Some(Wakeup::Parked));
        scheduler.end_park();
        while serve(&mut scheduler).is_some() {}
        // And when it is not high any more, it polls.
        let later = later + Duration::from_secs(1);
        assert_eq!(scheduler.begin_wait(9, || later), Idle::Poll(1));
    }
}
