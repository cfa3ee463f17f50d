//! Sending: to the peer, to an address, and replies.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;

use super::endpoint::{ErrorQueue, UdpEndpoint};
use super::recv_path::MAX_QUEUED_ERRORS;
use crate::addr::{Address, ToAddress};
use crate::dns;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::message::Message;
use crate::proto::udp::recv_meta::RecvMeta;
use crate::sys::{self, Family, Mode, Way};
use crate::wait::{self, CancelToken, WaitError, WaitLimit};

/// Why a datagram cannot be sent, where the error text of the OS needs an explanation.
#[derive(Debug, thiserror::Error)]
enum SendErrorDetail {
    #[error("a message of {length} bytes does not fit a datagram, which holds {limit} at most")]
    TooLong { length: usize, limit: usize, source: io::Error },
    #[error("permission denied; a broadcast address needs UdpBuilder::broadcast")]
    Broadcast { source: io::Error },
    #[error("an IPv4 socket cannot send to an IPv6 address")]
    OnlyIpv4,
    #[error("an IPv6 socket that is not dual_stack cannot send to an IPv4 address")]
    OnlyIpv6,
}

/// Why a datagram was not sent.
pub(super) enum SendFailure {
    /// A limit ended the call.
    Ended(Error),
    Failed(io::Error),
}

/// 65,535 bytes less the headers of UDP (8) and IPv4 (20); IPv6's header does not count (RFC 768,
/// RFC 791, RFC 8200).
const LARGEST_MESSAGE_V4: usize = 65_507;
const LARGEST_MESSAGE_V6: usize = 65_527;

/// The maximum number of times that a send is repeated after ICMP errors of earlier datagrams.
const MAX_REPEATS: usize = 16;

impl UdpEndpoint {
    /// Sends a message to the peer of a connected endpoint, as one datagram.
    ///
    /// Text is encoded in the [encoding](crate::udp::UdpBuilder::encoding) of the endpoint, and
    /// bytes are sent as they are; see [`Message`]. Success means that the OS has accepted the
    /// datagram, not that the peer has received it.
    ///
    /// This method blocks while the send buffer of the OS is full, by default without a timeout.
    /// The write timeout, the deadline and the cancel token limit it.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * a character does not exist in the encoding
    ///   ([`UnencodableText`](crate::ErrorKind::UnencodableText)), or the message is longer than
    ///   65,507 bytes, or 65,527 with IPv6 ([`MessageTooLong`](crate::ErrorKind::MessageTooLong));
    /// * the endpoint is not connected ([`NotConnected`](crate::ErrorKind::NotConnected));
    /// * there is no route to the peer
    ///   ([`NetworkUnreachable`](crate::ErrorKind::NetworkUnreachable)), or a local firewall
    ///   forbids it ([`PermissionDenied`](crate::ErrorKind::PermissionDenied));
    /// * the write timeout expires or the deadline passes
    ///   ([`TimedOut`](crate::ErrorKind::TimedOut)), or the token is cancelled
    ///   ([`Cancelled`](crate::ErrorKind::Cancelled)).
    ///
    /// In each case the message is not sent, and the endpoint remains usable. An ICMP error of an
    /// earlier datagram, such as that of a closed port, does not fail this call. The next call that
    /// receives returns it.
    #[doc(alias = "sendmsg", alias = "EMSGSIZE", alias = "ECONNREFUSED")]
    #[inline]
    pub fn send(&self, message: impl Message) -> Result<()> {
        let Some(peer) = self.peer else { return Err(self.failure(Operation::Send, not_connected())) };
        let bytes = self.encoded(&message, &peer)?;
        let sent = self.sending(None, |mode| sys::send(&self.socket, &bytes, mode));
        sent.map_err(|unsent| self.unsent(unsent, bytes.len(), peer))
    }

