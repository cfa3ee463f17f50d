//! The connections of a server of requests: each waits for an event, is in the queue of those that are
//! ready, or is served by a thread.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use super::Buffers;
use crate::tcp::connection::TcpConnection;
use crate::wait::Interest;

/// Identifies a connection: the index of its slot, and how often that was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Token(u64);

impl Token {
    /// Indexes count to 2^32, so these belong to no connection.
    pub(super) const LISTENER: Token = Token(u64::MAX - 1);
    pub(super) const CLOSING: Token = Token(u64::MAX - 2);

    pub(super) fn from_bits(bits: u64) -> Token {
        Token(bits)
    }

    pub(super) fn to_bits(self) -> u64 {
        self.0
    }

    fn new(index: usize, generation: u32) -> Token {
        Token(index as u64 | u64::from(generation) << 32)
    }

    fn index(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }
}

/// A connection between two events.
pub(super) struct RequestConnection<F> {
    pub(super) connection: TcpConnection,
    /// The beginning of a request, or replies that wait for the peer. `None` for an idle connection.
    pub(super) buffers: Option<Box<Buffers<F>>>,
    /// By when the next request must begin, or be complete if it has begun, or by when the peer must
    /// have read a reply.
    pub(super) expires: Option<Instant>,
    /// What it is registered for in the poller. `None` for a new connection.
    pub(super) interest: Option<Interest>,
}

/// A connection for a thread.
pub(super) struct Ready<F> {
    pub(super) token: Token,
    pub(super) member: RequestConnection<F>,
    pub(super) why: Why,
}

/// Why a connection is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// There may be something to read or space to write.
    Event,
    /// The same, and reads continue until there is nothing: the stream may have ended.
    Drain,
    /// It has expired.
    Expired,
}

enum State<F> {
    Free,
    Waiting(RequestConnection<F>),
    Queued(RequestConnection<F>, Why),
    /// Served by a thread. Events that arrive meanwhile are noted.
    Running(Option<Why>),
}

struct Slot<F> {
    state: State<F>,
    generation: u32,
    /// When its timer is checked: not later than it expires.
    timer: Option<Instant>,
}

/// All of them.
pub(super) struct Slots<F> {
    slots: Vec<Slot<F>>,
    free: Vec<u32>,
    count: usize,
    /// Those that are ready, in the order in which they became so.
    queue: VecDeque<Token>,
    /// At most one for each connection: a request does not cost an entry.
    timers: BTreeSet<(Instant, Token)>,
}

impl<F> Default for Slots<F> {
    fn default() -> Self {
        let (slots, free, queue, timers) = Default::default();
        Slots { slots, free, count: 0, queue, timers }
    }
}

impl<F> Slots<F> {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// How many are ready.
    pub(super) fn ready(&self) -> usize {
        self.queue.len()
    }

    /// Adds a new connection, as one that is ready: its first request has mostly arrived.
    pub(super) fn insert(&mut self, member: RequestConnection<F>) {
        let index = match self.free.pop() {
            Some(index) => index as usize,
            None => {
                self.slots.push(Slot { state: State::Free, generation: 0, timer: None });
                self.slots.len() - 1
            }
        };
        self.count += 1;
        let token = Token::new(index, self.slots[index].generation);
        self.enqueue(token, member, Why::Event);
    }

    fn slot(&mut self, token: Token) -> Option<&mut Slot<F>> {
        let slot = self.slots.get_mut(token.index())?;
        (Token::new(token.index(), slot.generation) == token).then_some(slot)
    }

    fn enqueue(&mut self, token: Token, member: RequestConnection<F>, why: Why) {
        if let Some(slot) = self.slot(token) {
            slot.state = State::Queued(member, why);
            self.queue.push_back(token);
        }
    }

    /// Something has happened to a connection. Events of connections that have gone are ignored.
    pub(super) fn notify(&mut self, token: Token, event: Why, is_writable: bool) {
        let Some(slot) = self.slot(token) else { return };
        match std::mem::replace(&mut slot.state, State::Free) {
            State::Waiting(member) if is_writable || !member.is_writing() => {
                self.enqueue(token, member, event);
            }
            State::Running(noted) => slot.state = State::Running(Some(stronger(noted, event))),
            State::Queued(member, why) => slot.state = State::Queued(member, stronger(Some(why), event)),
            // What the peer sends is read once it has read its replies.
            other => slot.state = other,
        }
    }

