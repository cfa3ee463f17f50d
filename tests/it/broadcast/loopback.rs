//! Broadcasts on the loopback interface; `tests/faults/broadcast_interfaces.rs` has several
//! interfaces.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::broadcast::{BroadcastBuilder, NoInterfaceSent, Responder};
use socketry::interfaces::network_interfaces;
use socketry::{Broadcaster, CancelToken, Encoding, ErrorKind, UdpEndpoint};

/// A window that nobody waits for to its end.
const LONG: Duration = PATIENCE;
const SHORT: Duration = Duration::from_millis(150);

fn loopback() -> Box<str> {
    let interfaces = network_interfaces().unwrap();
    interfaces.into_iter().find(|interface| interface.is_loopback).expect("a loopback interface").name
}

fn on_loopback() -> BroadcastBuilder {
    Broadcaster::builder().interface(&*loopback())
}

/// At a free port.
fn responder() -> Responder {
    on_loopback().port(0).responder().unwrap()
}

fn broadcaster_for(responder: &Responder) -> BroadcastBuilder {
    on_loopback().port(responder.local_addr().port())
}

/// Whatever a test finds, the threads that it waits for are to end.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Answers until it is stopped.
fn spawn_responder<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    responder: &'scope Responder,
    answer: impl Fn(&str) -> String + Send + 'scope,
) {
    scope.spawn(move || {
        responder.serve(|query| Some(answer(&query.text().unwrap())), |error| panic!("{error}")).unwrap()
    });
}

#[test]
fn send_reaches_responder_and_reports_interface() {
    let responder = responder();
    let broadcaster = broadcaster_for(&responder).encoding(Encoding::Gb2312).build().unwrap();
    let deliveries = broadcaster.send("你好").unwrap();
    assert_eq!(deliveries.len(), 1);
    assert!(deliveries[0].result.is_ok() && *deliveries[0].interface_name == *loopback(), "{deliveries:?}");
    assert_eq!(deliveries[0].source, Some(Ipv4Addr::LOCALHOST.into()));
    let query = responder.recv_timeout(LONG).unwrap();
    assert_eq!(query.datagram().bytes(), b"\xC4\xE3\xBA\xC3");
    assert_eq!(query.interface_name(), &*loopback());
    let own = broadcaster.local_addr().port();
    assert_eq!(query.source(), SocketAddr::from((Ipv4Addr::LOCALHOST, own)));
    assert_timed_out(responder.recv_timeout(SHORT));
}

#[test]
fn discover_returns_each_reply_once_with_source() {
    let token = CancelToken::new().unwrap();
    let responder = on_loopback().port(0).cancel_token(&token).responder().unwrap();
    let broadcaster =
        broadcaster_for(&responder).repeats(4).interval(Duration::from_millis(20)).build().unwrap();
    std::thread::scope(|scope| {
        spawn_responder(scope, &responder, |question| format!("heard {question}"));
        let mut discovery = broadcaster.discover("hi", Duration::from_millis(400)).unwrap();
        let replies: Vec<_> = discovery.by_ref().map(Result::unwrap).collect();
        let _stop = OnDrop(|| token.cancel());
        assert_eq!(replies.len(), 1, "{replies:?}");
        assert_eq!(replies[0].text().unwrap(), "heard hi");
        assert_eq!(replies[0].interface_name(), &*loopback());
        assert_eq!(replies[0].source().port(), responder.local_addr().port());
        assert!(replies[0].round_trip() < LONG);
        let counters = discovery.counters();
        assert_eq!((counters.queries, counters.replies, counters.duplicates), (4, 1, 3), "{counters:?}");
        assert!(discovery.next().is_none(), "it stays at its end");
        // And once more, with the same socket.
        let again = broadcaster.discover("again", Duration::from_millis(100)).unwrap();
        let texts: Vec<_> = again.map(|reply| reply.unwrap().text().unwrap().into_owned()).collect();
        token.cancel();
        assert_eq!(texts, ["heard again"]);
    });
}

