//! The options of a resolver.

use std::path::PathBuf;
use std::time::Duration;

use super::backend::Backend;
use super::queries::Options;
use crate::proto::dns::families::IpFamilies;
use crate::wait::CancelToken;

/// Options for creating a [`Resolver`](crate::Resolver).
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
    /// The options of queries.
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
    /// Sets the back end for names that are not in a hosts file.
    ///
    /// The default is `Backend::Dns` if name servers are set with `server`. Otherwise it depends on
    /// the OS:
    ///
    /// * On macOS and Windows, and without the feature `dns`, it is [`Backend::System`].
    /// * Elsewhere it is `Backend::Dns` for names that name servers resolve according to
    ///   `/etc/nsswitch.conf`, and [`Backend::System`] for others: names in `.local` if there is
    ///   mDNS, names without a dot if the OS resolves its own and neighboring hosts, and all names
    ///   if there is a directory (LDAP) or another service.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Adds a hosts file, which replaces that of the OS. If several contain a name, the first one
    /// added wins.
    ///
    /// A lookup checks every 5 s whether the file has changed. It reads a changed file of up to
    /// 64 KiB itself. A larger file is read by a thread, one at a time for each file, and lookups
    /// continue with the earlier contents. Lookups that need a file that is not read yet wait for
    /// it within their [timeout](Self::timeout).
    ///
    /// # Limits
    ///
    /// * A file of more than 64 MiB is not read. Its earlier contents, if there are any, remain in
    ///   use; otherwise it counts as empty.
    /// * In memory, a file takes at most about four times its length, and twice as much while it is
    ///   read again.
    /// * A name has at most 1,000 addresses. They are taken from the first 10,000 lines that have
    ///   the name.
    /// * Of the interface names in the zones of these addresses (`fe80::1%eth0`), the first 64 are
    ///   looked up. Addresses with other interface names are skipped.
    /// * A word of more than 1,024 bytes is not a name.
    pub fn hosts(mut self, path: impl Into<PathBuf>) -> Self {
        self.hosts.get_or_insert_default().push(path.into());
        self
    }

    /// Sets whether hosts files are read: that of the OS, or the [added](Self::hosts) ones.
    /// Defaults to true.
    pub fn use_hosts(mut self, on: bool) -> Self {
        self.use_hosts = on;
        self
    }

    /// Sets the timeout of a lookup. It applies to the whole lookup, including all servers,
    /// attempts and search domains.
    ///
    /// The default is 10 s. Pass `None` for no limit. If the caller has a limit of its own, such as
    /// the connect timeout of a client, the earlier one wins.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets the address families. Defaults to both.
    pub fn families(mut self, families: IpFamilies) -> Self {
        self.families = families;
        self
    }

    /// Sets a [`CancelToken`] that cancels lookups. Defaults to none.
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }
}
