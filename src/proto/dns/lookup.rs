//! One name asked of several servers: in what order, how often, for which of its records, and until when. Replies and `now` in,
//! what to send out. RFC 1035, 4.2.1; RFC 8305, 3.
//!
//! ```text
//!          ask: a fresh socket to a server, all queries that have no answer yet
//!            │
//!   receive ─┼─ answers of all ────────────────────────────────► done
//!            ├─ one answer, and 50 ms without the other ───────► done
//!            ├─ truncated, and the other has come or is late ──► the same over TCP ──► receive
//!            ├─ does not understand EDNS ──► ask the same server without
//!            └─ failure, refused, too late ──► ask the next server, all servers as often as there are attempts
//! ```

use std::time::{Duration, Instant};

use super::fault::{ResponseError, ServerFault};
use super::name::HostName;
use super::preference::{Experience, ServerOrder};
use super::wire::{Answer, Judgement, Kind, MOST_ALIASES, judge, query};

/// How it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) servers: ServerOrder,
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

#[derive(Debug)]
pub(crate) struct Lookup {
    plan: Plan,
    asks: Vec<Ask>,
    /// How many servers were asked, counted through all attempts.
    round: u32,
    /// By place: whether a server is queried without EDNS, and whether it was before.
    plain: Vec<bool>,
    state: State,
    /// By place: whether a server has responded with anything, and whether it has refused EDNS.
    responded: Vec<bool>,
    refused_edns: Vec<bool>,
    /// When a response was truncated while another is still to come.
    truncated_at: Option<Instant>,
    settled_at: Option<Instant>,
    /// Who answered last.
    answered_by: Option<usize>,
    /// Each once, so that there are no more than servers and faults, however many the attempts.
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

/// No server is waited for any longer, whatever was asked for: what is added to a moment must be one that the clock can tell.
/// How long the answer of one kind waits for that of the other over TCP.
const TCP_SETTLE: Duration = Duration::from_millis(500);

const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 3_600);

impl Lookup {
    pub(crate) fn new(plan: Plan, name: &HostName, kinds: &[Kind]) -> Lookup {
        let plan = Plan { timeout: plan.timeout.min(LONGEST_WAIT), ..plan };
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
        let asks = kinds.iter().map(ask).collect();
        Lookup {
            asks,
            round: 0,
            plain: plan.servers.plain.clone(),
            responded: vec![false; plan.servers.plain.len()],
            refused_edns: vec![false; plan.servers.plain.len()],
            state: if plan.servers.places.is_empty() { State::Done } else { State::ToAsk },
            plan,
            truncated_at: None,
            settled_at: None,
            answered_by: None,
            troubles: Vec::new(),
        }
    }

    /// The server that is asked now.
    fn server(&self) -> usize {
        let places = &self.plan.servers.places;
        places.get(self.round as usize % places.len().max(1)).copied().unwrap_or(0)
    }

    fn is_plain(&self) -> bool {
        self.plain.get(self.server()).copied().unwrap_or(false)
    }