#[test]
fn discover_ends_when_timeout_expires() {
    let responder = responder();
    let began = Instant::now();
    let broadcaster = broadcaster_for(&responder).build().unwrap();
    assert_eq!(broadcaster.discover("hi", SHORT).unwrap().count(), 0);
    assert_elapsed(began, SHORT);
}

#[test]
fn cancel_ends_discovery_and_responder() {
    let token = CancelToken::new().unwrap();
    let responder = on_loopback().port(0).cancel_token(&token).responder().unwrap();
    let broadcaster = broadcaster_for(&responder).cancel_token(&token).build().unwrap();
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| responder.serve(|_| None::<String>, |_| {}));
        let mut discovery = broadcaster.discover("hi", LONG).unwrap();
        let discovering = scope.spawn(move || {
            (discovery.next().unwrap().unwrap_err().is_cancelled(), discovery.next().is_none())
        });
        let began = Instant::now();
        token.cancel();
        assert_eq!(discovering.join().unwrap(), (true, true));
        serving.join().unwrap().unwrap();
        assert!(began.elapsed() < LONG / 4);
    });
}

/// A host that sends without an end, from many ports and each time something else, takes no more than
/// its share.
#[test]
fn max_replies_per_host_drops_and_counts_flood() {
    if !cfg!(target_os = "linux") {
        return skip(Need::Platform, "only Linux has 127.0.0.2");
    }
    let responder = responder();
    let broadcaster = broadcaster_for(&responder).max_replies_per_host(3).repeats(1).build().unwrap();
    let other = UdpEndpoint::bind("127.0.0.2:0").unwrap();
    let ports: Vec<_> = (0..20).map(|_| UdpEndpoint::bind("127.0.0.1:0").unwrap()).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let query = responder.recv_timeout(LONG).unwrap();
            for port in &ports {
                port.send_to("here", query.source()).unwrap();
            }
            other.send_to("quiet", query.source()).unwrap();
            let mut number = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                // The system may have no room for it, which is no matter here.
                let _ = responder.reply(&query, number.to_string());
                number += 1;
            }
        });
        let mut discovery = broadcaster.discover("hi", Duration::from_millis(500)).unwrap();
        let replies: Vec<_> = discovery.by_ref().filter_map(Result::ok).collect();
        is_over.store(true, Ordering::Relaxed);
        let of_it = |reply: &&socketry::broadcast::DiscoveryReply| reply.source() != other.local_addr();
        assert_eq!(replies.iter().filter(of_it).count(), 3, "{replies:?}");
        assert_eq!(replies.len(), 4);
        assert!(discovery.counters().dropped > 100, "{:?}", discovery.counters());
    });
}

#[test]
fn max_replies_ends_discovery_with_error() {
    let responder = responder();
    let broadcaster = broadcaster_for(&responder).max_replies(5).max_replies_per_host(100).build().unwrap();
    let mut discovery = broadcaster.discover("hi", LONG).unwrap();
    let query = responder.recv_timeout(LONG).unwrap();
    for number in 0..9 {
        responder.reply(&query, number.to_string()).unwrap();
    }
    for number in 0..5 {
        assert_eq!(discovery.next().unwrap().unwrap().text().unwrap(), number.to_string());
    }
    let error = discovery.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MessageTooLong);
    assert_eq!(error.to_string(), "receive: reply limit reached (5)");
    assert!(discovery.next().is_none());
}

