use std::path::PathBuf;
use std::time::Duration;

use super::queries::Options;
use super::resolver::Resolver;
use crate::sys::CancelToken;

/// Who looks a name up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// This library: hosts file, search list, servers, cache, within the timeout. What the OS has in addition (mDNS, directories,
    /// the name service of a private network) it does not know. This is available with the feature `dns`.
    #[cfg(feature = "dns")]
    Dns,
    /// The `getaddrinfo` of the OS, in a thread that is abandoned when the timeout expires. There are at most 32 such threads.
    System,
}

/// Which addresses are looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IpFamilies {
    /// Both, those of IPv6 first; those that this machine has no way to last.
    #[default]
    Both,
    /// Those of IPv4.
    Ipv4,
    /// Those of IPv6.
    Ipv6,
}

/// Options for a [`Resolver`], which [`build`](Self::build) makes.
///
/// # Examples
///
/// ```
/// use socketry::Resolver;
/// use socketry::dns::IpFamilies;
/// use std::time::Duration;
///
/// let resolver = Resolver::builder()
///     .families(IpFamilies::Ipv4)
///     .timeout(Duration::from_secs(2))
///     .build();
/// assert_eq!(resolver.lookup("localhost")?.addresses().len(), 1);
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ResolverBuilder {
    pub(super) backend: Option<Backend>,
    pub(super) hosts: Option<Vec<PathBuf>>,
    pub(super) use_hosts: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) families: IpFamilies,
    pub(super) token: Option<CancelToken>,
    /// Those of own queries.
    pub(super) queries: Options,
}

impl Default for ResolverBuilder {
    fn default() -> ResolverBuilder {
        ResolverBuilder {
            backend: None,
            hosts: None,
            use_hosts: true,
            timeout: Some(Duration::from_secs(10)),
            families: IpFamilies::Both,
            token: None,
            queries: Options::default(),
        }
    }
}

impl ResolverBuilder {
    /// Sets who looks up the names that are in no hosts file.
    ///
    /// Without the feature `dns` the default is [`Backend::System`]. With it, the default is `Backend::Dns` if name servers are set
    /// with `server`. Otherwise it is [`Backend::System`] on macOS and Windows; on other systems it is `Backend::Dns` for all names
    /// that name servers know according to `/etc/nsswitch.conf`, and [`Backend::System`] for the others: those of the local network
    /// (`printer.local`) where there is mDNS, names without a dot where the OS knows its own and its neighbors', and all where there
    /// is a directory (LDAP) or another service.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Reads hosts files, instead of the system's. Where a name stands in several, the first one counts. A file that changes is
    /// read again within some seconds. A name has no more than 1,000 addresses.
    pub fn hosts(mut self, path: impl Into<PathBuf>) -> Self {
        self.hosts.get_or_insert_default().push(path.into());
        self
    }

    /// Sets whether hosts files are read: the system's, or those that were [given](Self::hosts). Defaults to true.
    pub fn use_hosts(mut self, on: bool) -> Self {
        self.use_hosts = on;
        self
    }

    /// Sets the timeout of a lookup. It applies to the whole lookup, including all servers, attempts and search domains.
    ///
    /// The default is 10 s. Pass `None` for no limit. If the caller has a limit of its own, such as the connect timeout of a
    /// client, the earlier one wins.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets which addresses are looked up. Defaults to both.
    pub fn families(mut self, families: IpFamilies) -> Self {
        self.families = families;
        self
    }

    /// Gives a [`CancelToken`], which ends look-ups. Defaults to none.
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// Makes the resolver, and reads its files. It opens no socket, so it cannot fail: a file that is not there says nothing.
    pub fn build(self) -> Resolver {
        Resolver::new_with(self)
    }
}
