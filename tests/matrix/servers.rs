//! Cells of servers.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use socketry::error::TimeLimit;
use socketry::frame::{LengthPrefixed, Lines};
use socketry::tcp::{HandlerResult, Request, ServerHandle, ShutdownReport};
use socketry::{CancelToken, Encoding, Error, TcpConnection, TcpServer};

use crate::blocked::Entered;
use crate::kit::client_of;
use crate::kit::hostile::{DrippingPeer, SilentPeer};
use crate::stops::message;
use crate::table::{self, Cell, Expected, LATEST, LIMIT, OTHER_LIMIT, Verdict, Watch, ensure};

/// How much longer a shutdown may take than its timeout.
const AFTERWARDS: Duration = Duration::from_millis(200);

/// A way to serve, with a handler that does not return until the channel is closed.
type Serve = fn(TcpServer, fn()) -> Result<ShutdownReport, Error>;

static SERVES: &[(&str, bool, Serve)] = &[
    ("TcpServer::serve", true, |server, block| {
        server.serve(move |_| {
            block();
            Ok(())
        })
    }),
    ("TcpServer::serve_sequential", false, |server, block| {
        server.serve_sequential(move |_| {
            block();
            Ok(())
        })
    }),
    ("TcpServer::serve_requests", true, |server, block| {
        server.serve_requests(Lines::new(Encoding::Utf8), move |_| {
            block();
            Ok(())
        })
    }),
];

/// A handler that does not return within the test.
fn block() {
    std::thread::sleep(LATEST * 2);
}

pub fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for &(name, returns, serve) in SERVES {
        // A sequential server runs the handler in the thread of the call.
        for condition in ["Idle, shutdown", "Handler that does not return, shutdown"] {
            let is_held = condition.starts_with("Handler");
            if returns || !is_held {
                cells.push(Cell::new(name, condition, move || shut_down(serve, is_held, false)));
            }
            let of_handle = format!("{condition}, of {name}");
            cells.push(Cell::new("ServerHandle::shutdown", of_handle, move || {
                shut_down(serve, is_held, true)
            }));
        }
        if returns {
            cells.push(Cell::new(name, "Idle, Token", move || cancel_serving(serve)));
        }
    }
    for is_serving in [false, true] {
        let condition = if is_serving { "Serving" } else { "NoClient" };
        cells.push(Cell::new("ServerHandle::wait_timeout", condition, move || {
            let wait: fn(&ServerHandle, Instant) -> _ = |handle, _| handle.wait_timeout(LIMIT);
            wait_for_end(is_serving, false, wait)
        }));
        cells.push(Cell::new("ServerHandle::wait_deadline", condition, move || {
            wait_for_end(is_serving, true, |handle, due| handle.wait_deadline(due))
        }));
    }
    cells.push(Cell::new(
        "TcpServer as Drop::drop",
        "Another thread in ServerHandle::wait",
        drop_while_awaited,
    ));
    cells.push(Cell::new("TcpServerBuilder::bind", "CancelledBefore, by name", bind_cancelled));
    cells.push(Cell::new("ServerHandle::wait", "Shutdown during", wait_for_shutdown));
    cells.push(Cell::new("Request::reply", "FullBuffers, WriteTimeout", reply_to_full_buffers));
    for condition in ["Silent", "Drip"] {
        cells.push(Cell::new("TcpServer::serve_requests", format!("{condition}, ReadTimeout"), move || {
            unfinished_request(condition == "Drip")
        }));
    }
    cells
}

/// Shuts a server down, and checks when the call that serves or the call that shuts down returns.
fn shut_down(serve: Serve, is_held: bool, of_handle: bool) -> Verdict {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let client = is_held.then(|| client_of(handle.local_addr()));
    let (sender, served) = channel();
    std::thread::spawn(move || {
        let _ = sender.send(serve(server, block).map(drop));
    });
    if let Some(client) = &client {
        client.send("a request\n").unwrap();
        crate::kit::eventually("the connection is served", || handle.counters().accepted > 0);
    }
    let began = Instant::now();
    let report = handle.shutdown(LIMIT);
    let took = began.elapsed();
    let latest = LIMIT + AFTERWARDS + LATEST / 2;
    ensure(took < latest, || format!("the shutdown took {took:?}: {report:?}"))?;
    ensure(!is_held || took >= LIMIT, || format!("the shutdown took {took:?}: {report:?}"))?;
    if of_handle {
        return Ok(());
    }
    let result =
        served.recv_timeout(LATEST).map_err(|_| "the call that serves does not return".to_owned())?;
    ensure(result.is_ok(), || format!("{result:?}"))
}

/// The token of a server shuts it down.
fn cancel_serving(serve: Serve) -> Verdict {
    let token = CancelToken::new().unwrap();
    let builder = TcpServer::builder().cancel_token(&token).shutdown_timeout(LIMIT);
    let server = builder.bind("127.0.0.1:0").unwrap();
    let entered = Entered::new();
    let watch = Watch::of_timeout(LIMIT);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            entered.wait();
            token.cancel();
        });
        entered.enter();
        serve(server, block).map(drop)
    });
    watch.judge(Expected::Success, &result)
}

