use std::net::SocketAddr;

use super::*;
use crate::proto::dns::cache::Bounds;

const MS: Duration = Duration::from_millis(1);

const BOUNDS: Bounds =
    Bounds { names: 9, shortest: Duration::ZERO, longest: Duration::MAX, longest_negative: Duration::MAX };

/// A lookup with a clock that the test sets.
struct Clock {
    lookup: Lookup,
    now: Instant,
    id: u16,
}

fn order(places: &[usize]) -> ServerOrder {
    ServerOrder { places: places.to_vec(), plain: vec![false; places.len()] }
}

fn plan(servers: usize, attempts: u32) -> Plan {
    Plan {
        servers: order(&(0..servers).collect::<Vec<_>>()),
        attempts,
        timeout: 1_000 * MS,
        use_tcp: false,
        is_sequential: false,
        rotates: false,
        has_cached: false,
    }
}

impl Clock {
    #[allow(clippy::disallowed_methods, reason = "the clock of a test needs a start")]
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

    /// Returns the queries, which must be for that server.
    #[track_caller]
    fn expect_queries(&mut self, expected: usize) -> Vec<Vec<u8>> {
        match self.step() {
            Step::Send { server, queries } if server == expected => queries,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn expect_wait(&mut self, time: Duration) {
        assert_eq!(self.step(), Step::Receive(self.now + time));
    }

    /// The place of the server whose answer is the last.
    fn answered_by(&self) -> Option<usize> {
        let servers: Vec<SocketAddr> = (0..9).map(|port| ([127, 0, 0, 1], port).into()).collect();
        let server = self.lookup.result(&servers, &BOUNDS, self.now).server;
        server.map(|server| server.port().into())
    }

    /// A response to a query, with a code and without records.
    fn reply_with(&mut self, query: &[u8], truncated: bool, code: u8) {
        let mut reply = query.to_vec();
        reply[2] |= if truncated { 0x82 } else { 0x80 };
        reply[3] = 0x80 | code;
        self.lookup.handle_datagram(&reply, self.now);
    }
}

#[test]
fn servers_are_queried_in_rotation_for_each_attempt() {
    let mut clock = Clock::new(Plan { servers: order(&[1, 0]), ..plan(2, 2) }, &[Kind::A]);
    for server in [1, 0, 1, 0] {
        assert_eq!(clock.expect_queries(server).len(), 1);
        clock.expect_wait(1_000 * MS);
        clock.now += 1_000 * MS;
    }
    assert_eq!(clock.step(), Step::Done);
    assert_eq!(clock.lookup.errors(), [1, 0].map(|server| (server, ServerFault::Timeout)), "each once");
}

#[test]
fn servfail_or_unreachable_advances_to_next_server() {
    let mut clock = Clock::new(plan(3, 1), &[Kind::A]);
    let queries = clock.expect_queries(0);
    clock.reply_with(&queries[0], false, 2);
    let plain = clock.expect_queries(0);
    assert!(plain[0].len() < queries[0].len(), "the server may not understand EDNS");
    clock.reply_with(&plain[0], false, 2);
    clock.expect_queries(1);
    clock.lookup.handle_unreachable();
    let queries = clock.expect_queries(2);
    clock.reply_with(&queries[0], false, 3);
    assert_eq!(clock.step(), Step::Done);
    let errors = [(0, ServerFault::Reply(ResponseError::ServFail)), (1, ServerFault::Unreachable)];
    assert_eq!(clock.lookup.errors(), errors);
    assert!(clock.lookup.answers().all(|(_, answer)| answer.is_some_and(|answer| !answer.exists)));
}

#[test]
fn late_reply_to_earlier_query_is_ignored() {
    let mut clock = Clock::new(plan(1, 2), &[Kind::A]);
    let old = clock.expect_queries(0);
    clock.now += 1_000 * MS;
    clock.expect_queries(0);
    clock.reply_with(&old[0], false, 3);
    clock.expect_wait(1_000 * MS);
}

/// The truncated response is requested over TCP, and the other one has its whole timeout.
#[test]
fn truncated_kind_uses_tcp_while_other_kind_waits() {
    let mut clock = Clock::new(plan(1, 1), &[Kind::Aaaa, Kind::A]);
    let queries = clock.expect_queries(0);
    clock.reply_with(&queries[1], true, 0);
    // The other response may be on its way, and its addresses do not wait for a connection that stalls.
    clock.expect_wait(50 * MS);
    clock.now += 50 * MS;
    let until = clock.now + RESOLUTION_DELAY_TCP;
    assert_eq!(clock.step(), Step::SendTcp { server: 0, query: queries[1].clone(), until });
    clock.lookup.handle_tcp(Err(ServerFault::Timeout), clock.now);
    clock.expect_wait(950 * MS);
    clock.reply_with(&queries[0], false, 3);
    assert_eq!(clock.step(), Step::Done);
    let found: Vec<_> = clock.lookup.answers().map(|(kind, answer)| (kind, answer.is_some())).collect();
    assert_eq!(found, [(Kind::Aaaa, true), (Kind::A, false)]);
}

#[test]
fn formerr_retries_without_edns_once() {
    let mut clock = Clock::new(plan(1, 1), &[Kind::A]);
    let with = clock.expect_queries(0);
    clock.reply_with(&with[0], false, 1);
    let without = clock.expect_queries(0);
    assert!(without[0].len() < with[0].len());
    clock.reply_with(&without[0], false, 1);
    assert_eq!(clock.step(), Step::Done);
    assert_eq!(clock.lookup.errors(), [(0, ServerFault::Reply(ResponseError::FormErr))]);
}

/// The addresses of one family are cached.
#[test]
fn known_family_limits_wait_to_resolution_delay() {
    let mut clock = Clock::new(Plan { has_cached: true, ..plan(2, 2) }, &[Kind::Aaaa]);
    clock.expect_queries(0);
    clock.expect_wait(300 * MS);
    clock.now += 300 * MS;
    assert_eq!(clock.step(), Step::Done);
}

#[test]
fn lookup_without_servers_is_done() {
    assert_eq!(Clock::new(plan(0, 2), &[Kind::A]).step(), Step::Done);
}

const BOTH: [Kind; 2] = [Kind::Aaaa, Kind::A];

/// The answer section of a response with one address, and a TTL of one minute.
const ADDRESS: &[u8] = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01";

/// A response with an address to an A query.
fn address(query: &[u8]) -> Vec<u8> {
    let end = 12 + 1 + 4 + 1 + 4 + 1 + 4;
    let mut reply = query[..end].to_vec();
    (reply[2], reply[3], reply[7], reply[11]) = (0x81, 0x80, 1, 0);
    reply.extend(ADDRESS);
    reply
}

/// With the addresses of one family, no other server is queried. The answer has the server that sent it.
#[test]
fn partial_answer_completes_lookup_if_rest_fails() {
    let mut clock = Clock::new(Plan { servers: order(&[1, 0]), ..plan(2, 2) }, &BOTH);
    let queries = clock.expect_queries(1);
    clock.lookup.handle_datagram(&address(&queries[1]), clock.now);
    clock.reply_with(&queries[0], false, 5);
    assert_eq!(clock.step(), Step::Done);
    assert_eq!(clock.answered_by(), Some(1));
    assert!(clock.lookup.has_records());

    let mut clock = Clock::new(Plan { servers: order(&[1, 0]), ..plan(2, 2) }, &BOTH);
    let queries = clock.expect_queries(1);
    clock.lookup.handle_datagram(&address(&queries[1]), clock.now);
    clock.lookup.handle_unreachable();
    assert_eq!((clock.step(), clock.answered_by()), (Step::Done, Some(1)));
}

#[test]
fn resolution_delay_is_bounded_by_server_timeout() {
    let mut clock = Clock::new(plan(2, 2), &BOTH);
    let queries = clock.expect_queries(0);
    clock.lookup.handle_datagram(&address(&queries[1]), clock.now);
    clock.expect_wait(50 * MS);
    clock.now += 50 * MS;
    assert_eq!(clock.step(), Step::Done);
    assert_eq!(clock.lookup.errors(), [], "its timeout has not expired");

    let mut clock = Clock::new(plan(2, 2), &BOTH);
    let queries = clock.expect_queries(0);
    clock.now += 970 * MS;
    clock.lookup.handle_datagram(&address(&queries[1]), clock.now);
    clock.expect_wait(30 * MS);
    clock.now += 30 * MS;
    assert_eq!(clock.step(), Step::Done);
    assert_eq!(clock.answered_by(), Some(0));
}

/// NODATA for one type does not shorten the wait for the other, and is not queried again.
#[test]
fn nodata_kind_is_not_requeried_at_next_server() {
    let mut clock = Clock::new(plan(2, 1), &BOTH);
    let queries = clock.expect_queries(0);
    clock.reply_with(&queries[0], false, 0);
    assert!(!clock.lookup.has_records());
    clock.expect_wait(1_000 * MS);
    clock.reply_with(&queries[1], false, 5);
    let again = clock.expect_queries(1);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0][again[0].len() - 15..][..4], [0, 1, 0, 1], "the A question, before the OPT record");
}

