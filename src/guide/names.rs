//! Host name resolution: hosts files, name servers, timeouts.
//!
//! From the notes, 网络编程 (复习), `bind`: "由于ip地址不方便记忆，所以设计了hostname"; the hosts file
//! (`C:\Windows\System32\drivers\etc\hosts`), DNS, and `gethostbyname` (根据名字获取ip地址).
//!
//! # `gethostbyname`
//!
//! ```
//! use socketry::Resolver;
//!
//! let address = Resolver::shared().gethostbyname("localhost")?;
//! assert!(address.starts_with("127."));
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! (The notes write `sock.gethostbyname()`; in Python it is a function of the module, `socket.gethostbyname(name)`.) It returns one
//! IPv4 address, as text. [`lookup`](crate::Resolver::lookup) returns all addresses of both families, in the order in which to try
//! them, with their source and their TTL:
//!
//! ```
//! use socketry::Resolver;
//!
//! let found = Resolver::shared().lookup("localhost")?;
//! assert!(found.addresses().iter().all(|address| address.is_loopback()));
//! println!("{:?} from {}, TTL {:?}", found.addresses(), found.source(), found.ttl());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! To look up other names: `cargo run --example resolve_name -- www.baidu.com`.
//!
//! # Sources of addresses
//!
//! A lookup tries these in order, and returns the first answer:
//!
//! 1. An IP address such as `"192.0.2.7"` is returned as it is.
//! 2. The hosts file: `/etc/hosts`, or on Windows the one that the notes name.
//! 3. The cache: earlier responses whose TTL has not expired.
//! 4. The name servers of `/etc/resolv.conf`, one after the other, over UDP, and over TCP if the response is truncated. On macOS and
//!    Windows, the resolver of the OS: see [platforms](super::platforms).
//!
//! `/etc/nsswitch.conf` can set another order.
//!
//! "可以通过hosts来影响本机的地址和ip的映射": a name in the hosts file has the addresses of that file, and no server is queried. With
//! a temporary file:
//!
//! ```
//! use socketry::dns::AnswerSource;
//! use socketry::Resolver;
//!
//! let path = std::env::temp_dir().join(format!("hosts-guide-{}", std::process::id()));
//! std::fs::write(&path, "192.0.2.10 printer.example printer\n192.0.2.20 例如.中国\n")?;
//! let resolver = Resolver::builder().hosts(&path).build();
//! assert_eq!(resolver.gethostbyname("printer")?, "192.0.2.10");
//! assert_eq!(resolver.lookup("printer.example")?.source(), AnswerSource::Hosts);
//! # #[cfg(feature = "idna")]
//! // Names of all scripts.
//! assert_eq!(resolver.gethostbyname("例如.中国")?, "192.0.2.20");
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To see the effect of a hosts file, and of a change of it: `cargo run --example hosts_file`.
//!
//! # System configuration
//!
//! On Linux and the BSDs, the default configuration follows the files of the OS. The tests compare the results with those of
//! `getaddrinfo` of glibc 2.36 in 42 configurations. They differ if a CNAME is not a host name (here an error), if a server returns
//! FORMERR (here the next server is queried), and if no server responds and `files` comes after `dns` (here a temporary error).
//!
//! | Followed | Details |
//! |---|---|
//! | `nsswitch.conf`: `hosts` | the order of `files` and `dns`, and the actions, such as `[NOTFOUND=return]`. The resolver of the OS is used for what other services know: all names for a directory (LDAP), names in `.local` for mDNS, names without a dot and the host's own name for `myhostname` |
//! | `resolv.conf`: `nameserver` | the first three, in the order listed. A server that did not respond in two lookups in a row is queried after the others for 10 s |
//! | `resolv.conf`: `search`, `domain` | the last line of both; without one, the domain of the host name |
//! | `resolv.conf`: `options` | `ndots`, `timeout`, `attempts`, `rotate`, `use-vc`, `single-request`, `single-request-reopen` (as `single-request`) |
//! | environment | `LOCALDOMAIN` for the search list, `RES_OPTIONS` for more options, as they are when `resolv.conf` is read |
//! | order of addresses | RFC 6724, section 6, with the default table; the first 64 addresses. IPv4 addresses alone stay in the order of the response |
//! | reverse lookups | the order of `nsswitch.conf`; name servers are used where the OS would be |
//! | changes | each file is checked every 5 s, by its device, inode, times and length. A change of `resolv.conf` clears the cache |
//!
//! | Not followed | Reason |
//! |---|---|
//! | `[SUCCESS=continue]`, `[SUCCESS=merge]` | the first source with addresses ends the lookup |
//! | `sortlist`, `no-tld-query`, `no-check-names`, `inet6` | obsolete |
//! | `edns0`, `trust-ad` | queries have EDNS in any case; a server or router that does not understand it is queried without, which is remembered for 15 minutes. The AD bit is not used |
//! | `host.conf`, `HOSTALIASES`, `gai.conf` | obsolete, or a table of another resolver |
//!
//! # Names in sockets
//!
//! Every method that takes an address takes a name. The lookup is a part of the call, within its timeout and with its cancel token. A
//! client tries all addresses of a name, and starts the next attempt while a slow one is pending:
//!
//! ```
//! use socketry::{Resolver, TcpClient, TcpServer};
//! use std::time::Duration;
//!
//! let path = std::env::temp_dir().join(format!("hosts-client-{}", std::process::id()));
//! std::fs::write(&path, "127.0.0.1 device.example\n")?;
//! let resolver = Resolver::builder().hosts(&path).build();
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! let client = TcpClient::builder().resolver(&resolver).connect_timeout(Duration::from_secs(3));
//! let connection = client.connect(("device.example", server.local_addr().port()))?;
//! assert_eq!(connection.peer_addr(), server.local_addr());
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Common problems
//!
//! **A lookup blocks for several seconds.** `gethostbyname` and `getaddrinfo` have no timeout, and wait for a name server that does not
//! respond. A [`Resolver`](crate::Resolver) has a [timeout](crate::dns::ResolverBuilder::timeout) for the whole lookup, and so has
//! every call that resolves a name.
//!
//! **A nonexistent name and a failed lookup look the same.** The first is final; after the second a retry may succeed:
//!
//! ```
//! use socketry::dns::ResolveError;
//! use socketry::Resolver;
//!
//! // RFC 6761: this name is not queried.
//! let error = Resolver::shared().lookup("no-such-name.invalid").unwrap_err();
//! assert_eq!(error.detail(), Some(&ResolveError::NoSuchName));
//! assert!(!error.is_temporary());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! * **A host has an IPv6 address that does not work.** A client that tries it first waits for its timeout. Here the next address is
//!   tried after 250 ms, in parallel ([`attempt_delay`](crate::tcp::TcpClientBuilder::attempt_delay)).
//! * **An answer is out of date**, or the hosts file has changed. Answers are cached for their TTL, files are checked every 5 s, and
//!   [`flush`](crate::Resolver::flush) clears the cache and reads the files. A hosts file of more than 64 KiB is read by a thread, and
//!   lookups use its earlier contents until then. One of more than 64 MiB is not read.
//! * **The OS knows names that DNS does not have**, such as those of mDNS, of directories, and its own. If `nsswitch.conf` has these
//!   services, the resolver of the OS is called in a thread, which is abandoned when the timeout expires. There are at most 32 such
//!   threads.
//! * **A reverse lookup returns the address instead of a name.** [`lookup_addr`](crate::Resolver::lookup_addr) returns a name or an
//!   error.
//!
//! ---
//!
//! Before: [the handshake and the close](super::handshake). Next: [a visit to a web page](super::web_page).