/// Answers that the system drops because they come faster than they are taken are told, on Linux.
#[test]
fn discovery_reports_replies_lost_in_receive_buffer() {
    const SENT: u64 = 2_000;
    let responder = responder();
    let broadcaster = broadcaster_for(&responder).receive_buffer_size(4_096).repeats(1).max_replies(5_000);
    let broadcaster = broadcaster.max_replies_per_host(5_000).build().unwrap();
    let mut discovery = broadcaster.discover("hi", SHORT).unwrap();
    let query = responder.recv_timeout(LONG).unwrap();
    for number in 0..SENT {
        responder.reply(&query, number.to_string()).unwrap();
    }
    let mut errors = Vec::new();
    let replies = discovery.by_ref().filter_map(|item| item.map_err(|error| errors.push(error)).ok()).count();
    let counters = discovery.counters();
    assert_eq!(replies as u64, counters.replies);
    assert!(counters.replies < SENT, "{counters:?}");
    if cfg!(target_os = "linux") {
        assert_eq!(counters.replies + counters.lost, SENT, "{counters:?}");
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].kind(), ErrorKind::ResourceExhausted);
        let text = format!(
            "receive: the kernel dropped {} datagrams, because they arrived faster than they were received",
            counters.lost
        );
        assert_eq!(errors[0].to_string(), text);
    }
}

/// Also what was dropped at the very end, when there is no room for anything that would tell it.
#[test]
#[cfg(target_os = "linux")]
fn discovery_reports_losses_after_timeout() {
    const SENT: u64 = 500;
    let responder = responder();
    let broadcaster =
        broadcaster_for(&responder).receive_buffer_size(4_096).repeats(1).max_replies_per_host(1_000);
    let broadcaster = broadcaster.build().unwrap();
    let began = Instant::now();
    let mut discovery = broadcaster.discover("hi", SHORT).unwrap();
    let query = responder.recv_timeout(LONG).unwrap();
    eventually("the window is over, and the buffer is full", || {
        let _ = responder.reply(&query, began.elapsed().as_nanos().to_string());
        began.elapsed() > SHORT
    });
    (0..SENT).for_each(|number| responder.reply(&query, number.to_string()).unwrap());
    let errors = discovery.by_ref().filter_map(Result::err).count();
    assert_eq!(errors, 1, "{:?}", discovery.counters());
    assert!(discovery.counters().lost >= SENT, "{:?}", discovery.counters());
}

#[test]
fn round_trip_is_measured_from_last_query() {
    const SPACING: Duration = Duration::from_secs(1);
    let responder = responder();
    let broadcaster = broadcaster_for(&responder).repeats(2).interval(SPACING).build().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _first = responder.recv_timeout(LONG).unwrap();
            let second = responder.recv_timeout(LONG).unwrap();
            responder.reply(&second, "late").unwrap();
        });
        let began = Instant::now();
        let reply = broadcaster.discover("hi", LONG).unwrap().next().unwrap().unwrap();
        assert!(began.elapsed() >= SPACING && reply.round_trip() < SPACING, "{:?}", reply.round_trip());
    });
}

/// Two hundred answer at once: each is heard, or said to be lost.
#[test]
fn discovery_returns_or_counts_200_simultaneous_replies() {
    let responder = responder();
    let broadcaster = broadcaster_for(&responder).repeats(1).max_replies_per_host(200).build().unwrap();
    let mut discovery = broadcaster.discover("hi", Duration::from_millis(500)).unwrap();
    let query = responder.recv_timeout(LONG).unwrap();
    let all: Vec<_> = (0..200).map(|_| UdpEndpoint::bind("127.0.0.1:0").unwrap()).collect();
    all.iter().for_each(|one| one.send_to("here", query.source()).unwrap());
    let senders: BTreeSet<_> =
        discovery.by_ref().filter_map(Result::ok).map(|reply| reply.source()).collect();
    let counters = discovery.counters();
    assert_eq!(senders.len() as u64 + counters.lost, 200, "{counters:?}");
    assert!(senders.iter().all(|from| all.iter().any(|one| one.local_addr() == *from)));
}

#[test]
fn oversized_reply_is_error_and_discovery_continues() {
    let responder = responder();
    let broadcaster = broadcaster_for(&responder).max_datagram(8).build().unwrap();
    let mut discovery = broadcaster.discover("hi", LONG).unwrap();
    let query = responder.recv_timeout(LONG).unwrap();
    responder.reply(&query, "much too long").unwrap();
    responder.reply(&query, "short").unwrap();
    let error = discovery.next().unwrap().unwrap_err();
    assert_eq!(error.truncated().map(|cut| cut.length), Some(13), "{error}");
    assert_eq!(discovery.next().unwrap().unwrap().text().unwrap(), "short");
}

