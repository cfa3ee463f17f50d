//! Cells of methods that send datagrams.
//!
//! A send buffer of the loopback interface does not fill: the kernel puts each datagram into the
//! receive buffer immediately, and drops it if that is full. What blocks is the lookup of a name.

use std::time::Instant;

use socketry::dns::Backend;
use socketry::error::TimeLimit;
use socketry::udp::UdpBatchEndpoint;
use socketry::{CancelToken, Error, Resolver, Retry, UdpEndpoint};

use crate::blocked::Entered;
use crate::kit::hostile::SilentPort;
use crate::table::{self, Cell, Expected, LATEST, LIMIT, OTHER_LIMIT, Verdict, Watch};

/// A resolver whose name server does not answer.
pub fn lost_resolver(server: &SilentPort) -> socketry::dns::ResolverBuilder {
    Resolver::builder()
        .backend(Backend::Dns)
        .use_hosts(false)
        .server(&server.address().to_string())
        .unwrap()
        .resolv_conf("/nowhere/resolv.conf")
        .query_timeout(OTHER_LIMIT)
        .timeout(OTHER_LIMIT)
}

type BatchCall = fn(&UdpBatchEndpoint) -> Result<(), socketry::Error>;
type Call = fn(&UdpEndpoint) -> Result<(), Error>;

/// Methods that take a name.
static NAMED: &[(&str, bool, Call)] = &[
    ("UdpEndpoint::send_to by name", true, |endpoint| endpoint.send_to("x", ("name.test", 9))),
    ("UdpEndpoint::request_to by name", false, |endpoint| {
        endpoint.request_to("x", ("name.test", 9)).map(drop)
    }),
    ("UdpEndpoint::request_with by name", false, |endpoint| {
        endpoint.request_with("x", ("name.test", 9), &Retry::single(OTHER_LIMIT), |_| true).map(drop)
    }),
];

/// Methods that do not block on loopback, which a token cancels nevertheless.
/// Of a batch endpoint, which sends as an endpoint does.
static BATCH_SENDS: &[(&str, BatchCall)] = &[
    ("UdpBatchEndpoint::send", |endpoint| endpoint.send("x")),
    ("UdpBatchEndpoint::send_to", |endpoint| endpoint.send_to("x", endpoint.peer_addr().unwrap())),
    ("UdpBatchEndpoint::send_batch", |endpoint| {
        let mut batch = endpoint.batch();
        batch.push("x")?;
        endpoint.send_batch(&mut batch).map(drop)
    }),
    ("UdpBatchEndpoint::send_segments", |endpoint| endpoint.send_segments(b"segments", 3).map(drop)),
    ("UdpBatchEndpoint::send_segments_to", |endpoint| {
        endpoint.send_segments_to(b"segments", 3, endpoint.peer_addr().unwrap()).map(drop)
    }),
];

static SENDS: &[(&str, Call)] = &[
    ("UdpEndpoint::send", |endpoint| endpoint.send("x")),
    ("UdpEndpoint::send_to", |endpoint| endpoint.send_to("x", endpoint.peer_addr().unwrap())),
    ("UdpEndpoint::send_batch", |endpoint| {
        let mut batch = endpoint.batch();
        batch.push("x")?;
        endpoint.send_batch(&mut batch).map(drop)
    }),
    ("UdpEndpoint::send_segments", |endpoint| endpoint.send_segments(b"segments", 3).map(drop)),
    ("UdpEndpoint::send_segments_to", |endpoint| {
        endpoint.send_segments_to(b"segments", 3, endpoint.peer_addr().unwrap()).map(drop)
    }),
    ("UdpEndpoint::request", |endpoint| endpoint.request("x").map(drop)),
    ("UdpEndpoint::request_to", |endpoint| endpoint.request_to("x", endpoint.peer_addr().unwrap()).map(drop)),
];

pub fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for &(name, has_timeout, call) in NAMED {
        for (condition, limits) in [
            ("Silent name server, WriteTimeout", Some(TimeLimit::WriteTimeout)),
            ("Silent name server, Deadline", Some(TimeLimit::Deadline)),
            ("CancelledBefore, Token", None),
            ("CancelledDuring, Token", None),
        ] {
            if limits == Some(TimeLimit::WriteTimeout) && !has_timeout {
                continue;
            }
            let is_before = condition.starts_with("CancelledBefore");
            cells.push(Cell::new(name, condition, move || by_name(call, limits, is_before)));
        }
    }
    for &(name, call) in SENDS {
        cells.push(Cell::new(name, "CancelledBefore, Token", move || cancelled(call)));
    }
    for &(name, call) in BATCH_SENDS {
        cells.push(Cell::new(name, "CancelledBefore, Token", move || cancelled_batch(call)));
    }
    cells.push(Cell::new("UdpEndpoint::reply", "CancelledBefore, Token", || cancelled_reply(false)));
    cells.push(Cell::new("UdpBatchEndpoint::reply", "CancelledBefore, Token", || cancelled_reply(true)));
    for name in ["UdpBuilder::connect", "UdpBuilder::bind_and_connect", "UdpBuilder::bind"] {
        cells
            .push(Cell::new(name, "Silent name server, Timeout of the resolver", move || setup(name, false)));
        cells.push(Cell::new(name, "CancelledDuring, Token", move || setup(name, true)));
    }
    cells
}

