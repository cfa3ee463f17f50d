//! The state of name servers that is kept between lookups: which servers do not respond, and which
//! do not support EDNS. Other servers are queried in the order listed (resolv.conf(5)). Entries
//! expire, and are dropped when the list of servers changes.

use std::time::{Duration, Instant};

/// The number of consecutive lookups without a response after which a server is queried last. One
/// lost query does not suffice, because the next server may not know the names that this one
/// serves.
const LOOKUPS: u32 = 2;

/// How long such a server is queried last.
pub(crate) const LAST: Duration = Duration::from_secs(10);

/// How long queries are sent without EDNS to a server that responds only to those.
const PLAIN: Duration = Duration::from_secs(900);

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    /// The number of consecutive lookups without a response.
    silent: u32,
    last_until: Option<Instant>,
    /// The number of consecutive lookups in which only the query without EDNS received a response,
    /// after the one with EDNS timed out.
    plain: u32,
    plain_until: Option<Instant>,
}

/// The state of the configured servers, by their index.
#[derive(Debug, Default)]
pub(crate) struct Preferences {
    servers: Vec<Memory>,
    /// The number of lookups, for `rotate`.
    lookups: usize,
}

/// The order and the form of the queries of one lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerOrder {
    /// The indexes of the servers, in the order of the queries.
    pub(crate) places: Vec<usize>,
    /// Whether queries are sent without EDNS, by server index.
    pub(crate) plain: Vec<bool>,
}

/// The observation of one lookup about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Experience {
    Responded {
        to_edns: bool,
    },
    /// The server responded to a query without EDNS, after a query with EDNS timed out. That one
    /// may have been lost.
    RespondedPlain,
    /// The server returned an error to a query with EDNS, and an answer to one without.
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
        assert_eq!(places(&mut preferences, now + LAST), [0, 1, 2], "the server is queried first again");
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
