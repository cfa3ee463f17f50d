//! What a host is called on the wire.

use std::borrow::Borrow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::host::LONGEST_NAME;

/// A name as it is asked for: ASCII, in lower case, without the dot at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HostName(Arc<str>);

/// The same, where somebody else keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameRef<'a>(&'a str);

impl Borrow<str> for HostName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl HostName {
    /// Of an answer or a file, where it need not be such as is asked for. Without the dot at its end.
    pub(crate) fn found(text: &str) -> HostName {
        HostName(text.trim_end_matches('.').to_ascii_lowercase().into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_ref(&self) -> NameRef<'_> {
        NameRef(&self.0)
    }

    /// The name by which an address is looked up the other way round: RFC 1035, 3.5, and RFC 3596, 2.5.
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

impl<'a> NameRef<'a> {
    pub(super) fn new(name: &'a str) -> NameRef<'a> {
        NameRef(name)
    }

    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }

    pub(crate) fn to_owned(self) -> HostName {
        HostName(self.0.into())
    }

    /// The name with a domain behind it, if that is a name.
    pub(crate) fn within(self, domain: &str) -> Option<HostName> {
        let domain = domain.trim_matches('.');
        let name = format!("{}.{}", self.0, domain.to_ascii_lowercase());
        (name.len() <= LONGEST_NAME && !domain.is_empty()).then(|| HostName(name.into()))
    }

    /// How many dots it has.
    pub(crate) fn dots(self) -> usize {
        self.0.bytes().filter(|byte| *byte == b'.').count()
    }

    fn is_in(self, domain: &str) -> bool {
        self.0.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// RFC 6761, 6.3: names that mean this machine and are asked of nobody.
    pub(crate) fn is_localhost(self) -> bool {
        self.is_in("localhost")
    }

    /// RFC 6762, 3: names that the machines of a link have given themselves.
    pub(crate) fn is_of_the_link(self) -> bool {
        self.is_in("local")
    }

    /// RFC 6761, 6.4, and RFC 7686: names that do not exist and are asked of nobody.
    pub(crate) fn cannot_exist(self) -> bool {
        self.is_in("invalid") || self.is_in("onion")
    }
}

/// What `localhost` is, with no need of a file: IPv4 first, as in most such files, because who takes but one of them, for a socket that
/// is bound or a datagram, mostly has a peer that knows no other.
pub(crate) const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
            "the root is no domain to search"
        );
        assert!(within(&"a".repeat(251), "b").is_some() && within(&"a".repeat(252), "b").is_none());
    }

    #[test]
    fn special_names_match_whole_labels() {
        let is_localhost = |name| HostName::found(name).as_ref().is_localhost();
        assert!(is_localhost("localhost") && is_localhost("a.b.LOCALHOST."));
        assert!(!is_localhost("notlocalhost") && !is_localhost("localhost.example"));
        let cannot_exist = |name| HostName::found(name).as_ref().cannot_exist();
        assert!(cannot_exist("x.invalid") && cannot_exist("abc.onion") && !cannot_exist("valid"));
    }
}
