//! The queries for the records of one name: which server, how often, over UDP or TCP, and until when
//! (RFC 1035, section 4.2.1; RFC 8305, section 3). Responses and `now` in, what to send out.
//!
//! ```text
//!   Send: a new socket to a server, with the queries that have no answer yet
//!     │
//!   Receive ─┬─ answers to all ───────────────────────────────────► Done
//!            ├─ addresses of one family, the other within 50 ms or not ► Done
//!            ├─ truncated, and the other has arrived or is late ──► SendTcp ──► Receive
//!            ├─ EDNS not understood ──► Send to the same server without EDNS
//!            └─ error, or no response ──► Send to the next server, and again for each attempt
//! ```

mod result;

use std::time::{Duration, Instant};

use super::fault::{ResponseError, ServerFault};
use super::name::HostName;
use super::preference::ServerOrder;
use super::records::Kind;
use super::resolv_conf::ResolvConf;
use super::wire::{Answer, MAX_ALIASES, Verdict, query, validate};
pub(crate) use result::QueryResult;

/// How long the addresses of one family wait for those of the other: RFC 8305, section 3.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// The same if the addresses of one family are cached. Without the longer delay, a server that needs
/// more than 50 ms would never supply the other family.
const RESOLUTION_DELAY_CACHED: Duration = Duration::from_millis(300);

/// The same if the other response has to be read over TCP.
const RESOLUTION_DELAY_TCP: Duration = Duration::from_millis(500);

/// The longest query timeout. It keeps the sum of `now` and the timeout valid.
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3_600);

/// The rules of one lookup.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) servers: ServerOrder,
    pub(crate) attempts: u32,
    /// How long each query waits for a response.
    pub(crate) timeout: Duration,
    pub(crate) use_tcp: bool,
    /// Whether the record types are queried one after the other, the last one first.
    pub(crate) is_sequential: bool,
    /// Whether the first server differs from lookup to lookup (`rotate`).
    pub(crate) rotates: bool,
    /// Whether the addresses of the other family are cached.
    pub(crate) has_cached: bool,
}

impl Plan {
    pub(crate) fn new(conf: &ResolvConf, servers: ServerOrder, has_cached: bool) -> Plan {
        Plan {
            servers,
            attempts: conf.attempts,
            timeout: conf.timeout,
            use_tcp: conf.use_tcp,
            is_sequential: conf.single_request,
            rotates: conf.rotate,
            has_cached,
        }
    }