fn wait_for_end(
    is_serving: bool,
    is_deadline: bool,
    wait: fn(&ServerHandle, Instant) -> Result<ShutdownReport, Error>,
) -> Verdict {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let (serving, idle) = if is_serving { (Some(server), None) } else { (None, Some(server)) };
    let thread = serving.map(|server| std::thread::spawn(move || server.serve(|_| Ok(())).map(drop)));
    let due = Instant::now() + LIMIT;
    let watch = if is_deadline { Watch::of_deadline(due) } else { Watch::of_timeout(LIMIT) };
    let result = wait(&handle, due).map(drop);
    let limit = if is_deadline { TimeLimit::Deadline } else { TimeLimit::Timeout };
    watch.judge(Expected::TimedOut(limit), &result)?;
    handle.begin_shutdown(Duration::ZERO);
    drop(idle);
    thread.map_or(Ok(()), |thread| thread.join().unwrap().map_err(|error| error.to_string()))
}

/// The name has no address, so that a lookup which is not cancelled ends otherwise.
fn bind_cancelled() -> Verdict {
    let token = CancelToken::new().unwrap();
    token.cancel();
    let watch = Watch::of_timeout(LIMIT);
    let result = TcpServer::builder().cancel_token(&token).bind(("name.test", 0)).map(drop);
    watch.judge(Expected::Cancelled, &result)
}

/// A thread that waits for the end of the server does not hold it.
fn drop_while_awaited() -> Verdict {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let (handle, entered) = (server.handle(), Arc::new(Entered::new()));
    let inside = entered.clone();
    let waiting = std::thread::spawn(move || {
        inside.enter();
        handle.wait_timeout(LATEST).map(drop)
    });
    entered.wait();
    let watch = Watch::of_timeout(LIMIT);
    drop(server);
    watch.judge(Expected::Success, &Ok(()))?;
    waiting.join().map(drop).map_err(|_| "the other thread panicked".to_owned())
}

/// Without a limit of its own, it ends with the server.
fn wait_for_shutdown() -> Verdict {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let entered = Entered::new();
    let watch = Watch::of_timeout(LIMIT);
    std::thread::scope(|scope| {
        scope.spawn(|| server.serve(|_| Ok(())).map(drop));
        scope.spawn(|| {
            entered.wait();
            handle.begin_shutdown(LIMIT);
        });
        entered.enter();
        watch.judge(Expected::Success, &Ok(handle.wait()))
    })
}

/// Runs a server of requests for one cell, and returns what the handler sends.
fn requests<T: Send + 'static>(
    builder: socketry::tcp::TcpServerBuilder,
    handler: impl Fn(&mut Request<'_, LengthPrefixed>) -> T + Send + Sync + 'static,
    client: impl FnOnce(TcpConnection) -> TcpConnection,
) -> Result<T, String> {
    let server = builder.bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let (sender, outcomes) = channel();
    let sender = std::sync::Mutex::new(sender);
    let serving = std::thread::spawn(move || {
        let handler = move |request: &mut Request<'_, LengthPrefixed>| -> HandlerResult {
            let outcome = handler(request);
            let _ = sender.lock().unwrap().send(outcome);
            Ok(())
        };
        server.serve_requests(LengthPrefixed::u32().max_length(1 << 26), handler).map(drop)
    });
    let _client = client(client_of(handle.local_addr()));
    let outcome = outcomes.recv_timeout(LATEST * 2).map_err(|_| "the handler has not ended".to_owned());
    handle.begin_shutdown(Duration::ZERO);
    let _ = serving.join();
    outcome
}

/// A client that asks, and does not read the reply.
fn reply_to_full_buffers() -> Verdict {
    let builder = TcpServer::builder().send_buffer_size(4_096).write_timeout(LIMIT);
    let reply = |request: &mut Request<'_, LengthPrefixed>| {
        // More than the receive buffer of the client: it waits, and only the next one blocks.
        request.reply(message().repeat(40)).map_err(|error| error.to_string())?;
        let watch = Watch::of_timeout(LIMIT);
        let result = request.reply(message().repeat(40));
        watch.judge(Expected::TimedOut(TimeLimit::WriteTimeout), &result)
    };
    requests(builder, reply, |client| {
        client.send([0, 0, 0, 1, b'?'].as_slice()).unwrap();
        client
    })?
}

/// A client that does not finish its request is closed when the read timeout ends.
fn unfinished_request(drips: bool) -> Verdict {
    let server = TcpServer::builder().read_timeout(LIMIT).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let address = handle.local_addr();
    let serving =
        std::thread::spawn(move || server.serve_requests(Lines::new(Encoding::Utf8), |_| Ok(())).map(drop));
    let watch = Instant::now();
    let client = client_of(address);
    client.set_read_timeout(LATEST);
    let ended = std::thread::scope(|scope| {
        let (over, is_over) = channel::<()>();
        let client = &client;
        scope.spawn(move || {
            let empty = Err(std::sync::mpsc::RecvTimeoutError::Timeout);
            while drips && is_over.recv_timeout(Duration::from_millis(10)) == empty {
                if client.send("x").is_err() {
                    return;
                }
            }
        });
        let ended = client.recv_to_end(100);
        drop(over);
        ended
    });
    let took = watch.elapsed();
    handle.begin_shutdown(Duration::ZERO);
    let _ = serving.join();
    // A close with unread input is a reset.
    let is_closed = ended.as_ref().map_or_else(|error| !error.is_timeout(), Vec::is_empty);
    ensure(is_closed && took >= LIMIT && took < LATEST, || format!("{ended:?} after {took:?}"))
}

#[test]
fn servers_end_by_their_limit() {
    table::run("servers", all());
}

/// The peers of this crate's tests stop when they are dropped.
#[test]
fn hostile_peers_stop_when_dropped() {
    let began = Instant::now();
    drop((SilentPeer::bind(), DrippingPeer::start(vec![0; 9], OTHER_LIMIT)));
    drop(crate::kit::hostile::SlowReader::start(1, OTHER_LIMIT));
    assert!(began.elapsed() < LATEST);
}