/// Who sends from the port at which it also listens hears itself, and does not take that for an
/// answer.
#[test]
#[cfg(target_os = "linux")]
fn discovery_ignores_own_queries() {
    let port = deserted().port();
    let broadcaster = on_loopback().port(port).local_port(port).repeats(2).build().unwrap();
    let mut discovery = broadcaster.discover("hi", Duration::from_millis(400)).unwrap();
    assert_eq!(discovery.by_ref().count(), 0);
    assert_eq!(discovery.counters().own, 2, "{:?}", discovery.counters());
}

/// Datagrams that wait in the socket when the window ends are all taken: one of the socket's own,
/// of which only the empty one marks the end, does not hide the reply after it.
#[test]
#[cfg(target_os = "linux")]
fn own_query_after_window_does_not_hide_reply() {
    let window = Duration::from_millis(50);
    let port = deserted().port();
    let broadcaster = on_loopback().port(port).local_port(port).build().unwrap();
    let began = Instant::now();
    let mut discovery = broadcaster.discover("hi", window).unwrap();
    local().send_to("reply", ("127.0.0.1", port)).unwrap();
    // The test's subject is time: nothing is received before the window has ended.
    std::thread::sleep(window.saturating_sub(began.elapsed()));
    assert_eq!(discovery.next().unwrap().unwrap().text().unwrap(), "reply");
    assert!(discovery.next().is_none());
    assert_eq!(discovery.counters().own, 1, "{:?}", discovery.counters());
}

/// An interface that was asked for and is not there is an error of its own, and of the whole if
/// there is no other.
#[test]
fn unknown_interface_is_reported_as_unavailable() {
    let responder = responder();
    let both = broadcaster_for(&responder).interface("nosuch0").build().unwrap();
    let deliveries = both.send("hi").unwrap();
    assert_eq!(deliveries.len(), 2, "{deliveries:?}");
    let missing = deliveries.iter().find(|delivery| delivery.result.is_err()).unwrap();
    let error = missing.result.as_ref().unwrap_err();
    assert_eq!(error.to_string(), "send to interface nosuch0: address not available on this machine");
    assert_eq!(responder.recv_timeout(LONG).unwrap().datagram().bytes(), b"hi");

    let none = Broadcaster::builder().interface("nosuch0").build().unwrap();
    let error = none.send("hi").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable);
    assert_eq!(error.detail::<NoInterfaceSent>().unwrap().sends.len(), 1);
    let error = none.discover("hi", LONG).unwrap_err();
    assert!(error.to_string().starts_with("send to everybody: send failed on every interface: "), "{error}");
    let error = Broadcaster::builder().port(0).interface("nosuch0").responder().unwrap_err();
    assert_eq!(error.to_string(), "bind interface nosuch0: address not available on this machine");
    let error = on_loopback().port(0).interface("nosuch0").responder().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable, "also beside one that is there: {error}");
    let error = on_loopback().exclude(&*loopback()).port(0).responder().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable, "{error}");

    let excluded = on_loopback().exclude(&*loopback()).build().unwrap();
    let error = excluded.send("hi").unwrap_err();
    assert_eq!(error.to_string(), "send to everybody: no usable interface");
}

#[test]
fn build_rejects_unicast_or_unspecified_address() {
    for address in ["127.0.0.1", "0.0.0.0", "::1"] {
        let to: std::net::IpAddr = address.parse().unwrap();
        let error = Broadcaster::builder().to(to).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(address), "{error}");
    }
}

