//! The connections of a server of requests: each waits in the poller, or is in a thread's hand.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use crate::tcp::connection::TcpConnection;

/// What a connection is known by: its place, and how often that was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

impl Key {
    /// Slots count to 2^32, so these belong to no connection.
    pub(super) const LISTENER: Key = Key(u64::MAX - 1);
    pub(super) const WAKE: Key = Key(u64::MAX - 2);

    pub(super) fn from_bits(bits: u64) -> Key {
        Key(bits)
    }

    pub(super) fn to_bits(self) -> u64 {
        self.0
    }

    fn new(index: usize, generation: u32) -> Key {
        Key(index as u64 | u64::from(generation) << 32)
    }

    fn index(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }
}

/// A connection between two requests. What idle ones hold of a framing is nothing at all.
pub(super) struct Member<F> {
    pub(super) connection: TcpConnection,
    /// With the beginning of a request, if that has come.
    pub(super) framing: Option<Box<F>>,
    /// By when the next request must begin, or be complete if it has begun.
    pub(super) expires: Option<Instant>,
    /// Whether the poller knows it.
    pub(super) is_awaited: bool,
}

enum Place<F> {
    Free,
    Waiting(Member<F>),
    /// In the hand of a thread, or about to be.
    Taken,
    /// The same, with the member still here.
    Ready(Member<F>),
}

struct Slot<F> {
    place: Place<F>,
    generation: u32,
    /// When this one is looked at again: not later than it expires.
    look: Option<Instant>,
}

/// All of them.
pub(super) struct Members<F> {
    slots: Vec<Slot<F>>,
    free: Vec<u32>,
    count: usize,
    /// Those that are ready, in the order in which they became so.
    queue: VecDeque<Key>,
    /// When each is to be looked at, at most once for each: a request is not to cost an entry.
    looks: BTreeSet<(Instant, Key)>,
}

impl<F> Default for Members<F> {
    fn default() -> Self {
        let (slots, free, queue, looks) = Default::default();
        Members { slots, free, count: 0, queue, looks }
    }
}

impl<F> Members<F> {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Takes a connection in, as one that waits.
    pub(super) fn insert(&mut self, member: Member<F>) -> Key {
        let index = match self.free.pop() {
            Some(index) => index as usize,
            None => {
                self.slots.push(Slot { place: Place::Free, generation: 0, look: None });
                self.slots.len() - 1
            }
        };
        self.count += 1;
        let key = Key::new(index, self.slots[index].generation);
        self.put_back(key, member);
        key
    }

    fn slot(&mut self, key: Key) -> Option<&mut Slot<F>> {
        let slot = self.slots.get_mut(key.index())?;
        (Key::new(key.index(), slot.generation) == key).then_some(slot)
    }

    /// The member, if it waits, and then it is taken.
    fn take_waiting(&mut self, key: Key) -> Option<Member<F>> {
        let place = &mut self.slot(key)?.place;
        match std::mem::replace(place, Place::Taken) {
            Place::Waiting(member) => Some(member),
            other => {
                *place = other;
                None
            }
        }
    }

    /// One that waits has something to read.
    pub(super) fn make_ready(&mut self, key: Key) {
        if let Some(member) = self.take_waiting(key) {
            if let Some(slot) = self.slot(key) {
                slot.place = Place::Ready(member);
            }
            self.queue.push_back(key);
        }
    }

    /// All that wait, as at the end of a server.
    pub(super) fn make_all_ready(&mut self) {
        let keys: Vec<_> =
            (0..).zip(&self.slots).map(|(index, slot)| Key::new(index, slot.generation)).collect();
        keys.into_iter().for_each(|key| self.make_ready(key));
    }

    /// The next one that is ready, into the hand of a thread.
    pub(super) fn take_ready(&mut self) -> Option<(Key, Member<F>)> {
        loop {
            let key = self.queue.pop_front()?;
            let Some(slot) = self.slot(key) else { continue };
            match std::mem::replace(&mut slot.place, Place::Taken) {
                Place::Ready(member) => return Some((key, member)),
                other => slot.place = other,
            }
        }
    }

    /// Puts a connection back, to wait. Returns `true` if it now expires before all others, so that a
    /// thread that waits for the next one to expire must be woken.
    pub(super) fn put_back(&mut self, key: Key, member: Member<F>) -> bool {
        let expires = member.expires;
        let Some(slot) = self.slot(key) else { return false };
        slot.place = Place::Waiting(member);
        expires.is_some_and(|expires| self.look_at(key, expires))
    }

