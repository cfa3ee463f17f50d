//! Over a network that loses three datagrams of ten, doubles two of ten and reorders: no answer to another question, and no
//! call beyond its time.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::kit::dns::{of, reply_to};
use crate::kit::lossy::{Chance, Lossy, Weather};
use crate::kit::*;
use simple_dns::RCODE;
use socketry::broadcast::BroadcastBuilder;
use socketry::dns::IpFamilies;
use socketry::interfaces::network_interfaces;
use socketry::{Broadcaster, CancelToken, Retry, UdpEndpoint};

/// Answers "answer N" to "question N", until it is over; how many questions have come is counted.
fn answer(server: &UdpEndpoint, is_over: &AtomicBool, asked: &AtomicU64) {
    while !is_over.load(Ordering::Relaxed) {
        let Ok(question) = server.recv_timeout(Duration::from_millis(20)) else { continue };
        asked.fetch_add(1, Ordering::Relaxed);
        let number = question.text().unwrap().strip_prefix("question ").unwrap().to_owned();
        server.reply(&question, format!("answer {number}")).unwrap();
    }
}

#[test]
fn request_over_lossy_network_matches_or_times_out() {
    const QUESTIONS: u64 = 40;
    let mut chance = Chance::new("request_over_lossy_network_matches_or_times_out");
    let server = local();
    let (is_over, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let networks: Vec<Lossy> = (0..4)
        .map(|_| Lossy::before(&[server.local_addr()], Weather::BAD, derive_chance(&mut chance)))
        .collect();
    let retry = Retry::new()
        .attempts(6)
        .initial_delay(Duration::from_millis(20))
        .max_delay(Duration::from_millis(40));
    let answered: u64 = std::thread::scope(|scope| {
        scope.spawn(|| answer(&server, &is_over, &asked));
        let clients: Vec<_> = networks
            .iter()
            .enumerate()
            .map(|(client, network)| {
                let retry = &retry;
                scope.spawn(move || {
                    let endpoint = match client % 2 {
                        0 => UdpEndpoint::bind("127.0.0.1:0").unwrap(),
                        _ => UdpEndpoint::connect(network.address).unwrap(),
                    };
                    (0..QUESTIONS).filter(|number| check_request(&endpoint, network, *number, retry)).count()
                        as u64
                })
            })
            .collect();
        let answered = clients.into_iter().map(|client| client.join()).collect::<Vec<_>>();
        is_over.store(true, Ordering::Relaxed);
        answered.into_iter().map(Result::unwrap).sum()
    });
    // Half of the attempts come through, so of six in a row almost every one has one that does.
    assert!(answered > 4 * QUESTIONS / 2, "{answered} answered");
    assert!(asked.load(Ordering::Relaxed) > answered, "nothing was asked again, or answered twice");
    assert!(networks.iter().all(|network| network.counts().0 > 0 && network.counts().1 > 0));
}

fn derive_chance(chance: &mut Chance) -> Chance {
    Chance::of(chance.next())
}

/// Whether a question was answered, after looking at what came of it.
fn check_request(endpoint: &UdpEndpoint, network: &Lossy, number: u64, retry: &Retry) -> bool {
    let expected = format!("answer {number}");
    let began = Instant::now();
    // Each third has less time than its attempts take.
    let time = if number % 3 == 0 { Duration::from_millis(50) } else { retry.total_delay().mul_f64(1.25) };
    endpoint.set_deadline((number % 3 == 0).then(|| began + time));
    // A late answer to the question before is one to somebody who does not look.
    let outcome = endpoint.request_with(format!("question {number}"), network.address, retry, |answer| {
        answer.text().is_ok_and(|text| text == expected)
    });
    let elapsed = began.elapsed();
    assert!(elapsed < time + SLACK, "{elapsed:?} of {time:?}");
    match outcome {
        Ok(answer) => {
            assert_eq!((answer.text().unwrap(), answer.source()), (expected.into(), network.address));
            true
        }
        Err(error) => {
            assert!(error.is_timeout() && error.elapsed().is_some(), "{error}");
            let least = if number % 3 == 0 { time } else { retry.total_delay().mul_f64(0.74) };
            assert!(elapsed >= least, "given up after {elapsed:?}: {error}");
            false
        }
    }
}

fn on_loopback() -> BroadcastBuilder {
    let interfaces = network_interfaces().unwrap();
    let loopback =
        interfaces.into_iter().find(|interface| interface.is_loopback).expect("a loopback interface");
    Broadcaster::builder().interface(&*loopback.name)
}

/// Three who answer, each heard once at most however often it was asked, and the window is what it was to be.
#[test]
fn discovery_over_lossy_network_has_no_duplicates() {
    let chance = Chance::new("discovery_over_lossy_network_has_no_duplicates");
    let token = CancelToken::new().unwrap();
    let responders: Vec<_> =
        (0..3).map(|_| on_loopback().port(0).cancel_token(&token).responder().unwrap()).collect();
    let addresses: Vec<_> = responders
        .iter()
        .map(|responder| (Ipv4Addr::LOCALHOST, responder.local_addr().port()).into())
        .collect();
    let network = Lossy::before_broadcasts(&addresses, Weather::BAD, chance);
    let window = Duration::from_millis(600);
    let broadcaster = on_loopback()
        .port(network.address.port())
        .repeats(10)
        .interval(Duration::from_millis(30))
        .build()
        .unwrap();
    std::thread::scope(|scope| {
        for (number, responder) in responders.iter().enumerate() {
            scope.spawn(move || {
                responder.serve(|_| Some(format!("I am {number}")), |error| panic!("{error}")).unwrap();
            });
        }
        let began = Instant::now();
        let mut discovery = broadcaster.discover("who?", window).unwrap();
        let replies: Vec<_> = discovery.by_ref().collect();
        let elapsed = began.elapsed();
        token.cancel();
        assert!(elapsed >= window && elapsed < window + SLACK, "{elapsed:?}");
        let texts: Vec<_> = replies.iter().map(|reply| reply.as_ref().unwrap().text().unwrap()).collect();
        let each: BTreeSet<_> = texts.iter().collect();
        assert_eq!(each.len(), texts.len(), "{texts:?}");
        // That a responder misses ten questions, or its answers are lost, is one chance in some thousands for each.
        assert!(each.len() >= 2 && each.iter().all(|text| text.starts_with("I am ")), "{texts:?}");
        let counters = discovery.counters();
        assert_eq!((counters.queries, counters.replies), (10, each.len() as u64), "{counters:?}");
        assert!(counters.duplicates > 0, "{counters:?}");
    });
}

/// Each name has an address of its own, and one does not exist: whatever is found is right, in the time of a look-up.
#[test]
fn lookup_over_lossy_network_is_correct_or_fails_in_time() {
    const NAMES: u8 = 40;
    let mut chance = Chance::new("lookup_over_lossy_network_is_correct_or_fails_in_time");
    let server = dns::Server::start(|asked| {
        let number = asked.name.strip_prefix("host-").and_then(|rest| rest.split('.').next()?.parse().ok());
        match number.unwrap_or(0_u8) {
            0 => reply_to(asked).code(RCODE::NameError).authority(60, 60).now(asked),
            number if asked.kind == "A" => {
                reply_to(asked).address(&asked.name.clone(), 60, &format!("192.0.2.{number}")).now(asked)
            }
            _ => reply_to(asked).authority(60, 60).now(asked),
        }
    });
    let network = Lossy::before(&[server.address], Weather::BAD, derive_chance(&mut chance));
    let time = Duration::from_millis(900);
    let resolver = of(&[network.address])
        .families(IpFamilies::Ipv4)
        .query_timeout(Duration::from_millis(60))
        .attempts(5)
        .timeout(time)
        .build();
    let found: usize = std::thread::scope(|scope| {
        let each = |first: u8| {
            let resolver = &resolver;
            scope.spawn(move || {
                (first..NAMES).step_by(4).filter(|number| check_lookup(resolver, *number, time)).count()
            })
        };
        (0..4).map(each).collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(found > usize::from(NAMES) / 2, "{found} of {NAMES}");
    assert!(network.counts().0 > 0 && server.queries().len() > found, "{:?}", network.counts());
}

fn check_lookup(resolver: &socketry::Resolver, number: u8, time: Duration) -> bool {
    let began = Instant::now();
    let outcome = resolver.lookup(&format!("host-{number}.test"));
    let elapsed = began.elapsed();
    assert!(elapsed < time + SLACK, "{elapsed:?}");
    match outcome {
        Ok(answer) => {
            let expected: IpAddr = Ipv4Addr::new(192, 0, 2, number).into();
            assert!(
                number > 0 && answer.addresses().iter().all(|ip| *ip == expected),
                "{number}: {answer:?}"
            );
            true
        }
        // The one that does not exist may be known as such; all others are there, and no loss makes them not be.
        Err(error) => {
            assert!(error.is_temporary() || error.is_timeout() || number == 0, "{number}: {error}");
            number == 0 && !error.is_temporary()
        }
    }
}
