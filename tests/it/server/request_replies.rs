//! Large replies, many requests and strange bytes: all is answered, in order and once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::obedient::{ask, ms, read_large, serve};
use crate::kit::*;
use socketry::{Encoding, TcpServer};

#[test]
fn large_replies_arrive_before_the_end() {
    for word in ["largebye", "largefail", "largepanic", "large"] {
        let (handle, _serving) = serve(TcpServer::builder().threads(2));
        let mut client = TcpStream::connect(handle.local_addr()).unwrap();
        writeln!(client, "{word} 16000000").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        std::thread::sleep(ms(300));
        read_large(&mut client, 16_000_000);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.len(), 0, "{word}");
        eventually("it is closed", || handle.counters().active == 0);
        handle.shutdown(PATIENCE);
    }
}

#[test]
fn pipelined_requests_of_a_slow_reader_are_answered_in_order() {
    for threads in [1, 2, 0] {
        let builder = TcpServer::builder();
        let builder = if threads > 0 { builder.threads(threads) } else { builder };
        let (handle, serving) = serve(builder);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                let mut client = TcpStream::connect(handle.local_addr()).unwrap();
                let sending = client.try_clone().unwrap();
                scope.spawn(move || {
                    for number in 0..1500 {
                        writeln!(&sending, "large {}", 1 + number * 37 % 30_000).unwrap();
                        if number % 100 == 7 {
                            writeln!(&sending, "many 50").unwrap();
                        }
                    }
                    sending.shutdown(std::net::Shutdown::Write).unwrap();
                });
                scope.spawn(move || {
                    let mut answers =
                        std::io::BufRead::lines(std::io::BufReader::with_capacity(3000, &mut client));
                    let mut next = || answers.next().unwrap().unwrap();
                    for number in 0..1500 {
                        let length = 1 + number * 37 % 30_000;
                        assert_eq!(next().len(), length, "{number}");
                        if number % 100 == 7 {
                            (0..50).for_each(|_| assert_eq!(next().len(), 1000));
                            assert_eq!(next(), "many 50!");
                            std::thread::sleep(ms(10));
                        }
                    }
                    assert!(answers.next().is_none());
                });
            }
        });
        let report = handle.shutdown(PATIENCE);
        assert_eq!((report.failed, report.aborted), (0, 0), "{report}");
        serving.join().unwrap();
    }
}

/// A reply over 64 KiB earlier ones blocks within the write timeout.
#[test]
fn many_replies_block_within_the_write_timeout() {
    let (handle, _serving) = serve(TcpServer::builder().threads(1).write_timeout(ms(400)));
    let client = TcpStream::connect(handle.local_addr()).unwrap();
    (&client).write_all(b"many 100000\n").unwrap();
    let start = Instant::now();
    eventually("it is closed", || handle.counters().active == 0 && handle.counters().accepted == 1);
    assert!(start.elapsed() < ms(4000), "{:?}", start.elapsed());
    assert_eq!(handle.counters().failed + handle.counters().expired, 1, "{:?}", handle.counters());
    drop(client);
}