#[test]
fn build_rejects_port_zero() {
    let error = on_loopback().port(0).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

/// What goes wrong with one question is told, and the next one is answered.
#[test]
fn responder_serve_reports_error_and_continues() {
    let token = CancelToken::new().unwrap();
    let responder =
        on_loopback().port(0).encoding(Encoding::Gb2312).cancel_token(&token).responder().unwrap();
    let broadcaster = broadcaster_for(&responder).repeats(1).build().unwrap();
    std::thread::scope(|scope| {
        let _stop = OnDrop(|| token.cancel());
        let (sender, told) = std::sync::mpsc::channel();
        let answer = |query: &socketry::broadcast::Query| {
            Some(if query.datagram().bytes() == b"bad" { "朱镕基" } else { "good" })
        };
        let responder = &responder;
        scope
            .spawn(move || responder.serve(answer, move |error| sender.send(error.kind()).unwrap()).unwrap());
        broadcaster.send("bad").unwrap();
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), ErrorKind::UnencodableText);
        let reply = broadcaster.discover("well", LONG).unwrap().next().unwrap().unwrap();
        assert_eq!(reply.datagram().bytes(), b"good");
    });
}

/// The loopback interface can be asked besides those that are chosen.
#[test]
fn loopback_option_adds_loopback_interface() {
    let responder = responder();
    let port = responder.local_addr().port();
    let both = Broadcaster::builder().port(port).interface("nosuch0").loopback(true).build().unwrap();
    let deliveries = both.send("hi").unwrap();
    let reached: Vec<_> =
        deliveries.iter().map(|delivery| (&*delivery.interface_name, delivery.result.is_ok())).collect();
    assert!(reached.contains(&(&*loopback(), true)) && reached.contains(&("nosuch0", false)), "{reached:?}");
    assert_eq!(responder.recv_timeout(LONG).unwrap().datagram().bytes(), b"hi");
}

#[test]
fn send_and_discover_reject_unencodable_text() {
    let responder = responder();
    let broadcaster = broadcaster_for(&responder).encoding(Encoding::Gb2312).build().unwrap();
    let error = broadcaster.send("朱镕基").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnencodableText, "{error}");
    assert_eq!(broadcaster.discover("朱镕基", LONG).unwrap_err().kind(), ErrorKind::UnencodableText);
    assert_timed_out(responder.recv_timeout(SHORT));
}

/// A group, by the loopback interface; that of all nodes of IPv6 is not there on it.
#[test]
#[cfg(target_os = "linux")]
fn discover_queries_multicast_group() {
    let group = Ipv4Addr::new(239, 255, 77, 90);
    let token = CancelToken::new().unwrap();
    let responder = on_loopback().to(group).port(0).cancel_token(&token).responder().unwrap();
    let broadcaster = broadcaster_for(&responder).to(group).build().unwrap();
    std::thread::scope(|scope| {
        let _stop = OnDrop(|| token.cancel());
        spawn_responder(scope, &responder, |question| format!("{question}!"));
        let mut discovery = broadcaster.discover("hi", LONG).unwrap();
        let reply = discovery.next().unwrap().unwrap();
        assert_eq!((&*reply.text().unwrap(), reply.interface_name()), ("hi!", &*loopback()));
    });
}

/// A message on an interface that is not chosen is counted, and not returned.
#[cfg(unix)]
#[test]
fn responder_counts_returned_and_discarded_messages() {
    let on_loopback = responder();
    let sender = local();
    let to = |responder: &Responder| ("127.0.0.1", responder.local_addr().port());
    sender.send_to("hi", to(&on_loopback)).unwrap();
    on_loopback.recv_timeout(LONG).unwrap();
    let counters = on_loopback.counters();
    assert_eq!((counters.queries, counters.discarded, counters.joined, counters.lost), (1, 0, 0, 0));
    let Ok(others) = Broadcaster::builder().port(0).responder() else {
        return skip(Need::Platform, "there is no interface but loopback");
    };
    sender.send_to("hi", to(&others)).unwrap();
    assert!(others.recv_timeout(SHORT).unwrap_err().is_timeout());
    assert_eq!((others.counters().queries, others.counters().discarded), (0, 1));
}