fn by_name(call: Call, limit: Option<TimeLimit>, is_before: bool) -> Verdict {
    let server = SilentPort::bind();
    let resolver = lost_resolver(&server).build();
    let token = CancelToken::new().unwrap();
    let mut builder = UdpEndpoint::builder().resolver(&resolver);
    if limit.is_none() {
        builder = builder.cancel_token(&token);
    }
    let endpoint = builder.bind("127.0.0.1:0").unwrap();
    let entered = Entered::new();
    let (watch, result) = std::thread::scope(|scope| {
        if is_before {
            token.cancel();
        }
        scope.spawn(|| {
            if limit.is_none() && !is_before {
                entered.wait();
                token.cancel();
            }
        });
        let due = Instant::now() + LIMIT;
        match limit {
            Some(TimeLimit::Deadline) => endpoint.set_deadline(due),
            Some(_) => endpoint.set_write_timeout(LIMIT),
            None => {}
        }
        let watch = match limit {
            Some(TimeLimit::Deadline) => Watch::of_deadline(due),
            _ => Watch::of_timeout(LIMIT),
        };
        entered.enter();
        (watch, call(&endpoint))
    });
    watch.judge(limit.map_or(Expected::Cancelled, Expected::TimedOut), &result)
}

fn cancelled(call: Call) -> Verdict {
    let peer = SilentPort::bind();
    let token = CancelToken::new().unwrap();
    let endpoint = UdpEndpoint::builder().cancel_token(&token).connect(peer.address()).unwrap();
    token.cancel();
    let watch = Watch::of_timeout(LIMIT);
    watch.judge(Expected::Cancelled, &call(&endpoint))
}

fn cancelled_batch(call: BatchCall) -> Verdict {
    let peer = SilentPort::bind();
    let token = CancelToken::new().unwrap();
    let endpoint = UdpEndpoint::builder().cancel_token(&token).connect(peer.address()).unwrap();
    token.cancel();
    let watch = Watch::of_timeout(LIMIT);
    watch.judge(Expected::Cancelled, &call(&UdpBatchEndpoint::new(endpoint)))
}

fn cancelled_reply(is_batch: bool) -> Verdict {
    let token = CancelToken::new().unwrap();
    let endpoint = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0").unwrap();
    SilentPort::bind().socket().send_to(b"query", endpoint.local_addr()).unwrap();
    let query = endpoint.recv_timeout(LATEST).map_err(|error| error.to_string())?;
    token.cancel();
    let watch = Watch::of_timeout(LIMIT);
    let result = match is_batch {
        true => UdpBatchEndpoint::new(endpoint).reply(&query, "x"),
        false => endpoint.reply(&query, "x"),
    };
    watch.judge(Expected::Cancelled, &result)
}

/// Binding and connecting by name, which the timeout of the resolver or the token ends.
fn setup(name: &str, is_cancelled: bool) -> Verdict {
    let server = SilentPort::bind();
    let resolver = lost_resolver(&server);
    let resolver = if is_cancelled { resolver } else { resolver.timeout(LIMIT) }.build();
    let token = CancelToken::new().unwrap();
    let builder = UdpEndpoint::builder().resolver(&resolver).cancel_token(&token);
    let entered = Entered::new();
    let (watch, result) = std::thread::scope(|scope| {
        scope.spawn(|| {
            if is_cancelled {
                entered.wait();
                token.cancel();
            }
        });
        let watch = Watch::of_timeout(LIMIT);
        entered.enter();
        let result = match name {
            "UdpBuilder::connect" => builder.connect(("name.test", 9)),
            "UdpBuilder::bind" => builder.bind(("name.test", 9)),
            _ => builder.bind_and_connect("127.0.0.1:0", ("name.test", 9)),
        };
        (watch, result)
    });
    let expected = if is_cancelled { Expected::Cancelled } else { Expected::TimedOut(TimeLimit::Timeout) };
    watch.judge(expected, &result)
}

#[test]
fn calls_that_send_datagrams_end_by_their_limit() {
    table::run("datagrams sent", all());
}
