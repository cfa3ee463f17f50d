//! Sending: to the peer, to an address, back to whoever asked.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;

use super::datagram::RecvMeta;
use super::endpoint::{ErrorQueue, UdpEndpoint};
use crate::addr::{Address, ToAddress};
use crate::dns;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::message::Message;
use crate::sys::{self, CancelToken, Ended, Family, Limit, Mode, Moment, Way};

/// Why a datagram cannot be sent, where the system's own word needs explaining.
#[derive(Debug, thiserror::Error)]
enum Unsendable {
    #[error("a message of {length} bytes does not fit a datagram, which holds {limit} at most")]
    TooLong { length: usize, limit: usize, source: io::Error },
    #[error("permission denied; a broadcast address needs UdpBuilder::broadcast")]
    Broadcast { source: io::Error },
    #[error("an IPv4 socket cannot send to an IPv6 address")]
    OnlyIpv4,
    #[error("an IPv6 socket that is not dual_stack cannot send to an IPv4 address")]
    OnlyIpv6,
}

/// How an attempt to send ended, and when it began if anybody looked.
pub(super) struct Unsent {
    pub(super) ended: Ended,
    started: Option<Moment>,
}

/// 65,535 bytes less the headers of UDP (8) and IPv4 (20); IPv6's header does not count (RFC 768, RFC 791, RFC 8200).
const LARGEST_MESSAGE_V4: usize = 65_507;
const LARGEST_MESSAGE_V6: usize = 65_527;

impl UdpEndpoint {
    /// Sends a message to the peer of a connected endpoint, as one datagram.
    ///
    /// Text is sent in the endpoint's [encoding](crate::udp::UdpBuilder::encoding), bytes as they are: see [`Message`].
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * a character does not exist in the encoding, or the message is longer than 65,507 bytes (IPv6: 65,527): then
    ///   nothing is sent;
    /// * the endpoint has no peer;
    /// * no route leads there, or a firewall of this machine forbids it;
    /// * the peer's system has said of an earlier datagram that nobody listens there.
    #[inline]
    pub fn send(&self, message: impl Message) -> Result<()> {
        let Some(peer) = self.peer else { return Err(self.failure(Operation::Send, not_connected())) };
        let bytes = self.encoded(&message, &peer)?;
        let sent = self.sending(|mode| sys::send(&self.socket, &bytes, mode));
        sent.map_err(|unsent| self.unsent(unsent, bytes.len(), peer))
    }

    /// Sends a message to an address, as one datagram.
    ///
    /// A name is looked up each time; where that is too often, parse and resolve once and keep the `SocketAddr`.
    ///
    /// # Errors
    ///
    /// This returns an error if the text is not an address or the name cannot be looked up, if the address is a
    /// broadcast address without [`broadcast`](crate::udp::UdpBuilder::broadcast), and if [`send`](Self::send) would.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{ErrorKind, UdpEndpoint};
    ///
    /// let endpoint = UdpEndpoint::bind("127.0.0.1:0")?;
    /// let error = endpoint.send_to([0; 65_508], "127.0.0.1:9").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::MessageTooLong);
    /// assert!(error.to_string().contains("65508 bytes does not fit a datagram, which holds 65507"));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[inline]
    pub fn send_to(&self, message: impl Message, to: impl ToAddress) -> Result<()> {
        let to = to.to_address()?;
        let resolved;
        let address = match to.as_socket_addr() {
            Some(address) => address,
            None => {
                resolved = self.resolve(&to)?;
                &resolved
            }
        };
        let bytes = self.encoded(&message, address)?;
        self.send_bytes_to(&bytes, address, None).map_err(|error| error.at(&to))
    }

