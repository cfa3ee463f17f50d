//! A burst is sent and then received, by one thread, over the loopback interface: no wake-up, only
//! calls.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socketry::{CancelToken, UdpEndpoint};

use super::kit::{compare, is_smoke_run, print, timed, variant};
use super::others;
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
    let (other, tokio) = (socket2::Socket::from(std_socket()), std_socket());
    let raw_connected = Raw::new(std_socket());
    raw_connected.socket.connect(to).unwrap();
    let connected = UdpEndpoint::connect(to).unwrap();

    let rows = compare(
        31,
        vec![
            variant("sendto", || burst(|| raw.send_to(&message, &raw_to), drain)),
            variant("std send_to", || burst(|| assert_eq!(std.send_to(&message, to).unwrap(), size), drain)),
            variant("socket2 send_to", || {
                burst(|| assert_eq!(other.send_to(&message, &to.into()).unwrap(), size), drain)
            }),
            variant("tokio send_to", || others::sends(&tokio, &message, to, (bursts(), BURST), drain)),
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
    let fill = |to: SocketAddr| {
        let (source, message) = (&source, &message);
        move || assert_eq!(source.send_to(message, to).unwrap(), size)
    };
    let raw = Raw::new(std_socket());
    let std = std_socket();
    let (other, tokio) = (socket2::Socket::from(std_socket()), std_socket());
    let bind = || UdpEndpoint::builder();
    let plain = bind().bind("127.0.0.1:0").unwrap();
    let timed_out = bind().read_timeout(Duration::from_secs(1)).bind("127.0.0.1:0").unwrap();
    let deadline = bind().bind("127.0.0.1:0").unwrap();
    deadline.set_deadline(Instant::now() + Duration::from_secs(3_600));
    let stoppable = bind().cancel_token(&CancelToken::new().unwrap()).bind("127.0.0.1:0").unwrap();
    let wildcard_off = bind().packet_info(false).bind(":0").unwrap();

    // A variant with a buffer of its own. Macros, so that each call is compiled in place,
    // the raw ones as well.
    macro_rules! way {
        ($name:expr, $to:expr, |$buffer:ident| $receive:expr) => {{
            let (to, mut room): (SocketAddr, _) = ($to, vec![0_u8; 9_000]);
            variant($name, move || {
                let $buffer = &mut room[..];
                drained(fill(to), || {
                    black_box($receive);
                })
            })
        }};
    }
    macro_rules! recv_into {
        ($name:expr, $endpoint:expr) => {{
            let endpoint = &$endpoint;
            way!(format!("socketry recv_into{}", $name), at_loopback(endpoint), |buffer| {
                let arrival = endpoint.recv_into(buffer).unwrap();
                (arrival.len(), arrival.source())
            })
        }};
    }
    let count = bursts() * BURST;
    let (raw, std, plain, other) = (&raw, &std, &plain, &other);
    let (mut room, mut uninit) = (vec![0; 9_000], vec![MaybeUninit::uninit(); 9_000]);
    let rows = compare(
        31,
        vec![
            way!("recvfrom", raw.socket.local_addr().unwrap(), |buffer| raw.recv_from(buffer)),
            // The minimum for an owned datagram.
            way!("recvfrom, copied to a Vec", raw.socket.local_addr().unwrap(), |buffer| {
                let (length, source) = raw.recv_from(buffer);
                (buffer[..length].to_vec(), source)
            }),
            way!("std recv_from", std.local_addr().unwrap(), |buffer| std.recv_from(buffer).unwrap()),
            way!("socket2 recv_from", other.local_addr().unwrap().as_socket().unwrap(), |_buffer| {
                other.recv_from(&mut uninit).unwrap()
            }),
            variant("tokio recv_from", || {
                let to = tokio.local_addr().unwrap();
                others::receives(&tokio, &mut room, (bursts(), BURST), fill(to))
            }),
            recv_into!("", *plain),
            recv_into!(", read timeout", timed_out),
            recv_into!(", deadline", deadline),
            recv_into!(", token", stoppable),
            recv_into!(", wildcard, no packet info", wildcard_off),
            way!("socketry recv (owned)", at_loopback(plain), |_buffer| plain.recv().unwrap()),
        ],
    );
    print(&format!("receive {size} bytes"), count, &rows);

    let raw_wildcard = &Raw::new(UdpSocket::bind("0.0.0.0:0").unwrap());
    raw_wildcard.enable_packet_info();
    let raw_to = ([127, 0, 0, 1], raw_wildcard.socket.local_addr().unwrap().port()).into();
    let wildcard = bind().bind(":0").unwrap();
    let rows = compare(
        31,
        vec![
            way!("recvmsg, packet info", raw_to, |buffer| raw_wildcard.recv_msg(buffer)),
            recv_into!("", wildcard),
        ],
    );
    print(&format!("receive {size} bytes on a wildcard address, with its destination"), count, &rows);

    let raw_connected = &Raw::new(std_socket());
    raw_connected.socket.connect(source.local_addr().unwrap()).unwrap();
    let raw_to = raw_connected.socket.local_addr().unwrap();
    let connected = bind().connect(source.local_addr().unwrap()).unwrap();
    let rows = compare(
        31,
        vec![
            way!("recv, connected", raw_to, |buffer| raw_connected.recv(buffer)),
            recv_into!(", connected", connected),
        ],
    );
    print(&format!("receive {size} bytes, connected"), count, &rows);
}

fn at_loopback(endpoint: &UdpEndpoint) -> SocketAddr {
    ([127, 0, 0, 1], endpoint.local_addr().port()).into()
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