    /// Sends a message to an address, as one datagram.
    ///
    /// A host name is looked up in each call. To send often, resolve the name once and pass the
    /// `SocketAddr`. The write timeout and the deadline limit the whole call, and the
    /// [`resolver`](crate::udp::UdpBuilder::resolver) limits the lookup, by default to 10 s.
    /// Otherwise this method blocks as [`send`](Self::send) does.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the text is not a valid address ([`InvalidAddress`](crate::ErrorKind::InvalidAddress)), or
    ///   its host name cannot be resolved ([`NameNotFound`](crate::ErrorKind::NameNotFound),
    ///   [`NameResolution`](crate::ErrorKind::NameResolution));
    /// * the address is a broadcast address, and [`broadcast`](crate::udp::UdpBuilder::broadcast)
    ///   is not set ([`PermissionDenied`](crate::ErrorKind::PermissionDenied));
    /// * the address is of a family that the socket does not send to
    ///   ([`AddressNotAvailable`](crate::ErrorKind::AddressNotAvailable));
    ///
    /// or for any reason listed under [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{ErrorKind, UdpEndpoint};
    ///
    /// let endpoint = UdpEndpoint::bind("127.0.0.1:0")?;
    /// let error = endpoint.send_to([0; 65_508], "127.0.0.1:9").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::MessageTooLong);
    /// let limit = "65508 bytes does not fit a datagram, which holds 65507";
    /// assert!(error.to_string().contains(limit));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "sendto", alias = "sendmsg")]
    #[inline]
    pub fn send_to(&self, message: impl Message, to: impl ToAddress) -> Result<()> {
        let to = to.to_address()?;
        let Some(address) = to.as_socket_addr() else { return self.send_to_name(&message, &to) };
        let bytes = self.encoded(&message, address)?;
        self.send_bytes_to(&bytes, address, None, None).map_err(|error| error.at(&to))
    }

    /// Resolves a name and sends, within one limit.
    #[cold]
    #[inline(never)]
    fn send_to_name(&self, message: &impl Message, to: &Address) -> Result<()> {
        let limit = self.write_limit();
        let address = self.resolve(to, &limit)?;
        let bytes = self.encoded(message, &address)?;
        self.send_bytes_to(&bytes, &address, None, Some(&limit)).map_err(|error| error.at(to))
    }

    /// Sends a message to the sender of a datagram, from the address that the datagram was sent to.
    ///
    /// On a machine with several addresses, the OS would choose the source address by its route,
    /// and a client discards a reply from another address than it sent its request to. The reply to
    /// a datagram to a broadcast or multicast address is sent from the address of the interface on
    /// which it arrived.
    ///
    /// This method blocks as [`send`](Self::send) does. It does not look up names.
    ///
    /// # Errors
    ///
    /// This returns an error if [`send_to`](Self::send_to) would.
    ///
    /// # Platform-specific behavior
    ///
    /// **Windows**: the OS chooses the source address if the endpoint is bound to a wildcard
    /// address.
    #[doc(alias = "sendto", alias = "sendmsg", alias = "IP_PKTINFO")]
    #[inline]
    pub fn reply(&self, request: impl AsRef<RecvMeta>, message: impl Message) -> Result<()> {
        let request = request.as_ref();
        let bytes = self.encoded(&message, &request.source)?;
        // A socket with one local address needs no source, and some systems reject one.
        let source = if self.static_info.destination().is_none() { request.ancillary.local() } else { None };
        self.send_bytes_to(&bytes, &request.source, source, None)
    }

