//! Cells of broadcasts.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use socketry::broadcast::Responder;
use socketry::error::TimeLimit;
use socketry::{Broadcaster, CancelToken, Error, UdpEndpoint};

use crate::blocked::Entered;
use crate::kit::hostile::DatagramFlood;
use crate::reads::{Argument, Takes};
use crate::table::{self, Cell, Expected, LATEST, LIMIT, OTHER_LIMIT, Verdict, Watch, ensure};

type Call = fn(&Responder, Argument) -> Result<(), Error>;

static ROWS: &[(&str, Takes, Call)] = &[
    ("Responder::recv", Takes::Nothing, |responder, _| responder.recv().map(drop)),
    ("Responder::recv_timeout", Takes::Timeout, |responder, argument| {
        let Argument::Timeout(timeout) = argument else { unreachable!() };
        responder.recv_timeout(timeout).map(drop)
    }),
    ("Responder::recv_deadline", Takes::Deadline, |responder, argument| {
        let Argument::Deadline(deadline) = argument else { unreachable!() };
        responder.recv_deadline(deadline).map(drop)
    }),
    ("Responder::serve", Takes::Nothing, |responder, _| {
        // It ends without an error when it is cancelled.
        responder.serve(|_| None::<&str>, |_| {})?;
        Err(responder.recv().unwrap_err())
    }),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Silent,
    /// Queries on an interface that is excluded, without end.
    Flood,
    Rival,
    CancelledBefore,
    CancelledDuring,
    CancelledInFlood,
}

pub fn all() -> Vec<Cell> {
    use Condition::*;
    let mut cells = Vec::new();
    for &(name, takes, call) in ROWS {
        for condition in [Silent, Flood, Rival, CancelledBefore, CancelledDuring, CancelledInFlood] {
            let is_limited = matches!(condition, Silent | Flood | Rival);
            if takes == Takes::Nothing && is_limited {
                continue;
            }
            cells.push(Cell::new(name, format!("{condition:?}"), move || receive(takes, call, condition)));
        }
    }
    for condition in ["Silent", "Flood of one reply", "Flood of the own address"] {
        cells.push(Cell::new("Discovery as Iterator::next", condition, move || discover(condition)));
    }
    cells.push(Cell::new("Discovery as Iterator::next", "CancelledDuring", cancel_discovery));
    for name in ["Broadcaster::send", "Broadcaster::discover", "Responder::reply"] {
        cells.push(Cell::new(name, "CancelledBefore", move || send_cancelled(name)));
    }
    cells
}

fn receive(takes: Takes, call: Call, condition: Condition) -> Verdict {
    use Condition::*;
    let token = CancelToken::new().unwrap();
    let floods = matches!(condition, Flood | CancelledInFlood);
    let builder = Broadcaster::builder().port(0).cancel_token(&token);
    let builder = if floods { builder.exclude("lo") } else { builder.loopback(true) };
    let responder = match builder.responder() {
        Ok(responder) => responder,
        // A machine without another interface has no unwanted queries.
        Err(_) if floods => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, responder.local_addr().port()));
    let flood = floods.then(|| DatagramFlood::start(address, b"query"));
    let is_limited = matches!(condition, Silent | Flood | Rival);
    let (watch, result, rival) = std::thread::scope(|scope| {
        let rival = (condition == Rival).then(|| {
            let (responder, entered) = (&responder, std::sync::Arc::new(Entered::new()));
            let inside = entered.clone();
            let thread = scope.spawn(move || {
                inside.enter();
                responder.recv_timeout(OTHER_LIMIT).map(drop)
            });
            entered.wait();
            thread
        });
        if condition == CancelledBefore {
            token.cancel();
        }
        let entered = std::sync::Arc::new(Entered::new());
        let (during, token) = (entered.clone(), &token);
        scope.spawn(move || {
            if condition == CancelledDuring {
                during.wait();
                token.cancel();
            }
            if condition == CancelledInFlood {
                // A thread that works through a flood does not block.
                std::thread::sleep(LIMIT / 3);
                token.cancel();
            }
        });
        let due = Instant::now() + LIMIT;
        let watch = match takes {
            Takes::Deadline => Watch::of_deadline(due),
            _ => Watch::of_timeout(LIMIT),
        };
        let argument = match takes {
            Takes::Nothing => Argument::None,
            Takes::Timeout => Argument::Timeout(if is_limited { LIMIT } else { OTHER_LIMIT }),
            Takes::Deadline => Argument::Deadline(if is_limited { due } else { due + OTHER_LIMIT }),
        };
        entered.enter();
        let result = call(&responder, argument);
        let verdict = watch.judge(expected(takes, is_limited), &result);
        // A query that comes afterwards is received: by the other thread, or by the next call.
        if is_limited && !floods {
            UdpEndpoint::bind("127.0.0.1:0").unwrap().send_to("query", address).unwrap();
        }
        (verdict, result, rival.map(|rival| rival.join().unwrap()))
    });
    watch?;
    drop((flood, result));
    match rival {
        Some(result) => ensure(result.is_ok(), || format!("the other thread: {result:?}")),
        None if is_limited && !floods => {
            responder.recv_timeout(LATEST).map(drop).map_err(|error| format!("the rest: {error}"))
        }
        None => Ok(()),
    }
}

