//! Operations and options of the OS: the only code for one platform, and the only system calls
//! besides the polls of [`wait`](crate::wait). It decides nothing, and blocks only where a caller
//! passes [`Mode::Blocking`].
//!
//! # What each platform supplies
//!
//! `platform` is one of `linux`, `bsd` (macOS and the BSDs) and `windows`. Each defines:
//!
//! | item | is |
//! |---|---|
//! | `SUPPORTS_BLOCKING` | whether `Mode::Blocking` may be asked for; where not, sockets are non-blocking and every wait is a poll |
//! | `BLOCKS_WITH_TIMEOUT` | whether `SO_RCVTIMEO` ends a blocking receive no earlier than asked, losing nothing |
//! | `receive(socket, buffer, how, received)` | receives one datagram and fills `received`; an out-parameter, because returning it by value costs 10 % of the call |
//! | `receive_plain(socket, buffer, mode)` | the fast path of it, without control messages: whole length and `Sender` |
//! | `receive_connected(socket, buffer, mode)` | the same on a connected socket: whole length |
//! | `send(socket, bytes, mode)` | one datagram to the connected peer |
//! | `send_to(socket, bytes, to, mode)` | one datagram to an address |
//! | `send_from(socket, bytes, to, way, mode)` | the same, from a local address, and on an interface where `PINS` |
//! | `send_messages(socket, family, bytes, messages, address, segment, mode)` | several messages of a batch, or the first of them; `SEGMENTS` has the limits of segmentation, `MAX_MESSAGES` the number of messages in one call |
//! | `segment_fault(error)` | what the error of a segmented message means for segmentation |
//! | `enable_gro(socket, on)` | lets the OS join datagrams of one sender; false where it cannot |
//! | `PINS` | whether a datagram can select its interface; where not, `pin` sets the multicast option of the socket, or fails |
//! | `with_source_v4(interface, source, send)` (Unix) | the control message that selects the source address and interface of an IPv4 datagram |
//! | `enable_packet_info(socket, family)` | has the OS report the destination and interface of each datagram; false where it cannot |
//! | `enable_control(socket, family, what)` | has the OS report more of each datagram; an error where it cannot |
//! | `enable_error_queue(socket, family)` | has the OS queue ICMP errors on an unconnected socket; false where it cannot |
//! | `next_queued_error(socket)` | takes the next of them |
//! | `wake_receivers(socket)` | where `SHUTDOWN_WAKES_DATAGRAMS`: ends all blocking receive calls of a datagram socket, now and later, once there is no datagram |
//! | `set_reuse_port`, `bind_device`, `set_traffic_class` | socket options that not all systems have |
//! | `join_multicast_v4`, `leave_multicast_v4` | membership on one interface |
//! | `hear_joined_groups_only(socket, family)` | keeps the multicast groups of other sockets away |
//! | `read(stream, buffer, mode, peek)`, `write`, `write_vectored` | the bytes of a TCP stream; a disconnected peer is an error and never a signal |
//! | `send_file(stream, file, offset, count)` | a part of a file without a copy through this process; `None` where the OS cannot |
//! | `disconnect(stream)` | resets a connection while it has other handles, and ends their calls; false where the OS cannot |
//! | `ACCEPT_INHERITS_OPTIONS` | whether an accepted stream has its listener's options, `SO_RCVTIMEO` among them, and blocks |
//! | `reuse_waiting_address(socket)` | lets a listener take a port whose last connections are in TIME_WAIT, and nothing else |
//! | `limit_unsent(stream)` | has poll report a stream as writable when all its data was sent; false where it cannot |
//! | `drop_new_syns(listener)` | has the OS drop new SYNs, so that the clients retry; connections in the backlog are not affected. False where it cannot |
//! | `nonblocking_stream_socket(domain)` | a TCP socket that does not block |
//! | `reserve_descriptors(listener, count)` | makes room for `count` descriptors, where that saves time later |
//! | `is_in_progress(error)` | whether a connect is in progress |
//! | `is_complete(socket, address)` | whether a connect that was in progress has succeeded; its error if it has failed |
//! | `set_user_timeout`, `set_congestion_control` | more options that not all systems have |
//! | `dropped_datagrams(socket, family)` | the number of datagrams that the kernel dropped because the receive buffer was full |
//! | `choose_port_in_connect(socket)` | defers the choice of a local port from `bind` to `connect`, if possible |
//! | `is_async_error(error)` | whether an error belongs to a datagram sent earlier, not to this call |
//! | `REPORTS_TO_UNCONNECTED` | whether such errors end calls on unconnected sockets without having been asked for |
//! | `error_kind(error)` | the kind of an error, codes that `std` has no kind for included |
//! | `system_lookup(name)` | the addresses of a name from the resolver of the OS; the kind of an error by its code |
//! | `host_name()` | the name of this host |
//! | `Signal` | a descriptor that becomes readable, once and for good |

