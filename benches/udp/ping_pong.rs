//! 64 bytes there and back between two threads on one processor: every receive has to wait.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use socketry::udp::UdpBuilder;
use socketry::{CancelToken, UdpEndpoint};

use super::kit::{compare, is_smoke_run, print, timed, variant};
use super::others;
use super::raw::{Raw, pin_to_processor, sockaddr};

const SECOND: Duration = Duration::from_secs(1);

fn rounds() -> usize {
    if is_smoke_run() { 3 } else { 3_000 }
}

/// Where `pong` runs; `ping` is on the first processor.
static ECHO_ON: AtomicUsize = AtomicUsize::new(0);

/// Two threads, each with one end: `ping` sends and waits, `pong` waits and sends.
fn exchange(mut ping: impl FnMut(), mut pong: impl FnMut() + Send) -> Duration {
    std::thread::scope(|scope| {
        let echo = scope.spawn(move || {
            pin_to_processor(ECHO_ON.load(Ordering::Relaxed));
            (0..rounds()).for_each(|_| pong());
        });
        let time = timed(|| (0..rounds()).for_each(|_| ping()));
        echo.join().unwrap();
        time
    })
}

fn raw(receive: fn(&Raw, &mut [u8])) -> Duration {
    raw_with(None, receive)
}

fn raw_with(timeout: Option<Duration>, receive: fn(&Raw, &mut [u8])) -> Duration {
    let ends = [(); 2].map(|()| Raw::new(UdpSocket::bind("127.0.0.1:0").unwrap()));
    ends.iter().for_each(|end| end.socket.set_read_timeout(timeout).unwrap());
    let [a, b] = ends.each_ref().map(|end| sockaddr(end.socket.local_addr().unwrap()));
    let (mut there, mut back) = ([0; 64], [0; 64]);
    exchange(
        || {
            ends[0].send_to(&there, &b);
            receive(&ends[0], &mut there);
        },
        || {
            receive(&ends[1], &mut back);
            ends[1].send_to(&back, &a);
        },
    )
}

fn blocking(end: &Raw, buffer: &mut [u8]) {
    end.recv_from(buffer);
}

/// With what any limit takes for each receive: one reading of the clock.
fn blocking_and_clock(end: &Raw, buffer: &mut [u8]) {
    std::hint::black_box(Instant::now());
    end.recv_from(buffer);
}

fn std(timeout: Option<Duration>) -> Duration {
    let ends = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    ends.iter().for_each(|end| end.set_read_timeout(timeout).unwrap());
    let [a, b] = ends.each_ref().map(|end| end.local_addr().unwrap());
    let (mut there, mut back) = ([0; 64], [0; 64]);
    exchange(
        || {
            ends[0].send_to(&there, b).unwrap();
            ends[0].recv_from(&mut there).unwrap();
        },
        || {
            ends[1].recv_from(&mut back).unwrap();
            ends[1].send_to(&back, a).unwrap();
        },
    )
}

fn endpoints(builder: &UdpBuilder) -> [(UdpEndpoint, SocketAddr); 2] {
    [(); 2].map(|()| {
        let endpoint = builder.clone().bind("127.0.0.1:0").unwrap();
        let address = endpoint.local_addr();
        (endpoint, address)
    })
}

fn ours(builder: UdpBuilder, before: impl Fn(&UdpEndpoint) + Sync) -> Duration {
    let [(one, a), (two, b)] = &endpoints(&builder);
    let (mut there, mut back) = ([0; 64], [0; 64]);
    exchange(
        || {
            one.send_to(there, b).unwrap();
            before(one);
            let _ = one.recv_into(&mut there).unwrap();
        },
        || {
            before(two);
            let _ = two.recv_into(&mut back).unwrap();
            two.send_to(back, a).unwrap();
        },
    )
}

pub(crate) fn run() {
    let builder = UdpEndpoint::builder;
    let token = CancelToken::new().unwrap();
    let rows = compare(
        25,
        vec![
            variant("sendto, recvfrom", || raw(blocking)),
            variant("the same, timeout and one clock reading", || raw_with(Some(SECOND), blocking_and_clock)),
            variant("std", || std(None)),
            variant("std, timeout set once", || std(Some(SECOND))),
            variant("tokio, current thread", || others::ping_pong(rounds(), 0)),
            variant("socketry", || ours(builder(), |_| {})),
            variant("socketry, timeout", || ours(builder().read_timeout(SECOND), |_| {})),
            variant("socketry, one deadline for all", || {
                let end = Instant::now() + 60 * SECOND;
                ours(builder(), |endpoint| endpoint.set_deadline(end))
            }),
            variant("socketry, a new deadline for each", || {
                ours(builder(), |endpoint| endpoint.set_deadline(Instant::now() + SECOND))
            }),
            variant("socketry, token", || ours(builder().cancel_token(&token), |_| {})),
        ],
    );
    print("ping-pong of 64 bytes on one processor", rounds(), &rows);
    across_processors();
}

/// A wake-up on another processor costs more than all else; who looks for a while need not be
/// woken.
fn across_processors() {
    let builder = UdpEndpoint::builder;
    let spin = Duration::from_micros(200);
    for (place, title) in [(0, "the same processor"), (1, "another processor")] {
        ECHO_ON.store(place, Ordering::Relaxed);
        let mut variants = vec![
            variant("sendto, recvfrom", || raw(blocking)),
            variant("socketry", || ours(builder(), |_| {})),
            variant("socketry, looking for 200 µs first", || ours(builder().busy_poll(spin), |_| {})),
        ];
        // Where both share a processor, the other cannot answer while one looks.
        if place == 1 {
            variants.push(variant("sendto, recvfrom, busy-polling", || raw(Raw::recv_from_awake)));
        }
        print(&format!("ping-pong of 64 bytes with {title}"), rounds(), &compare(15, variants));
    }
    ECHO_ON.store(0, Ordering::Relaxed);
}
