//! Linux and Android: many messages in one call (sendmmsg(2)), each of which the kernel may segment
//! into datagrams (udp(7), `UDP_SEGMENT`).

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
use super::{Family, Mode, send_one};
use crate::proto::udp::grouping::{GsoMessage, Limits, SegmentFault};

/// The maximum number of datagrams of one message (`UDP_MAX_SEGMENTS`).
const MAX_SEGMENTS: usize = 128;

/// The first limits. They are lowered when the kernel rejects a message.
pub(crate) const SEGMENTS: Limits = Limits { segments: MAX_SEGMENTS, size: u16::MAX as usize };

/// The maximum number of messages of one call. More would save less than 1 % of a call.
pub(crate) const MAX_MESSAGES: usize = 64;

/// The headers of a call, allocated once for each thread. They cannot be a part of a batch, because
/// a batch is `Send` and they are not.
type Headers<S> = RefCell<MultiHeaders<S>>;

fn headers<S: Copy + SockaddrLike>(control: Option<Vec<u8>>) -> Headers<S> {
    RefCell::new(MultiHeaders::preallocate(MAX_MESSAGES, control))
}

thread_local! {
    static WHOLE_V4: Headers<SockaddrIn> = headers(None);
    static WHOLE_V6: Headers<SockaddrIn6> = headers(None);
    static SEGMENTED_V4: Headers<SockaddrIn> = headers(Some(nix::cmsg_space!(u16)));
    static SEGMENTED_V6: Headers<SockaddrIn6> = headers(Some(nix::cmsg_space!(u16)));
    // With a source address. The control messages of a call have exactly the size of their buffer.
    static WHOLE_FROM_V4: Headers<SockaddrIn> = headers(Some(nix::cmsg_space!(libc::in_pktinfo)));
    static WHOLE_FROM_V6: Headers<SockaddrIn6> = headers(Some(nix::cmsg_space!(libc::in6_pktinfo)));
    static SEGMENTED_FROM_V4: Headers<SockaddrIn> = headers(Some(nix::cmsg_space!(u16, libc::in_pktinfo)));
    static SEGMENTED_FROM_V6: Headers<SockaddrIn6> = headers(Some(nix::cmsg_space!(u16, libc::in6_pktinfo)));
}

/// Sends messages, or the first of them, and returns their number. An error is that of the first.
/// Messages longer than `segment` are segmented at it. `parts` are the ranges of `bytes` of the
/// messages, in order. The addresses must be of the family of the socket; `None` is its peer. All
/// messages are sent from `source`, or from the address that the OS chooses.
pub(crate) fn send_messages<P>(
    (socket, family): (&UdpSocket, Family),
    bytes: &[u8],
    (messages, parts): (&[GsoMessage<P>], &[Range<usize>]),
    (address, source): (impl Fn(&P) -> Option<SocketAddr>, Option<IpAddr>),
    segment: Option<usize>,
    mode: Mode,
) -> io::Result<usize> {
    if let ([message], [part], None) = (messages, parts, segment) {
        // The call for one is faster.
        send_one(socket, &bytes[part.clone()], (address(&message.peer), source), mode)?;
        return Ok(1);
    }
    let outgoing = Outgoing { socket, bytes, messages, parts, address, source, segment, mode };
    match (family, segment, source) {
        (Family::V4, None, None) => outgoing.send_through(&WHOLE_V4, v4),
        (Family::V4, Some(_), None) => outgoing.send_through(&SEGMENTED_V4, v4),
        (Family::V6, None, None) => outgoing.send_through(&WHOLE_V6, v6),
        (Family::V6, Some(_), None) => outgoing.send_through(&SEGMENTED_V6, v6),
        (Family::V4, None, Some(_)) => outgoing.send_through(&WHOLE_FROM_V4, v4),
        (Family::V4, Some(_), Some(_)) => outgoing.send_through(&SEGMENTED_FROM_V4, v4),
        (Family::V6, None, Some(_)) => outgoing.send_through(&WHOLE_FROM_V6, v6),
        (Family::V6, Some(_), Some(_)) => outgoing.send_through(&SEGMENTED_FROM_V6, v6),
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
    messages: &'a [GsoMessage<P>],
    parts: &'a [Range<usize>],
    address: A,
    source: Option<IpAddr>,
    segment: Option<usize>,
    mode: Mode,
}

impl<P, A: Fn(&P) -> Option<SocketAddr>> Outgoing<'_, P, A> {
    /// One message of one part is the common case, for which smaller arrays are prepared.
    fn send_through<S: SockaddrLike + Copy>(
        &self,
        headers: &'static LocalKey<Headers<S>>,
        convert: fn(SocketAddr) -> Option<S>,
    ) -> io::Result<usize> {
        match (self.messages.len(), self.parts.len()) {
            (1, 1) => self.send_some::<S, 1, 1>(headers, convert),
            _ => self.send_some::<S, MAX_MESSAGES, MAX_SEGMENTS>(headers, convert),
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
            // A message has at most as many parts as the array.
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
        let segmented = ControlMessage::UdpGsoSegments(&segment);
        let control = match (self.segment, source) {
            (Some(_), Some(source)) => &[segmented, source][..],
            (Some(_), None) => &[segmented][..],
            (None, Some(source)) => &[source][..],
            (None, None) => &[],
        };
        let socket = self.socket.as_raw_fd();
        let (rows, addresses) = (&rows[..count], &addresses[..count]);
        headers.with_borrow_mut(|headers| {
            let sent = nix_socket::sendmmsg(socket, headers, rows, addresses, control, flags)?;
            // A call that succeeds has sent one message at least.
            Ok(if count == 1 { 1 } else { sent.count() })
        })
    }
}

/// What the error of a segmented message means for segmentation. `EIO` (no checksum offload) and the
/// errors of unknown options mean that it is not supported. Exceeded limits are `EINVAL`, or
/// `EMSGSIZE` in newer kernels.
pub(crate) fn segment_fault(error: &io::Error) -> Option<SegmentFault> {
    match error.raw_os_error() {
        Some(libc::EIO | libc::ENOPROTOOPT | libc::EOPNOTSUPP) => Some(SegmentFault::Unsupported),
        Some(libc::EINVAL | libc::EMSGSIZE) => Some(SegmentFault::Refused),
        _ => None,
    }
}

/// Lets the kernel join datagrams of one sender and size (udp(7), `UDP_GRO`); false where it cannot.
pub(crate) fn enable_gro(socket: &UdpSocket, on: bool) -> bool {
    setsockopt(socket, sockopt::UdpGroSegment, &on).is_ok()
}