/// The next server is queried over UDP again.
#[test]
fn truncation_uses_tcp_for_that_server_only() {
    let mut clock = Clock::new(plan(2, 1), &[Kind::A]);
    let queries = clock.expect_queries(0);
    clock.reply_with(&queries[0], true, 0);
    assert!(matches!(clock.step(), Step::SendTcp { server: 0, .. }));
    clock.lookup.handle_tcp(Err(ServerFault::Unreachable), clock.now);
    clock.expect_queries(1);
    assert_eq!(clock.lookup.errors(), [(0, ServerFault::Unreachable)]);
}

#[test]
fn tcp_failures_map_to_distinct_errors() {
    type Reply = fn(&[u8]) -> Result<Vec<u8>, ServerFault>;
    fn flagged(query: &[u8], third: u8, fourth: u8) -> Result<Vec<u8>, ServerFault> {
        let mut reply = query.to_vec();
        (reply[2], reply[3]) = (third, fourth);
        Ok(reply)
    }
    let by_tcp = |reply: Reply| {
        let mut clock = Clock::new(Plan { use_tcp: true, ..plan(1, 1) }, &[Kind::A]);
        let Step::SendTcp { query, .. } = clock.step() else { panic!() };
        clock.lookup.handle_tcp(reply(&query).as_deref().map_err(|fault| *fault), clock.now);
        let next = clock.step();
        (next, clock.lookup.errors().to_vec())
    };
    let failure = |fault| (Step::Done, vec![(0, fault)]);
    assert_eq!(by_tcp(|_| Err(ServerFault::Unreachable)), failure(ServerFault::Unreachable));
    assert_eq!(by_tcp(|_| Err(ServerFault::Closed)), failure(ServerFault::Closed));
    assert_eq!(by_tcp(|_| Err(ServerFault::Timeout)), failure(ServerFault::Timeout));
    let malformed = || failure(ServerFault::Reply(ResponseError::Malformed));
    assert_eq!(by_tcp(|query| Ok(query.to_vec())), malformed(), "an echo");
    let cut = by_tcp(|query| flagged(query, 0x82, 0x80));
    assert_eq!(cut, malformed());
    // A server that does not understand EDNS is queried over another connection, and has not failed.
    let (next, errors) = by_tcp(|query| flagged(query, 0x81, 0x81));
    assert!(matches!(next, Step::SendTcp { .. }) && errors.is_empty(), "{next:?} {errors:?}");
}

