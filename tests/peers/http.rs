//! `ab`, `wrk` and `slowhttptest`, against a server of HTTP with keep-alive.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use socketry::frame::Delimited;
use socketry::process::{self, Workers};
use socketry::tcp::{HandlerResult, ServerHandle};
use socketry::{TcpConnection, TcpServer};

use super::kit::{PATIENCE, eventually, kind, needs, this_test};
use super::{Serving, output_of, server};

/// Answers requests until the client or a shutdown ends the connection.
fn serve(connection: &TcpConnection) -> HandlerResult {
    let mut input = BufReader::new(connection);
    loop {
        let (mut head, mut length, mut is_last) = (String::new(), 0, false);
        while !head.ends_with("\r\n\r\n") {
            let begin = head.len();
            if input.read_line(&mut head)? == 0 {
                return Ok(());
            }
            let field = head[begin..].trim_end().to_ascii_lowercase();
            length = field.strip_prefix("content-length: ").map_or(Ok(length), str::parse)?;
            is_last |= field == "connection: close" || field.ends_with("http/1.0");
            is_last &= field != "connection: keep-alive";
        }
        std::io::copy(&mut input.by_ref().take(length), &mut std::io::sink())?;
        is_last |= connection.is_shutting_down();
        let version = head.lines().next().and_then(|line| line.rsplit(' ').next()).unwrap_or("HTTP/1.1");
        let keep = if is_last { "close" } else { "keep-alive" };
        connection.send(format!("{version} 200 OK\r\nContent-Length: 2\r\nConnection: {keep}\r\n\r\nok"))?;
        if is_last {
            return Ok(());
        }
    }
}

#[test]
#[ignore = "a part of the tests below, which run it in worker processes"]
fn part_of_worker() {
    assert_eq!(kind(), "worker");
    let worker = process::worker().unwrap().expect("the role of a worker");
    worker.server(server()).unwrap().serve(|connection| serve(&connection)).unwrap();
}

/// Two workers, each of which is replaced three times while `load` runs against them. Returns what it
/// prints.
fn restarted_under(load: impl FnOnce(&str) -> Command) -> String {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let workers = Workers::with_command(2, |_| this_test(part_of_worker, "worker"));
    let serving = std::thread::spawn(move || server.serve_workers(workers).unwrap());
    eventually("both workers run", || handle.workers().len() == 2);
    let url = format!("http://127.0.0.1:{}/", handle.local_addr().port());
    let mut command = load(&url);
    let loading = std::thread::spawn(move || output_of(&mut command));
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..3 {
        let began = Instant::now();
        handle.restart_workers(Duration::from_secs(10)).unwrap();
        assert!(began.elapsed() < Duration::from_secs(10), "idle connections do not use the timeout up");
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(!loading.is_finished(), "the load has ended before the last restart");
    let text = loading.join().unwrap();
    let report = handle.shutdown(PATIENCE);
    serving.join().unwrap();
    assert_eq!((report.aborted, report.failed, report.crashed), (0, 0, 0), "{report}");
    text
}

#[test]
fn restarts_fail_no_request_of_ab_with_keep_alive() {
    if !needs("ab") {
        return;
    }
    let text = restarted_under(|url| {
        let mut command = Command::new("ab");
        command.args(["-k", "-q", "-c", "50", "-t", "8", "-n", "100000000", url]);
        command
    });
    let line =
        |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}"));
    println!("{}\n{}\n{}", line("Complete requests"), line("Failed requests"), line("Keep-Alive requests"));
    assert_eq!(line("Failed requests").split_whitespace().last(), Some("0"), "{text}");
}

#[test]
fn restarts_fail_no_request_of_wrk() {
    if !needs("wrk") {
        return;
    }
    let text = restarted_under(|url| {
        let mut command = Command::new("wrk");
        command.args(["-t", "2", "-c", "50", "-d", "8", url]);
        command
    });
    println!("{text}");
    assert!(text.contains(" requests in "), "{text}");
    assert!(!text.contains("Socket errors") && !text.contains("Non-2xx"), "{text}");
}

/// The worst time of a client that asks while `attack` runs.
fn worst_answer_during(handle: &ServerHandle, attack: &[&str]) -> Duration {
    let url = format!("http://127.0.0.1:{}/", handle.local_addr().port());
    let mut command = Command::new("slowhttptest");
    command.args(attack).args(["-c", "250", "-r", "250", "-l", "5", "-u", &url]).stdout(Stdio::null());
    let is_over = AtomicBool::new(false);
    let worst = std::thread::scope(|scope| {
        let attacking = scope.spawn(|| {
            let status = command.status();
            is_over.store(true, Ordering::SeqCst);
            status.unwrap()
        });
        let mut worst = Duration::ZERO;
        let mut count = 0;
        while !is_over.load(Ordering::SeqCst) {
            let began = Instant::now();
            let mut client = TcpStream::connect(handle.local_addr()).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.ends_with("\r\n\r\nok") || answer.len() > LARGE, "{answer:?}");
            worst = worst.max(began.elapsed());
            count += 1;
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(attacking.join().unwrap().success() && count > 100, "{count} answers");
        worst
    });
    let counters = handle.counters();
    assert!(counters.accepted > 250, "the attack has not reached the server: {counters:?}");
    handle.shutdown(Duration::from_secs(1));
    worst
}

/// How long a reply is that fills the buffers of a peer that does not read.
const LARGE: usize = 100_000;

/// Requests that are answered by two threads, each with a large reply.
fn serve_large_replies() -> ServerHandle {
    let server = server().threads(2).send_buffer_size(16 * 1024).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    std::thread::spawn(move || {
        // The delimiter of a reply is the end of its body.
        let head = format!("HTTP/1.1 200 OK\nContent-Length: {}\n\n", LARGE + 4);
        let reply = [head.into_bytes(), vec![b'x'; LARGE]].concat();
        let framing = Delimited::new("\r\n\r\n").max_length(2 * LARGE);
        server.serve_requests(framing, move |request| {
            if request.frame().ends_with(b"Connection: close") {
                request.close();
            }
            Ok(request.reply(&reply[..])?)
        })
    });
    handle
}

#[test]
fn good_clients_are_served_during_slow_attacks() {
    if !needs("slowhttptest") {
        return;
    }
    for (name, attack) in [
        ("slow head", &["-H", "-i", "1"][..]),
        ("slow body", &["-B", "-i", "1"]),
        ("slow read", &["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "10"]),
    ] {
        let serving = Serving::start(server(), serve);
        let worst = worst_answer_during(&serving.handle, attack);
        println!("{name}: the worst answer took {worst:?}");
        assert!(worst < Duration::from_secs(2), "{name}: {worst:?}");
    }
}

/// A peer that does not read its reply holds no thread of a server of requests, of which there are two.
#[test]
fn slow_readers_hold_no_thread_of_a_request_server() {
    if !needs("slowhttptest") {
        return;
    }
    let handle = serve_large_replies();
    let worst = worst_answer_during(&handle, &["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "10"]);
    println!("slow read of large replies: the worst answer took {worst:?}");
    assert!(worst < Duration::from_millis(500), "{worst:?}");
}