#[test]
fn requests_of_any_shape_are_answered_in_order() {
    let seconds = 1;
    for threads in [1, 2, 0] {
        let builder = TcpServer::builder().read_timeout(PATIENCE);
        let builder = if threads > 0 { builder.threads(threads) } else { builder };
        let (handle, serving) = serve(builder);
        let over = AtomicBool::new(false);
        let worst = Mutex::new(Duration::ZERO);
        let asked = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for number in 0..12_usize {
                let (over, worst, asked, handle) = (&over, &worst, &asked, &handle);
                scope.spawn(move || {
                    let mut random = number * 7919 + 1;
                    let mut next = move |below: usize| {
                        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                        (random >> 33) % below
                    };
                    while !over.load(Ordering::SeqCst) {
                        let stream = TcpStream::connect(handle.local_addr()).unwrap();
                        stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
                        stream.set_nodelay(true).unwrap();
                        let mut answers = std::io::BufRead::lines(std::io::BufReader::new(&stream));
                        let rounds = 1 + next(200);
                        for round in 0..rounds {
                            let start = Instant::now();
                            let pipelined = 1 + next(3);
                            let mut text = String::new();
                            for index in 0..pipelined {
                                let word = match next(60) {
                                    0 => "sleep 2".to_owned(),
                                    1 => format!("sleep {}", next(9)),
                                    _ => "ask 1".to_owned(),
                                };
                                text += &format!("{word} {round}.{index}\n");
                            }
                            let is_last = round == rounds - 1;
                            match next(5) {
                                0 => {
                                    let at = next(text.len());
                                    (&stream).write_all(&text.as_bytes()[..at]).unwrap();
                                    if next(2) == 0 {
                                        std::thread::yield_now()
                                    } else {
                                        std::thread::sleep(ms(next(8) as u64))
                                    }
                                    (&stream).write_all(&text.as_bytes()[at..]).unwrap();
                                }
                                1 => text
                                    .as_bytes()
                                    .iter()
                                    .for_each(|byte| (&stream).write_all(&[*byte]).unwrap()),
                                _ => (&stream).write_all(text.as_bytes()).unwrap(),
                            }
                            if is_last && next(2) == 0 {
                                stream.shutdown(std::net::Shutdown::Write).unwrap();
                            }
                            for line in text.lines() {
                                let answer = answers.next().unwrap().unwrap();
                                assert_eq!(answer, format!("{line}!"));
                            }
                            asked.fetch_add(pipelined, Ordering::SeqCst);
                            let mut worst = worst.lock().unwrap();
                            *worst = start.elapsed().max(*worst);
                            drop(worst);
                            if next(20) == 0 {
                                std::thread::sleep(ms(next(6) as u64));
                            }
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_secs(seconds));
            over.store(true, Ordering::SeqCst);
        });
        let start = Instant::now();
        let report = handle.shutdown(PATIENCE);
        assert!(start.elapsed() < ms(5000), "{:?}", start.elapsed());
        assert_eq!(serving.join().unwrap().failed, 0, "{report}");
        assert_eq!(handle.counters().requests, asked.load(Ordering::SeqCst) as u64);
    }
}

/// A read stops before urgent data, so a read of fewer bytes than wanted is not always the last one, and
/// no event follows for the rest.
#[test]
fn requests_behind_urgent_data_are_answered() {
    let (handle, _serving) = serve(TcpServer::builder().threads(1));
    let client = client_of(handle.local_addr());
    ask(&client, "first");
    let blocking = client_of(handle.local_addr());
    ask(&blocking, "first");
    blocking.send("sleep 400\n").unwrap();
    std::thread::sleep(ms(50));
    client.send("ask 1\n").unwrap();
    socket2::SockRef::from(&client).send_out_of_band(b"!").unwrap();
    client.send("ask 2\n").unwrap();
    let mut lines = client.lines(Encoding::Utf8);
    assert_eq!(lines.recv().unwrap(), Some("ask 1!".to_owned()));
    client.set_read_timeout(ms(3000));
    assert_eq!(lines.recv().unwrap(), Some("ask 2!".to_owned()));
}

#[test]
fn threads_that_are_not_needed_exit() {
    let (handle, _serving) = serve(TcpServer::builder());
    let clients: Vec<_> = (0..40).map(|_| client_of(handle.local_addr())).collect();
    clients.iter().for_each(|client| client.send("sleep 300\n").unwrap());
    clients.iter().for_each(|client| drop(client.recv(100).unwrap()));
    assert!(handle.counters().threads >= 30, "{:?}", handle.counters());
    std::thread::sleep(ms(12_000));
    assert!(handle.counters().threads <= 2, "{:?}", handle.counters());
    assert!(handle.counters().idle_threads >= 1, "{:?}", handle.counters());
    let start = Instant::now();
    ask(&clients[0], "first");
    assert!(start.elapsed() < ms(500), "{:?}", start.elapsed());
}

/// A request that has begun behind another one is completed, as one that has begun alone.
#[test]
fn request_that_has_begun_is_completed_in_a_shutdown() {
    for first in ["ask", "sleep 1000"] {
        let (handle, _serving) = serve(TcpServer::builder().threads(2).shutdown_idle_timeout(ms(200)));
        let client = client_of(handle.local_addr());
        client.send(format!("{first}\nbeg")).unwrap();
        std::thread::sleep(ms(100));
        handle.begin_shutdown(PATIENCE);
        std::thread::sleep(ms(1500));
        let _ = client.send("un\n");
        let mut lines = client.lines(Encoding::Utf8);
        assert_eq!(lines.recv().unwrap(), Some(format!("{first}!")));
        assert_eq!(lines.recv().unwrap(), Some("begun!".to_owned()), "behind {first}");
        let report = handle.shutdown(PATIENCE);
        assert_eq!(report.failed, 0, "{report}");
    }
}

#[test]
fn shutdown_completes_requests_behind_replies_that_wait() {
    let (handle, _serving) = serve(TcpServer::builder().threads(2).shutdown_idle_timeout(ms(200)));
    let mut client = TcpStream::connect(handle.local_addr()).unwrap();
    client.write_all(b"large 16000000\nask\nlarge 16000000\nask\n").unwrap();
    std::thread::sleep(ms(100));
    handle.begin_shutdown(PATIENCE);
    std::thread::sleep(ms(800));
    for _ in 0..2 {
        read_large(&mut client, 16_000_000);
        let mut answer = [0; 5];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"ask!\n");
    }
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    let report = handle.shutdown(PATIENCE);
    assert_eq!((report.failed, report.drained), (0, 1), "{report}");
}

/// All at once: handlers that block, do not reply, and many idle connections, at the abort.
#[test]
fn abort_with_handlers_that_do_not_reply_ends() {
    for round in 0..12 {
        let (handle, serving) = serve(TcpServer::builder());
        let idle: Vec<_> = (0..150).map(|_| client_of(handle.local_addr())).collect();
        idle.iter().for_each(|client| ask(client, "ask"));
        let quiet: Vec<_> = (0..12).map(|_| client_of(handle.local_addr())).collect();
        for (number, client) in quiet.iter().enumerate() {
            client.send(format!("quiet {}\n", 100 + number as u64 / 2)).unwrap();
        }
        let start = Instant::now();
        let report = handle.shutdown(ms(95 + round));
        assert!(start.elapsed() < ms(3000), "{:?} {report}", start.elapsed());
        assert_eq!(report.aborted + report.drained, 162, "{report}");
        serving.join().unwrap();
    }
}
