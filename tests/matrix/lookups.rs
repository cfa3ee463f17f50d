//! Cells of lookups.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use socketry::broadcast::BroadcastBuilder;
use socketry::dns::ResolverBuilder;
use socketry::error::TimeLimit;
use socketry::{CancelToken, Error, Resolver, TcpClient};

use crate::blocked::Entered;
use crate::kit::hostile::{DatagramFlood, SilentPort};
use crate::table::{self, Cell, Expected, LIMIT, OTHER_LIMIT, Verdict, Watch};
use crate::udp_sends::lost_resolver;

type Call = fn(&Resolver) -> Result<(), Error>;

static ROWS: &[(&str, Call)] = &[
    ("Resolver::lookup", |resolver| resolver.lookup("name.test").map(drop)),
    ("Resolver::lookup_addr", |resolver| resolver.lookup_addr([192, 0, 2, 1]).map(drop)),
    ("Resolver::lookup_socket_addrs", |resolver| resolver.lookup_socket_addrs(("name.test", 9)).map(drop)),
    ("Resolver::gethostbyname", |resolver| resolver.gethostbyname("name.test").map(drop)),
    ("Resolver::lookup_mx", |resolver| resolver.lookup_mx("name.test").map(drop)),
    ("Resolver::lookup_records", |resolver| resolver.lookup_records("name.test", 65).map(drop)),
    ("Resolver::lookup_txt", |resolver| resolver.lookup_txt("name.test").map(drop)),
    ("Resolver::lookup_srv", |resolver| resolver.lookup_srv("_x._tcp.name.test").map(drop)),
    ("BroadcastBuilder::to_host", |resolver| {
        BroadcastBuilder::default().to_host("name.test", resolver).map(drop)
    }),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Silent,
    /// Many queries, none of which is answered.
    ManyAttempts,
    /// Replies to other queries, without end.
    Flood,
    /// A server that accepts over TCP, and sends nothing.
    SilentTcp,
    /// A server that sends a reply over TCP one byte at a time.
    DripTcp,
    /// Another thread waits for the same answer.
    Rival,
    CancelledBefore,
    CancelledDuring,
    CancelledInFlood,
}

/// A name server that answers a query with bytes that belong to another one, without end.
struct Flood {
    _flood: DatagramFlood,
}

impl Flood {
    /// Waits for a query, and answers from then on.
    fn of(socket: &UdpSocket) -> Option<Flood> {
        let mut query = [0; 600];
        // On a busy machine, the lookup may end before it sends a query.
        socket.set_read_timeout(Some(LIMIT * 4)).unwrap();
        let (length, from) = socket.recv_from(&mut query).ok()?;
        query[0] ^= 0x5A;
        // It is a response.
        query[2] |= 0x80;
        Some(Flood { _flood: DatagramFlood::start_from(socket, from, &query[..length]) })
    }
}

/// A name server over TCP that sends one byte of a long reply at a time, until the client closes.
fn dripping_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let _ = stream.read(&mut [0; 600]);
        // The length is 65,535 bytes, of which 3,000 follow, in a minute.
        let _ = stream.write_all(&[0xFF, 0xFF]);
        for _ in 0..3_000 {
            if stream.write_all(&[0]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    address
}

pub fn all() -> Vec<Cell> {
    use Condition::*;
    let all = [
        Silent,
        ManyAttempts,
        Flood,
        SilentTcp,
        DripTcp,
        Rival,
        CancelledBefore,
        CancelledDuring,
        CancelledInFlood,
    ];
    let mut cells = Vec::new();
    for &(name, call) in ROWS {
        for condition in all {
            cells.push(Cell::new(name, format!("{condition:?}"), move || run(call, condition)));
        }
    }
    cells.push(Cell::new("TcpClient::connect by name", "Rival", || other_limit(false)));
    cells.push(Cell::new("TcpClient::connect by name", "Silent", || other_limit(true)));
    cells
}

fn over_tcp(address: SocketAddr) -> ResolverBuilder {
    Resolver::builder()
        .use_hosts(false)
        .resolv_conf("/nowhere/resolv.conf")
        .server(&address.to_string())
        .unwrap()
        .use_tcp(true)
        .query_timeout(OTHER_LIMIT)
}

fn run(call: Call, condition: Condition) -> Verdict {
    use Condition::*;
    let silent = SilentPort::bind();
    let silent_tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let is_cancelled = matches!(condition, CancelledBefore | CancelledDuring | CancelledInFlood);
    let floods = matches!(condition, Flood | CancelledInFlood);
    let builder = match condition {
        SilentTcp => over_tcp(silent_tcp.local_addr().unwrap()),
        DripTcp => over_tcp(dripping_server()),
        ManyAttempts => lost_resolver(&silent).query_timeout(Duration::from_millis(5)).attempts(100),
        _ => lost_resolver(&silent),
    };
    let token = CancelToken::new().unwrap();
    let builder = if is_cancelled { builder.cancel_token(&token) } else { builder };
    let resolver = builder.timeout(if is_cancelled { OTHER_LIMIT } else { LIMIT }).build();
    let rival = (condition == Rival).then(|| {
        let resolver = resolver.clone();
        std::thread::spawn(move || {
            let watch = Watch::of_timeout(LIMIT);
            watch.judge(Expected::TimedOut(TimeLimit::Timeout), &call(&resolver))
        })
    });
    if condition == CancelledBefore {
        token.cancel();
    }
    let entered = Entered::new();
    let (watch, result) = std::thread::scope(|scope| {
        let (entered, token, silent) = (&entered, &token, &silent);
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            let _flood = floods.then(|| self::Flood::of(&silent.socket()));
            match condition {
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
            }
            let _ = is_over.recv();
        });
        let watch = Watch::of_timeout(LIMIT);
        entered.enter();
        let result = call(&resolver);
        drop(over);
        (watch, result)
    });
    let expected = if is_cancelled { Expected::Cancelled } else { Expected::TimedOut(TimeLimit::Timeout) };
    watch.judge(expected, &result)?;
    rival.map_or(Ok(()), |rival| rival.join().unwrap_or_else(|_| Err("the other thread panicked".to_owned())))
}

/// A lookup for a client, whose limit is another than that of the resolver; alone, or while another
/// thread waits for the same answer until the limit of the resolver.
fn other_limit(is_alone: bool) -> Verdict {
    let silent = SilentPort::bind();
    let token = CancelToken::new().unwrap();
    let resolver = lost_resolver(&silent).cancel_token(&token).build();
    let rival = (!is_alone).then(|| {
        let (resolver, entered) = (resolver.clone(), std::sync::Arc::new(Entered::new()));
        let inside = entered.clone();
        let thread = std::thread::spawn(move || {
            inside.enter();
            resolver.lookup("name.test").map(drop)
        });
        entered.wait();
        thread
    });
    let client = TcpClient::builder().resolver(&resolver).connect_timeout(LIMIT).build();
    let watch = Watch::of_timeout(LIMIT);
    let result = client.connect(("name.test", 9)).map(drop);
    let verdict = watch.judge(Expected::TimedOut(TimeLimit::ConnectTimeout), &result);
    token.cancel();
    if let Some(rival) = rival {
        let result = rival.join().map_err(|_| "the other thread panicked".to_owned())?;
        table::ensure(result.as_ref().is_err_and(Error::is_cancelled), || format!("{result:?}"))?;
    }
    verdict
}

#[test]
fn lookups_end_by_their_limit() {
    table::run("lookups", all());
}
