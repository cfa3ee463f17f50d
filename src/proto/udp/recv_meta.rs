use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime};

/// The metadata of a received datagram: size, source, destination, interface, and more on request.
///
/// [`recv_into`](crate::UdpEndpoint::recv_into) returns it, and every [`Datagram`](crate::Datagram)
/// and [`DatagramRef`](crate::udp::DatagramRef) has it. [`reply`](crate::UdpEndpoint::reply) takes
/// any of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub struct RecvMeta {
    pub(crate) source: SocketAddr,
    pub(crate) ancillary: Ancillary,
    /// The size of the whole datagram, and the number of bytes in the buffer. Not `usize`, so that a
    /// `Datagram` has 128 bytes and is moved without a call of `memcpy`.
    length: u32,
    len: u32,
}

/// What the OS reports in control messages (recvmsg(2)), or what is known without them.
///
/// Its fields are words, so that it is copied with few instructions. Bytes and options are copied one by
/// one, which takes 5 % of a receive call.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ancillary {
    /// The destination in the IP header. An IPv4 address is IPv4-mapped.
    destination: Words,
    /// The local address that a reply is sent from.
    local: Words,
    /// In nanoseconds since the Unix epoch.
    timestamp: u64,
    /// The index of the interface; 0 is none.
    interface: u32,
    ttl: u8,
    tos: u8,
    /// Which of the fields are known.
    known: u8,
}

const DESTINATION: u8 = 1;
const LOCAL: u8 = 2;
const TIMESTAMP: u8 = 4;
const TTL: u8 = 8;
const TOS: u8 = 16;

/// The upper and the lower half of an IPv6 address.
type Words = [u64; 2];

#[inline]
fn to_words(address: IpAddr) -> Words {
    match address {
        IpAddr::V4(v4) => [0, 0xffff_0000_0000 | u64::from(v4.to_bits())],
        IpAddr::V6(v6) => [(v6.to_bits() >> 64) as u64, v6.to_bits() as u64],
    }
}

#[inline]
fn from_words([upper, lower]: Words) -> IpAddr {
    Ipv6Addr::from_bits(u128::from(upper) << 64 | u128::from(lower)).to_canonical()
}

impl Ancillary {
    #[inline]
    fn get<T>(&self, field: u8, value: impl FnOnce(&Self) -> T) -> Option<T> {
        (self.known & field != 0).then(|| value(self))
    }

    pub(crate) fn destination(&self) -> Option<IpAddr> {
        self.get(DESTINATION, |known| from_words(known.destination))
    }

    pub(crate) fn local(&self) -> Option<IpAddr> {
        self.get(LOCAL, |known| from_words(known.local))
    }

    pub(crate) fn interface(&self) -> Option<u32> {
        (self.interface != 0).then_some(self.interface)
    }

    pub(crate) fn timestamp(&self) -> Option<SystemTime> {
        let time = self.get(TIMESTAMP, |known| known.timestamp)?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(time))
    }

    pub(crate) fn ttl(&self) -> Option<u8> {
        self.get(TTL, |known| known.ttl)
    }

    pub(crate) fn tos(&self) -> Option<u8> {
        self.get(TOS, |known| known.tos)
    }

    #[inline]
    pub(crate) fn set_destination(&mut self, address: IpAddr) {
        self.destination = to_words(address);
        self.known |= DESTINATION;
    }

    #[inline]
    #[allow(dead_code, reason = "not every OS reports it")]
    pub(crate) fn set_local(&mut self, address: IpAddr) {
        self.local = to_words(address);
        self.known |= LOCAL;
    }

    #[inline]
    #[allow(dead_code, reason = "not every OS reports it")]
    pub(crate) fn set_interface(&mut self, index: u32) {
        self.interface = index;
    }

    /// The time since the Unix epoch. 584 years fit.
    #[allow(dead_code, reason = "not every OS reports it")]
    pub(crate) fn set_timestamp(&mut self, seconds: i64, nanos: i64) {
        let time = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        if let Ok(time) = u64::try_from(time) {
            self.timestamp = time;
            self.known |= TIMESTAMP;
        }
    }

    #[allow(dead_code, reason = "not every OS reports it")]
    pub(crate) fn set_ttl(&mut self, ttl: u8) {
        self.ttl = ttl;
        self.known |= TTL;
    }

    #[allow(dead_code, reason = "not every OS reports it")]
    pub(crate) fn set_tos(&mut self, tos: u8) {
        self.tos = tos;
        self.known |= TOS;
    }
}

