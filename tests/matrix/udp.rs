//! Cells of methods that receive datagrams.

use std::cell::RefCell;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socketry::error::TimeLimit;
use socketry::udp::{RecvBatch, UdpBatchEndpoint};
use socketry::{CancelToken, Error, Retry, UdpEndpoint};

use crate::blocked::Entered;
use crate::kit::PATIENCE;
use crate::kit::hostile::{DatagramFlood, SilentPort};
use crate::reads::{Argument, Takes};
use crate::table::{self, Cell, Expected, LIMIT, OTHER_LIMIT, Verdict, Watch, ensure};

/// An endpoint of either type.
enum Endpoint {
    Single(UdpEndpoint),
    Batch(UdpBatchEndpoint),
}

impl Endpoint {
    fn single(&self) -> &UdpEndpoint {
        let Endpoint::Single(endpoint) = self else { unreachable!() };
        endpoint
    }

    fn batch(&self) -> &UdpBatchEndpoint {
        let Endpoint::Batch(endpoint) = self else { unreachable!() };
        endpoint
    }

    fn local_addr(&self) -> SocketAddr {
        match self {
            Endpoint::Single(endpoint) => endpoint.local_addr(),
            Endpoint::Batch(endpoint) => endpoint.local_addr(),
        }
    }

    fn set_read_timeout(&self, timeout: Duration) {
        match self {
            Endpoint::Single(endpoint) => endpoint.set_read_timeout(timeout),
            Endpoint::Batch(endpoint) => endpoint.set_read_timeout(timeout),
        }
    }

    fn set_deadline(&self, deadline: impl Into<Option<Instant>>) {
        match self {
            Endpoint::Single(endpoint) => endpoint.set_deadline(deadline),
            Endpoint::Batch(endpoint) => endpoint.set_deadline(deadline),
        }
    }

    /// The next datagrams, or none within the timeout.
    fn received(&self, timeout: Duration) -> Result<Vec<Vec<u8>>, Error> {
        match self {
            Endpoint::Single(endpoint) => endpoint.recv_timeout(timeout).map(|got| vec![got.into_bytes()]),
            Endpoint::Batch(endpoint) => {
                let mut batch = RecvBatch::new();
                endpoint.recv_batch_timeout(&mut batch, timeout)?;
                Ok(batch.iter().map(|datagram| datagram.bytes().to_vec()).collect())
            }
        }
    }
}

type Call = fn(&Endpoint, &SilentPort, Argument) -> Result<(), Error>;

/// A method that receives, or waits for a reply.
struct Row {
    name: &'static str,
    takes: Takes,
    /// Whether it waits for a reply of one peer, within the time of its [`Retry`].
    requests: bool,
    is_batch: bool,
    call: Call,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    ReadTimeout,
    Deadline,
    Argument,
    Token,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Silent,
    /// Datagrams of another sender than the peer, without end.
    Flood,
    /// Datagrams of the peer that are no reply, without end.
    UnwantedReplies,
    Rival,
    Shortened,
    Lengthened,
    CancelledBefore,
    CancelledDuring,
    CancelledInFlood,
}

thread_local! {
    static BATCH: RefCell<RecvBatch> = RefCell::new(RecvBatch::new());
}

macro_rules! row {
    ($name:literal, requests, $call:expr) => {
        Row { name: $name, takes: Takes::Timeout, requests: true, is_batch: false, call: $call }
    };
    ($name:literal, $takes:ident, batch, $call:expr) => {
        Row { name: $name, takes: Takes::$takes, requests: false, is_batch: true, call: $call }
    };
    ($name:literal, $takes:ident, $call:expr) => {
        Row { name: $name, takes: Takes::$takes, requests: false, is_batch: false, call: $call }
    };
}

