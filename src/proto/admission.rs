//! Who may come in: limits in total and for each peer. Pure counting.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Whom a limit for each peer counts as one: an IPv4 address, or the 64 bits of an IPv6 address that name a network, of
/// which one host has all the rest (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    V4(u32),
    V6(u64),
}

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Peer {
        match address.to_canonical() {
            IpAddr::V4(v4) => Peer::V4(v4.to_bits()),
            IpAddr::V6(v6) => Peer::V6((v6.to_bits() >> 64) as u64),
        }
    }
}

/// What is said to somebody who knocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Admitted,
    Full,
    PeerFull,
}

/// How many are inside.
#[derive(Debug)]
pub(crate) struct Admission {
    most: usize,
    most_per_peer: Option<usize>,
    inside: usize,
    /// Counted only where there is a limit for it. In order, so that no choice of addresses makes it slow.
    peers: BTreeMap<Peer, usize>,
}

impl Admission {
    pub(crate) fn new(most: usize, most_per_peer: Option<usize>) -> Admission {
        Admission { most, most_per_peer, inside: 0, peers: BTreeMap::new() }
    }

    pub(crate) fn inside(&self) -> usize {
        self.inside
    }

    pub(crate) fn is_full(&self) -> bool {
        self.inside >= self.most
    }

    pub(crate) fn admit(&mut self, peer: Peer) -> Verdict {
        if self.is_full() {
            return Verdict::Full;
        }
        if let Some(most) = self.most_per_peer {
            let own = self.peers.entry(peer).or_default();
            if *own >= most {
                if *own == 0 {
                    self.peers.remove(&peer);
                }
                return Verdict::PeerFull;
            }
            *own += 1;
        }
        self.inside += 1;
        Verdict::Admitted
    }

    /// One who was admitted leaves.
    pub(crate) fn release(&mut self, peer: Peer) {
        self.inside = self.inside.saturating_sub(1);
        if let Some(own) = self.peers.get_mut(&peer) {
            *own -= 1;
            if *own == 0 {
                self.peers.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Peer {
        Peer::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn admit_enforces_both_limits_and_release_frees_slot() {
        let mut admission = Admission::new(3, Some(2));
        let (one, two) = (peer("192.0.2.1"), peer("192.0.2.2"));
        assert_eq!(admission.admit(one), Verdict::Admitted);
        assert_eq!(admission.admit(one), Verdict::Admitted);
        assert_eq!(admission.admit(one), Verdict::PeerFull);
        assert_eq!(admission.admit(two), Verdict::Admitted);
        assert_eq!(admission.admit(two), Verdict::Full);
        admission.release(one);
        assert_eq!((admission.inside(), admission.admit(two)), (2, Verdict::Admitted));
    }

    #[test]
    fn peer_groups_ipv6_by_64_prefix_and_unmaps_ipv4() {
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
    }

    #[test]
    fn peer_table_holds_only_active_peers() {
        let mut admission = Admission::new(10, Some(0));
        assert_eq!(admission.admit(peer("192.0.2.1")), Verdict::PeerFull);
        assert!(admission.peers.is_empty());
        let mut admission = Admission::new(10, Some(1));
        for last in 0..200_u8 {
            let peer = Peer::V4(last.into());
            assert_eq!(admission.admit(peer), Verdict::Admitted);
            admission.release(peer);
        }
        assert!(admission.peers.is_empty() && admission.inside() == 0);
    }
}