    /// The limit of a call that writes.
    #[inline]
    pub(crate) fn write_limit(&self) -> WaitLimit<'_> {
        self.timeouts.write_limit().cancelled_by(self.token.as_ref(), None)
    }

    /// Resolves a name to an address of a family that this socket can send to.
    #[cold]
    pub(super) fn resolve(&self, to: &Address, limit: &WaitLimit<'_>) -> Result<SocketAddr> {
        let family =
            if self.family == Family::V6 && self.options.dual_stack { None } else { Some(self.family) };
        dns::lookup(self.resolver.as_ref(), to, family, limit)
    }

    #[inline]
    pub(super) fn encoded<'m>(
        &self,
        message: &'m impl Message,
        to: &SocketAddr,
    ) -> Result<std::borrow::Cow<'m, [u8]>> {
        message
            .on_the_wire(self.options.encoding)
            .map_err(|error| Error::from(error).with_operation(Operation::Send).with_remote(Some(*to)))
    }

    /// Sends to an address, from a source address if one is given, within the limit of a call that
    /// does more than this.
    #[inline]
    pub(super) fn send_bytes_to(
        &self,
        bytes: &[u8],
        to: &SocketAddr,
        from: Option<IpAddr>,
        limit: Option<&WaitLimit<'_>>,
    ) -> Result<()> {
        if from.is_none() && self.peer.is_none() && self.has_same_family(to) {
            let sent = self.sending(limit, |mode| sys::send_to(&self.socket, bytes, to, mode));
            return sent.map_err(|unsent| self.unsent(unsent, bytes.len(), *to));
        }
        self.send_with_source(bytes, *to, from, limit)
    }

    /// Sends to an address of the socket's family on one interface.
    pub(crate) fn send_via(
        &self,
        bytes: &[u8],
        to: &SocketAddr,
        way: Way,
        limit: Option<&WaitLimit<'_>>,
    ) -> Result<()> {
        sys::pin(&self.socket, to, way)
            .map_err(|error| self.failure(Operation::Send, error).with_remote(Some(*to)))?;
        let sent = self.sending(limit, |mode| sys::send_from(&self.socket, bytes, to, way, mode));
        sent.map_err(|unsent| self.unsent(unsent, bytes.len(), *to))
    }

    /// Returns true if the address is of the family of the socket. IPv4-mapped IPv6 is IPv4.
    #[inline]
    fn has_same_family(&self, to: &SocketAddr) -> bool {
        match (self.family, to) {
            (Family::V4, SocketAddr::V4(_)) => true,
            (Family::V6, SocketAddr::V6(to)) => to.ip().to_ipv4_mapped().is_none(),
            _ => false,
        }
    }

    #[inline(never)]
    fn send_with_source(
        &self,
        bytes: &[u8],
        to: SocketAddr,
        from: Option<IpAddr>,
        limit: Option<&WaitLimit<'_>>,
    ) -> Result<()> {
        let to = sys::canonical(to);
        let address = if Family::of(&to) == self.family { to } else { self.map_family(to)? };
        let sent = match from {
            // A connected socket has one source and one peer; some systems reject an address in
            // addition.
            _ if self.peer == Some(to) => self.sending(limit, |mode| sys::send(&self.socket, bytes, mode)),
            Some(source) => {
                let source = sys::mapped(SocketAddr::new(source, 0), self.family).ip();
                let way = Way { source, interface: 0 };
                self.sending(limit, |mode| sys::send_from(&self.socket, bytes, &address, way, mode))
            }
            None => self.sending(limit, |mode| sys::send_to(&self.socket, bytes, &address, mode)),
        };
        sent.map_err(|unsent| self.unsent(unsent, bytes.len(), to))
    }

    /// Converts an address of the other family, if the socket is dual-stack.
    #[cold]
    pub(super) fn map_family(&self, to: SocketAddr) -> Result<SocketAddr> {
        let reason = match self.family {
            Family::V6 if self.options.dual_stack || self.is_dual_stack() => {
                return Ok(sys::mapped(to, self.family));
            }
            Family::V6 => SendErrorDetail::OnlyIpv6,
            Family::V4 => SendErrorDetail::OnlyIpv4,
        };
        let error = Error::detailed(Operation::Send, ErrorKind::AddressNotAvailable, reason);
        Err(error.with_local(Some(self.local)).with_remote(Some(to)))
    }

    /// Queries the OS, for an adopted socket.
    fn is_dual_stack(&self) -> bool {
        socket2::SockRef::from(&self.socket).only_v6().is_ok_and(|only_v6| !only_v6)
    }

    /// Sends. The send buffer almost always has space; the clock is read only if it has not.
    #[inline]
    pub(super) fn sending(
        &self,
        limit: Option<&WaitLimit<'_>>,
        mut attempt: impl FnMut(Mode) -> io::Result<()>,
    ) -> std::result::Result<(), SendFailure> {
        if self.token.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(SendFailure::Ended(WaitLimit::unlimited().cancelled(Operation::Send)));
        }
        let is_limited = self.token.is_some() || limit.is_some() || self.timeouts.limits_writing();
        match attempt(if is_limited { Mode::Nonblocking } else { Mode::Blocking }) {
            Ok(()) => Ok(()),
            Err(error) => self.send_cold(limit, error, attempt),
        }
    }

    #[cold]
    fn send_cold(
        &self,
        limit: Option<&WaitLimit<'_>>,
        error: io::Error,
        mut attempt: impl FnMut(Mode) -> io::Result<()>,
    ) -> std::result::Result<(), SendFailure> {
        let limit = limit.map_or_else(|| self.write_limit(), |limit| *limit);
        let outcome = match sys::is_would_block_or_intr(&error) {
            true => wait::sending(&self.socket, &limit, &mut attempt),
            false => Err(WaitError::Failed(error)),
        };
        let outcome = match outcome {
            // The ICMP error of an earlier datagram failed this call. The call is repeated, and the
            // error is kept for a call that receives: by the kernel in the error queue, or by the
            // endpoint. An error of the last attempt is its own.
            Err(WaitError::Failed(error)) if self.is_async_error(&error) => self.retry_send(&limit, attempt),
            Err(WaitError::Failed(error)) if self.peer.is_some() && sys::is_async_error(&error) => {
                self.repeat_send(&limit, error, attempt)
            }
            Err(WaitError::ErrorQueueReady) => self.retry_send(&limit, attempt),
            outcome => outcome,
        };
        outcome.map_err(|error| match error {
            WaitError::TimedOut => SendFailure::Ended(limit.timed_out(Operation::Send)),
            WaitError::Cancelled => SendFailure::Ended(limit.cancelled(Operation::Send)),
            WaitError::Failed(error) => SendFailure::Failed(error),
            WaitError::ErrorQueueReady => SendFailure::Ended(Error::new(Operation::Send, ErrorKind::Other)),
        })
    }

    /// Repeats a send of a connected endpoint, and keeps the error of the earlier datagram if the send
    /// succeeds. ECONNREFUSED is never the error of this send (udp(7)), so it is repeated until the
    /// errors of all earlier datagrams are reported.
    fn repeat_send(
        &self,
        limit: &WaitLimit<'_>,
        mut earlier: io::Error,
        mut attempt: impl FnMut(Mode) -> io::Result<()>,
    ) -> std::result::Result<(), WaitError> {
        for _ in 0..MAX_REPEATS {
            match wait::sending(&self.socket, limit, &mut attempt) {
                Err(WaitError::Failed(error)) if sys::error_kind(&error) == ErrorKind::ConnectionRefused => {
                    earlier = error;
                }
                outcome => {
                    if outcome.is_ok() {
                        self.keep_error(&earlier);
                    }
                    return outcome;
                }
            }
        }
        Err(WaitError::Failed(earlier))
    }

    fn retry_send(
        &self,
        limit: &WaitLimit<'_>,
        mut attempt: impl FnMut(Mode) -> io::Result<()>,
    ) -> std::result::Result<(), WaitError> {
        let queue = &self.error_queue;
        if queue.load(Ordering::Relaxed) != ErrorQueue::OFF {
            queue.store(ErrorQueue::PENDING, Ordering::Relaxed);
        }
        match wait::sending(&self.socket, limit, &mut attempt) {
            // The send buffer is full and the error queue is not empty, so that a poll returns
            // immediately. The errors are discarded.
            Err(WaitError::ErrorQueueReady) => {
                for _ in 0..MAX_QUEUED_ERRORS {
                    if sys::next_queued_error(&self.socket)?.is_none() {
                        break;
                    }
                }
                wait::sending(&self.socket, limit, attempt)
            }
            outcome => outcome,
        }
    }

    #[cold]
    pub(super) fn unsent(&self, unsent: SendFailure, length: usize, to: SocketAddr) -> Error {
        let error = match unsent {
            SendFailure::Ended(error) => error,
            SendFailure::Failed(error) => self.refused_by_system(error, length, to),
        };
        error.with_local(Some(self.local)).with_remote(Some(to))
    }

    fn refused_by_system(&self, source: io::Error, length: usize, to: SocketAddr) -> Error {
        let kind = sys::error_kind(&source);
        let limit = if to.is_ipv4() { LARGEST_MESSAGE_V4 } else { LARGEST_MESSAGE_V6 };
        let is_broadcast = to.ip() == Ipv4Addr::BROADCAST;
        match kind {
            ErrorKind::MessageTooLong if length > limit => {
                Error::detailed(Operation::Send, kind, SendErrorDetail::TooLong { length, limit, source })
            }
            ErrorKind::PermissionDenied if is_broadcast && !self.options.broadcast => {
                Error::detailed(Operation::Send, kind, SendErrorDetail::Broadcast { source })
            }
            _ => self.failure(Operation::Send, source),
        }
    }
}

fn not_connected() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
