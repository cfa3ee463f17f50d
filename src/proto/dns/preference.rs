//! The memory of name servers from one lookup to the next: which of them do not respond, and which do not understand
//! EDNS. resolv.conf(5): they are queried in the order listed. The memory ends after a time, and with a change of the
//! servers.

use std::time::{Duration, Instant};

/// The number of lookups in a row without a response after which a server is queried last. One lost query is no reason: another
/// server may not know the names of this one.
const LOOKUPS: u32 = 2;

/// How long it is queried last.
pub(crate) const LAST: Duration = Duration::from_secs(10);

/// How long queries to a server are sent without EDNS, once it has responded only to those.
const PLAIN: Duration = Duration::from_secs(900);

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    /// How many lookups in a row it has not responded to.
    silent: u32,
    last_until: Option<Instant>,
    /// How many lookups in a row it has responded only to a query without EDNS, after one with it was lost.
    plain: u32,
    plain_until: Option<Instant>,
}

/// The memory of the servers of a configuration, by their place in it.
#[derive(Debug, Default)]
pub(crate) struct Preferences {
    servers: Vec<Memory>,
    /// How many lookups there were, for `rotate`.
    lookups: usize,
}

/// How the servers are queried in one lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerOrder {
    /// Their places, the first one first.
    pub(crate) places: Vec<usize>,
    /// By place: whether queries are sent without EDNS.
    pub(crate) plain: Vec<bool>,
}

/// What one lookup has found out about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Experience {
    Responded {
        to_edns: bool,
    },
    /// It did to a query without EDNS, after one with it had no response, which may have been lost.
    RespondedPlain,
    /// It returned an error to a query with EDNS, and an answer to one without.
    RefusedEdns,
    Silent,
}

impl Preferences {
    /// The order of `count` servers for a lookup that begins now.
    pub(crate) fn order(&mut self, count: usize, rotate: bool, now: Instant) -> ServerOrder {
        self.servers.resize(count, Memory::default());
        let is = |until: Option<Instant>| until.is_some_and(|until| now < until);
        let first = if rotate { self.lookups % count.max(1) } else { 0 };
        self.lookups = self.lookups.wrapping_add(1);
        let mut places: Vec<usize> = (first..count).chain(0..first).collect();
        places.sort_by_key(|place| is(self.servers[*place].last_until));
        let plain = self.servers.iter().map(|server| is(server.plain_until)).collect();
        ServerOrder { places, plain }
    }

    pub(crate) fn learn(&mut self, place: usize, experience: Experience, now: Instant) {
        let Some(server) = self.servers.get_mut(place) else { return };
        match experience {
            Experience::Silent => {
                server.silent = server.silent.saturating_add(1);
                if server.silent >= LOOKUPS {
                    server.last_until = now.checked_add(LAST);
                }
            }
            _ => (server.silent, server.last_until) = (0, None),
        }
        server.plain = match experience {
            Experience::RefusedEdns => LOOKUPS,
            Experience::RespondedPlain => server.plain.saturating_add(1),
            Experience::Responded { to_edns: true } => 0,
            Experience::Responded { to_edns: false } | Experience::Silent => server.plain,
        };
        if server.plain >= LOOKUPS
            && matches!(experience, Experience::RefusedEdns | Experience::RespondedPlain)
        {
            server.plain_until = now.checked_add(PLAIN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "a clock of the test's must begin somewhere")]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn silent_server_is_last_after_two_lookups_for_10_s() {
        let (mut preferences, now) = (Preferences::default(), now());
        let places = |preferences: &mut Preferences, now| preferences.order(3, false, now).places;
        assert_eq!(places(&mut preferences, now), [0, 1, 2]);
        preferences.learn(0, Experience::Silent, now);
        assert_eq!(places(&mut preferences, now), [0, 1, 2], "one lost query");
        preferences.learn(0, Experience::Silent, now);
        assert_eq!(places(&mut preferences, now), [1, 2, 0]);
        assert_eq!(places(&mut preferences, now + LAST), [0, 1, 2], "it is tried again");
        preferences.learn(0, Experience::Silent, now + LAST);
        assert_eq!(places(&mut preferences, now + LAST), [1, 2, 0]);
        preferences.learn(0, Experience::Responded { to_edns: true }, now + LAST);
        assert_eq!(places(&mut preferences, now + LAST), [0, 1, 2]);
    }

    #[test]
    fn rotate_starts_with_the_next_server() {
        let (mut preferences, now) = (Preferences::default(), now());
        let mut first = || preferences.order(3, true, now).places[0];
        assert_eq!([first(), first(), first(), first()], [0, 1, 2, 0]);
    }

    #[test]
    fn server_without_edns_is_queried_plain_for_15_minutes() {
        let (mut preferences, now) = (Preferences::default(), now());
        preferences.order(2, false, now);
        preferences.learn(1, Experience::RespondedPlain, now);
        assert_eq!(preferences.order(2, false, now).plain, [false, false], "one lost query");
        preferences.learn(1, Experience::Responded { to_edns: true }, now);
        preferences.learn(1, Experience::RespondedPlain, now);
        assert_eq!(preferences.order(2, false, now).plain, [false, false]);
        preferences.learn(1, Experience::RespondedPlain, now);
        preferences.learn(0, Experience::RefusedEdns, now);
        assert_eq!(preferences.order(2, false, now).plain, [true, true]);
        preferences.order(2, false, now);
        let mut preferences = Preferences::default();
        preferences.order(2, false, now);
        preferences.learn(1, Experience::RefusedEdns, now);
        assert_eq!(preferences.order(2, false, now).plain, [false, true]);
        assert_eq!(preferences.order(2, false, now + PLAIN).plain, [false, false]);
    }
}
