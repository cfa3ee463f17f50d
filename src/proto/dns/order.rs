//! The order in which the addresses of a host are tried: RFC 6724, section 6. The caller provides
//! the source address that this host would use for each.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

/// A destination address, and the source address that this host would use, if it has a route.
type Candidate = (IpAddr, Option<IpAddr>);

/// The maximum number of addresses that are sorted. Those after them stay in the order of the
/// response.
pub(crate) const MAX_SORTED: usize = 64;

/// Whether the order depends on the addresses of this host. IPv4 addresses alone stay in the order
/// of the response, which servers rotate.
pub(crate) fn needs_sources(ips: &[IpAddr]) -> bool {
    ips.len() > 1 && !ips.iter().all(IpAddr::is_ipv4)
}

/// Sorts the addresses that have an entry in `sources`.
pub(crate) fn sort_addresses(ips: &mut [IpAddr], sources: &[Option<IpAddr>]) {
    let mut candidates: Vec<Candidate> = ips.iter().copied().zip(sources.iter().copied()).collect();
    sort(&mut candidates);
    ips.iter_mut().zip(candidates).for_each(|(own, (ip, _))| *own = ip);
}

/// Sorts addresses, the best first. The sort is stable.
///
/// It omits the rules that need more than the addresses of this host (deprecated addresses, home
/// addresses, tunnels), and the longest common prefix (rule 9) for IPv4, which would undo the
/// rotation by name servers.
fn sort(candidates: &mut [Candidate]) {
    // Sorts by a key, because pairwise comparison is not a total order: rule 9 applies only to
    // pairs of IPv6 addresses.
    candidates.sort_by_cached_key(|(ip, source)| {
        let (label, precedence) = policy(*ip);
        let own = source.map(|source| {
            let is_same_scope = scope(source) == scope(*ip);
            let is_same_label = policy(source).0 == label;
            (!is_same_scope, !is_same_label)
        });
        let prefix = source.map_or(0, |source| common_prefix(source, *ip));
        // Rules 1, 2, 5, 6, 8, and 9.
        (source.is_none(), own, Reverse(precedence), scope(*ip), Reverse(prefix))
    });
}

/// The policy table of RFC 6724, section 2.1: label and precedence.
fn policy(ip: IpAddr) -> (u8, u8) {
    let IpAddr::V6(ip) = ip else { return (4, 35) };
    match ip.segments() {
        _ if ip == Ipv6Addr::LOCALHOST => (0, 50),
        _ if ip.to_ipv4_mapped().is_some() => (4, 35),
        [0, 0, 0, 0, 0, 0, ..] => (3, 1),
        [0x2002, ..] => (2, 30),
        [0x2001, 0, ..] => (5, 5),
        [0x3ffe, ..] => (12, 1),
        [first, ..] if first & 0xfe00 == 0xfc00 => (13, 3),
        [first, ..] if first & 0xffc0 == 0xfec0 => (11, 1),
        _ => (1, 40),
    }
}

/// The scope of an address: RFC 6724, sections 3.1 and 3.2, with the values of RFC 4291,
/// section 2.7.
fn scope(ip: IpAddr) -> u8 {
    const LINK: u8 = 0x2;
    const SITE: u8 = 0x5;
    const GLOBAL: u8 = 0xe;
    match ip {
        IpAddr::V4(ip) if ip.is_loopback() || ip.is_link_local() => LINK,
        IpAddr::V4(_) => GLOBAL,
        IpAddr::V6(ip) => match ip.segments()[0] {
            first if first & 0xff00 == 0xff00 => (first & 0xf) as u8,
            _ if ip == Ipv6Addr::LOCALHOST => LINK,
            first if first & 0xffc0 == 0xfe80 => LINK,
            first if first & 0xffc0 == 0xfec0 => SITE,
            _ => GLOBAL,
        },
    }
}

