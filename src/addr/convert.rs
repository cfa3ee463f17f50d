use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::bind::BindAddress;
use super::target::Address;
use crate::error::Result;

/// A value that names a host and a port to connect or send to.
///
/// Every method that takes a remote address accepts a `ToAddress`, as methods of `std` accept a
/// `ToSocketAddrs`:
///
/// | Value | Example |
/// |---|---|
/// | `&str`, `String` | `"127.0.0.1:8080"`, `"db.example:5432"`, `"[::1]:80"`, `"[fe80::1%eth0]:80"` |
/// | host name and port | `("localhost", 80)`, `("::1", 80)`, `(name, port)` with a `String` |
/// | IP address and port | `(Ipv4Addr::LOCALHOST, 80)`, with an `IpAddr`, `Ipv4Addr` or `Ipv6Addr` |
/// | socket address | `SocketAddr`, `SocketAddrV4`, `SocketAddrV6` |
/// | parsed address | [`Address`] |
///
/// References to these are accepted, too. [`Address`] documents the syntax.
///
/// Implement the trait for your own types, such as an entry of a configuration file. The conversion
/// does no lookup and does not block: the method that takes the address resolves its host name,
/// within the timeout of that call.
///
/// # Examples
///
/// ```
/// use socketry::{Address, Result, ToAddress};
///
/// struct Device {
///     serial: u32,
/// }
///
/// impl ToAddress for Device {
///     fn to_address(&self) -> Result<Address> {
///         (format!("device-{}.local", self.serial), 7788).to_address()
///     }
/// }
///
/// assert_eq!(Device { serial: 12 }.to_address()?.to_string(), "device-12.local:7788");
/// # Ok::<(), socketry::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a host and a port",
    label = "expected a host and a port",
    note = "pass `\"host:port\"`, `(\"host\", port)`, `(ip, port)`, a `SocketAddr` or an `Address`"
)]
pub trait ToAddress {
    /// Returns the address, without resolving its host name.
    ///
    /// # Errors
    ///
    /// This returns an error if the value is not a valid address
    /// ([`ErrorKind::InvalidAddress`](crate::ErrorKind::InvalidAddress)).
    fn to_address(&self) -> Result<Address>;
}

/// A value that names a local address to bind: a host, or every local address, and a port.
///
/// Everything that is a [`ToAddress`] in this crate is accepted, and three more forms, which mean
/// every local IPv4 address (`0.0.0.0`):
///
/// | Value | Example |
/// |---|---|
/// | port | `7788` |
/// | text without a host | `":7788"`, `"7788"` |
/// | an empty host and a port | `("", 7788)` |
///
/// [`BindAddress`] documents the syntax. Port 0 lets the OS choose a free port.
///
/// # Examples
///
/// ```
/// use socketry::{ToBindAddress, UdpEndpoint};
///
/// assert_eq!(7788.to_bind_address()?, ":7788".to_bind_address()?);
/// let endpoint = UdpEndpoint::bind(("127.0.0.1", 0))?;
/// assert_ne!(endpoint.local_addr().port(), 0);
/// # Ok::<(), socketry::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a local address to bind",
    label = "expected a port, or a host and a port",
    note = "pass a port (`7788`, a `u16`), `\":7788\"`, `\"host:port\"`, `(\"host\", port)`, `(ip, port)`, a `SocketAddr` or a `BindAddress`"
)]
pub trait ToBindAddress {
    /// Returns the address, without resolving its host name.
    ///
    /// # Errors
    ///
    /// This returns an error if the value is not a valid address
    /// ([`ErrorKind::InvalidAddress`](crate::ErrorKind::InvalidAddress)).
    fn to_bind_address(&self) -> Result<BindAddress>;
}

impl<T: ToAddress + ?Sized> ToAddress for &T {
    #[inline]
    fn to_address(&self) -> Result<Address> {
        (**self).to_address()
    }
}

impl<T: ToBindAddress + ?Sized> ToBindAddress for &T {
    fn to_bind_address(&self) -> Result<BindAddress> {
        (**self).to_bind_address()
    }
}

impl ToAddress for Address {
    fn to_address(&self) -> Result<Address> {
        Ok(self.clone())
    }
}

impl ToBindAddress for BindAddress {
    fn to_bind_address(&self) -> Result<BindAddress> {
        Ok(self.clone())
    }
}

impl ToBindAddress for Address {
    fn to_bind_address(&self) -> Result<BindAddress> {
        Ok(self.clone().into())
    }
}

impl ToBindAddress for u16 {
    fn to_bind_address(&self) -> Result<BindAddress> {
        Ok((*self).into())
    }
}

/// Both traits for a type whose conversion parses, and may fail.
macro_rules! parsed {
    ($($type:ty: $value:ident => $parsed:expr;)*) => {$(
        impl ToAddress for $type {
            fn to_address(&self) -> Result<Address> {
                let $value = self;
                Ok(($parsed)?)
            }
        }

        impl ToBindAddress for $type {
            fn to_bind_address(&self) -> Result<BindAddress> {
                let $value = self;
                Ok(($parsed)?)
            }
        }
    )*};
}

parsed! {
    str: text => text.parse();
    String: text => text.parse();
    (&str, u16): pair => (*pair).try_into();
    (String, u16): pair => (pair.0.as_str(), pair.1).try_into();
    (&String, u16): pair => (pair.0.as_str(), pair.1).try_into();
}

/// Both traits for a type that is an address already.
macro_rules! converted {
    ($($type:ty),*) => {$(
        impl ToAddress for $type {
            #[inline]
            fn to_address(&self) -> Result<Address> {
                Ok((*self).into())
            }
        }

        impl ToBindAddress for $type {
            fn to_bind_address(&self) -> Result<BindAddress> {
                Ok((*self).into())
            }
        }
    )*};
}

converted!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));
