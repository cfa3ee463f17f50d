//! Membership in multicast groups, interface by interface.

use std::net::IpAddr;

use socket2::SockRef;

use super::endpoint::UdpEndpoint;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::InterfaceSelector;
use crate::sys::{self, Family, Link};

/// What became of a membership on one interface.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Membership {
    /// The interface's name.
    pub interface: Box<str>,
    /// The interface's index.
    pub index: u32,
    /// Whether the system granted it, and if not, why.
    pub result: Result<()>,
}

impl UdpEndpoint {
    /// Becomes a member of a multicast group on interfaces: datagrams to the group that arrive there are received.
    ///
    /// [`InterfaceSelector::All`] is every interface that is up; what the system would choose by itself is one of them only.
    /// The endpoint is bound to the group's port at a wildcard address. Where several programs of one machine are
    /// members, each needs [`reuse_address`](crate::udp::UdpBuilder::reuse_address). To *send* to a group no membership is
    /// needed, but the interface to leave by: see
    /// [`multicast_interface`](crate::udp::UdpBuilder::multicast_interface).
    ///
    /// Only groups that this endpoint has joined are heard, also on Linux, where another program's membership would
    /// otherwise be enough.
    ///
    /// # Errors
    ///
    /// This returns an error if the address is not a multicast address of the socket's family, no such interface is
    /// up, or no interface grants it. If some do, the others' refusals are in the result.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::interfaces::InterfaceSelector;
    /// use socketry::UdpEndpoint;
    /// use std::net::Ipv4Addr;
    ///
    /// let group = Ipv4Addr::new(239, 255, 77, 88);
    /// let endpoint = UdpEndpoint::bind(":0")?;
    /// let memberships = endpoint.join_multicast(group, Ipv4Addr::LOCALHOST)?;
    /// assert!(memberships[0].result.is_ok());
    /// endpoint.leave_multicast(group, InterfaceSelector::Index(memberships[0].index))?;
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn join_multicast(
        &self,
        group: impl Into<IpAddr>,
        interfaces: impl Into<InterfaceSelector>,
    ) -> Result<Vec<Membership>> {
        let socket = SockRef::from(&self.socket);
        self.on_each(Operation::JoinMulticast, group.into(), interfaces.into(), |group, link| match group {
            IpAddr::V4(group) => sys::join_multicast_v4(&socket, &group, link),
            IpAddr::V6(group) => socket.join_multicast_v6(&group, link.index),
        })
    }

    /// Ends the membership of a multicast group on interfaces.
    ///
    /// # Errors
    ///
    /// This returns an error if the endpoint was a member on none of them, or no such interface is up.
    pub fn leave_multicast(
        &self,
        group: impl Into<IpAddr>,
        interfaces: impl Into<InterfaceSelector>,
    ) -> Result<Vec<Membership>> {
        let socket = SockRef::from(&self.socket);
        self.on_each(Operation::LeaveMulticast, group.into(), interfaces.into(), |group, link| match group {
            IpAddr::V4(group) => sys::leave_multicast_v4(&socket, &group, link),
            IpAddr::V6(group) => socket.leave_multicast_v6(&group, link.index),
        })
    }

    fn on_each(
        &self,
        operation: Operation,
        group: IpAddr,
        on: InterfaceSelector,
        act: impl Fn(IpAddr, &Link) -> std::io::Result<()>,
    ) -> Result<Vec<Membership>> {
        let suits = match self.family {
            Family::V4 => group.is_ipv4(),
            Family::V6 => group.is_ipv6(),
        };
        if !suits || !group.is_multicast() {
            let error = Error::new(operation, ErrorKind::InvalidInput);
            return Err(
                error.at(format_args!("{group}, which is not a multicast address of the socket's family"))
            );
        }
        let place = || format!("{group} on {on}");
        let links = sys::select(&on).map_err(|error| sys::failure(operation, error).at(place()))?;
        let mut memberships: Vec<Membership> = links
            .iter()
            .map(|link| Membership {
                interface: link.name.clone(),
                index: link.index,
                result: act(group, link).map_err(|error| {
                    self.failure(operation, error).at(format_args!("{group} on interface {}", link.name))
                }),
            })
            .collect();
        if memberships.iter().any(|membership| membership.result.is_ok()) {
            return Ok(memberships);
        }
        Err(memberships
            .swap_remove(0)
            .result
            .err()
            .unwrap_or_else(|| Error::new(operation, ErrorKind::Other)))
    }
}