/// The congestion marks of a datagram: the explicit congestion notification (ECN) field of its IP
/// header (RFC 3168, section 5).
///
/// # Examples
///
/// ```
/// use socketry::UdpEndpoint;
/// use socketry::udp::Ecn;
///
/// # if cfg!(not(target_os = "linux")) { return Ok(()); }
/// let receiver = UdpEndpoint::builder().receive_tos(true).bind("127.0.0.1:0")?;
/// let sender = UdpEndpoint::builder().tos(Ecn::Ect0 as u8).connect(receiver.local_addr())?;
/// sender.send("hi")?;
/// assert_eq!(receiver.recv()?.meta().ecn(), Some(Ecn::Ect0));
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// The sender does not support ECN.
    NotEct = 0b00,
    /// The sender supports ECN, code point ECT(1).
    Ect1 = 0b01,
    /// The sender supports ECN, code point ECT(0).
    Ect0 = 0b10,
    /// A router on the path experienced congestion.
    Ce = 0b11,
}

impl RecvMeta {
    /// The metadata of a datagram of `length` bytes, of which `len` are in the buffer.
    #[inline]
    pub(crate) fn new(source: SocketAddr, ancillary: Ancillary, length: usize, len: usize) -> RecvMeta {
        RecvMeta { source, ancillary, length: length as u32, len: len as u32 }
    }

    /// The same with other sizes.
    #[inline]
    pub(crate) fn with_sizes(self, length: usize, len: usize) -> RecvMeta {
        RecvMeta { length: length as u32, len: len as u32, ..self }
    }

    /// The size of the whole datagram.
    #[inline]
    pub(crate) fn length(&self) -> usize {
        self.length as usize
    }

    #[inline]
    pub(crate) fn is_truncated(&self) -> bool {
        self.length > self.len
    }

    /// Returns the number of bytes received, which is 0 for an empty datagram.
    #[expect(clippy::len_without_is_empty, reason = "the data of a datagram is not a collection")]
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns the address of the sender.
    ///
    /// An IPv4 address is an IPv4 address on a dual-stack socket, too, and not IPv4-mapped.
    #[doc(alias = "sockaddr", alias = "msg_name")]
    pub fn source(&self) -> SocketAddr {
        self.source
    }

    /// Returns the address that the datagram was sent to: a local, broadcast or multicast address,
    /// or `None` if it is unknown.
    ///
    /// On a socket that is bound to one address, or connected, it is the local address of the
    /// socket.
    ///
    /// # Platform-specific behavior
    ///
    /// On a socket that is bound to a wildcard address:
    ///
    /// * **Unix**: known if [`packet_info`](crate::udp::UdpBuilder::packet_info) is set, as it is
    ///   by default.
    /// * **Windows**: `None`.
    #[doc(alias = "IP_PKTINFO", alias = "IP_RECVDSTADDR", alias = "ipi_addr")]
    pub fn destination(&self) -> Option<IpAddr> {
        self.ancillary.destination()
    }

    /// Returns the index of the interface on which the datagram arrived, or `None` if it is
    /// unknown.
    ///
    /// # Platform-specific behavior
    ///
    /// * **Unix**: known if [`packet_info`](crate::udp::UdpBuilder::packet_info) is set, as it is
    ///   by default on wildcard sockets.
    /// * **Windows**: `None`.
    #[doc(alias = "IP_PKTINFO", alias = "ipi_ifindex")]
    pub fn interface_index(&self) -> Option<u32> {
        self.ancillary.interface()
    }

    /// Returns the size of the whole datagram if it was truncated, and `None` otherwise.
    ///
    /// Only [`Truncation::Deliver`](crate::udp::Truncation::Deliver) delivers truncated datagrams.
    /// By default they are errors.
    #[doc(alias = "MSG_TRUNC")]
    pub fn truncated(&self) -> Option<usize> {
        self.is_truncated().then_some(self.length())
    }

    /// Returns the time when the kernel received the datagram, or `None` if
    /// [`receive_timestamp`](crate::udp::UdpBuilder::receive_timestamp) is not set.
    ///
    /// The time is that of the system clock, which can be set back. Of datagrams that the OS has
    /// joined for a [`UdpBatchEndpoint`](crate::udp::UdpBatchEndpoint), it is the time of the first.
    #[doc(alias = "SO_TIMESTAMPNS", alias = "SO_TIMESTAMP", alias = "SCM_TIMESTAMPNS")]
    pub fn timestamp(&self) -> Option<SystemTime> {
        self.ancillary.timestamp()
    }

