//! Cells of methods that accept connections.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use socketry::error::TimeLimit;
use socketry::{CancelToken, Error, TcpServer};

use crate::blocked::Entered;
use crate::kit::client_of;
use crate::reads::{Argument, Takes};
use crate::table::{self, Cell, Expected, LATEST, LIMIT, OTHER_LIMIT, Verdict, Watch, ensure};

type Accept = fn(&TcpServer, Argument) -> Result<(), Error>;

static ACCEPTS: &[(&str, Takes, Accept)] = &[
    ("TcpServer::accept", Takes::Nothing, |server, _| server.accept().map(drop)),
    ("Incoming as Iterator::next", Takes::Nothing, |server, _| match server.incoming().next() {
        // It ends instead of an error.
        None => Err(server.accept().unwrap_err()),
        Some(result) => result.map(drop),
    }),
    ("TcpServer::accept_timeout", Takes::Timeout, |server, argument| {
        let Argument::Timeout(timeout) = argument else { unreachable!() };
        server.accept_timeout(timeout).map(drop)
    }),
    ("TcpServer::accept_deadline", Takes::Deadline, |server, argument| {
        let Argument::Deadline(deadline) = argument else { unreachable!() };
        server.accept_deadline(deadline).map(drop)
    }),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    NoClient,
    /// Clients that are over a limit of the server, and are refused, without end.
    RefusedClients,
    /// Another thread accepts, with a later limit.
    Rival,
    CancelledBefore,
    CancelledDuring,
    ShutdownDuring,
}

pub fn all() -> Vec<Cell> {
    use Condition::*;
    let mut cells = Vec::new();
    for &(name, takes, call) in ACCEPTS {
        for condition in [NoClient, RefusedClients, Rival, CancelledBefore, CancelledDuring, ShutdownDuring] {
            if takes == Takes::Nothing && matches!(condition, NoClient | RefusedClients | Rival) {
                continue;
            }
            cells.push(Cell::new(name, format!("{condition:?}"), move || accept(takes, call, condition)));
        }
    }
    cells
}

fn accept(takes: Takes, call: Accept, condition: Condition) -> Verdict {
    use Condition::*;
    let token = CancelToken::new().unwrap();
    let builder = TcpServer::builder().cancel_token(&token).max_connections_per_peer(1);
    let server = Arc::new(builder.bind("127.0.0.1:0").unwrap());
    let address = server.local_addr();
    // The one connection that the peer may have.
    let held = (condition == RefusedClients).then(|| (client_of(address), server.accept().unwrap()));
    let rival = (condition == Rival).then(|| {
        let (server, entered) = (server.clone(), Arc::new(Entered::new()));
        let inside = entered.clone();
        let thread = std::thread::spawn(move || {
            inside.enter();
            server.accept().map(drop)
        });
        entered.wait();
        thread
    });
    if condition == CancelledBefore {
        token.cancel();
    }
    let entered = Entered::new();
    let (over, is_over) = channel::<()>();
    let is_limited = matches!(condition, NoClient | RefusedClients | Rival);
    let (watch, result) = std::thread::scope(|scope| {
        let (entered, token, server) = (&entered, &token, &server);
        scope.spawn(move || {
            if matches!(condition, CancelledDuring | ShutdownDuring) {
                entered.wait();
            }
            match condition {
                CancelledDuring => token.cancel(),
                ShutdownDuring => server.handle().begin_shutdown(Duration::ZERO),
                _ => {}
            }
            while condition == RefusedClients
                && is_over.try_recv().is_err_and(|error| error == std::sync::mpsc::TryRecvError::Empty)
            {
                let _ = std::net::TcpStream::connect_timeout(&address, LIMIT);
            }
        });
        let due = Instant::now() + LIMIT;
        let limit = if is_limited { LIMIT } else { OTHER_LIMIT };
        let watch = match takes {
            Takes::Deadline => Watch::of_deadline(due),
            _ => Watch::of_timeout(LIMIT),
        };
        let argument = match takes {
            Takes::Nothing => Argument::None,
            Takes::Timeout => Argument::Timeout(limit),
            Takes::Deadline if is_limited => Argument::Deadline(due),
            Takes::Deadline => Argument::Deadline(due + OTHER_LIMIT),
        };
        entered.enter();
        let result = call(server, argument);
        drop(over);
        (watch, result)
    });
    watch.judge(
        match takes {
            _ if !is_limited => Expected::Cancelled,
            Takes::Deadline => Expected::TimedOut(TimeLimit::Deadline),
            _ => Expected::TimedOut(TimeLimit::Timeout),
        },
        &result,
    )?;
    drop(held);
    if !is_limited {
        return Ok(());
    }
    // A client that comes afterwards is accepted.
    if let Some(rival) = rival {
        let _client = client_of(address);
        let result = rival.join().map_err(|_| "the other thread panicked".to_owned())?;
        return ensure(result.is_ok(), || format!("the other thread: {result:?}"));
    }
    let _client = client_of(address);
    server.accept_timeout(LATEST).map(drop).map_err(|error| format!("afterwards: {error}"))
}

#[test]
fn accepts_end_by_their_limit() {
    table::run("accepts", all());
}