#[cfg(any(target_os = "linux", target_os = "android"))]
#[path = "linux.rs"]
mod platform;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
#[path = "bsd.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

#[cfg(unix)]
mod unix;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod plain;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod mmsg;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod pipe_signal;

mod connecting;
mod file_identity;
mod handles;
mod interface_changes;
mod interfaces;
mod open;
#[cfg(all(unix, feature = "process"))]
mod process;
mod stream_options;
mod thread_state;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
#[cfg(unix)]
pub(crate) use std::os::fd::AsFd as AsSocket;
#[cfg(windows)]
pub(crate) use std::os::windows::io::AsSocket;

pub(crate) use connecting::Connecting;
pub(crate) use file_identity::FileIdentity;
pub(crate) use handles::{borrowed_handle, fallible_handle_conversions, handle_conversions};
pub(crate) use interface_changes::InterfaceChanges;
pub(crate) use interfaces::{Link, index_of, name_of, network_interfaces, select};
pub(crate) use open::{adopt, failure, open, pin, release, thread_failure};
#[cfg(feature = "dns")]
pub(crate) use platform::host_name;
pub(crate) use platform::{
    ACCEPT_INHERITS_OPTIONS, BLOCKS_WITH_TIMEOUT, MAX_MESSAGES, REPORTS_TO_UNCONNECTED, SEGMENTS,
    SHUTDOWN_WAKES_DATAGRAMS, SUPPORTS_BLOCKING, Signal, disconnect, drop_new_syns, dropped_datagrams,
    enable_control, enable_error_queue, enable_gro, enable_packet_info, error_kind, is_async_error,
    join_multicast_v4, leave_multicast_v4, limit_unsent, next_queued_error, read, receive, receive_connected,
    receive_plain, reserve_descriptors, segment_fault, send, send_file, send_from, send_messages, send_to,
    set_user_timeout, system_lookup, wake_receivers, write, write_vectored,
};
#[cfg(all(unix, feature = "process"))]
pub(crate) use process::{
    ControlSocket, StandardInput, Tell, as_output, parent, prepare, receive_listener, send_listener,
    take_standard_input, tell_group, terminate_self, wait_for_exit,
};
pub(crate) use stream_options::{
    adopt_accepted, adopt_listener, adopt_stream, expect_peer_within, listen, release_listener,
    release_stream, reset, set_keepalive, stop_listening,
};
pub(crate) use thread_state::ThreadState;

use crate::proto::udp::recv_meta::{Ancillary, RecvMeta};

/// Whether shutting a stream down wakes threads that read from it: if they block in the call itself.
pub(crate) const SHUTDOWN_WAKES_READERS: bool = platform::SUPPORTS_BLOCKING;

/// Sends one datagram of a batch.
pub(crate) fn send_one(
    socket: &UdpSocket,
    bytes: &[u8],
    (to, source): (Option<SocketAddr>, Option<IpAddr>),
    mode: Mode,
) -> io::Result<()> {
    match (to, source) {
        (Some(to), Some(source)) => send_from(socket, bytes, &to, Way { source, interface: 0 }, mode),
        (Some(to), None) => send_to(socket, bytes, &to, mode),
        (None, _) => send(socket, bytes, mode),
    }
}

/// After this many consecutive `EINTR`s, a wait checks its deadline. Checking on the first one would
/// make a zero timeout miss data that is already there.
pub(crate) const MAX_EINTR: u32 = 32;

