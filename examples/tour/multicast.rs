//! One datagram for many.

use std::net::{Ipv4Addr, SocketAddr};

use socketry::UdpEndpoint;

use crate::cli::Outcome;
use crate::{LONGEST_WAIT, show};

/// From the block that is free for use within an organization (RFC 2365).
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 88);

/// Both members are at one port, which they must both allow; the datagram leaves by the loopback
/// interface, so that nobody else gets it.
pub(crate) fn one_datagram_for_a_group() -> Outcome {
    let member = || UdpEndpoint::builder().reuse_address(true).read_timeout(LONGEST_WAIT);
    let first = member().bind(":0")?;
    let port = first.local_addr().port();
    let second = member().bind(port)?;
    for member in [&first, &second] {
        if let Err(error) = member.join_multicast(GROUP, Ipv4Addr::LOCALHOST) {
            show!("this machine has no multicast on its loopback interface: {error}")?;
            return Ok(());
        }
    }
    let sender = UdpEndpoint::builder().multicast_interface(Ipv4Addr::LOCALHOST).bind("127.0.0.1:0")?;
    sender.send_to("大家好", SocketAddr::from((GROUP, port)))?;
    show!("two members of {GROUP} at port {port}; one datagram to {GROUP}:{port}")?;
    for (name, member) in [("first ", &first), ("second", &second)] {
        let datagram = member.recv()?;
        show!("the {name} got {:?} from {}", datagram.text()?, datagram.source())?;
    }
    Ok(())
}