    /// Sends the current server its next queries without EDNS.
    fn go_plain(&mut self) {
        let server = self.server();
        if let Some(plain) = self.plain.get_mut(server) {
            *plain = true;
        }
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
                    self.truncated_at = None;
                    let is_plain = self.is_plain();
                    let mut queries = Vec::new();
                    for ask in self.asks.iter_mut().filter(|ask| ask.answer.is_none()) {
                        ask.has_failed = false;
                        match query(random(), &ask.name, ask.kind, !is_plain) {
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
                    let waits = |ask: &&Ask| ask.answer.is_none() && !ask.has_failed;
                    let by_tcp = self.asks.iter().filter(waits).find(|ask| ask.by_tcp);
                    let by_datagram = self.asks.iter().filter(waits).any(|ask| !ask.by_tcp);
                    // A truncated response waits for that of the other kind, which may be on its way.
                    let truncated = self.truncated_at.filter(|_| by_tcp.is_some() && by_datagram);
                    let truncated = truncated.map(|at| at + self.plan.settle);
                    if let Some(ask) = by_tcp.filter(|_| truncated.is_none_or(|until| now >= until)) {
                        // The other does not wait for a connection that stalls, over UDP or TCP.
                        let is_alone = self.asks.iter().filter(waits).count() == 1;
                        let until = match self.has_something() || by_datagram {
                            true => until.min(now + TCP_SETTLE),
                            false if is_alone => until,
                            false => now + until.saturating_duration_since(now) / 2,
                        };
                        return Step::AskByTcp { server: self.server(), query: ask.query.clone(), until };
                    }
                    if self.asks.iter().all(|ask| ask.answer.is_some()) {
                        self.state = State::Done;
                    } else if !self.asks.iter().any(|ask| waits(&ask)) {
                        self.next_server();
                    } else {
                        let settled = self.settled_at.map(|at| at + self.plan.settle);
                        let ends = [settled, truncated].into_iter().flatten();
                        let end = ends.fold(until, Instant::min);
                        if now < end {
                            return Step::Receive(end);
                        }
                        // The one that has answered is enough, if it has something.
                        match settled {
                            Some(settled) if now >= settled => self.state = State::Done,
                            _ => {
                                self.trouble(ServerFault::Timeout);
                                // A server or a router may drop what has more than a question.
                                self.go_plain();
                                self.next_server();
                            }
                        }
                    }
                }
            }
        }
    }

    fn trouble(&mut self, fault: ServerFault) {
        let trouble = (self.server(), fault);
        if !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }

    /// Whether there are records of one kind, which are enough when the time is over.
    pub(crate) fn has_something(&self) -> bool {
        self.settled_at.is_some()
    }

    fn next_server(&mut self) {
        // What has come stays; what has not is asked of the next.
        let has_something = self.has_something();
        self.round += 1;
        let all = self.plan.attempts.saturating_mul(self.plan.servers.places.len() as u32);
        self.state = if self.round >= all || has_something { State::Done } else { State::ToAsk };
        self.asks.iter_mut().for_each(|ask| ask.by_tcp = self.plan.use_tcp);
    }

    /// A datagram has come from the server.
    pub(crate) fn handle_datagram(&mut self, bytes: &[u8], now: Instant) {
        self.handle(bytes, now, false);
    }

    /// The outcome of a query over TCP: a response, or the fault of the server.
    pub(crate) fn handle_tcp(&mut self, reply: Result<&[u8], ServerFault>, now: Instant) {
        let before = self.asks.iter().filter(|ask| ask.answer.is_some() || ask.has_failed).count();
        if let Ok(bytes) = reply {
            self.handle(bytes, now, true);
        }
        let after = self.asks.iter().filter(|ask| ask.answer.is_some() || ask.has_failed).count();
        let is_asked_again = self.state == State::ToAsk || self.state == State::Done;
        if before == after && !is_asked_again {
            // A stream has one reply, and it was none.
            let waiting =
                self.asks.iter_mut().find(|ask| ask.answer.is_none() && !ask.has_failed && ask.by_tcp);
            if let Some(ask) = waiting {
                ask.has_failed = true;
                let other = ServerFault::Reply(ResponseError::Malformed);
                self.trouble(reply.err().unwrap_or(other));
            }
        }
    }

    /// The server's system says that nobody listens there.
    pub(crate) fn handle_unreachable(&mut self) {
        if let State::Asked { .. } = self.state {
            self.trouble(ServerFault::Unreachable);
            self.next_server();
        }
    }

    fn handle(&mut self, bytes: &[u8], now: Instant, is_stream: bool) {
        let server = self.server();
        let is_edns = !self.is_plain();
        let waiting = self.asks.iter_mut().filter(|ask| ask.answer.is_none() && !ask.has_failed);
        for ask in waiting {
            let judgement = judge(bytes, &ask.query, &ask.name, ask.kind);
            if judgement != Judgement::NotOurs {
                self.responded[server] = true;
            }
            let fault = match judgement {
                Judgement::NotOurs => continue,
                // Over TCP there is nothing more to be had.
                Judgement::Truncated if is_stream => ResponseError::Malformed,
                Judgement::Truncated => {
                    ask.by_tcp = true;
                    self.truncated_at.get_or_insert(now);
                    return;
                }
                // RFC 6891, 7: a server that does not understand EDNS returns FORMERR; some return another code.
                Judgement::Failure(
                    ResponseError::FormErr
                    | ResponseError::ServFail
                    | ResponseError::NotImplemented
                    | ResponseError::Extended(_),
                ) if is_edns => {
                    self.refused_edns[server] = true;
                    self.go_plain();
                    self.state = State::ToAsk;
                    return;
                }
                Judgement::Failure(failure) => failure,
                Judgement::Answer(Answer { alias: Some(alias), ttl, .. }) if ask.aliases < MOST_ALIASES => {
                    ask.aliases += 1;
                    ask.alias_ttl = ask.alias_ttl.min(ttl);
                    ask.name = alias;
                    self.state = State::ToAsk;
                    return;
                }
                Judgement::Answer(Answer { alias: Some(_), .. }) => ResponseError::CnameLoop,
                Judgement::Answer(mut answer) => {
                    // What an alias leads to is known for no longer than the alias, be it nothing.
                    answer.ttl = answer.ttl.min(ask.alias_ttl);
                    answer.negative_ttl = answer.negative_ttl.map(|ttl| ttl.min(ask.alias_ttl));
                    if !answer.records.is_empty() && self.settled_at.is_none() {
                        self.settled_at = Some(now);
                    }
                    ask.answer = Some(answer);
                    self.answered_by = Some(server);
                    return;
                }
            };
            ask.has_failed = true;
            self.trouble(ServerFault::Reply(fault));
            return;
        }
    }

    /// Who answered last, if anybody did.
    pub(crate) fn answered_by(&self) -> Option<usize> {
        self.answered_by
    }

    /// What was answered, of each kind.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (Kind, Option<&Answer>)> {
        self.asks.iter().map(|ask| (ask.kind, ask.answer.as_ref()))
    }

    /// What there is to say of a server when the time is over.
    pub(crate) fn fault_of(&self, server: usize) -> ServerFault {
        let known = self.troubles.iter().rev().find(|(own, _)| *own == server);
        match known {
            Some((_, fault)) => *fault,
            None if server == self.server() => ServerFault::Timeout,
            None => ServerFault::NotQueried,
        }
    }

    pub(crate) fn troubles(&self) -> &[(usize, ServerFault)] {
        &self.troubles
    }

    /// The experience of this lookup with each server that was queried.
    pub(crate) fn experiences(&self) -> impl Iterator<Item = (usize, Experience)> {
        let faults = self.troubles.iter();
        let silent = faults.filter(|(place, fault)| fault.is_silence() && !self.responded[*place]);
        let responded = (0..self.responded.len()).filter(|place| self.responded[*place]).map(|place| {
            let was_plain = self.plan.servers.plain[place];
            let experience = match (was_plain, self.refused_edns[place], self.plain[place]) {
                (false, true, _) if self.answered_by == Some(place) => Experience::RefusedEdns,
                (false, false, true) if self.answered_by == Some(place) => Experience::RespondedPlain,
                (true, ..) => Experience::Responded { to_edns: false },
                _ => Experience::Responded { to_edns: true },
            };
            (place, experience)
        });
        silent.map(|(place, _)| (*place, Experience::Silent)).chain(responded)
    }
}

#[cfg(test)]
mod tests;
