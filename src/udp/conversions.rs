//! Conversions from and to the socket types of `std`, and handles of the OS.

use std::net::UdpSocket;

use super::endpoint::UdpEndpoint;
use crate::error::{Error, Result};
use crate::sys;

/// Creates an endpoint from an open socket, as [`UdpBuilder::adopt`](crate::udp::UdpBuilder::adopt)
/// with default options.
impl TryFrom<UdpSocket> for UdpEndpoint {
    type Error = Error;

    fn try_from(socket: UdpSocket) -> Result<UdpEndpoint> {
        UdpEndpoint::builder().adopt(socket)
    }
}

/// Returns the socket, which is blocking and has the timeouts of the endpoint. A timeout of zero is
/// not set.
impl From<UdpEndpoint> for UdpSocket {
    fn from(endpoint: UdpEndpoint) -> UdpSocket {
        let (read, write) = (endpoint.read_timeout(), endpoint.write_timeout());
        sys::release(endpoint.socket, read, write)
    }
}

sys::handle_conversions!(UdpEndpoint, socket: UdpSocket);