static ROWS: &[Row] = &[
    row!("UdpEndpoint::recv", Nothing, |endpoint, _, _| endpoint.single().recv().map(drop)),
    row!("UdpEndpoint::recv_into", Nothing, |endpoint, _, _| endpoint
        .single()
        .recv_into(&mut [0; 99])
        .map(drop)),
    row!("UdpEndpoint::peek", Nothing, |endpoint, _, _| endpoint.single().peek().map(drop)),
    row!("UdpEndpoint::peek_into", Nothing, |endpoint, _, _| endpoint
        .single()
        .peek_into(&mut [0; 99])
        .map(drop)),
    row!("UdpBatchEndpoint::recv_batch", Nothing, batch, |endpoint, _, _| {
        BATCH.with_borrow_mut(|batch| endpoint.batch().recv_batch(batch).map(drop))
    }),
    row!("UdpEndpoint::recv_timeout", Timeout, |endpoint, _, argument| {
        let Argument::Timeout(timeout) = argument else { unreachable!() };
        endpoint.single().recv_timeout(timeout).map(drop)
    }),
    row!("UdpBatchEndpoint::recv_batch_timeout", Timeout, batch, |endpoint, _, argument| {
        let Argument::Timeout(timeout) = argument else { unreachable!() };
        BATCH.with_borrow_mut(|batch| endpoint.batch().recv_batch_timeout(batch, timeout).map(drop))
    }),
    row!("UdpEndpoint::recv_deadline", Deadline, |endpoint, _, argument| {
        let Argument::Deadline(deadline) = argument else { unreachable!() };
        endpoint.single().recv_deadline(deadline).map(drop)
    }),
    row!("UdpBatchEndpoint::recv_batch_deadline", Deadline, batch, |endpoint, _, argument| {
        let Argument::Deadline(deadline) = argument else { unreachable!() };
        BATCH.with_borrow_mut(|batch| endpoint.batch().recv_batch_deadline(batch, deadline).map(drop))
    }),
    row!("UdpEndpoint::request_with", requests, |endpoint, peer, argument| {
        let Argument::Timeout(timeout) = argument else { unreachable!() };
        let accept = |reply: &socketry::Datagram| reply.bytes() == b"reply";
        endpoint.single().request_with("query", peer.address(), &Retry::single(timeout), accept).map(drop)
    }),
    row!("UdpEndpoint::request_with, three attempts", requests, |endpoint, peer, argument| {
        let Argument::Timeout(timeout) = argument else { unreachable!() };
        let retry = Retry::new().attempts(3).initial_delay(timeout / 3).multiplier(1.0).jitter(0.0);
        let accept = |reply: &socketry::Datagram| reply.bytes() == b"reply";
        endpoint.single().request_with("query", peer.address(), &retry, accept).map(drop)
    }),
];

pub fn all() -> Vec<Cell> {
    use Condition::*;
    let mut cells = Vec::new();
    for row in ROWS {
        let own = if row.takes == Takes::Nothing { Form::ReadTimeout } else { Form::Argument };
        for form in [own, Form::Deadline, Form::Token] {
            let conditions: &[Condition] = match form {
                Form::Token => &[CancelledBefore, CancelledDuring, CancelledInFlood],
                _ => &[Silent, Flood, UnwantedReplies, Rival, Shortened, Lengthened],
            };
            for &condition in conditions {
                let floods = matches!(condition, Flood | UnwantedReplies | CancelledInFlood);
                // Methods that receive anything have no unwanted input.
                if floods && !row.requests {
                    continue;
                }
                let name = format!("{condition:?}, {form:?}");
                cells.push(Cell::new(row.name, name, move || run(row, form, condition)));
            }
        }
    }
    cells
}

