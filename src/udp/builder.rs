use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::endpoint::UdpEndpoint;
use crate::addr::{Address, BindAddress, ToAddress, ToBindAddress};
use crate::dns::{self, Resolver};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::{UdpOptions, udp_option_setters};
use crate::sys::{self, Family};
use crate::wait::{CancelToken, WaitLimit};

/// A builder for a [`UdpEndpoint`], with its options.
///
/// [`bind`](Self::bind), [`connect`](Self::connect) or [`bind_and_connect`](Self::bind_and_connect)
/// creates the endpoint.
///
/// # Examples
///
/// ```
/// use socketry::{Encoding, UdpEndpoint};
/// use std::time::Duration;
///
/// let endpoint = UdpEndpoint::builder()
///     .encoding(Encoding::Gb18030)
///     .read_timeout(Duration::from_secs(2))
///     .receive_buffer_size(1 << 20)
///     .bind("127.0.0.1:0")?;
/// assert_eq!(endpoint.read_timeout(), Some(Duration::from_secs(2)));
/// assert_eq!(endpoint.encoding().name(), "gb18030");
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `bind` or `connect`"]
pub struct UdpBuilder {
    pub(super) options: UdpOptions,
    pub(super) token: Option<CancelToken>,
    pub(super) resolver: Option<Resolver>,
}

impl UdpBuilder {
    /// Binds an endpoint to a local address.
    ///
    /// The endpoint receives datagrams from any sender. This method does not block, unless the
    /// address has a host name. The lookup is limited by the [`resolver`](Self::resolver), by
    /// default to 10 s, and by the [`cancel_token`](Self::cancel_token).
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * another socket has the address ([`AddressInUse`](crate::ErrorKind::AddressInUse));
    /// * the address is not one of this machine
    ///   ([`AddressNotAvailable`](crate::ErrorKind::AddressNotAvailable));
    /// * the process has no permission, as for ports below 1,024 on Unix
    ///   ([`PermissionDenied`](crate::ErrorKind::PermissionDenied));
    /// * the text is not a valid address ([`InvalidAddress`](crate::ErrorKind::InvalidAddress)), or
    ///   its host name cannot be resolved ([`NameNotFound`](crate::ErrorKind::NameNotFound),
    ///   [`NameResolution`](crate::ErrorKind::NameResolution));
    /// * [`dual_stack`](Self::dual_stack) is set and the address is not a wildcard
    ///   ([`InvalidInput`](crate::ErrorKind::InvalidInput));
    /// * the OS rejects an option, which [`operation`](crate::Error::operation) names, or does not
    ///   have it ([`Unsupported`](crate::ErrorKind::Unsupported)).
    #[doc(alias = "EADDRINUSE", alias = "EADDRNOTAVAIL")]
    pub fn bind(self, address: impl ToBindAddress) -> Result<UdpEndpoint> {
        let address = address.to_bind_address()?;
        let local = self.local(&address)?;
        let socket = sys::open(local, &self.options).map_err(|error| bound_at(error, &address))?;
        UdpEndpoint::assemble(socket, None, self)
    }

