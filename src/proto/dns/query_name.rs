//! Names that are derived for queries: names within search domains, and reverse names of addresses.

use std::net::IpAddr;

use super::host::LONGEST_NAME;
use super::name::{HostName, NameRef};

impl HostName {
    /// The name for the reverse lookup of an address: RFC 1035, section 3.5, and RFC 3596,
    /// section 2.5.
    pub(crate) fn reverse(ip: IpAddr) -> HostName {
        let name = match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(ip) => {
                let mut name = String::with_capacity(72);
                for byte in ip.octets().iter().rev() {
                    name.push_str(&format!("{:x}.{:x}.", byte & 0xf, byte >> 4));
                }
                name + "ip6.arpa"
            }
        };
        HostName(name.into())
    }
}

impl NameRef<'_> {
    pub(crate) fn to_owned(self) -> HostName {
        HostName(self.0.into())
    }

    /// Appends a domain to the name. Returns `None` if the domain is empty or the result is too
    /// long.
    pub(crate) fn within(self, domain: &str) -> Option<HostName> {
        let domain = domain.trim_matches('.');
        let name = format!("{}.{}", self.0, domain.to_ascii_lowercase());
        (name.len() <= LONGEST_NAME && !domain.is_empty()).then(|| HostName(name.into()))
    }

    /// The number of dots in the name.
    pub(crate) fn dots(self) -> usize {
        self.0.bytes().filter(|byte| *byte == b'.').count()
    }

    /// RFC 6762, section 3: names that hosts on the local network choose for themselves (mDNS).
    pub(crate) fn is_mdns(self) -> bool {
        self.is_in("local")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverse_builds_arpa_name() {
        let v4 = HostName::reverse("192.0.2.7".parse().unwrap());
        assert_eq!(v4.as_str(), "7.2.0.192.in-addr.arpa");
        assert_eq!(HostName::reverse("::ffff:192.0.2.7".parse().unwrap()), v4);
        let v6 = HostName::reverse("2001:db8::567:89ab".parse().unwrap());
        let expected = "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(v6.as_str(), expected);
    }

    #[test]
    fn within_appends_domain_unless_root_or_too_long() {
        let within =
            |name: &str, domain| HostName::found(name).as_ref().within(domain).map(|name| name.to_string());
        assert_eq!(within("host", ".B.Example.").as_deref(), Some("host.b.example"));
        assert_eq!(
            (within("host", ""), within("host", ".")),
            (None, None),
            "the root is not a search domain"
        );
        assert!(within(&"a".repeat(251), "b").is_some() && within(&"a".repeat(252), "b").is_none());
    }
}