    /// All that wait become ready, as at the end of a server.
    pub(super) fn notify_all(&mut self) {
        let tokens: Vec<_> =
            (0..).zip(&self.slots).map(|(index, slot)| Token::new(index, slot.generation)).collect();
        tokens.into_iter().for_each(|token| self.notify(token, Why::Event, true));
    }

    /// The next one that is ready, for a thread.
    pub(super) fn pop(&mut self) -> Option<Ready<F>> {
        loop {
            let token = self.queue.pop_front()?;
            let Some(slot) = self.slot(token) else { continue };
            match std::mem::replace(&mut slot.state, State::Running(None)) {
                State::Queued(member, why) => return Some(Ready { token, member, why }),
                other => slot.state = other,
            }
        }
    }

    /// Puts a connection back, to wait, or as one that is `ready`. It is ready in any case if there was
    /// an event meanwhile. Returns `true` if its timer is the first of all.
    pub(super) fn put_back(
        &mut self,
        token: Token,
        member: RequestConnection<F>,
        ready: Option<Why>,
    ) -> bool {
        let Some(slot) = self.slot(token) else { return false };
        let noted = match slot.state {
            State::Running(noted) => noted,
            _ => None,
        };
        match ready.into_iter().chain(noted).max() {
            Some(why) => {
                self.enqueue(token, member, why);
                false
            }
            None => {
                let expires = member.expires;
                slot.state = State::Waiting(member);
                expires.is_some_and(|expires| self.set_timer(token, expires))
            }
        }
    }

    /// A connection that a thread serves has ended.
    pub(super) fn remove(&mut self, token: Token) {
        let Some(slot) = self.slot(token) else { return };
        slot.state = State::Free;
        slot.generation = slot.generation.wrapping_add(1);
        if let Some(timer) = slot.timer.take() {
            self.timers.remove(&(timer, token));
        }
        self.free.push(token.index() as u32);
        self.count -= 1;
    }

    /// Expired connections become ready. Returns when to check the next one.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Instant> {
        while let Some(&(timer, token)) = self.timers.first() {
            if timer > now {
                return Some(timer);
            }
            self.timers.pop_first();
            let Some(slot) = self.slot(token) else { continue };
            slot.timer = None;
            // One that is ready or served is given a timer when it comes back.
            let State::Waiting(member) = &slot.state else { continue };
            match member.expires {
                // Its limit was removed.
                None => {}
                Some(expires) if expires > now => drop(self.set_timer(token, expires)),
                Some(_) => self.notify(token, Why::Expired, true),
            }
        }
        None
    }

    /// Sets the timer of a connection, unless it has an earlier one. Returns `true` if it is the first of
    /// all.
    fn set_timer(&mut self, token: Token, expires: Instant) -> bool {
        let first = self.timers.first().map(|(timer, _)| *timer);
        let Some(slot) = self.slot(token) else { return false };
        match slot.timer {
            Some(timer) if timer <= expires => return false,
            timer => {
                slot.timer = Some(expires);
                if let Some(timer) = timer {
                    self.timers.remove(&(timer, token));
                }
            }
        }
        self.timers.insert((expires, token));
        first.is_none_or(|first| expires < first)
    }

    /// Removes all that no thread serves.
    pub(super) fn clear(&mut self) -> Vec<RequestConnection<F>> {
        let mut removed = Vec::new();
        for (index, slot) in (0_u32..).zip(&mut self.slots) {
            match std::mem::replace(&mut slot.state, State::Free) {
                State::Waiting(member) | State::Queued(member, _) => {
                    slot.generation = slot.generation.wrapping_add(1);
                    slot.timer = None;
                    self.free.push(index);
                    removed.push(member);
                }
                other => slot.state = other,
            }
        }
        self.count -= removed.len();
        self.queue.clear();
        self.timers.clear();
        removed
    }
}