    fn resolution_delay(&self) -> Duration {
        if self.has_cached { RESOLUTION_DELAY_CACHED } else { RESOLUTION_DELAY }
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step {
    /// Close the socket, open a new one to that server, and send these. If that fails, call
    /// [`Lookup::handle_unreachable`].
    Send {
        server: usize,
        queries: Vec<Vec<u8>>,
    },
    /// Send this to that server over TCP, and call [`Lookup::handle_tcp`] with the outcome by then.
    SendTcp {
        server: usize,
        query: Vec<u8>,
        until: Instant,
    },
    /// Wait for a datagram until then, and call [`Lookup::handle_datagram`] if one arrives.
    Receive(Instant),
    Done,
}

/// The lookup of the records of one name. Call [`poll`](Self::poll) until it returns
/// [`Step::Done`], and after each step the method that the step names.
#[derive(Debug)]
pub(crate) struct Lookup {
    plan: Plan,
    name: HostName,
    /// The queries that are sent together.
    questions: Vec<Question>,
    /// Those that were sent before, with their answers, if the lookup is sequential.
    earlier: Vec<Question>,
    /// The record types that are not queried yet.
    later: Vec<Kind>,
    /// The number of servers that were queried, counted through all attempts.
    round: u32,
    state: State,
    /// By place.
    servers: Vec<Server>,
    /// When a response was truncated while another is outstanding.
    truncated_at: Option<Instant>,
    /// When the addresses of one family arrived.
    addresses_at: Option<Instant>,
    /// Each once, which limits their number whatever the number of attempts is.
    errors: Vec<(usize, ServerFault)>,
    /// Those of the current questions.
    current_errors: Vec<(usize, ServerFault)>,
}

/// What the lookup has found out about a server.
#[derive(Clone, Debug, Default)]
struct Server {
    /// Whether queries are sent without EDNS, and whether they were at the start.
    is_plain: bool,
    was_plain: bool,
    has_responded: bool,
    /// Whether it has answered a query with EDNS.
    has_answered_edns: bool,
    /// Whether it has answered a query without EDNS.
    has_answered_plain: bool,
    /// Whether it has answered a query without EDNS after it had returned an error to the same one with
    /// EDNS.
    has_refused_edns: bool,
}

#[derive(Debug)]
struct Question {
    kind: Kind,
    name: HostName,
    query: Vec<u8>,
    answer: Option<(Answer, usize)>,
    /// Whether the current server returned an error.
    has_failed: bool,
    /// The place of the server that returned an error to the query with EDNS.
    refused_by: Option<usize>,
    by_tcp: bool,
    aliases: u8,
    alias_ttl: u32,
}

impl Question {
    fn is_outstanding(&self) -> bool {
        self.answer.is_none() && !self.has_failed
    }

    fn has_records(&self) -> bool {
        self.answer.as_ref().is_some_and(|(answer, _)| !answer.records.is_empty())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Send,
    Receive {
        until: Instant,
    },
    /// The current questions have their answers, or no server is left.
    Done,
}

impl Lookup {
    pub(crate) fn new(plan: Plan, name: &HostName, kinds: &[Kind]) -> Lookup {
        let plan = Plan { timeout: plan.timeout.min(MAX_TIMEOUT), ..plan };
        let server = |plain: &bool| Server { is_plain: *plain, was_plain: *plain, ..Server::default() };
        let mut lookup = Lookup {
            name: name.clone(),
            questions: Vec::new(),
            earlier: Vec::new(),
            later: kinds.to_vec(),
            round: 0,
            servers: plan.servers.plain.iter().map(server).collect(),
            state: State::Done,
            plan,
            truncated_at: None,
            addresses_at: None,
            errors: Vec::new(),
            current_errors: Vec::new(),
        };
        let first = if lookup.plan.is_sequential { lookup.later.len().saturating_sub(1) } else { 0 };
        let first = lookup.later.split_off(first);
        lookup.begin(&first);
        lookup
    }

    fn begin(&mut self, kinds: &[Kind]) {
        let question = |kind: &Kind| Question {
            kind: *kind,
            name: self.name.clone(),
            query: Vec::new(),
            answer: None,
            has_failed: false,
            refused_by: None,
            by_tcp: self.plan.use_tcp,
            aliases: 0,
            alias_ttl: u32::MAX,
        };
        let questions = kinds.iter().map(question).collect();
        self.earlier.append(&mut self.questions);
        self.questions = questions;
        (self.round, self.addresses_at, self.truncated_at) = (0, None, None);
        self.current_errors.clear();
        // A server that failed for another type, or did not respond, may understand EDNS.
        let own = |server: &mut Server| server.is_plain = server.was_plain || server.has_refused_edns;
        self.servers.iter_mut().for_each(own);
        self.state = if self.plan.servers.places.is_empty() { State::Done } else { State::Send };
    }

    /// The server that is queried now.
    fn server(&self) -> usize {
        let places = &self.plan.servers.places;
        places.get(self.round as usize % places.len().max(1)).copied().unwrap_or(0)
    }

    fn is_plain(&self) -> bool {
        self.servers.get(self.server()).is_some_and(|server| server.is_plain)
    }

    /// Sends the current server its next queries without EDNS.
    fn disable_edns(&mut self) {
        let place = self.server();
        if let Some(server) = self.servers.get_mut(place) {
            server.is_plain = true;
        }
    }

    /// Returns the next step. `random` returns query identifiers.
    pub(crate) fn poll(&mut self, now: Instant, mut random: impl FnMut() -> u16) -> Step {
        loop {
            match self.state {
                State::Done => match self.next_kind() {
                    Some(kind) => self.begin(&[kind]),
                    None => return Step::Done,
                },
                State::Send => {
                    let queries = self.queries(now, &mut random);
                    if !queries.is_empty() {
                        return Step::Send { server: self.server(), queries };
                    }
                }
                State::Receive { until } => {
                    if let Some(step) = self.receive(now, until) {
                        return step;
                    }
                }
            }
        }
    }

    /// The record type to query next, if the lookup is sequential. A name that does not exist has no
    /// records of any type: RFC 2308, section 5.
    fn next_kind(&mut self) -> Option<Kind> {
        let mut answers = self.questions.iter().flat_map(|question| &question.answer);
        if self.plan.servers.places.is_empty() || answers.any(|(answer, _)| !answer.exists) {
            return None;
        }
        self.later.pop()
    }

    /// The datagrams to the current server.
    fn queries(&mut self, now: Instant, random: &mut impl FnMut() -> u16) -> Vec<Vec<u8>> {
        self.state = State::Receive { until: now + self.plan.timeout };
        if self.plan.has_cached && !self.plan.is_sequential {
            self.addresses_at.get_or_insert(now);
        }
        self.truncated_at = None;
        let edns = !self.is_plain();
        let mut queries = Vec::new();
        for question in self.questions.iter_mut().filter(|question| question.answer.is_none()) {
            question.has_failed = false;
            match query(random(), &question.name, question.kind, edns) {
                Some(query) => question.query = query,
                None => question.has_failed = true,
            }
            if !question.has_failed && !question.by_tcp {
                queries.push(question.query.clone());
            }
        }
        queries
    }

    fn receive(&mut self, now: Instant, until: Instant) -> Option<Step> {
        let delay = self.plan.resolution_delay();
        let mut outstanding = self.questions.iter().filter(|question| question.is_outstanding());
        let by_tcp = outstanding.clone().find(|question| question.by_tcp);
        let by_datagram = outstanding.clone().any(|question| !question.by_tcp);
        // A truncated response waits for that of the other type, which may be on its way.
        let truncated = self.truncated_at.filter(|_| by_tcp.is_some() && by_datagram).map(|at| at + delay);
        if let Some(question) = by_tcp.filter(|_| truncated.is_none_or(|until| now >= until)) {
            // The other type does not wait for a connection that stalls, over UDP or TCP.
            let until = match self.addresses_at.is_some() || by_datagram {
                true => until.min(now + RESOLUTION_DELAY_TCP),
                false if outstanding.count() == 1 => until,
                false => now + until.saturating_duration_since(now) / 2,
            };
            return Some(Step::SendTcp { server: self.server(), query: question.query.clone(), until });
        }
        if outstanding.next().is_none() {
            match self.questions.iter().all(|question| question.answer.is_some()) {
                true => self.state = State::Done,
                false => self.next_server(),
            }
            return None;
        }
        let settled = self.addresses_at.map(|at| at + delay);
        let end = [settled, truncated].into_iter().flatten().fold(until, Instant::min);
        if now < end {
            return Some(Step::Receive(end));
        }
        match settled {
            // The addresses of one family are enough.
            Some(settled) if now >= settled => self.state = State::Done,
            _ => {
                self.failed(ServerFault::Timeout);
                // Some servers and routers drop queries with EDNS.
                self.disable_edns();
                self.next_server();
            }
        }
        None
    }

    fn failed(&mut self, fault: ServerFault) {
        let error = (self.server(), fault);
        for errors in [&mut self.errors, &mut self.current_errors] {
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Question> {
        self.earlier.iter().chain(&self.questions)
    }

    /// Whether nothing is left to do.
    fn is_done(&self) -> bool {
        self.state == State::Done && self.later.is_empty()
            || self.all().flat_map(|question| &question.answer).any(|(answer, _)| !answer.exists)
    }

    /// Whether there are records of one type. They are the answer if the deadline passes.
    pub(crate) fn has_records(&self) -> bool {
        self.plan.has_cached || self.all().any(Question::has_records)
    }

    fn next_server(&mut self) {
        self.round += 1;
        let all = self.plan.attempts.saturating_mul(self.plan.servers.places.len() as u32);
        // The next server is not queried for the other family.
        let is_done = self.round >= all || self.addresses_at.is_some();
        self.state = if is_done { State::Done } else { State::Send };
        self.questions.iter_mut().for_each(|question| question.by_tcp = self.plan.use_tcp);
    }

    /// Call this with each datagram from the server.
    pub(crate) fn handle_datagram(&mut self, bytes: &[u8], now: Instant) {
        self.handle(bytes, now, false);
    }

    /// Call this with the outcome of a query over TCP: the response, or the failure of the server.
    pub(crate) fn handle_tcp(&mut self, response: Result<&[u8], ServerFault>, now: Instant) {
        let outstanding =
            |questions: &[Question]| questions.iter().filter(|question| question.is_outstanding()).count();
        let before = outstanding(&self.questions);
        if let Ok(bytes) = response {
            self.handle(bytes, now, true);
        }
        if before == outstanding(&self.questions) && matches!(self.state, State::Receive { .. }) {
            // The connection has one response, which was not valid.
            let question = self.questions.iter_mut().find(|own| own.is_outstanding() && own.by_tcp);
            if let Some(question) = question {
                question.has_failed = true;
                let malformed = ServerFault::Reply(ResponseError::Malformed);
                self.failed(response.err().unwrap_or(malformed));
            }
        }
    }

    /// Call this if the server cannot be reached, such as after an ICMP port unreachable message.
    pub(crate) fn handle_unreachable(&mut self) {
        if let State::Receive { .. } = self.state {
            self.failed(ServerFault::Unreachable);
            self.next_server();
        }
    }

    fn handle(&mut self, bytes: &[u8], now: Instant, is_stream: bool) {
        let (place, edns) = (self.server(), !self.is_plain());
        let outstanding = self.questions.iter_mut().filter(|question| question.is_outstanding());
        for question in outstanding {
            let verdict = validate(bytes, &question.query, &question.name, question.kind);
            if verdict == Verdict::Unrelated {
                continue;
            }
            self.servers[place].has_responded = true;
            let fault = match verdict {
                Verdict::Unrelated => continue,
                // A message over TCP is complete.
                Verdict::Truncated if is_stream => ResponseError::Malformed,
                Verdict::Truncated => {
                    question.by_tcp = true;
                    self.truncated_at.get_or_insert(now);
                    return;
                }
                // RFC 6891, section 7: a server that does not understand EDNS returns FORMERR. Some
                // return another code.
                Verdict::Failure(
                    ResponseError::FormErr
                    | ResponseError::ServFail
                    | ResponseError::NotImplemented
                    | ResponseError::Extended(_),
                ) if edns => {
                    question.refused_by = Some(place);
                    self.disable_edns();
                    self.state = State::Send;
                    return;
                }
                Verdict::Failure(failure) => failure,
                Verdict::Answer(Answer { alias: Some(alias), ttl, .. }) if question.aliases < MAX_ALIASES => {
                    question.aliases += 1;
                    question.alias_ttl = question.alias_ttl.min(ttl);
                    question.name = alias;
                    self.state = State::Send;
                    return;
                }
                Verdict::Answer(Answer { alias: Some(_), .. }) => ResponseError::CnameLoop,
                Verdict::Answer(mut answer) => {
                    // The target of an alias has no longer TTL than the alias, also if it does not exist.
                    answer.ttl = answer.ttl.min(question.alias_ttl);
                    answer.negative_ttl = answer.negative_ttl.map(|ttl| ttl.min(question.alias_ttl));
                    if !answer.records.is_empty() {
                        self.addresses_at.get_or_insert(now);
                    }
                    let is_refused = question.refused_by == Some(place);
                    question.answer = Some((answer, place));
                    let server = &mut self.servers[place];
                    server.has_answered_edns |= edns;
                    server.has_answered_plain |= !edns;
                    server.has_refused_edns |= !edns && is_refused;
                    return;
                }
            };
            question.has_failed = true;
            self.failed(ServerFault::Reply(fault));
            return;
        }
    }

    #[cfg(test)]
    pub(crate) fn answers(&self) -> impl Iterator<Item = (Kind, Option<&Answer>)> {
        self.all().map(|question| (question.kind, question.answer.as_ref().map(|(answer, _)| answer)))
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn errors(&self) -> &[(usize, ServerFault)] {
        &self.errors
    }
}

#[cfg(test)]
mod tests;
