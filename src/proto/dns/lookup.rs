//! One name asked of several servers: in what order, how often, for which of its records, and until when. Replies and `now` in,
//! what to send out. RFC 1035, 4.2.1; RFC 8305, 3.
//!
//! ```text
//!          ask: a fresh socket to a server, all queries that have no answer yet
//!            │
//!   receive ─┼─ answers of all ────────────────────────────────► done
//!            ├─ one answer, and 50 ms without the other ───────► done
//!            ├─ truncated ──► the same over TCP ──► receive
//!            ├─ does not understand EDNS ──► ask the same server without
//!            └─ failure, refused, too late ──► ask the next server, all servers as often as there are attempts
//! ```

use std::time::{Duration, Instant};

use super::name::HostName;
use super::wire::{Answer, BadReply, Judgement, Kind, MOST_ALIASES, judge, query};

/// How it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) servers: usize,
    /// Who is asked first.
    pub(crate) first: usize,
    pub(crate) attempts: u32,
    pub(crate) timeout: Duration,
    pub(crate) use_tcp: bool,
    /// How long the answer of one kind waits for that of the other.
    pub(crate) settle: Duration,
    /// Whether the other is known already.
    pub(crate) is_settled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Open a socket to that server, close the one before, and send these.
    Ask {
        server: usize,
        queries: Vec<Vec<u8>>,
    },
    /// Ask that server over TCP, no longer than that; what comes of it is given to [`Lookup::handle_tcp`].
    AskByTcp {
        server: usize,
        query: Vec<u8>,
        until: Instant,
    },
    /// Wait for a reply, no longer than that.
    Receive(Instant),
    Done,
}

/// What went wrong with a name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerFault {
    /// It has not answered in its time.
    #[error("is silent")]
    Silent,
    /// Its system says that nobody listens, or no way leads to it.
    #[error("cannot be reached")]
    Unreachable,
    /// It has answered that it has no answer, or with what is none.
    #[error(transparent)]
    Reply(BadReply),
}

#[derive(Debug)]
pub(crate) struct Lookup {
    plan: Plan,
    asks: Vec<Ask>,
    /// How many servers were asked, counted through all attempts.
    round: u32,
    edns: bool,
    state: State,
    settled_at: Option<Instant>,
    troubles: Vec<(usize, ServerFault)>,
}

#[derive(Debug)]
struct Ask {
    kind: Kind,
    name: HostName,
    query: Vec<u8>,
    answer: Option<Answer>,
    /// What this server will not answer any more.
    has_failed: bool,
    by_tcp: bool,
    aliases: u8,
    alias_ttl: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    ToAsk,
    Asked { until: Instant },
    Done,
}

impl Lookup {
    pub(crate) fn new(plan: Plan, name: &HostName, kinds: &[Kind]) -> Lookup {
        let ask = |kind: &Kind| Ask {
            kind: *kind,
            name: name.clone(),
            query: Vec::new(),
            answer: None,
            has_failed: false,
            by_tcp: plan.use_tcp,
            aliases: 0,
            alias_ttl: u32::MAX,
        };
        Lookup {
            plan,
            asks: kinds.iter().map(ask).collect(),
            round: 0,
            edns: true,
            state: if plan.servers == 0 { State::Done } else { State::ToAsk },
            settled_at: None,
            troubles: Vec::new(),
        }
    }

    /// The server that is asked now.
    fn server(&self) -> usize {
        (self.plan.first + self.round as usize) % self.plan.servers.max(1)
    }

    /// The next thing to do; `random` gives the numbers of queries.
    pub(crate) fn poll(&mut self, now: Instant, mut random: impl FnMut() -> u16) -> Step {
        loop {
            match self.state {
                State::Done => return Step::Done,
                State::ToAsk => {
                    let server = self.server();
                    self.state = State::Asked { until: now + self.plan.timeout };
                    if self.plan.is_settled {
                        self.settled_at.get_or_insert(now);
                    }
                    let mut queries = Vec::new();
                    for ask in self.asks.iter_mut().filter(|ask| ask.answer.is_none()) {
                        ask.has_failed = false;
                        match query(random(), &ask.name, ask.kind, self.edns) {
                            Some(query) => ask.query = query,
                            None => ask.has_failed = true,
                        }
                        if !ask.has_failed && !ask.by_tcp {
                            queries.push(ask.query.clone());
                        }
                    }
                    if !queries.is_empty() {
                        return Step::Ask { server, queries };
                    }
                }
                State::Asked { until } => {
                    let server = self.server();
                    let waits = |ask: &&Ask| ask.answer.is_none() && !ask.has_failed;
                    if let Some(ask) = self.asks.iter().filter(waits).find(|ask| ask.by_tcp) {
                        return Step::AskByTcp { server, query: ask.query.clone(), until };
                    }
                    if self.asks.iter().all(|ask| ask.answer.is_some()) {
                        self.state = State::Done;
                    } else if !self.asks.iter().any(|ask| waits(&ask)) {
                        self.next_server();
                    } else {
                        let settled = self.settled_at.map(|at| at + self.plan.settle);
                        let end = settled.map_or(until, |settled| settled.min(until));
                        if now < end {
                            return Step::Receive(end);
                        }
                        // The one that has answered is enough, if it has something.
                        match settled {
                            Some(settled) if now >= settled => self.state = State::Done,
                            _ => {
                                self.troubles.push((server, ServerFault::Silent));
                                self.next_server();
                            }
                        }
                    }
                }
            }
        }
    }

