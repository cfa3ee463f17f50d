//! Cells of connecting and closing.

use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use socketry::error::TimeLimit;
use socketry::tcp::TcpClientBuilder;
use socketry::{CancelToken, Error, Retry, TcpClient};

use crate::blocked::Entered;
use crate::kit::deserted_by_tcp;
use crate::kit::hostile::{DrippingPeer, SilentPeer, SilentPort};
use crate::table::{self, Cell, Expected, LIMIT, OTHER_LIMIT, Verdict, Watch, ensure};
use crate::udp_sends::lost_resolver;

type Call = fn(TcpClientBuilder, &socketry::Address) -> Result<(), Error>;

static CONNECTS: &[(&str, Call)] = &[
    ("TcpClientBuilder::connect", |builder, address| builder.connect(address).map(drop)),
    ("TcpClient::connect", |builder, address| builder.build().connect(address).map(drop)),
    ("TcpClient::connect_with", |builder, address| builder.build().connect_with(address, |_| {}).map(drop)),
    ("TcpClient::connect with retries", |builder, address| {
        let retry = Retry::new().attempts(1_000).initial_delay(Duration::from_millis(5)).multiplier(1.0);
        builder.retry(retry).connect(address).map(drop)
    }),
    ("Reconnect as Iterator::next", |builder, address| {
        builder.build().reconnect(address)?.next().transpose().map(drop)
    }),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    FullBacklog,
    SilentNameServer,
    /// A peer that refuses every attempt.
    Refusing,
    /// Another thread connects to the same address with the same client.
    Rival,
    CancelledBefore,
    CancelledDuring,
    CancelledInLookup,
}

pub fn all() -> Vec<Cell> {
    use Condition::*;
    let mut cells = Vec::new();
    for &(name, call) in CONNECTS {
        for condition in [
            FullBacklog,
            SilentNameServer,
            Refusing,
            Rival,
            CancelledBefore,
            CancelledDuring,
            CancelledInLookup,
        ] {
            // Without retries, a refusal is the result.
            if condition == Refusing && !name.ends_with("with retries") {
                continue;
            }
            // An iterator that is cancelled ends without an error.
            let ends = name.starts_with("Reconnect");
            cells.push(Cell::new(name, format!("{condition:?}"), move || connect(call, condition, ends)));
        }
    }
    for condition in ["Silent", "Drip", "Flood", "CancelledBefore", "CancelledDuring"] {
        for is_deadline in [false, true] {
            if is_deadline && condition.starts_with("Cancelled") {
                continue;
            }
            let form = if is_deadline { "Deadline" } else { "Timeout of 2 s" };
            let name = format!("{condition}, {form}");
            cells.push(Cell::new("TcpConnection::close", name, move || close(condition, is_deadline)));
        }
    }
    cells
}

fn connect(call: Call, condition: Condition, ends: bool) -> Verdict {
    use Condition::*;
    let (full, server) = (crate::kit::hostile::FullBacklog::fill(), SilentPort::bind());
    let resolver = lost_resolver(&server).build();
    let token = CancelToken::new().unwrap();
    let is_cancelled = matches!(condition, CancelledBefore | CancelledDuring | CancelledInLookup);
    let address: socketry::Address = match condition {
        SilentNameServer | CancelledInLookup => ("name.test", 9).try_into().unwrap(),
        Refusing => deserted_by_tcp().into(),
        _ => full.address().into(),
    };
    let mut builder = TcpClient::builder().resolver(&resolver).connect_timeout(LIMIT);
    if is_cancelled {
        builder = builder.cancel_token(&token).connect_timeout(OTHER_LIMIT);
    }
    let entered = Entered::new();
    let (watch, result, rival) = std::thread::scope(|scope| {
        if condition == CancelledBefore {
            token.cancel();
        }
        let rival = (condition == Rival).then(|| {
            let (builder, address) = (builder.clone(), &address);
            scope.spawn(move || {
                let watch = Watch::of_timeout(LIMIT);
                watch.judge(Expected::TimedOut(TimeLimit::ConnectTimeout), &call(builder, address))
            })
        });
        scope.spawn(|| {
            if matches!(condition, CancelledDuring | CancelledInLookup) {
                entered.wait();
                token.cancel();
            }
        });
        let watch = Watch::of_timeout(LIMIT);
        entered.enter();
        let result = call(builder, &address);
        (watch, result, rival.map(|rival| rival.join().unwrap()))
    });
    let expected = match is_cancelled {
        true if ends => Expected::Success,
        true => Expected::Cancelled,
        false if condition == Refusing => Expected::Refused,
        false => Expected::TimedOut(TimeLimit::ConnectTimeout),
    };
    watch.judge(expected, &result)?;
    rival.unwrap_or(Ok(()))
}

/// Closing waits for the end of the peer for at most 2 s, or until the deadline.
fn close(condition: &'static str, is_deadline: bool) -> Verdict {
    let silent = SilentPeer::bind();
    let flooding = TcpListener::bind("127.0.0.1:0").unwrap();
    let drip = DrippingPeer::start(vec![b'x'; 100_000], Duration::from_millis(10));
    let address = match condition {
        "Drip" => drip.address(),
        "Flood" => flooding.local_addr().unwrap(),
        _ => silent.address(),
    };
    let token = CancelToken::new().unwrap();
    let connection = TcpClient::builder().cancel_connections(&token).connect(address).unwrap();
    if condition == "CancelledBefore" {
        token.cancel();
    }
    let entered = Entered::new();
    let is_over = AtomicBool::new(false);
    let (watch, result) = std::thread::scope(|scope| {
        scope.spawn(|| match condition {
            "CancelledDuring" => {
                entered.wait();
                token.cancel();
            }
            // Some bytes at a time, so that their sum stays below what closing discards.
            "Flood" => {
                let (mut stream, _) = flooding.accept().unwrap();
                while !is_over.load(Ordering::Relaxed) && stream.write_all(b"more").is_ok() {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
            _ => {}
        });
        let due = Instant::now() + LIMIT;
        let watch = match is_deadline {
            true => {
                connection.set_deadline(due);
                Watch::of_deadline(due)
            }
            false => Watch::of_timeout(Duration::from_secs(2)),
        };
        entered.enter();
        let result = connection.close();
        is_over.store(true, Ordering::Relaxed);
        (watch, result)
    });
    ensure(condition != "Drip" || drip.sent() > 0, || "nothing was sent".to_owned())?;
    watch.judge(
        match condition {
            "CancelledBefore" | "CancelledDuring" => Expected::Cancelled,
            _ if is_deadline => Expected::TimedOut(TimeLimit::Deadline),
            _ => Expected::TimedOut(TimeLimit::Timeout),
        },
        &result,
    )
}

#[test]
fn connects_and_closes_end_by_their_limit() {
    table::run("connects", all());
}
