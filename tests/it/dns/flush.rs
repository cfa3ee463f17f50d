//! `flush` while a query is pending.

use std::time::Duration;

use crate::kit::dns::*;

/// Waits until the server has this number of queries.
fn await_queries(server: &Server, count: usize) {
    crate::kit::eventually("a query", || server.queries().len() >= count);
}

#[test]
fn answer_from_before_a_flush_is_not_cached() {
    let server = Server::start(|query| usual(query).after(query, 200));
    let resolver = only_v4(&server).build();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| resolver.lookup("host.test").unwrap());
        await_queries(&server, 1);
        resolver.flush();
        first.join().unwrap();
    });
    assert_eq!(resolver.cache_len(), 0);
}

#[test]
fn lookup_after_a_flush_sends_its_own_query() {
    let server = Server::start(|query| {
        let ip = if query.number == 0 { "192.0.2.1" } else { "192.0.2.2" };
        reply_to(query).address(&query.name, 60, ip).after(query, 200)
    });
    let resolver = only_v4(&server).query_timeout(Duration::from_secs(20)).build();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| resolver.lookup("host.test").unwrap());
        await_queries(&server, 1);
        resolver.flush();
        let found = resolver.lookup("host.test").unwrap();
        first.join().unwrap();
        assert_eq!(found.addresses(), ips(&["192.0.2.2"]));
    });
}
