//! Connects of one client: connect and close, by address and by name, against a thread that accepts.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use socketry::TcpClient;

use super::kit::{Variant, compare, is_smoke_run, print, timed, variant};
use super::raw;

const SECOND: Duration = Duration::from_secs(1);

fn count() -> usize {
    if is_smoke_run() { 3 } else { 1_000 }
}

/// Connects to a new listener for each turn. The client closes first, so the pair of addresses stays
/// in TIME_WAIT; another port of the listener is another pair.
fn turn(connects: impl FnOnce(SocketAddr) -> Duration) -> Duration {
    let listener = listen();
    let address = listener.local_addr().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _pinned = raw::pin(1);
            accept_and_close(&listener);
        });
        connects(address)
    })
}

/// With a backlog for all connects of a turn: where it is full the kernel drops a SYN, and the client
/// sends it again after a second.
fn listen() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(2 * count() as i32).unwrap();
    socket.into()
}

/// The end of the stream is read before the close, so that it is the client that closes first.
fn accept_and_close(listener: &TcpListener) {
    for _ in 0..count() {
        let (stream, _) = listener.accept().unwrap();
        assert_eq!(raw::Raw::of(&stream).recv(&mut [0]), 0);
    }
}

fn each(address: SocketAddr, mut connect: impl FnMut(SocketAddr)) -> Duration {
    timed(|| (0..count()).for_each(|_| connect(address)))
}

fn blocking<'a>(name: &str, connect: impl Fn(SocketAddr) + 'a) -> Variant<'a> {
    variant(name, move || turn(|address| each(address, &connect)))
}

/// The system calls of a connect that blocks.
fn raw_calls(address: SocketAddr, nodelay: bool) {
    let SocketAddr::V4(address) = address else { unreachable!("the listener is an IPv4 one") };
    let name = libc::sockaddr_in {
        sin_family: libc::AF_INET as _,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
        sin_zero: [0; 8],
    };
    // SAFETY: the address and the option are live during the calls, and their lengths are theirs.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        if nodelay {
            let on = 1_i32;
            let on = std::ptr::from_ref(&on).cast();
            assert_eq!(libc::setsockopt(socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, on, 4), 0);
        }
        let name = std::ptr::from_ref(&name).cast();
        assert_eq!(libc::connect(socket, name, size_of::<libc::sockaddr_in>() as _), 0);
        libc::close(socket);
    }
}

/// The system calls of socketry's connect: with a limit in time, `TCP_NODELAY`, and a check that the
/// socket is not connected to itself.
fn raw_limited_calls(address: SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
    socket.set_tcp_nodelay(true).unwrap();
    let name = address.into();
    if let Err(error) = socket.connect(&name) {
        assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS), "{error}");
        socket.connect(&name).unwrap();
    }
    let stream = TcpStream::from(socket);
    assert_ne!(stream.local_addr().unwrap(), address);
    stream.set_nonblocking(false).unwrap();
}

/// By address, or by name.
fn tokio(by_name: bool) -> Duration {
    let runtime = raw::tokio_of_one_thread();
    turn(|address| {
        runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..count() {
                drop(match by_name {
                    true => tokio::net::TcpStream::connect(("localhost", address.port())).await.unwrap(),
                    false => tokio::net::TcpStream::connect(address).await.unwrap(),
                });
            }
            start.elapsed()
        })
    })
}

fn by_address() {
    let plain = TcpClient::new();
    let limited = TcpClient::builder().connect_timeout(SECOND).build();
    let unlimited = TcpClient::builder().connect_timeout(None).build();
    let delayed = TcpClient::builder().nodelay(false).build();
    let rows = compare(
        31,
        vec![
            blocking("std", |address| drop(TcpStream::connect(address).unwrap())),
            blocking("std, TCP_NODELAY", |address| {
                TcpStream::connect(address).unwrap().set_nodelay(true).unwrap();
            }),
            blocking("std, connect_timeout", |address| {
                drop(TcpStream::connect_timeout(&address, SECOND).unwrap());
            }),
            blocking("socket, connect, close", |address| raw_calls(address, false)),
            blocking("socket, TCP_NODELAY, connect, close", |address| raw_calls(address, true)),
            blocking("socketry's system calls", raw_limited_calls),
            variant("tokio, current thread", || tokio(false)),
            blocking("socketry", |address| drop(plain.connect(address).unwrap())),
            blocking("socketry, a connect timeout of 1 s", |address| drop(limited.connect(address).unwrap())),
            blocking("socketry, no connect timeout", |address| drop(unlimited.connect(address).unwrap())),
            blocking("socketry, no TCP_NODELAY", |address| drop(delayed.connect(address).unwrap())),
        ],
    );
    print("connect and close, by address", count(), &rows);
}

fn by_name() {
    let client = TcpClient::new();
    let name = |address: SocketAddr| ("localhost", address.port());
    let rows = compare(
        31,
        vec![
            blocking("std", |address| drop(TcpStream::connect(name(address)).unwrap())),
            blocking("std, by address", |address| drop(TcpStream::connect(address).unwrap())),
            variant("tokio, current thread", || tokio(true)),
            blocking("socketry", |address| drop(client.connect(name(address)).unwrap())),
        ],
    );
    print("connect and close, by name", count(), &rows);
}

/// The client has one processor, and the thread that accepts another.
pub(crate) fn run() {
    let _pinned = raw::pin(0);
    by_address();
    by_name();
}