    fn next_server(&mut self) {
        // What has come stays; what has not is asked of the next.
        let has_something = self.settled_at.is_some();
        self.round += 1;
        let all = self.plan.attempts.saturating_mul(self.plan.servers as u32);
        self.state = if self.round >= all || has_something { State::Done } else { State::ToAsk };
        self.asks.iter_mut().for_each(|ask| ask.by_tcp = self.plan.use_tcp);
    }

    /// A datagram has come from the server.
    pub(crate) fn handle_datagram(&mut self, bytes: &[u8], now: Instant) {
        self.handle(bytes, now, false);
    }

    /// What came of asking over TCP.
    pub(crate) fn handle_tcp(&mut self, reply: Option<&[u8]>, now: Instant) {
        let before = self.asks.iter().filter(|ask| ask.answer.is_some() || ask.has_failed).count();
        if let Some(bytes) = reply {
            self.handle(bytes, now, true);
        }
        let after = self.asks.iter().filter(|ask| ask.answer.is_some() || ask.has_failed).count();
        let is_asked_again = self.state == State::ToAsk || self.state == State::Done;
        if before == after && !is_asked_again {
            // A stream has one reply, and it was none, or an alias that is asked for again.
            let server = self.server();
            let waiting =
                self.asks.iter_mut().find(|ask| ask.answer.is_none() && !ask.has_failed && ask.by_tcp);
            if let Some(ask) = waiting {
                ask.has_failed = true;
                self.troubles.push((server, ServerFault::Unreachable));
            }
        }
    }

    /// The server's system says that nobody listens there.
    pub(crate) fn handle_unreachable(&mut self) {
        if let State::Asked { .. } = self.state {
            self.troubles.push((self.server(), ServerFault::Unreachable));
            self.next_server();
        }
    }

    fn handle(&mut self, bytes: &[u8], now: Instant, is_stream: bool) {
        let server = self.server();
        let waiting = self.asks.iter_mut().filter(|ask| ask.answer.is_none() && !ask.has_failed);
        for ask in waiting {
            match judge(bytes, &ask.query, &ask.name, ask.kind) {
                Judgement::NotOurs => continue,
                // Over TCP there is nothing more to be had.
                Judgement::Truncated if is_stream => {
                    ask.has_failed = true;
                    self.troubles.push((server, ServerFault::Reply(BadReply::Malformed)));
                }
                Judgement::Truncated => ask.by_tcp = true,
                Judgement::Failure(BadReply::Format) if self.edns => {
                    self.edns = false;
                    self.state = State::ToAsk;
                }
                Judgement::Failure(failure) => {
                    ask.has_failed = true;
                    self.troubles.push((server, ServerFault::Reply(failure)));
                }
                Judgement::Answer(Answer { alias: Some(alias), ttl, .. }) => {
                    ask.aliases += 1;
                    ask.alias_ttl = ask.alias_ttl.min(ttl);
                    if ask.aliases > MOST_ALIASES {
                        ask.has_failed = true;
                        self.troubles.push((server, ServerFault::Reply(BadReply::Aliases)));
                    } else {
                        ask.name = alias;
                        self.state = State::ToAsk;
                    }
                }
                Judgement::Answer(mut answer) => {
                    answer.ttl = answer.ttl.min(ask.alias_ttl);
                    if !answer.records.is_empty() && self.settled_at.is_none() {
                        self.settled_at = Some(now);
                    }
                    ask.answer = Some(answer);
                }
            }
            return;
        }
    }

    /// Who answered last.
    pub(crate) fn answered_by(&self) -> usize {
        self.server()
    }