/// Returns `true` if a call ended without a result: a signal arrived, the timeout of the kernel
/// expired, or the socket is non-blocking because it was set so from outside. The rest of the wait
/// is a poll, so that it never spins.
pub(crate) fn is_would_block_or_intr(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

/// Accepts a connection if one is in the backlog of a non-blocking listener.
pub(crate) fn accept_now(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    Ok((stream, canonical(peer)))
}

/// The broadcast address of the loopback interface, or the loopback address if the OS has none.
pub(crate) const LOOPBACK_BROADCAST: std::net::Ipv4Addr =
    match cfg!(any(target_os = "linux", target_os = "android")) {
        true => std::net::Ipv4Addr::new(127, 255, 255, 255),
        false => std::net::Ipv4Addr::LOCALHOST,
    };

/// Whether `resolv.conf` has the whole configuration of the OS's resolver.
#[cfg(feature = "dns")]
pub(crate) const HAS_RESOLV_CONF: bool = cfg!(all(unix, not(target_vendor = "apple")));

pub(crate) fn hosts_file() -> std::path::PathBuf {
    if cfg!(windows) {
        let root = std::env::var_os("SystemRoot").unwrap_or_else(|| "C:\\Windows".into());
        return std::path::Path::new(&root).join("System32\\drivers\\etc\\hosts");
    }
    "/etc/hosts".into()
}

/// Good enough to spread waits; not for secrets.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

/// An unpredictable number, from the random number generator of the OS.
#[cfg(feature = "dns")]
pub(crate) fn unpredictable() -> u16 {
    let mut bytes = [0; 2];
    // It fails where there is no generator, before Linux 3.17 without `/dev/urandom`.
    match getrandom::fill(&mut bytes) {
        Ok(()) => u16::from_ne_bytes(bytes),
        Err(_) => (random() >> 48) as u16,
    }
}

/// Whether a system call may put the thread to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Blocking,
    Nonblocking,
}

/// The IP version of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    #[inline]
    pub(crate) fn of(address: &SocketAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

/// How one datagram is received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    #[allow(dead_code, reason = "sockets of some systems never block")]
    pub(crate) mode: Mode,
    /// Whether it stays in the receive buffer of the OS.
    pub(crate) peek: bool,
    /// Whether control messages are enabled on the socket.
    #[allow(dead_code, reason = "some systems receive all datagrams in one way")]
    pub(crate) control: bool,
}

impl How {
    /// Removed, without control messages.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn plain(mode: Mode) -> How {
        How { mode, peek: false, control: false }
    }
}

/// What the OS can report of each datagram, besides packet info.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ControlOption {
    Timestamp,
    Ttl,
    Tos,
}

/// A received datagram, or several that the OS has joined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) meta: RecvMeta,
    /// The size of each joined datagram but the last, which may be shorter; 0 for a single one.
    pub(crate) segment: usize,
    /// Whether the receive call may have returned nothing, because the socket was shut down.
    pub(crate) may_be_shut_down: bool,
}

impl Received {
    /// To be filled; with what is known without control messages.
    #[inline]
    pub(crate) fn new(ancillary: Ancillary) -> Received {
        let source = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        Received { meta: RecvMeta::new(source, ancillary, 0, 0), segment: 0, may_be_shut_down: false }
    }
}

impl Default for Received {
    fn default() -> Received {
        Received::new(Ancillary::default())
    }
}

/// The sender of a datagram. IPv4 has a variant, because an address of either family is passed
/// through memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sender {
    V4(SocketAddrV4),
    Other(Option<SocketAddr>),
}

impl From<Option<SocketAddr>> for Sender {
    #[inline]
    fn from(address: Option<SocketAddr>) -> Sender {
        match address {
            Some(SocketAddr::V4(address)) => Sender::V4(address),
            other => Sender::Other(other),
        }
    }
}

impl From<Sender> for Option<SocketAddr> {
    fn from(sender: Sender) -> Option<SocketAddr> {
        match sender {
            Sender::V4(address) => Some(address.into()),
            Sender::Other(address) => address.map(canonical),
        }
    }
}

/// The source of a sent datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The local address, of the family of the socket.
    pub(crate) source: IpAddr,
    /// The index of the interface; with 0 the OS chooses it.
    pub(crate) interface: u32,
}

/// An error that a router or host sent back for a datagram sent earlier.
#[derive(Debug)]
pub(crate) struct QueuedError {
    /// The destination of the datagram.
    pub(crate) to: Option<SocketAddr>,
    pub(crate) error: io::Error,
}

/// Converts an IPv4-mapped IPv6 address to IPv4.
#[inline]
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => canonical_socket_v6(v6),
        SocketAddr::V4(_) => address,
    }
}

fn canonical_socket_v6(address: SocketAddrV6) -> SocketAddr {
    match address.ip().to_ipv4_mapped() {
        Some(v4) => SocketAddr::new(v4.into(), address.port()),
        None => address.into(),
    }
}

/// The address in the form that a socket of the family takes.
pub(crate) fn mapped(address: SocketAddr, family: Family) -> SocketAddr {
    match (address, family) {
        (SocketAddr::V4(v4), Family::V6) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
        _ => address,
    }
}
