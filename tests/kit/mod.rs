//! What the tests are written in: endpoints on free ports, children that cannot be left behind,
//! needs that may be unmet.
#![allow(dead_code, unused_imports, reason = "each test program uses a part of the kit")]

pub mod allocations;
pub mod children;
#[cfg(feature = "dns")]
pub mod dns;
pub mod frames;
pub mod hostile;
pub mod listening;
#[cfg(target_os = "linux")]
pub mod load;
pub mod lossy;
#[cfg(target_os = "linux")]
pub mod namespaces;
#[cfg(target_os = "linux")]
pub mod processes;
pub mod python;
pub mod race;
pub mod relay;
pub mod skip;
pub mod strace;
pub mod temp_file;

use std::time::{Duration, Instant};

pub use children::{Lines, Running, example, has, kind, needs, this_test};
pub use skip::{Need, skip};
use socketry::{Encoding, Error, TcpClient, TcpConnection, TcpServer, UdpEndpoint};

/// No test waits longer than this for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// By how much a busy machine may be late. What a limit must prevent takes [`PATIENCE`] or longer,
/// so that the two are told apart.
pub const SLACK: Duration = Duration::from_secs(6);

/// Checks that a call has ended no earlier than its limit, and about then.
#[track_caller]
pub fn assert_elapsed(began: Instant, limit: Duration) {
    let elapsed = began.elapsed();
    assert!(elapsed >= limit, "{elapsed:?} is less than {limit:?}");
    assert!(elapsed < limit + SLACK, "{elapsed:?} is much more than {limit:?}");
}

/// A free port of the loopback interface. What should arrive there is waited for, but not for ever.
pub fn local() -> UdpEndpoint {
    local_in(Encoding::Utf8)
}

pub fn local_in(encoding: Encoding) -> UdpEndpoint {
    UdpEndpoint::builder().encoding(encoding).read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap()
}

/// An endpoint connected to `peer`.
pub fn connected_to(peer: &impl Bound) -> UdpEndpoint {
    UdpEndpoint::builder().read_timeout(PATIENCE).connect(peer.address()).unwrap()
}

/// An endpoint of either type.
pub trait Bound {
    fn address(&self) -> std::net::SocketAddr;
}

impl Bound for UdpEndpoint {
    fn address(&self) -> std::net::SocketAddr {
        self.local_addr()
    }
}

impl Bound for socketry::udp::UdpBatchEndpoint {
    fn address(&self) -> std::net::SocketAddr {
        self.local_addr()
    }
}

/// A port of the loopback interface at which nobody listens: it was free a moment ago, and stays
/// bound by nobody.
pub fn deserted() -> std::net::SocketAddr {
    UdpEndpoint::bind("127.0.0.1:0").unwrap().local_addr()
}

/// As [`deserted`], of TCP.
pub fn deserted_by_tcp() -> std::net::SocketAddr {
    TcpServer::bind("127.0.0.1:0").unwrap().local_addr()
}

/// A server at a free port of the loopback interface.
pub fn server() -> TcpServer {
    TcpServer::builder().read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap()
}

/// A client whose waits end.
pub fn client_of(address: std::net::SocketAddr) -> TcpConnection {
    TcpClient::builder().connect_timeout(PATIENCE).read_timeout(PATIENCE).connect(address).unwrap()
}

/// Both ends of a connection: the client's, and the server's.
pub fn connection() -> (TcpConnection, TcpConnection) {
    let server = server();
    let client = client_of(server.local_addr());
    (client, server.accept_timeout(PATIENCE).unwrap())
}

/// Waits for something that must happen.
#[track_caller]
pub fn eventually(what: &str, mut happens: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !happens() {
        assert!(Instant::now() < end, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether this is Wine, which looks like Windows and is not: it binds addresses that it does not
/// have, and hears the multicast groups of other sockets as Linux does by itself.
pub fn is_wine() -> bool {
    // An address for documentation (RFC 5737), which belongs to no machine.
    cfg!(windows) && UdpEndpoint::bind("203.0.113.1:0").is_ok()
}

/// Whether a server can drop new SYNs while it shuts down, so that no client is connected and then
/// reset: on Linux, with `CAP_NET_ADMIN`.
pub fn can_drop_syns() -> bool {
    #[cfg(target_os = "linux")]
    return namespaces::has_net_admin();
    #[cfg(not(target_os = "linux"))]
    return false;
}

#[track_caller]
pub fn assert_timed_out<T: std::fmt::Debug>(result: Result<T, Error>) -> Error {
    let error = result.expect_err("nothing should have arrived");
    assert!(error.is_timeout(), "{error}");
    error
}

/// Whether `::1` can be bound; where not, the calling test is recorded as skipped.
#[track_caller]
pub fn has_ipv6() -> bool {
    let bound = std::net::UdpSocket::bind("[::1]:0");
    if let Err(error) = &bound {
        skip(Need::Ipv6, format!("[::1] cannot be bound: {error}"));
    }
    bound.is_ok()
}
