//! Limits on connections: in total and for each peer. Pure counting.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a limit for each peer counts as one: an IPv4 address, or the 64 bits of an IPv6 address that
/// name a network, of which one host has all the rest (RFC 6177).
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

/// Whether a connection is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Verdict {
    /// It counts until it is released, with this value.
    Admitted(Admitted),
    Full,
    PeerFull,
}

/// An admitted connection, as it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Admitted(Option<Peer>);

impl Admitted {
    /// The peer, if connections of peers are limited.
    pub(crate) fn peer(self) -> Option<Peer> {
        self.0
    }
}

/// Counts connections, and reservations for connections that are about to be accepted.
///
/// A reservation is followed by `admit_reserved` or `cancel_reservation`, an admission by `release`.
#[derive(Debug)]
pub(crate) struct Admission {
    max: usize,
    max_per_peer: Option<usize>,
    admitted: usize,
    reserved: usize,
    /// Whether peers are counted: from the time when they were limited first.
    counts_peers: bool,
    /// Ordered, so that no choice of addresses makes it slow.
    peers: BTreeMap<Peer, usize>,
}

impl Admission {
    pub(crate) fn new(max: usize, max_per_peer: Option<usize>) -> Admission {
        let counts_peers = max_per_peer.is_some();
        Admission { max, max_per_peer, admitted: 0, reserved: 0, counts_peers, peers: BTreeMap::new() }
    }

    pub(crate) fn admitted(&self) -> usize {
        self.admitted
    }

    pub(crate) fn is_full(&self) -> bool {
        self.admitted + self.reserved >= self.max
    }

    /// Changes the limit. Connections over a lower limit stay.
    pub(crate) fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// Changes the limit for each peer. If there was none, connections that are open are not counted.
    pub(crate) fn set_max_per_peer(&mut self, max: Option<usize>) {
        self.max_per_peer = max;
        self.counts_peers |= max.is_some();
    }

    /// Reserves a place for a connection that is about to be accepted, whose peer is not known yet.
    pub(crate) fn reserve(&mut self) -> bool {
        let is_free = !self.is_full();
        self.reserved += usize::from(is_free);
        is_free
    }

    pub(crate) fn cancel_reservation(&mut self) {
        self.reserved -= 1;
    }

    /// Admits a connection for which there is a reservation, which stays if the connection is not
    /// admitted.
    pub(crate) fn admit_reserved(&mut self, peer: Peer) -> Verdict {
        let verdict = self.admit_peer(peer);
        self.reserved -= usize::from(matches!(verdict, Verdict::Admitted(_)));
        verdict
    }

    pub(crate) fn admit(&mut self, peer: Peer) -> Verdict {
        if self.is_full() { Verdict::Full } else { self.admit_peer(peer) }
    }

    fn admit_peer(&mut self, peer: Peer) -> Verdict {
        let own = if self.counts_peers { self.peers.get(&peer).copied().unwrap_or(0) } else { 0 };
        if self.max_per_peer.is_some_and(|max| own >= max) {
            return Verdict::PeerFull;
        }
        self.admitted += 1;
        if self.counts_peers {
            self.peers.insert(peer, own + 1);
        }
        Verdict::Admitted(Admitted(self.counts_peers.then_some(peer)))
    }

    /// A connection that was admitted is closed.
    pub(crate) fn release(&mut self, Admitted(peer): Admitted) {
        self.admitted -= 1;
        if let Some((peer, own)) = peer.and_then(|peer| Some((peer, self.peers.get_mut(&peer)?))) {
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

    fn admit(admission: &mut Admission, peer: Peer) -> Admitted {
        match admission.admit(peer) {
            Verdict::Admitted(admitted) => admitted,
            verdict => panic!("{verdict:?}"),
        }
    }

    #[test]
    fn admit_enforces_both_limits_and_release_frees_slot() {
        let mut admission = Admission::new(3, Some(2));
        let (one, two) = (peer("192.0.2.1"), peer("192.0.2.2"));
        let first = admit(&mut admission, one);
        let _ = admit(&mut admission, one);
        assert_eq!(admission.admit(one), Verdict::PeerFull);
        let _ = admit(&mut admission, two);
        assert_eq!(admission.admit(two), Verdict::Full);
        admission.release(first);
        assert_eq!(admission.admitted(), 2);
        let _ = admit(&mut admission, two);
    }

    #[test]
    fn reservations_count_until_they_are_used_or_cancelled() {
        let mut admission = Admission::new(2, Some(1));
        assert!(admission.reserve() && admission.reserve() && !admission.reserve());
        let one = peer("192.0.2.1");
        assert_eq!(admission.admit(one), Verdict::Full);
        assert!(matches!(admission.admit_reserved(one), Verdict::Admitted(_)));
        assert!(!admission.reserve());
        // A refused connection leaves its reservation.
        assert_eq!(admission.admit_reserved(one), Verdict::PeerFull);
        assert!(!admission.reserve());
        admission.cancel_reservation();
        assert_eq!((admission.admitted(), admission.is_full()), (1, false));
    }

    #[test]
    fn limits_can_change_while_connections_are_open() {
        let mut admission = Admission::new(2, None);
        let one = peer("192.0.2.1");
        let uncounted = admit(&mut admission, one);
        admission.set_max_per_peer(Some(1));
        let counted = admit(&mut admission, one);
        admission.set_max(4);
        assert_eq!(admission.admit(one), Verdict::PeerFull);
        // The one that was not counted takes nothing from the count.
        admission.release(uncounted);
        assert_eq!(admission.admit(one), Verdict::PeerFull);
        admission.release(counted);
        let _ = admit(&mut admission, one);
        admission.set_max(0);
        assert!(admission.is_full());
        admission.set_max(9);
        admission.set_max_per_peer(None);
        let _ = admit(&mut admission, one);
        admission.set_max_per_peer(Some(2));
        assert_eq!(admission.admit(one), Verdict::PeerFull);
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
            let admitted = admit(&mut admission, Peer::V4(last.into()));
            admission.release(admitted);
        }
        assert!(admission.peers.is_empty() && admission.admitted() == 0);
    }
}