    /// Returns the time to live of the datagram in hops on arrival (for IPv6, the hop limit), or
    /// `None` if [`receive_ttl`](crate::udp::UdpBuilder::receive_ttl) is not set.
    ///
    /// A router decrements it. A protocol for neighbors only can send 255 and accept nothing less
    /// (RFC 5082).
    #[doc(alias = "IP_RECVTTL", alias = "IPV6_RECVHOPLIMIT", alias = "IPV6_HOPLIMIT")]
    pub fn ttl(&self) -> Option<u8> {
        self.ancillary.ttl()
    }

    /// Returns the type-of-service byte (for IPv6, the traffic class) of the datagram, or `None` if
    /// [`receive_tos`](crate::udp::UdpBuilder::receive_tos) is not set.
    ///
    /// Its upper six bits are the differentiated services code point (RFC 2474), and the lower two
    /// are [`ecn`](Self::ecn).
    #[doc(alias = "IP_RECVTOS", alias = "IPV6_RECVTCLASS", alias = "DSCP")]
    pub fn tos(&self) -> Option<u8> {
        self.ancillary.tos()
    }

    /// Returns the congestion marks of the datagram, or `None` if
    /// [`receive_tos`](crate::udp::UdpBuilder::receive_tos) is not set.
    pub fn ecn(&self) -> Option<Ecn> {
        self.ancillary.tos().map(|tos| match tos & 0b11 {
            0b00 => Ecn::NotEct,
            0b01 => Ecn::Ect1,
            0b10 => Ecn::Ect0,
            _ => Ecn::Ce,
        })
    }
}

impl AsRef<RecvMeta> for RecvMeta {
    fn as_ref(&self) -> &RecvMeta {
        self
    }
}

impl fmt::Debug for RecvMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn optional(shown: &mut fmt::DebugStruct<'_, '_>, name: &str, value: Option<impl fmt::Debug>) {
            if let Some(value) = value {
                shown.field(name, &value);
            }
        }
        let mut shown = f.debug_struct("RecvMeta");
        shown.field("len", &self.len()).field("source", &self.source);
        optional(&mut shown, "destination", self.destination());
        optional(&mut shown, "interface_index", self.interface_index());
        optional(&mut shown, "truncated", self.truncated());
        optional(&mut shown, "timestamp", self.timestamp());
        optional(&mut shown, "ttl", self.ttl());
        optional(&mut shown, "tos", self.tos());
        shown.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancillary_returns_the_fields_that_are_set() {
        let mut known = Ancillary::default();
        assert_eq!((known.destination(), known.local(), known.interface()), (None, None, None));
        assert_eq!((known.timestamp(), known.ttl(), known.tos()), (None, None, None));
        for text in ["192.0.2.1", "2001:db8::1", "::"] {
            let address: IpAddr = text.parse().unwrap();
            known.set_destination(address);
            known.set_local(address);
            assert_eq!((known.destination(), known.local()), (Some(address), Some(address)));
        }
        known.set_interface(3);
        known.set_ttl(0);
        known.set_tos(0);
        known.set_timestamp(-1, 0);
        assert_eq!((known.interface(), known.ttl(), known.tos()), (Some(3), Some(0), Some(0)));
        assert_eq!(known.timestamp(), None, "before 1970");
        known.set_timestamp(1, 500);
        let time = SystemTime::UNIX_EPOCH + Duration::new(1, 500);
        assert_eq!(known.timestamp(), Some(time));
    }

    #[test]
    fn ecn_is_the_lower_bits_of_tos() {
        let mut ancillary = Ancillary::default();
        let source = ([127, 0, 0, 1], 1).into();
        let ecn = |ancillary| RecvMeta::new(source, ancillary, 0, 0).ecn();
        assert_eq!(ecn(ancillary), None);
        for (tos, expected) in [(0xfc, Ecn::NotEct), (1, Ecn::Ect1), (0xb2, Ecn::Ect0), (3, Ecn::Ce)] {
            ancillary.set_tos(tos);
            assert_eq!(ecn(ancillary), Some(expected));
            assert_eq!(expected as u8, tos & 3);
        }
    }
}
