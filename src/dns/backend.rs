//! The back end of a resolver.

/// The back end of lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// This crate: hosts file, search list, name servers, cache. It does not know what the OS has
    /// in addition, such as mDNS, directories (LDAP), or the name service of a private network.
    /// Available with the feature `dns`.
    #[cfg(feature = "dns")]
    Dns,
    /// The `getaddrinfo` of the OS, in a thread that is abandoned when the timeout expires. There
    /// are at most 32 such threads.
    System,
}