/// The length in bits of the common prefix of two IPv6 addresses, at most that of the network part.
fn common_prefix(one: IpAddr, other: IpAddr) -> u32 {
    match (one, other) {
        (IpAddr::V6(one), IpAddr::V6(other)) => (u128::from(one) ^ u128::from(other)).leading_zeros().min(64),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn order(candidates: &[(&str, Option<&str>)], expected: &[&str]) {
        let read = |ip: &str| -> IpAddr { ip.parse().unwrap() };
        let mut both: Vec<Candidate> =
            candidates.iter().map(|(ip, source)| (read(ip), source.map(read))).collect();
        // In any input order.
        for _ in 0..2 {
            sort(&mut both);
            let found: Vec<String> = both.iter().map(|(ip, _)| ip.to_string()).collect();
            assert_eq!(found, expected);
            both.reverse();
        }
    }

    /// The examples of RFC 6724, section 10.2, with the source address that is selected in the
    /// first part of each.
    #[test]
    fn sort_matches_rfc_6724_examples() {
        // Prefer matching scope.
        order(
            &[("198.51.100.121", Some("169.254.13.78")), ("2001:db8:1::1", Some("2001:db8:1::2"))],
            &["2001:db8:1::1", "198.51.100.121"],
        );
        order(
            &[("2001:db8:1::1", Some("fe80::1")), ("198.51.100.121", Some("198.51.100.117"))],
            &["198.51.100.121", "2001:db8:1::1"],
        );
        // Prefer higher precedence.
        order(
            &[("10.1.2.3", Some("10.1.2.4")), ("2001:db8:1::1", Some("2001:db8:1::2"))],
            &["2001:db8:1::1", "10.1.2.3"],
        );
        // Prefer smaller scope.
        order(
            &[("2001:db8:1::1", Some("2001:db8:1::2")), ("fe80::1", Some("fe80::2"))],
            &["fe80::1", "2001:db8:1::1"],
        );
        // Prefer longest matching prefix.
        order(
            &[("2001:db8:1::1", Some("2001:db8:1::2")), ("2001:db8:3ffe::1", Some("2001:db8:3f44::2"))],
            &["2001:db8:1::1", "2001:db8:3ffe::1"],
        );
        // Prefer matching label.
        order(
            &[("2002:c633:6401::1", Some("2002:c633:6401::2")), ("2001:db8:1::1", Some("2002:c633:6401::2"))],
            &["2002:c633:6401::1", "2001:db8:1::1"],
        );
        // Prefer higher precedence.
        order(
            &[("2002:c633:6401::1", Some("2002:c633:6401::2")), ("2001:db8:1::1", Some("2001:db8:1::2"))],
            &["2001:db8:1::1", "2002:c633:6401::1"],
        );
    }

    #[test]
    fn unreachable_addresses_sort_last() {
        order(
            &[
                ("2001:db8::1", None),
                ("192.0.2.1", Some("192.0.2.9")),
                ("127.0.0.1", Some("127.0.0.1")),
                ("::1", Some("::1")),
            ],
            &["::1", "127.0.0.1", "192.0.2.1", "2001:db8::1"],
        );
        // IPv4 is preferred over a unique local IPv6 address (ULA) if the source address is not a
        // ULA.
        order(
            &[("fd00::1", Some("2001:db8::2")), ("192.0.2.1", Some("192.0.2.9"))],
            &["192.0.2.1", "fd00::1"],
        );
    }

    /// RFC 6724, section 2.2: a common prefix is at most as long as the network prefix.
    #[test]
    fn ipv6_addresses_of_one_network_keep_order() {
        let mut both: Vec<Candidate> = ["2001:db8::ff00", "2001:db8::3"]
            .map(|ip| (ip.parse().unwrap(), Some("2001:db8::2".parse().unwrap())))
            .into();
        let before = both.clone();
        sort(&mut both);
        assert_eq!(both, before);
    }

    /// Name servers rotate the IPv4 addresses of a host. Sorting must not undo the rotation.
    #[test]
    fn ipv4_addresses_keep_order() {
        let mut both: Vec<Candidate> = ["10.9.0.1", "10.0.0.1", "10.0.0.2"]
            .map(|ip| (ip.parse().unwrap(), Some("10.0.0.3".parse().unwrap())))
            .into();
        let before = both.clone();
        sort(&mut both);
        assert_eq!(both, before);
    }

    #[test]
    fn policy_table_and_scopes_match_rfc_6724() {
        let table: [(&str, u8, u8); 11] = [
            ("::1", 50, 0),
            ("2001:db8::1", 40, 1),
            ("::ffff:192.0.2.1", 35, 4),
            ("192.0.2.1", 35, 4),
            ("2002::1", 30, 2),
            ("2001::1", 5, 5),
            ("fc00::1", 3, 13),
            ("fdff::1", 3, 13),
            ("::2", 1, 3),
            ("fec0::1", 1, 11),
            ("3ffe::1", 1, 12),
        ];
        for (ip, precedence, label) in table {
            assert_eq!(policy(ip.parse().unwrap()), (label, precedence), "{ip}");
        }
        let scopes: [(&str, u8); 8] = [
            ("ff02::1", 2),
            ("ff05::1", 5),
            ("fe80::1", 2),
            ("fec0::1", 5),
            ("::1", 2),
            ("2001:db8::1", 0xe),
            ("169.254.0.1", 2),
            ("10.0.0.1", 0xe),
        ];
        for (ip, expected) in scopes {
            assert_eq!(scope(ip.parse().unwrap()), expected, "{ip}");
        }
    }

    proptest! {
        /// No address is lost, and unreachable addresses come last.
        #[test]
        fn sort_keeps_all_and_puts_unreachable_last(all in proptest::collection::vec(any::<(IpAddr, Option<IpAddr>)>(), 0..20)) {
            let mut sorted = all.clone();
            sort(&mut sorted);
            prop_assert!(sorted.is_sorted_by_key(|(_, source)| source.is_none()));
            let (mut one, mut other) = (all, sorted);
            one.sort();
            other.sort();
            prop_assert_eq!(one, other);
        }
    }
}
