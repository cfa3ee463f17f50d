//! To and from the socket types of `std`, and the system's handles.

use std::net::UdpSocket;

use super::endpoint::UdpEndpoint;
use crate::error::{Error, Result};
use crate::sys;

/// Takes a socket over with the defaults of the builder: see [`UdpBuilder::adopt`](crate::udp::UdpBuilder::adopt).
impl TryFrom<UdpSocket> for UdpEndpoint {
    type Error = Error;

    fn try_from(socket: UdpSocket) -> Result<UdpEndpoint> {
        UdpEndpoint::builder().adopt(socket)
    }
}

/// Gives the socket away: blocking, with the endpoint's timeouts set on it.
impl From<UdpEndpoint> for UdpSocket {
    fn from(endpoint: UdpEndpoint) -> UdpSocket {
        let (read, write) = (endpoint.read_timeout(), endpoint.write_timeout());
        sys::release(endpoint.socket, read, write)
    }
}

sys::handle_conversions!(UdpEndpoint, socket: UdpSocket);
