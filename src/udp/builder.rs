use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::endpoint::UdpEndpoint;
use crate::addr::{Address, BindAddress, ToAddress, ToBindAddress};
use crate::dns::{self, Resolver};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::{UdpOptions, udp_option_setters};
use crate::sys::{self, CancelToken, Family, Limit};

/// Options for a [`UdpEndpoint`], which [`bind`](Self::bind) or [`connect`](Self::connect) then makes.
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
    pub(super) count_lost: bool,
    pub(super) token: Option<CancelToken>,
    pub(super) resolver: Option<Resolver>,
}

impl UdpBuilder {
    /// Makes the endpoint at a local address. All options stand in this builder, so the address comes last.
    ///
    /// # Errors
    ///
    /// This returns an error if the text is not an address, the name cannot be looked up, the address does not belong
    /// to this machine, another socket has it, the process may not take it, or the system refuses an option: the
    /// error's [`operation`](crate::Error::operation) says which.
    pub fn bind(self, address: impl ToBindAddress) -> Result<UdpEndpoint> {
        let address = address.to_bind_address()?;
        let local = self.local(&address)?;
        let socket = sys::open(local, &self.options).map_err(|error| bound_at(error, &address))?;
        UdpEndpoint::assemble(socket, None, self)
    }

    /// Makes an endpoint at a port of the system's choice that sends to one peer and hears only it.
    ///
    /// # Errors
    ///
    /// This returns an error if the text is not an address, the name cannot be looked up, no route leads there, or the
    /// system refuses an option.
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

    /// Makes an endpoint at a local address that sends to one peer and hears only it.
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

    /// Makes an endpoint of a socket that is open already, with those of the options that can still be set.
    ///
    /// The socket becomes blocking as far as anybody can see; timeouts set on it before are taken away. If it is
    /// connected, so is the endpoint.
    ///
    /// # Errors
    ///
    /// This returns an error if the system refuses an option.
    pub fn adopt(self, socket: UdpSocket) -> Result<UdpEndpoint> {
        let socket = sys::adopt(socket, &self.options)?;
        let peer = socket.peer_addr().ok().map(sys::canonical);
        UdpEndpoint::assemble(socket, peer, self)
    }

    /// Sets all [options](UdpOptions) at once, instead of those that were set before.
    pub fn options(mut self, options: UdpOptions) -> UdpBuilder {
        self.options = options;
        self
    }

    /// Sets a [`CancelToken`] that cancels blocking calls of the endpoint. Defaults to none.
    pub fn cancel_token(mut self, token: &CancelToken) -> UdpBuilder {
        self.token = Some(token.clone());
        self
    }

    /// Sets the resolver of the host names that the endpoint is given. Defaults to [`Resolver::shared`].
    pub fn resolver(mut self, resolver: &Resolver) -> UdpBuilder {
        self.resolver = Some(resolver.clone());
        self
    }

    /// Makes the OS count the datagrams that it drops, if it can.
    pub(crate) fn count_lost(mut self) -> UdpBuilder {
        self.count_lost = true;
        self
    }

    fn connect_socket(self, socket: UdpSocket, peer: SocketAddr) -> Result<UdpEndpoint> {
        socket
            .connect(peer)
            .map_err(|error| sys::failure(Operation::Connect, error).with_remote(Some(peer)))?;
        UdpEndpoint::assemble(socket, Some(sys::canonical(peer)), self)
    }

    fn lookup(&self, address: &Address, family: Option<Family>) -> Result<SocketAddr> {
        let limit = Limit { token: self.token.as_ref(), ..Limit::default() };
        dns::lookup(self.resolver.as_ref(), address, family, limit)
    }

    /// The local address to bind, in the family that `dual_stack` asks for.
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

/// The address as it was given belongs to the error only if the error is about the address.
fn bound_at(error: Error, address: &BindAddress) -> Error {
    if error.operation() == Operation::Bind { error.at(address) } else { error }
}
