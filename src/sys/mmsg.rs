//! Linux and Android: many messages in one call (sendmmsg(2)), each of which the kernel may cut into datagrams (udp(7),
//! `UDP_SEGMENT`).

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::thread::LocalKey;

use nix::libc;
use nix::sys::socket::{
    self as nix_socket, ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike,
    setsockopt, sockopt,
};

use super::unix::to_in_addr;
use super::{Family, Mode};
use crate::proto::grouping::{Limits, Message, SegmentFault};

/// The most datagrams of one message that any kernel takes (`UDP_MAX_SEGMENTS`).
const MOST_SEGMENTS: usize = 128;

/// What to try first; what the kernel refuses is learned.
pub(crate) const SEGMENTS: Limits = Limits { segments: MOST_SEGMENTS, size: u16::MAX as usize };

/// How many messages one call sends at most. More would save less than a hundredth of what one costs.
pub(crate) const MOST_MESSAGES: usize = 64;

/// The headers of a call are made once for each thread: `nix` has no other way to send without allocating, and they cannot be
/// a part of a batch, which threads may hand to each other.
type Headers<S> = RefCell<MultiHeaders<S>>;

fn headers<S: Copy + SockaddrLike>(control: Option<Vec<u8>>) -> Headers<S> {
    RefCell::new(MultiHeaders::preallocate(MOST_MESSAGES, control))
}

thread_local! {
    static WHOLE_V4: Headers<SockaddrIn> = headers(None);
    static WHOLE_V6: Headers<SockaddrIn6> = headers(None);
    static CUT_V4: Headers<SockaddrIn> = headers(Some(nix::cmsg_space!(u16)));
    static CUT_V6: Headers<SockaddrIn6> = headers(Some(nix::cmsg_space!(u16)));
    // With a source address. The control messages of a call have exactly the size of their buffer.
    static WHOLE_FROM_V4: Headers<SockaddrIn> = headers(Some(nix::cmsg_space!(libc::in_pktinfo)));
    static WHOLE_FROM_V6: Headers<SockaddrIn6> = headers(Some(nix::cmsg_space!(libc::in6_pktinfo)));
    static CUT_FROM_V4: Headers<SockaddrIn> = headers(Some(nix::cmsg_space!(u16, libc::in_pktinfo)));
    static CUT_FROM_V6: Headers<SockaddrIn6> = headers(Some(nix::cmsg_space!(u16, libc::in6_pktinfo)));
}

/// Sends messages, or the first of them; how many is returned, and an error is that of the first. `segment` is the size at
/// which those are cut that are longer; `parts` are the ranges of `bytes` that the messages are made of, in their order.
/// The addresses must be of the socket's family; without one it goes to the connected peer. All messages are sent from `source`, or
/// from the address that the OS chooses.
pub(crate) fn send_messages<P>(
    (socket, family): (&UdpSocket, Family),
    bytes: &[u8],
    (messages, parts): (&[Message<P>], &[Range<usize>]),
    (address, source): (impl Fn(&P) -> Option<SocketAddr>, Option<IpAddr>),
    segment: Option<usize>,
    mode: Mode,
) -> io::Result<usize> {
    let outgoing = Outgoing { socket, bytes, messages, parts, address, source, segment, mode };
    match (family, segment, source) {
        (Family::V4, None, None) => outgoing.send_through(&WHOLE_V4, v4),
        (Family::V4, Some(_), None) => outgoing.send_through(&CUT_V4, v4),
        (Family::V6, None, None) => outgoing.send_through(&WHOLE_V6, v6),
        (Family::V6, Some(_), None) => outgoing.send_through(&CUT_V6, v6),
        (Family::V4, None, Some(_)) => outgoing.send_through(&WHOLE_FROM_V4, v4),
        (Family::V4, Some(_), Some(_)) => outgoing.send_through(&CUT_FROM_V4, v4),
        (Family::V6, None, Some(_)) => outgoing.send_through(&WHOLE_FROM_V6, v6),
        (Family::V6, Some(_), Some(_)) => outgoing.send_through(&CUT_FROM_V6, v6),
    }
}

fn v4(address: SocketAddr) -> Option<SockaddrIn> {
    match address {
        SocketAddr::V4(v4) => Some(v4.into()),
        SocketAddr::V6(_) => None,
    }
}

fn v6(address: SocketAddr) -> Option<SockaddrIn6> {
    match address {
        SocketAddr::V6(v6) => Some(v6.into()),
        SocketAddr::V4(_) => None,
    }
}