    /// Creates an endpoint that sends to one peer and receives from it only.
    ///
    /// The OS chooses the local address and port. Nothing is sent, since UDP has no handshake. This
    /// method does not block, unless the address has a host name. The lookup is limited by the
    /// [`resolver`](Self::resolver), by default to 10 s, and by the
    /// [`cancel_token`](Self::cancel_token).
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * there is no route to the peer
    ///   ([`NetworkUnreachable`](crate::ErrorKind::NetworkUnreachable));
    /// * the text is not a valid address ([`InvalidAddress`](crate::ErrorKind::InvalidAddress)), or
    ///   its host name cannot be resolved ([`NameNotFound`](crate::ErrorKind::NameNotFound),
    ///   [`NameResolution`](crate::ErrorKind::NameResolution));
    /// * the OS rejects an option, which [`operation`](crate::Error::operation) names, or does not
    ///   have it ([`Unsupported`](crate::ErrorKind::Unsupported)).
    pub fn connect(self, peer: impl ToAddress) -> Result<UdpEndpoint> {
        let peer = peer.to_address()?;
        let resolved = sys::canonical(self.lookup(&peer, None)?);
        let any = match Family::of(&resolved) {
            Family::V4 => SocketAddr::from(([0, 0, 0, 0], 0)),
            Family::V6 => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = sys::open(any, &self.options)?;
        self.connect_socket(socket, resolved).map_err(|error| error.at(peer))
    }

    /// Binds an endpoint to a local address, and connects it to a peer.
    ///
    /// The endpoint sends to the peer and receives from it only. The host name of the peer is
    /// resolved in the family of the local address.
    ///
    /// # Errors
    ///
    /// This returns an error if [`bind`](Self::bind) or [`connect`](Self::connect) would.
    pub fn bind_and_connect(self, address: impl ToBindAddress, peer: impl ToAddress) -> Result<UdpEndpoint> {
        let (address, peer) = (address.to_bind_address()?, peer.to_address()?);
        let local = self.local(&address)?;
        let resolved = self.lookup(&peer, Some(Family::of(&local)))?;
        let socket = sys::open(local, &self.options).map_err(|error| bound_at(error, &address))?;
        self.connect_socket(socket, sys::mapped(resolved, Family::of(&local))).map_err(|error| error.at(peer))
    }

    /// Creates an endpoint from an open socket, with those options that can still be set.
    ///
    /// The endpoint is connected if the socket is. Timeouts that were set on the socket are
    /// removed, and a non-blocking socket becomes blocking. This method never blocks.
    ///
    /// # Errors
    ///
    /// This returns an error if the OS rejects an option, or does not have it
    /// ([`Unsupported`](crate::ErrorKind::Unsupported)). The socket is then closed.
    #[doc(alias = "fromfd")]
    pub fn adopt(self, socket: UdpSocket) -> Result<UdpEndpoint> {
        let socket = sys::adopt(socket, &self.options)?;
        let peer = socket.peer_addr().ok().map(sys::canonical);
        UdpEndpoint::assemble(socket, peer, self)
    }

    /// Sets all [options](UdpOptions) at once, and replaces those that were set before.
    ///
    /// The default is [`UdpOptions::new`].
    pub fn options(mut self, options: UdpOptions) -> UdpBuilder {
        self.options = options;
        self
    }

    /// Sets a token that cancels blocking calls of the endpoint.
    ///
    /// The default is none. Once the token is cancelled, calls return an error of kind
    /// [`Cancelled`](crate::ErrorKind::Cancelled). Received datagrams stay in the receive buffer of
    /// the OS.
    pub fn cancel_token(mut self, token: &CancelToken) -> UdpBuilder {
        self.token = Some(token.clone());
        self
    }

    /// Sets the resolver of host names that are passed to the builder and to the endpoint.
    ///
    /// The default is [`Resolver::shared`].
    pub fn resolver(mut self, resolver: &Resolver) -> UdpBuilder {
        self.resolver = Some(resolver.clone());
        self
    }

    fn connect_socket(self, socket: UdpSocket, peer: SocketAddr) -> Result<UdpEndpoint> {
        socket
            .connect(peer)
            .map_err(|error| sys::failure(Operation::Connect, error).with_remote(Some(peer)))?;
        UdpEndpoint::assemble(socket, Some(sys::canonical(peer)), self)
    }

    fn lookup(&self, address: &Address, family: Option<Family>) -> Result<SocketAddr> {
        let limit = WaitLimit::unlimited().cancelled_by(self.token.as_ref(), None);
        dns::lookup(self.resolver.as_ref(), address, family, &limit)
    }

    /// Returns the local address to bind, in the family that `dual_stack` selects.
    fn local(&self, address: &BindAddress) -> Result<SocketAddr> {
        if !self.options.dual_stack {
            return self.lookup(address.as_address(), None);
        }
        if !address.is_unspecified() {
            let error = Error::new(Operation::Configure("dual_stack"), ErrorKind::InvalidInput);
            return Err(error.at(format_args!("{address}, which is not a wildcard address")));
        }
        Ok((Ipv6Addr::UNSPECIFIED, address.port()).into())
    }
}

udp_option_setters!(UdpBuilder, options);

/// Adds the address as it was passed, if the error is about the address.
fn bound_at(error: Error, address: &BindAddress) -> Error {
    if error.operation() == Operation::Bind { error.at(address) } else { error }
}
