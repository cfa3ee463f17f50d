//! Membership in multicast groups, for each interface.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use socket2::{SockRef, Socket};

use super::endpoint::UdpEndpoint;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::{InterfaceSelector, NetworkInterface};
use crate::sys::{self, Family, Link};

/// The outcome of joining or leaving a multicast group on one interface.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Membership {
    /// The name of the interface.
    pub interface_name: Box<str>,
    /// The index of the interface.
    pub interface_index: u32,
    /// Whether the OS has joined or left the group, or its error.
    pub result: Result<()>,
}

impl UdpEndpoint {
    /// Joins a multicast group on the selected interfaces, to receive datagrams that are sent to
    /// it.
    ///
    /// [`InterfaceSelector::All`] selects every interface that is up and supports multicast, unlike
    /// the OS default, which is one of them. This method never blocks.
    ///
    /// Bind the endpoint to the port of the group at a wildcard address. If several programs on one
    /// machine join the group, each needs [`reuse_address`](crate::udp::UdpBuilder::reuse_address).
    /// The endpoint receives datagrams of groups that it has joined only, also on Linux, where the
    /// default is to receive those of every group that a program on the machine has joined
    /// (`IP_MULTICAST_ALL`). Sending to a group needs no membership;
    /// [`multicast_interface`](crate::udp::UdpBuilder::multicast_interface) sets the interface to
    /// send on.
    ///
    /// The result has an entry for each selected interface. Some may have failed.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the address is not a multicast address of the family of the socket
    ///   ([`InvalidInput`](crate::ErrorKind::InvalidInput));
    /// * no such interface is up ([`AddressNotAvailable`](crate::ErrorKind::AddressNotAvailable));
    /// * joining fails on every interface; the error is that of the first one.
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
    /// endpoint.leave_multicast(group, InterfaceSelector::Index(memberships[0].interface_index))?;
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "IP_ADD_MEMBERSHIP", alias = "MCAST_JOIN_GROUP", alias = "IPV6_JOIN_GROUP")]
    #[doc(alias = "IPV6_ADD_MEMBERSHIP", alias = "IP_MULTICAST_ALL", alias = "IGMP")]
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

    /// Leaves a multicast group on the selected interfaces.
    ///
    /// This method never blocks. The OS leaves all groups when the endpoint is dropped.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the address is not a multicast address of the family of the socket
    ///   ([`InvalidInput`](crate::ErrorKind::InvalidInput));
    /// * no such interface is up, or the endpoint has not joined the group on any of them
    ///   ([`AddressNotAvailable`](crate::ErrorKind::AddressNotAvailable)).
    #[doc(alias = "IP_DROP_MEMBERSHIP", alias = "MCAST_LEAVE_GROUP", alias = "IPV6_LEAVE_GROUP")]
    #[doc(alias = "IPV6_DROP_MEMBERSHIP")]
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

    /// Joins a multicast group for the datagrams of one sender only: source-specific multicast
    /// ([RFC 4607](https://www.rfc-editor.org/rfc/rfc4607), groups `232.0.0.0/8`).
    ///
    /// The OS discards the datagrams of other senders. Join a group once for each sender. This
    /// method never blocks. Otherwise it is like [`join_multicast`](Self::join_multicast).
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the group or the source is an IPv6 address ([`Unsupported`](crate::ErrorKind::Unsupported));
    /// * an interface has no IPv4 address
    ///   ([`AddressNotAvailable`](crate::ErrorKind::AddressNotAvailable));
    ///
    /// or for any reason listed under [`join_multicast`](Self::join_multicast).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    /// use std::net::Ipv4Addr;
    ///
    /// let group = Ipv4Addr::new(232, 1, 77, 88);
    /// let endpoint = UdpEndpoint::bind(":0")?;
    /// let source = Ipv4Addr::LOCALHOST;
    /// let memberships = endpoint.join_multicast_source(group, source, Ipv4Addr::LOCALHOST)?;
    /// assert!(memberships[0].result.is_ok());
    /// endpoint.leave_multicast_source(group, source, Ipv4Addr::LOCALHOST)?;
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "IP_ADD_SOURCE_MEMBERSHIP", alias = "MCAST_JOIN_SOURCE_GROUP")]
    #[doc(alias = "SSM", alias = "IGMPv3")]
    pub fn join_multicast_source(
        &self,
        group: impl Into<IpAddr>,
        source: impl Into<IpAddr>,
        interfaces: impl Into<InterfaceSelector>,
    ) -> Result<Vec<Membership>> {
        let (group, source) = (group.into(), source.into());
        self.on_each_source(Operation::JoinMulticast, group, source, interfaces.into(), Socket::join_ssm_v4)
    }

    /// Leaves a multicast group that was joined for one sender.
    ///
    /// This method never blocks. The OS leaves all groups when the endpoint is dropped.
    ///
    /// # Errors
    ///
    /// This returns an error if [`leave_multicast`](Self::leave_multicast) would, or if the group or
    /// the source is an IPv6 address ([`Unsupported`](crate::ErrorKind::Unsupported)).
    #[doc(alias = "IP_DROP_SOURCE_MEMBERSHIP", alias = "MCAST_LEAVE_SOURCE_GROUP")]
    pub fn leave_multicast_source(
        &self,
        group: impl Into<IpAddr>,
        source: impl Into<IpAddr>,
        interfaces: impl Into<InterfaceSelector>,
    ) -> Result<Vec<Membership>> {
        let (group, source) = (group.into(), source.into());
        self.on_each_source(Operation::LeaveMulticast, group, source, interfaces.into(), Socket::leave_ssm_v4)
    }

    /// Joins or leaves a group for one sender. Both must be IPv4: no safe crate has the option for IPv6.
    fn on_each_source(
        &self,
        operation: Operation,
        group: IpAddr,
        source: IpAddr,
        on: InterfaceSelector,
        act: fn(&Socket, &Ipv4Addr, &Ipv4Addr, &Ipv4Addr) -> io::Result<()>,
    ) -> Result<Vec<Membership>> {
        let (IpAddr::V4(own), IpAddr::V4(source)) = (group, source) else {
            let error = Error::new(operation, ErrorKind::Unsupported);
            return Err(error.at(format_args!("{group} from {source}")));
        };
        let socket = SockRef::from(&self.socket);
        self.on_each(operation, group, on, |_, link| {
            let address = link.ipv4().ok_or(io::ErrorKind::AddrNotAvailable)?;
            act(&socket, &source, &own, &address)
        })
    }

    /// Joins a group on one interface, without a list of interfaces.
    pub(crate) fn join_group_on(&self, group: IpAddr, interface: &NetworkInterface) -> Result<()> {
        let socket = SockRef::from(&self.socket);
        let joined = match group {
            IpAddr::V4(group) => sys::join_multicast_v4(&socket, &group, &Link::of(interface)),
            IpAddr::V6(group) => socket.join_multicast_v6(&group, interface.index),
        };
        joined.map_err(|error| {
            let error = self.failure(Operation::JoinMulticast, error);
            error.at(format_args!("{group} on interface {}", interface.name))
        })
    }

    /// Leaves a group on an interface that may not exist any more.
    pub(crate) fn leave_group_on(&self, group: IpAddr, index: u32) {
        let socket = SockRef::from(&self.socket);
        let _ = match group {
            IpAddr::V4(group) => sys::leave_multicast_v4(&socket, &group, &Link::gone(index)),
            IpAddr::V6(group) => socket.leave_multicast_v6(&group, index),
        };
    }

    fn on_each(
        &self,
        operation: Operation,
        group: IpAddr,
        on: InterfaceSelector,
        act: impl Fn(IpAddr, &Link) -> io::Result<()>,
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
                interface_name: link.name.clone(),
                interface_index: link.index,
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
