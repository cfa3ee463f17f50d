//! Answers for one address family while the other is slow, silent or broken, of callers with
//! different limits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::kit::dns::*;
use simple_dns::{PacketFlag, RCODE};
use socketry::TcpClient;

const MS: Duration = Duration::from_millis(1);

fn connect_within(resolver: &socketry::Resolver, timeout: Duration) {
    let client = TcpClient::builder().resolver(resolver).connect_timeout(timeout).build();
    let _ = client.connect("host.test:9");
}

/// AAAA responses arrive after the first time, A responses after the second.
fn delayed(v6: u64, v4: u64, v4_ttl: u32) -> Server {
    Server::start(move |query| match query.kind.as_str() {
        "A" => reply_to(query).address(&query.name, v4_ttl, "127.0.0.1").after(query, v4),
        _ => reply_to(query).address(&query.name, 60, "::1").after(query, v6),
    })
}

#[test]
fn short_limit_does_not_hide_a_family_from_the_next_caller() {
    let server = delayed(0, 40, 60);
    let resolver = of(&[server.address]).build();
    connect_within(&resolver, 20 * MS);
    assert_eq!(resolver.lookup("host.test").unwrap().addresses().len(), 2);

    // The other family is cached.
    let server = delayed(0, 40, 1);
    let resolver = of(&[server.address]).build();
    assert_eq!(resolver.lookup("host.test").unwrap().addresses().len(), 2);
    std::thread::sleep(1_100 * MS);
    connect_within(&resolver, 5 * MS);
    assert_eq!(resolver.lookup("host.test").unwrap().addresses().len(), 2);
}

#[test]
fn short_limit_does_not_hide_a_family_from_waiters() {
    let server = delayed(110, 120, 1);
    let resolver = of(&[server.address]).build();
    assert_eq!(resolver.lookup("host.test").unwrap().addresses().len(), 2);
    std::thread::sleep(1_100 * MS);
    std::thread::scope(|scope| {
        scope.spawn(|| connect_within(&resolver, 60 * MS));
        std::thread::sleep(20 * MS);
        assert_eq!(resolver.lookup("host.test").unwrap().addresses().len(), 2);
    });
}

#[test]
fn single_request_keeps_the_answer_before_a_timeout() {
    let server = Server::start(|query| match query.kind.as_str() {
        "A" => reply_to(query).authority(60, 60).now(query),
        _ => Vec::new(),
    });
    let resolver = of(&[server.address]).single_request(true).timeout(200 * MS).build();
    for _ in 0..2 {
        assert!(resolver.lookup("host.test").is_err());
    }
    let queries = server.queries();
    assert_eq!(queries.iter().filter(|query| query.kind == "A").count(), 1, "NODATA is cached");
}

#[test]
fn timeout_error_has_the_state_of_the_current_query() {
    let server = Server::start(|query| match query.kind.as_str() {
        "A" => reply_to(query).code(RCODE::Refused).now(query),
        _ => Vec::new(),
    });
    let builder = of(&[server.address]).attempts(1).single_request(true);
    let resolver = builder.query_timeout(Duration::from_secs(20)).timeout(200 * MS).build();
    let error = resolver.lookup("host.test").unwrap_err();
    assert!(error.to_string().contains("did not respond"), "{error}");
}

/// 2,300 IPv4-mapped addresses, and 4,001 IPv4 addresses of which one is the same.
#[test]
fn large_answer_does_not_delay_other_cached_lookups() {
    let server = Server::start(move |query| {
        if query.name == "small.test" {
            return reply_to(query).address(&query.name, 600, "192.0.2.9").now(query);
        }
        if !query.by_tcp {
            return usual(query).with(PacketFlag::TRUNCATION).now(query);
        }
        let mut reply = reply_to(query);
        let is_v4 = query.kind == "A";
        for n in 0..if is_v4 { 4_000_u32 } else { 2_300 } {
            let (upper, lower) = (n / 256, n % 256);
            let ip = match is_v4 {
                true => format!("11.0.{upper}.{lower}"),
                false => format!("::ffff:10.0.{upper}.{lower}"),
            };
            reply = reply.address(&query.name, 600, &ip);
        }
        if is_v4 { reply.address(&query.name, 600, "10.0.0.0").now(query) } else { reply.now(query) }
    });
    let resolver = of(&[server.address]).query_timeout(Duration::from_secs(20)).build();
    resolver.lookup("small.test").unwrap();
    assert_eq!(resolver.lookup("large.test").unwrap().addresses().len(), 6_300);
    let is_over = AtomicBool::new(false);
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                resolver.lookup("large.test").unwrap();
            }
        });
        let timed = |_| {
            std::thread::sleep(MS);
            let start = Instant::now();
            resolver.lookup("small.test").unwrap();
            start.elapsed()
        };
        let times = (0..200).map(timed).collect();
        is_over.store(true, Ordering::Relaxed);
        times
    });
    // The OS may stop a thread for a while; a scan under the lock took 80 ms each time.
    times.sort();
    assert!(times[150] < 20 * MS, "{:?}", times[150]);
}