fn run(row: &'static Row, form: Form, condition: Condition) -> Verdict {
    use Condition::*;
    let token = CancelToken::new().unwrap();
    let mut builder = UdpEndpoint::builder();
    if form == Form::Token {
        builder = builder.cancel_token(&token);
    }
    let endpoint = builder.bind("127.0.0.1:0").unwrap();
    let endpoint = Arc::new(match row.is_batch {
        true => Endpoint::Batch(UdpBatchEndpoint::new(endpoint)),
        false => Endpoint::Single(endpoint),
    });
    let peer = Arc::new(SilentPort::bind());
    let flood = match condition {
        Flood | CancelledInFlood => Some(DatagramFlood::start(endpoint.local_addr(), b"other")),
        UnwantedReplies => {
            Some(DatagramFlood::start_from(&peer.socket(), endpoint.local_addr(), b"no reply"))
        }
        _ => None,
    };
    let rival = (condition == Rival).then(|| {
        endpoint.set_read_timeout(OTHER_LIMIT);
        let inside = Arc::new(Entered::new());
        let (endpoint, peer) = (endpoint.clone(), peer.clone());
        let mine = inside.clone();
        let thread = std::thread::spawn(move || {
            mine.enter();
            (row.call)(&endpoint, &peer, argument(row, OTHER_LIMIT, Instant::now() + OTHER_LIMIT))
        });
        inside.wait();
        thread
    });
    if condition == CancelledBefore {
        token.cancel();
    }
    let entered = Entered::new();
    let (watch, result) = std::thread::scope(|scope| {
        let (entered, endpoint, token, peer) = (&entered, &endpoint, &token, &peer);
        scope.spawn(move || match condition {
            Shortened => {
                entered.wait();
                endpoint.set_read_timeout(Duration::ZERO);
                endpoint.set_deadline(Instant::now());
            }
            Lengthened => {
                entered.wait();
                endpoint.set_read_timeout(OTHER_LIMIT);
                endpoint.set_deadline(Instant::now() + OTHER_LIMIT);
            }
            CancelledDuring => {
                entered.wait();
                token.cancel();
            }
            CancelledInFlood => {
                // A thread that works through a flood does not block.
                std::thread::sleep(LIMIT / 3);
                token.cancel();
            }
            _ => {}
        });
        endpoint.set_read_timeout(OTHER_LIMIT);
        let due = Instant::now() + LIMIT;
        let mut limit = OTHER_LIMIT;
        match form {
            Form::ReadTimeout => endpoint.set_read_timeout(LIMIT),
            Form::Deadline => endpoint.set_deadline(due),
            Form::Argument => limit = LIMIT,
            Form::Token => {}
        }
        let is_deadline = form == Form::Deadline || (form == Form::Argument && row.takes == Takes::Deadline);
        let watch = if is_deadline { Watch::of_deadline(due) } else { Watch::of_timeout(LIMIT) };
        let of_call = if form == Form::Argument { due } else { due + OTHER_LIMIT };
        entered.enter();
        (watch, (row.call)(endpoint, peer, argument(row, limit, of_call)))
    });
    let expected = match form {
        Form::Token => Expected::Cancelled,
        Form::ReadTimeout => Expected::TimedOut(TimeLimit::ReadTimeout),
        Form::Argument if row.takes != Takes::Deadline => Expected::TimedOut(TimeLimit::Timeout),
        Form::Argument | Form::Deadline => Expected::TimedOut(TimeLimit::Deadline),
    };
    watch.judge(expected, &result)?;
    drop(flood);
    if form == Form::Token {
        return Ok(());
    }
    endpoint.set_deadline(None);
    arrives(&endpoint, &peer.socket(), rival)
}

fn argument(row: &Row, timeout: Duration, deadline: Instant) -> Argument {
    match row.takes {
        Takes::Nothing => Argument::None,
        Takes::Timeout => Argument::Timeout(timeout),
        Takes::Deadline => Argument::Deadline(deadline),
    }
}

/// A datagram that is sent afterwards arrives: at the other thread, or at the next call.
fn arrives(
    endpoint: &Endpoint,
    peer: &UdpSocket,
    rival: Option<std::thread::JoinHandle<Result<(), Error>>>,
) -> Verdict {
    if rival.is_none() {
        // A full receive buffer would drop it.
        while endpoint.received(Duration::ZERO).is_ok() {}
    }
    peer.send_to(b"reply", endpoint.local_addr()).unwrap();
    if let Some(rival) = rival {
        let result = rival.join().map_err(|_| "the other thread panicked".to_owned())?;
        return ensure(result.is_ok(), || format!("the other thread: {result:?}"));
    }
    let rest = endpoint.received(PATIENCE).map_err(|error| format!("the rest: {error}"))?;
    ensure(rest == [b"reply"], || format!("the rest: {rest:?}"))
}

#[test]
fn calls_that_receive_datagrams_end_by_their_limit() {
    table::run("datagrams received", all());
}