/// The number of errors does not depend on the number of attempts.
#[test]
fn repeated_errors_are_recorded_once() {
    let mut clock = Clock::new(plan(2, 10_000), &[Kind::A]);
    for round in 0..20_000 {
        clock.expect_queries(round % 2);
        clock.lookup.handle_unreachable();
    }
    assert_eq!(clock.step(), Step::Done);
    assert_eq!(clock.lookup.errors().len(), 2);
}

/// Found by fuzzing: the sum of an instant and a longer timeout overflows.
#[test]
fn unbounded_timeout_is_capped_at_one_year() {
    let mut clock = Clock::new(Plan { timeout: Duration::MAX, ..plan(1, 1) }, &[Kind::A]);
    clock.expect_queries(0);
    clock.expect_wait(Duration::from_secs(365 * 24 * 3_600));
}

/// `single-request`: the next type has its own attempts at all servers.
#[test]
fn sequential_lookup_queries_a_then_aaaa_at_all_servers() {
    let mut clock = Clock::new(Plan { is_sequential: true, ..plan(2, 1) }, &BOTH);
    let queries = clock.expect_queries(0);
    assert_eq!(queries.len(), 1);
    clock.lookup.handle_datagram(&address(&queries[0]), clock.now);
    for server in [0, 1] {
        assert_eq!(clock.expect_queries(server).len(), 1);
        assert!(clock.lookup.has_records(), "enough if the deadline passes");
        clock.expect_wait(1_000 * MS);
        clock.now += 1_000 * MS;
    }
    assert_eq!(clock.step(), Step::Done);
    let found: Vec<_> = clock.lookup.answers().map(|(kind, answer)| (kind, answer.is_some())).collect();
    assert_eq!(found, [(Kind::A, true), (Kind::Aaaa, false)]);
}

#[test]
fn sequential_lookup_ends_with_nxdomain() {
    let mut clock = Clock::new(Plan { is_sequential: true, ..plan(2, 1) }, &BOTH);
    let queries = clock.expect_queries(0);
    clock.reply_with(&queries[0], false, 3);
    assert_eq!(clock.step(), Step::Done);
    assert_eq!(clock.lookup.answers().count(), 1);
}
