//! The memberships of a multicast group, which follow the interfaces of the machine.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::links::InterfaceFilter;
use crate::error::{Error, ErrorKind};
use crate::options::NetworkInterface;
use crate::udp::UdpEndpoint;

#[derive(Debug)]
pub(super) struct GroupMembership {
    group: IpAddr,
    /// The indices of the interfaces on which it is joined.
    joined: BTreeSet<u32>,
}

impl GroupMembership {
    pub(super) fn new(group: IpAddr) -> GroupMembership {
        GroupMembership { group, joined: BTreeSet::new() }
    }

    /// The number of interfaces on which it is joined.
    pub(super) fn joined(&self) -> u64 {
        self.joined.len() as u64
    }

    pub(super) fn is_joined(&self) -> bool {
        !self.joined.is_empty()
    }

    /// Joins the group on chosen interfaces that are new, and leaves it on those that no longer exist:
    /// the kernel limits the memberships of a socket (`igmp_max_memberships`, 20), and counts them, too.
    /// Returns the errors of those that cannot be joined, which are tried again the next time.
    pub(super) fn follow(
        &mut self,
        endpoint: &UdpEndpoint,
        interfaces: &[NetworkInterface],
        filter: &InterfaceFilter,
    ) -> Vec<Error> {
        let exists = |index: u32| interfaces.iter().any(|interface| interface.index == index);
        let gone: Vec<u32> = self.joined.iter().copied().filter(|index| !exists(*index)).collect();
        for index in gone {
            self.joined.remove(&index);
            endpoint.leave_group_on(self.group, index);
        }
        let mut errors = Vec::new();
        let chosen = interfaces
            .iter()
            .filter(|interface| interface.is_up && interface.is_multicast && filter.matches(interface));
        for interface in chosen {
            if self.joined.contains(&interface.index) {
                continue;
            }
            match endpoint.join_group_on(self.group, interface) {
                Ok(()) => drop(self.joined.insert(interface.index)),
                // It is a member already.
                Err(error) if error.kind() == ErrorKind::AddressInUse => {
                    self.joined.insert(interface.index);
                }
                Err(error) => errors.push(error),
            }
        }
        errors
    }
}