    /// One in a thread's hand does not come back.
    pub(super) fn remove(&mut self, key: Key) {
        let Some(slot) = self.slot(key) else { return };
        slot.place = Place::Free;
        slot.generation = slot.generation.wrapping_add(1);
        if let Some(look) = slot.look.take() {
            self.looks.remove(&(look, key));
        }
        self.free.push(key.index() as u32);
        self.count -= 1;
    }

    /// Takes expired connections. Returns when to check the next one.
    pub(super) fn expire(&mut self, now: Instant) -> (Vec<(Key, Member<F>)>, Option<Instant>) {
        let mut expired = Vec::new();
        while let Some(&(look, key)) = self.looks.first() {
            if look > now {
                return (expired, Some(look));
            }
            self.looks.pop_first();
            if let Some(slot) = self.slot(key) {
                slot.look = None;
            }
            // One in a thread's hand is given a time when it comes back.
            let Some(member) = self.take_waiting(key) else { continue };
            match member.expires.is_none_or(|expires| expires <= now) {
                true => expired.push((key, member)),
                // It has asked something meanwhile.
                false => drop(self.put_back(key, member)),
            }
        }
        (expired, None)
    }

    /// Sets the timer of a connection, unless it has an earlier one. Returns `true` if it is the
    /// first of all.
    fn look_at(&mut self, key: Key, expires: Instant) -> bool {
        let first = self.looks.first().map(|(look, _)| *look);
        let Some(slot) = self.slot(key) else { return false };
        match slot.look {
            Some(look) if look <= expires => return false,
            look => {
                slot.look = Some(expires);
                if let Some(look) = look {
                    self.looks.remove(&(look, key));
                }
            }
        }
        self.looks.insert((expires, key));
        first.is_none_or(|first| expires < first)
    }

    /// Removes all that no thread has.
    pub(super) fn clear(&mut self) -> Vec<Member<F>> {
        let mut given_up = Vec::new();
        for slot in &mut self.slots {
            match std::mem::replace(&mut slot.place, Place::Taken) {
                Place::Waiting(member) | Place::Ready(member) => {
                    slot.place = Place::Free;
                    given_up.push(member);
                }
                other => slot.place = other,
            }
        }
        self.count -= given_up.len();
        self.queue.clear();
        self.looks.clear();
        given_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(nanos: u64) -> Instant {
        static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *BEGAN.get_or_init(Instant::now) + Duration::from_nanos(nanos)
    }

    fn member(expires: Option<u64>) -> Member<()> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Member {
            connection: stream.try_into().unwrap(),
            framing: None,
            expires: expires.map(at),
            is_awaited: false,
        }
    }

    /// The poller may tell of a connection that has just gone, when its place is another's already.
    #[test]
    fn stale_token_matches_no_connection() {
        let mut members = Members::default();
        let key = members.insert(member(None));
        members.make_ready(key);
        members.make_ready(key);
        let (same, _) = members.take_ready().unwrap();
        assert!(same == key && members.take_ready().is_none(), "ready once");
        members.make_ready(key);
        assert!(members.take_ready().is_none(), "one in a hand is not ready");
        members.remove(key);
        let next = members.insert(member(None));
        assert_ne!(next, key);
        members.make_ready(key);
        assert!(members.take_ready().is_none());
        members.remove(key);
        assert_eq!(members.len(), 1);
    }

    #[test]
    fn expire_uses_latest_timer_of_each_connection() {
        let mut members = Members::default();
        let (early, late) = (members.insert(member(Some(10))), members.insert(member(Some(20))));
        assert_eq!(members.expire(at(9)).1, Some(at(10)));
        // It asks something, and has until 30.
        members.make_ready(early);
        let (_, mut taken) = members.take_ready().unwrap();
        assert!(members.expire(at(15)).0.is_empty(), "one in a hand does not expire");
        taken.expires = Some(at(30));
        members.put_back(early, taken);
        let (expired, next) = members.expire(at(25));
        assert_eq!(
            (expired.iter().map(|(key, _)| *key).collect::<Vec<_>>(), next),
            (vec![late], Some(at(30)))
        );
        members.remove(late);
        // And earlier again, as for a request that has begun.
        members.make_ready(early);
        let (_, mut taken) = members.take_ready().unwrap();
        taken.expires = Some(at(28));
        members.put_back(early, taken);
        assert_eq!(members.expire(at(27)).1, Some(at(28)));
        assert_eq!(members.expire(at(28)).0.len(), 1);
    }
}
