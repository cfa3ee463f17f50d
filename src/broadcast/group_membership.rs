//! The memberships of a multicast group, which follow the interfaces of the machine.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::links::Choice;
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

    pub(super) fn is_joined(&self) -> bool {
        !self.joined.is_empty()
    }

    /// Joins the group on chosen interfaces that are new, and leaves it on those that no longer exist:
    /// the kernel limits the memberships of a socket (`igmp_max_memberships`, 20), and counts them, too.
    /// Returns the last error.
    pub(super) fn follow(
        &mut self,
        endpoint: &UdpEndpoint,
        interfaces: &[NetworkInterface],
        choice: &Choice,
    ) -> Option<Error> {
        let exists = |index: u32| interfaces.iter().any(|interface| interface.index == index);
        let gone: Vec<u32> = self.joined.iter().copied().filter(|index| !exists(*index)).collect();
        for index in gone {
            self.joined.remove(&index);
            endpoint.leave_group_on(self.group, index);
        }
        let mut last = None;
        let chosen = interfaces
            .iter()
            .filter(|interface| interface.is_up && interface.is_multicast && choice.takes(interface));
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
                Err(error) => last = Some(error),
            }
        }
        last
    }
}
