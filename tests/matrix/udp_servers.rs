//! Cells of UDP servers.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use socketry::error::TimeLimit;
use socketry::udp::{UdpServer, UdpServerHandle, UdpShutdownReport};
use socketry::{CancelToken, Error, UdpEndpoint};

use crate::blocked::Entered;
use crate::kit::eventually;
use crate::kit::hostile::DatagramFlood;
use crate::table::{self, Cell, Expected, LATEST, LIMIT, Verdict, Watch, ensure};

pub fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for condition in ["Idle, shutdown", "Handler that does not return, shutdown", "Flood, shutdown"] {
        for (name, of_handle) in [("UdpServer::serve", false), ("UdpServerHandle::shutdown", true)] {
            cells.push(Cell::new(name, condition, move || shut_down(condition, of_handle)));
        }
    }
    for when in ["CancelledBefore", "CancelledDuring"] {
        let name = format!("Idle, {when}");
        cells.push(Cell::new("UdpServer::serve", name, move || cancel_serving(when == "CancelledBefore")));
    }
    for is_serving in [false, true] {
        let condition = if is_serving { "Serving" } else { "NotServed" };
        cells.push(Cell::new("UdpServerHandle::wait_timeout", condition, move || {
            let wait: fn(&UdpServerHandle, Instant) -> _ = |handle, _| handle.wait_timeout(LIMIT);
            wait_for_end(is_serving, false, wait)
        }));
        cells.push(Cell::new("UdpServerHandle::wait_deadline", condition, move || {
            wait_for_end(is_serving, true, |handle, due| handle.wait_deadline(due))
        }));
    }
    cells.push(Cell::new("UdpServerHandle::wait", "Shutdown during", wait_for_shutdown));
    cells
}

fn shut_down(condition: &'static str, of_handle: bool) -> Verdict {
    let server = UdpServer::bind("127.0.0.1:0").unwrap().threads(2);
    let handle = server.handle();
    let flood = condition.starts_with("Flood").then(|| DatagramFlood::start(handle.local_addr(), b"flood"));
    let is_held = condition.starts_with("Handler");
    let (sender, served) = channel();
    std::thread::spawn(move || {
        let _ = sender.send(server.serve(move |_| {
            if is_held {
                std::thread::sleep(LATEST * 2);
            }
            Ok(())
        }));
    });
    if is_held {
        UdpEndpoint::connect(handle.local_addr()).unwrap().send("a request").unwrap();
    }
    if is_held || flood.is_some() {
        eventually("a request is handled", || handle.counters().requests > 0);
    }
    let began = Instant::now();
    let report = handle.shutdown(LIMIT);
    let took = began.elapsed();
    ensure(took < LIMIT + LATEST / 2, || format!("the shutdown took {took:?}: {report:?}"))?;
    ensure(!is_held || took >= LIMIT, || format!("the shutdown took {took:?}: {report:?}"))?;
    ensure(report.unfinished == u64::from(is_held), || format!("{report:?}"))?;
    if of_handle {
        return Ok(());
    }
    let result = served.recv_timeout(LATEST).map_err(|_| "serve does not return".to_owned())?;
    ensure(result.as_ref().is_ok_and(|served| *served == report), || format!("{result:?}"))
}

/// The token of the endpoint ends the server.
fn cancel_serving(is_before: bool) -> Verdict {
    let token = CancelToken::new().unwrap();
    let endpoint = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0").unwrap();
    let server = UdpServer::new(endpoint).unwrap();
    if is_before {
        token.cancel();
    }
    let entered = Entered::new();
    let watch = Watch::of_timeout(LIMIT);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            entered.wait();
            token.cancel();
        });
        entered.enter();
        server.serve(|_| Ok(())).map(drop)
    });
    watch.judge(Expected::Success, &result)
}

fn wait_for_end(
    is_serving: bool,
    is_deadline: bool,
    wait: fn(&UdpServerHandle, Instant) -> Result<UdpShutdownReport, Error>,
) -> Verdict {
    let server = UdpServer::bind("127.0.0.1:0").unwrap();
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

/// Without a limit of its own, it ends with the server.
fn wait_for_shutdown() -> Verdict {
    let server = UdpServer::bind("127.0.0.1:0").unwrap();
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
        handle.wait();
        watch.judge(Expected::Success, &Ok(()))
    })
}

#[test]
fn udp_servers_end_by_their_limit() {
    table::run("udp servers", all());
}
