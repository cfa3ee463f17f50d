//! A burst is sent and then received, by one thread, over the loopback interface: no wake-up, only calls.

use std::hint::black_box;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use socketry::{Stopper, UdpEndpoint};

use super::kit::{compare, is_smoke_run, print, timed, variant};
use super::raw::{Raw, sockaddr};

/// Few enough for the receive buffer that a socket gets by default, at every size.
const BURST: usize = 8;

fn bursts() -> usize {
    if is_smoke_run() { 2 } else { 400 }
}

fn std_socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

pub(crate) fn run() {
    for size in [64, 512, 1200, 8000] {
        sending(size);
        receiving(size);
    }
}

/// Times `send` only; `drain` empties the socket between the bursts.
fn burst(mut send: impl FnMut(), mut drain: impl FnMut()) -> Duration {
    let mut time = Duration::ZERO;
    for _ in 0..bursts() {
        time += timed(|| (0..BURST).for_each(|_| send()));
        (0..BURST).for_each(|_| drain());
    }
    time
}

fn sending(size: usize) {
    let message = vec![b'x'; size];
    let sink = std_socket();
    let to = sink.local_addr().unwrap();
    let raw_to = sockaddr(to);
    let drain = || {
        let _ = sink.recv(&mut [0; 1]).unwrap();
    };

    let raw = Raw::new(std_socket());
    let std = std_socket();
    let plain = UdpEndpoint::bind("127.0.0.1:0").unwrap();
    let limited = UdpEndpoint::builder().write_timeout(Duration::from_secs(1)).bind("127.0.0.1:0").unwrap();
    let raw_connected = Raw::new(std_socket());
    raw_connected.socket.connect(to).unwrap();
    let connected = UdpEndpoint::connect(to).unwrap();

    let rows = compare(
        31,
        vec![
            variant("sendto", || burst(|| raw.send_to(&message, &raw_to), drain)),
            variant("std send_to", || burst(|| assert_eq!(std.send_to(&message, to).unwrap(), size), drain)),
            variant("socketry send_to", || burst(|| plain.send_to(&message, to).unwrap(), drain)),
            variant("socketry send_to, write timeout", || {
                burst(|| limited.send_to(&message, to).unwrap(), drain)
            }),
        ],
    );
    print(&format!("send {size} bytes"), bursts() * BURST, &rows);
    let rows = compare(
        31,
        vec![
            variant("send, connected", || burst(|| raw_connected.send(&message), drain)),
            variant("socketry send, connected", || burst(|| connected.send(&message).unwrap(), drain)),
        ],
    );
    print(&format!("send {size} bytes, connected"), bursts() * BURST, &rows);
}

fn receiving(size: usize) {
    let message = vec![b'x'; size];
    let source = std_socket();
    // Each way to receive has a buffer of its own, so that none finds the bytes of another in the cache.
    let fill = |to: std::net::SocketAddr| {
        let (source, message) = (&source, &message);
        move || assert_eq!(source.send_to(message, to).unwrap(), size)
    };

    let raw = Raw::new(std_socket());
    let raw_connected = Raw::new(std_socket());
    let std = std_socket();
    let bind = || UdpEndpoint::builder();
    let plain = bind().bind("127.0.0.1:0").unwrap();
    let timed_out = bind().read_timeout(Duration::from_secs(1)).bind("127.0.0.1:0").unwrap();
    let deadline = bind().bind("127.0.0.1:0").unwrap();
    let stoppable = bind().stopper(&Stopper::new().unwrap()).bind("127.0.0.1:0").unwrap();
    let wildcard = bind().bind(":0").unwrap();
    let raw_wildcard = Raw::new(UdpSocket::bind("0.0.0.0:0").unwrap());
    raw_wildcard.enable_packet_info();
    let wildcard_off = bind().packet_info(false).bind(":0").unwrap();

    raw_connected.socket.connect(source.local_addr().unwrap()).unwrap();
    let connected = bind().connect(source.local_addr().unwrap()).unwrap();
    let local = |endpoint: &UdpEndpoint| endpoint.local_addr().unwrap();
    let at_loopback = |endpoint: &UdpEndpoint| ([127, 0, 0, 1], local(endpoint).port()).into();

    let mut buffer = vec![0_u8; 65_536];
    let cell = std::cell::RefCell::new(&mut buffer[32..32 + 9000]);
    // A macro, so that each call is compiled where it stands, as the raw ones are.
    macro_rules! into {
        ($endpoint:expr) => {{
            let arrival = $endpoint.recv_into(&mut cell.borrow_mut()).unwrap();
            black_box((arrival.len(), arrival.from()));
        }};
    }
    let count = bursts() * BURST;
    let rows = compare(
        31,
        vec![
            variant("recvfrom", || {
                let fill = fill(raw.socket.local_addr().unwrap());
                drained(fill, || {
                    black_box(raw.recv_from(&mut cell.borrow_mut()));
                })
            }),
            variant("std recv_from", || {
                let fill = fill(std.local_addr().unwrap());
                drained(fill, || {
                    black_box(std.recv_from(&mut cell.borrow_mut()).unwrap());
                })
            }),
            variant("socketry recv_into", || drained(fill(local(&plain)), || into!(plain))),
            variant("socketry recv_into, read timeout", || {
                drained(fill(local(&timed_out)), || into!(timed_out))
            }),
            variant("socketry recv_into, deadline", || {
                deadline.set_deadline(Instant::now() + Duration::from_secs(60));
                drained(fill(local(&deadline)), || into!(deadline))
            }),
            variant("socketry recv_into, stopper", || drained(fill(local(&stoppable)), || into!(stoppable))),
            variant("socketry recv_into, wildcard, no packet info", || {
                drained(fill(at_loopback(&wildcard_off)), || into!(wildcard_off))
            }),
            variant("socketry recv (owned)", || {
                drained(fill(local(&plain)), || drop(black_box(plain.recv().unwrap())))
            }),
        ],
    );
    print(&format!("receive {size} bytes"), count, &rows);
    let rows = compare(
        31,
        vec![
            variant("recvmsg, packet info", || {
                let port = raw_wildcard.socket.local_addr().unwrap().port();
                drained(fill(([127, 0, 0, 1], port).into()), || {
                    black_box(raw_wildcard.recv_msg(&mut cell.borrow_mut()));
                })
            }),
            variant("socketry recv_into", || drained(fill(at_loopback(&wildcard)), || into!(wildcard))),
        ],
    );
    print(&format!("receive {size} bytes on a wildcard address, with its destination"), count, &rows);
    let rows = compare(
        31,
        vec![
            variant("recv, connected", || {
                let fill = fill(raw_connected.socket.local_addr().unwrap());
                drained(fill, || {
                    black_box(raw_connected.recv(&mut cell.borrow_mut()));
                })
            }),
            variant("socketry recv_into, connected", || {
                drained(fill(local(&connected)), || into!(connected))
            }),
        ],
    );
    print(&format!("receive {size} bytes, connected"), count, &rows);
}

/// Times `receive` only; `fill` puts a burst into the socket before.
fn drained(mut fill: impl FnMut(), mut receive: impl FnMut()) -> Duration {
    let mut time = Duration::ZERO;
    for _ in 0..bursts() {
        (0..BURST).for_each(|_| fill());
        time += timed(|| (0..BURST).for_each(|_| receive()));
    }
    time
}