    /// Sends a message back to whoever sent a datagram, from the address that the datagram was sent to.
    ///
    /// On a machine with several addresses the system would choose the source of an answer by its route, and a client
    /// that asked another address would not take it for the answer.
    ///
    /// A datagram that was sent to a broadcast or multicast address is answered from the address of the interface it
    /// came by.
    ///
    /// # Errors
    ///
    /// This returns an error if [`send_to`](Self::send_to) would.
    ///
    /// # Platform-specific behavior
    ///
    /// On Windows, an endpoint that is bound to a wildcard address answers from the address of the system's choice.
    #[inline]
    pub fn reply(&self, request: impl AsRef<RecvMeta>, message: impl Message) -> Result<()> {
        let request = request.as_ref();
        let bytes = self.encoded(&message, &request.from)?;
        // Where there is only one address, some systems refuse to be told it.
        let source = if self.known.to.is_none() { request.info.local } else { None };
        self.send_bytes_to(&bytes, &request.from, source)
    }

    /// Looks a name up, for an address this socket can send to.
    #[cold]
    pub(super) fn resolve(&self, to: &Address) -> Result<SocketAddr> {
        let family =
            if self.family == Family::V6 && self.options.dual_stack { None } else { Some(self.family) };
        let token = self.token.as_ref();
        let limit = Limit { deadline: self.timing.deadline(), token, ..Limit::default() };
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

    /// Sends to an address, and leaves from another if one is given.
    #[inline]
    pub(super) fn send_bytes_to(&self, bytes: &[u8], to: &SocketAddr, from: Option<IpAddr>) -> Result<()> {
        if from.is_none() && self.peer.is_none() && self.reaches(to) {
            let sent = self.sending(|mode| sys::send_to(&self.socket, bytes, to, mode));
            return sent.map_err(|unsent| self.unsent(unsent, bytes.len(), *to));
        }
        self.send_specially(bytes, *to, from)
    }

    /// Sends to an address of the socket's family, by one interface.
    pub(crate) fn send_by(&self, bytes: &[u8], to: &SocketAddr, way: Way) -> Result<()> {
        sys::pin(&self.socket, to, way)
            .map_err(|error| self.failure(Operation::Send, error).with_remote(Some(*to)))?;
        let sent = self.sending(|mode| sys::send_from(&self.socket, bytes, to, way, mode));
        sent.map_err(|unsent| self.unsent(unsent, bytes.len(), *to))
    }

    /// Whether the socket takes the address as it is. IPv4 in the form of IPv6 is IPv4.
    #[inline]
    fn reaches(&self, to: &SocketAddr) -> bool {
        match (self.family, to) {
            (Family::V4, SocketAddr::V4(_)) => true,
            (Family::V6, SocketAddr::V6(to)) => to.ip().to_ipv4_mapped().is_none(),
            _ => false,
        }
    }

    #[inline(never)]
    fn send_specially(&self, bytes: &[u8], to: SocketAddr, from: Option<IpAddr>) -> Result<()> {
        let to = sys::canonical(to);
        let address = if Family::of(&to) == self.family { to } else { self.translated(to)? };
        let sent = match from {
            // A connected socket has one source and one peer; some systems refuse to be told the address again.
            _ if self.peer == Some(to) => self.sending(|mode| sys::send(&self.socket, bytes, mode)),
            Some(source) => {
                let source = sys::mapped(SocketAddr::new(source, 0), self.family).ip();
                let way = Way { source, interface: 0 };
                self.sending(|mode| sys::send_from(&self.socket, bytes, &address, way, mode))
            }
            None => self.sending(|mode| sys::send_to(&self.socket, bytes, &address, mode)),
        };
        sent.map_err(|unsent| self.unsent(unsent, bytes.len(), to))
    }

    /// An address of the other family, if the socket can reach it.
    #[cold]
    pub(super) fn translated(&self, to: SocketAddr) -> Result<SocketAddr> {
        let reason = match self.family {
            Family::V6 if self.options.dual_stack || self.is_dual_stack() => {
                return Ok(sys::mapped(to, self.family));
            }
            Family::V6 => Unsendable::OnlyIpv6,
            Family::V4 => Unsendable::OnlyIpv4,
        };
        let error = Error::detailed(Operation::Send, ErrorKind::AddressNotAvailable, reason);
        Err(error.with_local(Some(self.local)).with_remote(Some(to)))
    }

    /// For a socket that was opened elsewhere.
    fn is_dual_stack(&self) -> bool {
        socket2::SockRef::from(&self.socket).only_v6().is_ok_and(|only_v6| !only_v6)
    }

    /// Sends; there is room almost always, and then nobody needs to know the time.
    #[inline]
    pub(super) fn sending(
        &self,
        mut attempt: impl FnMut(Mode) -> io::Result<()>,
    ) -> std::result::Result<(), Unsent> {
        if self.token.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(Unsent { ended: Ended::Cancelled, started: None });
        }
        let is_limited = self.token.is_some() || self.timing.limits_writing();
        match attempt(if is_limited { Mode::Try } else { Mode::Block }) {
            Ok(()) => Ok(()),
            Err(error) => self.send_slowly(error, attempt),
        }
    }