impl<F> RequestConnection<F> {
    /// Whether it waits for the peer to read.
    fn is_writing(&self) -> bool {
        self.buffers.as_ref().is_some_and(|buffers| buffers.pending.is_some())
    }
}

fn stronger(noted: Option<Why>, event: Why) -> Why {
    noted.map_or(event, |noted| noted.max(event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(nanos: u64) -> Instant {
        static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *BEGAN.get_or_init(Instant::now) + Duration::from_nanos(nanos)
    }

    fn member(expires: Option<u64>) -> RequestConnection<()> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        RequestConnection {
            connection: stream.try_into().unwrap(),
            buffers: None,
            expires: expires.map(at),
            interest: None,
        }
    }

    fn insert(slots: &mut Slots<()>, expires: Option<u64>) -> Token {
        slots.insert(member(expires));
        let ready = slots.pop().unwrap();
        slots.put_back(ready.token, ready.member, None);
        ready.token
    }

    /// The poller may report a connection that has just gone, when its slot is another's already.
    #[test]
    fn stale_token_matches_no_connection() {
        let mut slots = Slots::default();
        let token = insert(&mut slots, None);
        slots.notify(token, Why::Event, false);
        slots.notify(token, Why::Drain, false);
        let same = slots.pop().unwrap();
        assert!(same.token == token && same.why == Why::Drain && slots.pop().is_none(), "ready once");
        slots.remove(token);
        let next = insert(&mut slots, None);
        assert_ne!(next, token);
        slots.notify(token, Why::Event, true);
        assert!(slots.pop().is_none());
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn event_of_a_served_connection_makes_it_ready_again() {
        let mut slots = Slots::default();
        let token = insert(&mut slots, None);
        slots.notify(token, Why::Event, false);
        let ready = slots.pop().unwrap();
        slots.notify(token, Why::Drain, false);
        assert!(slots.pop().is_none(), "one thread serves it");
        slots.put_back(token, ready.member, None);
        let ready = slots.pop().unwrap();
        assert_eq!((ready.token, ready.why), (token, Why::Drain));
        slots.put_back(token, ready.member, None);
        assert!(slots.pop().is_none(), "the event was used");
    }

    #[test]
    fn expire_uses_latest_timer_of_each_connection() {
        let mut slots = Slots::default();
        let (early, late) = (insert(&mut slots, Some(10)), insert(&mut slots, Some(20)));
        assert_eq!(slots.expire(at(9)), Some(at(10)));
        // It has a request, and has until 30.
        slots.notify(early, Why::Event, false);
        let mut served = slots.pop().unwrap();
        assert_eq!(slots.expire(at(15)), Some(at(20)), "one that is served does not expire");
        served.member.expires = Some(at(30));
        slots.put_back(early, served.member, None);
        assert_eq!(slots.expire(at(25)), Some(at(30)));
        let expired = slots.pop().unwrap();
        assert_eq!((expired.token, expired.why), (late, Why::Expired));
        slots.remove(late);
        // And earlier again, as for a request that has begun.
        slots.notify(early, Why::Event, false);
        let mut served = slots.pop().unwrap();
        served.member.expires = Some(at(28));
        slots.put_back(early, served.member, None);
        assert_eq!(slots.expire(at(27)), Some(at(28)));
        assert_eq!(slots.expire(at(28)), None);
        assert_eq!(slots.pop().unwrap().token, early);
    }

    #[test]
    fn clear_leaves_those_that_are_served() {
        let mut slots = Slots::default();
        let (served, waiting) = (insert(&mut slots, Some(1)), insert(&mut slots, Some(2)));
        slots.notify(served, Why::Event, false);
        let ready = slots.pop().unwrap();
        assert_eq!(slots.clear().len(), 1);
        slots.notify(waiting, Why::Event, true);
        assert!(slots.pop().is_none() && slots.len() == 1);
        slots.put_back(served, ready.member, None);
        assert_eq!(slots.clear().len(), 1);
        assert_eq!(slots.len(), 0);
    }
}
