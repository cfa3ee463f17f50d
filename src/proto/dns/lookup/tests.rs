use super::*;

const MS: Duration = Duration::from_millis(1);

/// A look-up on a clock of the test's.
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
    fn expect_queries(&mut self, expected: usize) -> Vec<Vec<u8>> {
        match self.step() {
            Step::Ask { server, queries } if server == expected => queries,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn expect_wait(&mut self, time: Duration) {
        assert_eq!(self.step(), Step::Receive(self.now + time));
    }

    /// A reply to a query, with a code and flags of its own, and no records.
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
    assert_eq!(clock.lookup.troubles(), [1, 0].map(|server| (server, ServerFault::Timeout)), "each once");
}

#[test]
fn servfail_or_unreachable_advances_to_next_server() {
    let mut clock = Clock::new(plan(3, 1), &[Kind::A]);
    let queries = clock.expect_queries(0);
    clock.reply_with(&queries[0], false, 2);
    let plain = clock.expect_queries(0);
    assert!(plain[0].len() < queries[0].len(), "it may not understand EDNS");
    clock.reply_with(&plain[0], false, 2);
    clock.expect_queries(1);
    clock.lookup.handle_unreachable();
    let queries = clock.expect_queries(2);
    clock.reply_with(&queries[0], false, 3);
    assert_eq!(clock.step(), Step::Done);
    let troubles = [(0, ServerFault::Reply(ResponseError::ServFail)), (1, ServerFault::Unreachable)];
    assert_eq!(clock.lookup.troubles(), troubles);
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

/// What was truncated is asked over TCP, and the other kind waited for as before.
#[test]
fn truncated_kind_uses_tcp_while_other_kind_waits() {
    let mut clock = Clock::new(plan(1, 1), &[Kind::Aaaa, Kind::A]);
    let queries = clock.expect_queries(0);
    clock.reply_with(&queries[1], true, 0);
    // That of the other kind may be on its way, and its addresses do not wait for a stream that stalls.
    clock.expect_wait(50 * MS);
    clock.now += 50 * MS;
    let until = clock.now + TCP_SETTLE;
    assert_eq!(clock.step(), Step::AskByTcp { server: 0, query: queries[1].clone(), until });
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
    assert_eq!(clock.lookup.troubles(), [(0, ServerFault::Reply(ResponseError::FormErr))]);
}

/// Where the addresses of one family are known, those of the other are waited for as if they had just come.
#[test]
fn known_family_limits_wait_to_resolution_delay() {
    let mut clock = Clock::new(Plan { is_settled: true, ..plan(2, 2) }, &[Kind::Aaaa]);
    clock.expect_queries(0);
    clock.expect_wait(50 * MS);
    clock.now += 50 * MS;
    assert_eq!(clock.step(), Step::Done);
}

#[test]
fn lookup_without_servers_is_done() {
    assert_eq!(Clock::new(plan(0, 2), &[Kind::A]).step(), Step::Done);
}

const BOTH: [Kind; 2] = [Kind::Aaaa, Kind::A];

/// What is behind the header and the question of a reply with one address, for a minute.
const ADDRESS: &[u8] = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01";

/// A reply with an address to a query of that kind, which is A.
fn address(query: &[u8]) -> Vec<u8> {
    let end = 12 + 1 + 4 + 1 + 4 + 1 + 4;
    let mut reply = query[..end].to_vec();
    (reply[2], reply[3], reply[7], reply[11]) = (0x81, 0x80, 1, 0);
    reply.extend(ADDRESS);
    reply
}

/// With what has one kind there is no need of another server; and it is the one that has answered who answered.
#[test]
fn partial_answer_completes_lookup_if_rest_fails() {
    let mut clock = Clock::new(Plan { servers: order(&[1, 0]), ..plan(2, 2) }, &BOTH);
    let queries = clock.expect_queries(1);
    clock.lookup.handle_datagram(&address(&queries[1]), clock.now);
    clock.reply_with(&queries[0], false, 5);
    assert_eq!(clock.step(), Step::Done);
    assert_eq!(clock.lookup.answered_by(), Some(1));
    assert!(clock.lookup.has_something());

    let mut clock = Clock::new(Plan { servers: order(&[1, 0]), ..plan(2, 2) }, &BOTH);
    let queries = clock.expect_queries(1);
    clock.lookup.handle_datagram(&address(&queries[1]), clock.now);
    clock.lookup.handle_unreachable();
    assert_eq!((clock.step(), clock.lookup.answered_by()), (Step::Done, Some(1)));
}

#[test]
fn resolution_delay_is_bounded_by_server_timeout() {
    let mut clock = Clock::new(plan(2, 2), &BOTH);
    let queries = clock.expect_queries(0);
    clock.lookup.handle_datagram(&address(&queries[1]), clock.now);
    clock.expect_wait(50 * MS);
    clock.now += 50 * MS;
    assert_eq!(clock.step(), Step::Done);
    assert_eq!(clock.lookup.troubles(), [], "it was not given its time");

    let mut clock = Clock::new(plan(2, 2), &BOTH);
    let queries = clock.expect_queries(0);
    clock.now += 970 * MS;
    clock.lookup.handle_datagram(&address(&queries[1]), clock.now);
    clock.expect_wait(30 * MS);
    clock.now += 30 * MS;
    assert_eq!(clock.step(), Step::Done);
    assert_eq!(clock.lookup.answered_by(), Some(0));
}

/// That there is nothing of one kind is no reason to wait less for the other, nor to ask for it once more.
#[test]
fn nodata_kind_is_not_requeried_at_next_server() {
    let mut clock = Clock::new(plan(2, 1), &BOTH);
    let queries = clock.expect_queries(0);
    clock.reply_with(&queries[0], false, 0);
    assert!(!clock.lookup.has_something());
    clock.expect_wait(1_000 * MS);
    clock.reply_with(&queries[1], false, 5);
    let again = clock.expect_queries(1);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0][again[0].len() - 15..][..4], [0, 1, 0, 1], "A, in front of what is for EDNS");
}