    #[cold]
    fn send_slowly(
        &self,
        error: io::Error,
        mut attempt: impl FnMut(Mode) -> io::Result<()>,
    ) -> std::result::Result<(), Unsent> {
        let span = self.timing.writing();
        let limit =
            Limit { started: span.started, deadline: span.deadline, token: self.token.as_ref(), also: None };
        let outcome = match sys::is_again(&error) {
            true => sys::sending(&self.socket, limit, &mut attempt),
            false => Err(Ended::Failed(error)),
        };
        let outcome = match outcome {
            // The report of an earlier datagram ended the call before it began: it is called again, and the report
            // stays in its queue for a call that receives. An error that comes again is this call's own.
            Err(Ended::Failed(error)) if self.concerns_earlier_datagram(&error) => {
                self.send_again(limit, attempt)
            }
            Err(Ended::Reports) => self.send_again(limit, attempt),
            outcome => outcome,
        };
        outcome.map_err(|ended| Unsent { ended, started: span.started })
    }

    fn send_again(
        &self,
        limit: Limit<'_>,
        mut attempt: impl FnMut(Mode) -> io::Result<()>,
    ) -> std::result::Result<(), Ended> {
        let queue = &self.error_queue;
        if queue.load(Ordering::Relaxed) != ErrorQueue::OFF {
            queue.store(ErrorQueue::PENDING, Ordering::Relaxed);
        }
        match sys::sending(&self.socket, limit, &mut attempt) {
            // The buffer is full and reports are waiting as well, which keep a poll from sleeping: they are given up.
            Err(Ended::Reports) => {
                while sys::next_queued_error(&self.socket)?.is_some() {}
                sys::sending(&self.socket, limit, attempt)
            }
            outcome => outcome,
        }
    }

    #[cold]
    pub(super) fn unsent(&self, unsent: Unsent, length: usize, to: SocketAddr) -> Error {
        let elapsed = unsent.started.map(Moment::elapsed);
        let error = match unsent.ended {
            Ended::TimedOut => Error::new(Operation::Send, ErrorKind::TimedOut).with_elapsed(elapsed),
            Ended::Cancelled => Error::new(Operation::Send, ErrorKind::Cancelled).with_elapsed(elapsed),
            Ended::Failed(error) => self.refused_by_system(error, length, to),
            Ended::Reports => Error::new(Operation::Send, ErrorKind::Other),
        };
        error.with_local(Some(self.local)).with_remote(Some(to))
    }

    fn refused_by_system(&self, source: io::Error, length: usize, to: SocketAddr) -> Error {
        let kind = sys::error_kind(&source);
        let limit = if to.is_ipv4() { LARGEST_MESSAGE_V4 } else { LARGEST_MESSAGE_V6 };
        let is_broadcast = to.ip() == Ipv4Addr::BROADCAST;
        match kind {
            ErrorKind::MessageTooLong if length > limit => {
                Error::detailed(Operation::Send, kind, Unsendable::TooLong { length, limit, source })
            }
            ErrorKind::PermissionDenied if is_broadcast && !self.options.broadcast => {
                Error::detailed(Operation::Send, kind, Unsendable::Broadcast { source })
            }
            _ => self.failure(Operation::Send, source),
        }
    }
}

fn not_connected() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