fn expected(takes: Takes, is_limited: bool) -> Expected {
    match takes {
        _ if !is_limited => Expected::Cancelled,
        Takes::Deadline => Expected::TimedOut(TimeLimit::Deadline),
        _ => Expected::TimedOut(TimeLimit::Timeout),
    }
}

/// A discovery ends after its timeout, without an error.
fn discover(condition: &str) -> Verdict {
    // Broadcasts do not reach a socket of one address.
    let peer = UdpEndpoint::bind("0.0.0.0:0").unwrap();
    let broadcaster = Broadcaster::builder()
        .port(peer.local_addr().port())
        .interface(Ipv4Addr::LOCALHOST)
        .loopback(true)
        .repeats(1)
        .receive_buffer_size(4_096)
        .build()
        .map_err(|error| error.to_string())?;
    let own = SocketAddr::from((Ipv4Addr::LOCALHOST, broadcaster.local_addr().port()));
    let began = Instant::now();
    let discovery = broadcaster.discover("who", LIMIT).map_err(|error| error.to_string())?;
    let query = peer.recv_timeout(LATEST).map_err(|error| error.to_string())?;
    let flood = match condition {
        "Flood of one reply" => {
            let socket = std::net::UdpSocket::from(peer);
            Some(DatagramFlood::start_from(&socket, query.source(), b"reply"))
        }
        "Flood of the own address" => Some(DatagramFlood::start(own, b"")),
        _ => None,
    };
    let items: Vec<_> = discovery.collect();
    let took = began.elapsed();
    drop(flood);
    ensure(took >= LIMIT && took < LATEST, || format!("ended after {took:?}: {} items", items.len()))?;
    // Datagrams that a full buffer drops are reported as an error item.
    let replies = items.iter().filter(|item| item.is_ok()).count();
    ensure(replies <= 2, || format!("{replies} replies"))
}

fn cancel_discovery() -> Verdict {
    // Broadcasts do not reach a socket of one address.
    let peer = UdpEndpoint::bind("0.0.0.0:0").unwrap();
    let token = CancelToken::new().unwrap();
    let broadcaster = Broadcaster::builder()
        .port(peer.local_addr().port())
        .interface(Ipv4Addr::LOCALHOST)
        .loopback(true)
        .cancel_token(&token)
        .interval(Duration::from_secs(30))
        .build()
        .map_err(|error| error.to_string())?;
    let mut discovery = broadcaster.discover("who", OTHER_LIMIT).map_err(|error| error.to_string())?;
    let entered = Entered::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            entered.wait();
            token.cancel();
        });
        let watch = Watch::of_timeout(LIMIT);
        entered.enter();
        let result = discovery.next().transpose().map(drop);
        watch.judge(Expected::Cancelled, &result)?;
        ensure(discovery.next().is_none(), || "a cancelled discovery continues".to_owned())
    })
}

/// A send buffer of the loopback interface does not fill, so that only the token is tested.
fn send_cancelled(name: &str) -> Verdict {
    let token = CancelToken::new().unwrap();
    let builder = Broadcaster::builder().loopback(true).cancel_token(&token);
    let responder = builder.clone().port(0).responder().map_err(|error| error.to_string())?;
    let broadcaster =
        builder.port(responder.local_addr().port()).build().map_err(|error| error.to_string())?;
    broadcaster.send("who").map_err(|error| error.to_string())?;
    let query = responder.recv_timeout(LATEST).map_err(|error| error.to_string())?;
    token.cancel();
    let watch = Watch::of_timeout(LIMIT);
    let result = match name {
        "Broadcaster::send" => broadcaster.send("who").map(drop),
        "Broadcaster::discover" => broadcaster.discover("who", OTHER_LIMIT).map(drop),
        _ => responder.reply(&query, "here"),
    };
    watch.judge(Expected::Cancelled, &result)
}

#[test]
fn broadcasts_end_by_their_limit() {
    table::run("broadcasts", all());
}
