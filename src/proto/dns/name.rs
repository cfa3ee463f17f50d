//! Host names as they are sent in queries.

#[cfg(feature = "dns")]
use std::borrow::Borrow;
#[cfg(feature = "dns")]
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
#[cfg(any(feature = "dns", test))]
use std::sync::Arc;

/// A host name as it is queried: ASCII, in lower case, without the trailing dot.
#[cfg(any(feature = "dns", test))]
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HostName(pub(super) Arc<str>);

/// A borrowed [`HostName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameRef<'a>(pub(super) &'a str);

#[cfg(feature = "dns")]
impl Borrow<str> for HostName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(any(feature = "dns", test))]
impl HostName {
    /// Converts a name from a response or a file, which need not be a valid host name. Removes
    /// trailing dots.
    pub(crate) fn found(text: &str) -> HostName {
        HostName(text.trim_end_matches('.').to_ascii_lowercase().into())
    }

    #[cfg(feature = "dns")]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_ref(&self) -> NameRef<'_> {
        NameRef(&self.0)
    }
}

impl<'a> NameRef<'a> {
    pub(super) fn new(name: &'a str) -> NameRef<'a> {
        NameRef(name)
    }

    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }

    pub(super) fn is_in(self, domain: &str) -> bool {
        self.0.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// RFC 6761, section 6.3: names of the loopback interface, which are never queried.
    pub(crate) fn is_localhost(self) -> bool {
        self.is_in("localhost")
    }

    /// RFC 6761, section 6.4, and RFC 7686: names that do not exist, and are never queried.
    pub(crate) fn is_special_use(self) -> bool {
        self.is_in("invalid") || self.is_in("onion")
    }
}

/// The addresses of `localhost` if no hosts file has the name. IPv4 is first, as in most hosts
/// files: a caller that uses only one address, to bind a socket or to send a datagram, usually has
/// a peer that supports only IPv4.
pub(crate) const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

#[cfg(feature = "dns")]
impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_ref().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_names_match_whole_labels() {
        let is_localhost = |name| HostName::found(name).as_ref().is_localhost();
        assert!(is_localhost("localhost") && is_localhost("a.b.LOCALHOST."));
        assert!(!is_localhost("notlocalhost") && !is_localhost("localhost.example"));
        let is_special_use = |name| HostName::found(name).as_ref().is_special_use();
        assert!(is_special_use("x.invalid") && is_special_use("abc.onion") && !is_special_use("valid"));
    }
}