struct Outgoing<'a, P, A> {
    socket: &'a UdpSocket,
    bytes: &'a [u8],
    messages: &'a [Message<P>],
    parts: &'a [Range<usize>],
    address: A,
    source: Option<IpAddr>,
    segment: Option<usize>,
    mode: Mode,
}

impl<P, A: Fn(&P) -> Option<SocketAddr>> Outgoing<'_, P, A> {
    /// One message of one part is the common case, and needs no room to be made ready for more.
    fn send_through<S: SockaddrLike + Copy>(
        &self,
        headers: &'static LocalKey<Headers<S>>,
        convert: fn(SocketAddr) -> Option<S>,
    ) -> io::Result<usize> {
        match (self.messages.len(), self.parts.len()) {
            (1, 1) => self.send_some::<S, 1, 1>(headers, convert),
            _ => self.send_some::<S, MOST_MESSAGES, MOST_SEGMENTS>(headers, convert),
        }
    }

    fn send_some<S: SockaddrLike + Copy, const MESSAGES: usize, const PARTS: usize>(
        &self,
        headers: &'static LocalKey<Headers<S>>,
        convert: fn(SocketAddr) -> Option<S>,
    ) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); PARTS];
        for (slice, part) in slices.iter_mut().zip(self.parts) {
            *slice = IoSlice::new(&self.bytes[part.clone()]);
        }
        let mut rows = [&slices[..0]; MESSAGES];
        let mut addresses = [None; MESSAGES];
        let mut count = 0;
        for message in self.messages.iter().take(MESSAGES) {
            // A message has as many parts as there is room for, at most.
            let Some(row) = slices.get(message.parts.clone()) else { break };
            rows[count] = row;
            addresses[count] = match (self.address)(&message.peer) {
                Some(address) => Some(convert(address).ok_or(io::ErrorKind::InvalidInput)?),
                None => None,
            };
            count += 1;
        }
        let flags = if self.mode == Mode::Nonblocking { MsgFlags::MSG_DONTWAIT } else { MsgFlags::empty() };
        let segment = u16::try_from(self.segment.unwrap_or_default()).unwrap_or(u16::MAX);
        let (v4, v6);
        let source = match self.source {
            Some(IpAddr::V4(source)) => {
                v4 = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: to_in_addr(source),
                    ipi_addr: to_in_addr(Ipv4Addr::UNSPECIFIED),
                };
                Some(ControlMessage::Ipv4PacketInfo(&v4))
            }
            Some(IpAddr::V6(source)) => {
                let address = libc::in6_addr { s6_addr: source.octets() };
                v6 = libc::in6_pktinfo { ipi6_addr: address, ipi6_ifindex: 0 };
                Some(ControlMessage::Ipv6PacketInfo(&v6))
            }
            None => None,
        };
        let cut = ControlMessage::UdpGsoSegments(&segment);
        let control = match (self.segment, source) {
            (Some(_), Some(source)) => &[cut, source][..],
            (Some(_), None) => &[cut][..],
            (None, Some(source)) => &[source][..],
            (None, None) => &[],
        };
        let socket = self.socket.as_raw_fd();
        let (rows, addresses) = (&rows[..count], &addresses[..count]);
        headers.with_borrow_mut(|headers| {
            let sent = nix_socket::sendmmsg(socket, headers, rows, addresses, control, flags)?;
            // Of one that was sent, one was sent.
            Ok(if count == 1 { 1 } else { sent.count() })
        })
    }
}

/// What the error of a message that was to be cut says of cutting. What a device or the kernel lacks is `EIO` (no checksums on
/// the way) or the answer to an unknown option; what is too much of it was `EINVAL` and has become `EMSGSIZE` for one of the
/// two.
pub(crate) fn segment_fault(error: &io::Error) -> Option<SegmentFault> {
    match error.raw_os_error() {
        Some(libc::EIO | libc::ENOPROTOOPT | libc::EOPNOTSUPP) => Some(SegmentFault::Unsupported),
        Some(libc::EINVAL | libc::EMSGSIZE) => Some(SegmentFault::Refused),
        _ => None,
    }
}

/// Lets the kernel hand over datagrams of one sender and size as one (udp(7), `UDP_GRO`); false where it cannot.
pub(crate) fn join_datagrams(socket: &UdpSocket, on: bool) -> bool {
    setsockopt(socket, sockopt::UdpGroSegment, &on).is_ok()
}