    /// What was answered, of each kind.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (Kind, Option<&Answer>)> {
        self.asks.iter().map(|ask| (ask.kind, ask.answer.as_ref()))
    }

    pub(crate) fn troubles(&self) -> &[(usize, ServerFault)] {
        &self.troubles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A look-up on a clock of the test's.
    struct Clock {
        lookup: Lookup,
        now: Instant,
        id: u16,
    }

    fn plan(servers: usize, attempts: u32) -> Plan {
        Plan {
            servers,
            first: 0,
            attempts,
            timeout: 1_000 * MS,
            use_tcp: false,
            settle: 50 * MS,
            is_settled: false,
        }
    }

    impl Clock {
        #[allow(clippy::disallowed_methods, reason = "a clock of the test's must begin somewhere")]
        fn new(plan: Plan, kinds: &[Kind]) -> Clock {
            let lookup = Lookup::new(plan, &HostName::found("host.test"), kinds);
            Clock { lookup, now: Instant::now(), id: 0 }
        }

        fn step(&mut self) -> Step {
            let id = &mut self.id;
            self.lookup.poll(self.now, || {
                *id += 1;
                *id
            })
        }

        /// Asked of that server: the queries.
        #[track_caller]
        fn asks(&mut self, expected: usize) -> Vec<Vec<u8>> {
            match self.step() {
                Step::Ask { server, queries } if server == expected => queries,
                other => panic!("{other:?}"),
            }
        }

        #[track_caller]
        fn waits(&mut self, time: Duration) {
            assert_eq!(self.step(), Step::Receive(self.now + time));
        }

        /// A reply to a query, with a code and flags of its own, and no records.
        fn says(&mut self, query: &[u8], truncated: bool, code: u8) {
            let mut reply = query.to_vec();
            reply[2] |= if truncated { 0x82 } else { 0x80 };
            reply[3] = 0x80 | code;
            self.lookup.handle_datagram(&reply, self.now);
        }
    }

    #[test]
    fn servers_are_asked_in_turn_as_often_as_there_are_attempts() {
        let mut clock = Clock::new(Plan { first: 1, ..plan(2, 2) }, &[Kind::A]);
        for server in [1, 0, 1, 0] {
            assert_eq!(clock.asks(server).len(), 1);
            clock.waits(1_000 * MS);
            clock.now += 1_000 * MS;
        }
        assert_eq!(clock.step(), Step::Done);
        assert_eq!(clock.lookup.troubles(), [1, 0, 1, 0].map(|server| (server, ServerFault::Silent)));
    }

    #[test]
    fn a_failure_and_an_unreachable_server_are_the_next_ones_turn_at_once() {
        let mut clock = Clock::new(plan(3, 1), &[Kind::A]);
        let queries = clock.asks(0);
        clock.says(&queries[0], false, 2);
        clock.asks(1);
        clock.lookup.handle_unreachable();
        let queries = clock.asks(2);
        clock.says(&queries[0], false, 3);
        assert_eq!(clock.step(), Step::Done);
        let troubles = [(0, ServerFault::Reply(BadReply::Server)), (1, ServerFault::Unreachable)];
        assert_eq!(clock.lookup.troubles(), troubles);
        assert!(clock.lookup.answers().all(|(_, answer)| answer.is_some_and(|answer| !answer.exists)));
    }

    #[test]
    fn a_reply_to_a_query_of_before_is_none_to_that_of_now() {
        let mut clock = Clock::new(plan(1, 2), &[Kind::A]);
        let old = clock.asks(0);
        clock.now += 1_000 * MS;
        clock.asks(0);
        clock.says(&old[0], false, 3);
        clock.waits(1_000 * MS);
    }

    /// What was truncated is asked over TCP, and the other kind waited for as before.
    #[test]
    fn the_two_kinds_have_fates_of_their_own() {
        let mut clock = Clock::new(plan(1, 1), &[Kind::Aaaa, Kind::A]);
        let queries = clock.asks(0);
        clock.says(&queries[1], true, 0);
        let until = clock.now + 1_000 * MS;
        assert_eq!(clock.step(), Step::AskByTcp { server: 0, query: queries[1].clone(), until });
        clock.lookup.handle_tcp(None, clock.now);
        clock.waits(1_000 * MS);
        clock.says(&queries[0], false, 3);
        assert_eq!(clock.step(), Step::Done);
        let found: Vec<_> = clock.lookup.answers().map(|(kind, answer)| (kind, answer.is_some())).collect();
        assert_eq!(found, [(Kind::Aaaa, true), (Kind::A, false)]);
    }

    #[test]
    fn edns_is_given_up_once_and_then_the_server_is() {
        let mut clock = Clock::new(plan(1, 1), &[Kind::A]);
        let with = clock.asks(0);
        clock.says(&with[0], false, 1);
        let without = clock.asks(0);
        assert!(without[0].len() < with[0].len());
        clock.says(&without[0], false, 1);
        assert_eq!(clock.step(), Step::Done);
        assert_eq!(clock.lookup.troubles(), [(0, ServerFault::Reply(BadReply::Format))]);
    }

    /// Where the addresses of one family are known, those of the other are waited for as if they had just come.
    #[test]
    fn what_is_known_does_not_wait_for_long_for_the_rest() {
        let mut clock = Clock::new(Plan { is_settled: true, ..plan(2, 2) }, &[Kind::Aaaa]);
        clock.asks(0);
        clock.waits(50 * MS);
        clock.now += 50 * MS;
        assert_eq!(clock.step(), Step::Done);
    }

    #[test]
    fn without_a_server_there_is_nothing_to_do() {
        assert_eq!(Clock::new(plan(0, 2), &[Kind::A]).step(), Step::Done);
    }
}