/// The next server is asked by datagrams again.
#[test]
fn truncation_uses_tcp_for_that_server_only() {
    let mut clock = Clock::new(plan(2, 1), &[Kind::A]);
    let queries = clock.expect_queries(0);
    clock.reply_with(&queries[0], true, 0);
    assert!(matches!(clock.step(), Step::AskByTcp { server: 0, .. }));
    clock.lookup.handle_tcp(Err(ServerFault::Unreachable), clock.now);
    clock.expect_queries(1);
    assert_eq!(clock.lookup.troubles(), [(0, ServerFault::Unreachable)]);
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
        let Step::AskByTcp { query, .. } = clock.step() else { panic!() };
        clock.lookup.handle_tcp(reply(&query).as_deref().map_err(|fault| *fault), clock.now);
        let next = clock.step();
        (next, clock.lookup.troubles().to_vec())
    };
    let trouble = |fault| (Step::Done, vec![(0, fault)]);
    assert_eq!(by_tcp(|_| Err(ServerFault::Unreachable)), trouble(ServerFault::Unreachable));
    assert_eq!(by_tcp(|_| Err(ServerFault::Closed)), trouble(ServerFault::Closed));
    assert_eq!(by_tcp(|_| Err(ServerFault::Timeout)), trouble(ServerFault::Timeout));
    let malformed = || trouble(ServerFault::Reply(ResponseError::Malformed));
    assert_eq!(by_tcp(|query| Ok(query.to_vec())), malformed(), "an echo");
    let cut = by_tcp(|query| flagged(query, 0x82, 0x80));
    assert_eq!(cut, malformed());
    // One that does not understand EDNS is asked by another stream, and has done nothing wrong.
    let (next, troubles) = by_tcp(|query| flagged(query, 0x81, 0x81));
    assert!(matches!(next, Step::AskByTcp { .. }) && troubles.is_empty(), "{next:?} {troubles:?}");
}

/// However often one is asked that is not there.
#[test]
fn repeated_errors_are_recorded_once() {
    let mut clock = Clock::new(plan(2, 10_000), &[Kind::A]);
    for round in 0..20_000 {
        clock.expect_queries(round % 2);
        clock.lookup.handle_unreachable();
    }
    assert_eq!(clock.step(), Step::Done);
    assert_eq!(clock.lookup.troubles().len(), 2);
}

/// Found by fuzzing: a wait that is added to a moment is one that the clock can tell.
#[test]
fn unbounded_timeout_is_capped_at_one_year() {
    let mut clock = Clock::new(Plan { timeout: Duration::MAX, ..plan(1, 1) }, &[Kind::A]);
    clock.expect_queries(0);
    clock.expect_wait(Duration::from_secs(365 * 24 * 3_600));
}
