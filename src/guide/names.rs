//! How a name becomes an address: the hosts file, the name servers, and how long that may take.
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
//! (The notes write `sock.gethostbyname()`; in Python it is a function of the module, `socket.gethostbyname(name)`.) It gives one
//! IPv4 address, as text. [`lookup`](crate::Resolver::lookup) gives all, of both families, in the order in which they should be
//! tried, and says who gave them and for how long they hold:
//!
//! ```
//! use socketry::Resolver;
//!
//! let found = Resolver::shared().lookup("localhost")?;
//! assert!(found.addresses().iter().all(|address| address.is_loopback()));
//! println!("{:?} from {}, holds {:?}", found.addresses(), found.source(), found.ttl());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! To look up names of your own: `cargo run --example resolve_name -- www.baidu.com`.
//!
//! # Who is asked
//!
//! 1. Nobody, if it is an address already: `"192.0.2.7"`.
//! 2. The hosts file: `/etc/hosts`, or the one that the notes name.
//! 3. The cache: what was answered before, for its time to live.
//! 4. The name servers of `/etc/resolv.conf`, one after the other: by UDP, and by TCP if the answer is long. (On macOS and
//!    Windows the system: see [platforms](super::platforms).)
//!
//! `/etc/nsswitch.conf` can set another order.
//!
//! "可以通过hosts来影响本机的地址和ip的映射": a name in the hosts file has the addresses of that file, and no server is queried.
//! Here with a file of the test's own:
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
//! To see what a hosts file overrides, and what becomes of a change: `cargo run --example hosts_file`.
//!
//! # System configuration
//!
//! On Linux and the BSDs, the default configuration follows the files of the system. The tests compare the results with those of
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
//! | changes | each file is checked every 5 s, by its device, inode, times and length. A change of `resolv.conf` clears the cache |
//!
//! | Not followed | Reason |
//! |---|---|
//! | `sortlist`, `no-tld-query`, `no-check-names`, `inet6` | obsolete |
//! | `edns0`, `trust-ad` | queries have EDNS in any case; a server or router that does not understand it is queried without, which is remembered for 15 minutes. The AD bit is not used |
//! | `host.conf`, `HOSTALIASES`, `gai.conf` | obsolete, or a table of another resolver |
//!
//! # Names in sockets
//!
//! Wherever an address is taken, a name may stand. The look-up is part of the call, within its time and with its cancel token; and a
//! client tries all addresses of a name, side by side where one is slow:
//!
//! ```
//! use socketry::{Resolver, TcpClient, TcpServer};
//! use std::time::Duration;
//!
//! let path = std::env::temp_dir().join(format!("hosts-client-{}", std::process::id()));
//! std::fs::write(&path, "127.0.0.1 lamp.example\n")?;
//! let resolver = Resolver::builder().hosts(&path).build();
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! let client = TcpClient::builder().resolver(&resolver).connect_timeout(Duration::from_secs(3));
//! let connection = client.connect(("lamp.example", server.local_addr().port()))?;
//! assert_eq!(connection.peer_addr(), server.local_addr());
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What goes wrong
//!
//! **It takes as long as the system likes.** `gethostbyname` and `getaddrinfo` have no timeout; with a name server that is dead
//! they wait for several seconds. A [`Resolver`](crate::Resolver) has a [timeout](crate::dns::ResolverBuilder::timeout) for
//! the whole lookup, and so has every call that resolves a name.
//!
//! **"No such name" and "no answer" look the same.** One is final, the other may pass:
//!
//! ```
//! use socketry::dns::ResolveError;
//! use socketry::Resolver;
//!
//! // Never sent: RFC 6761.
//! let error = Resolver::shared().lookup("no-such-name.invalid").unwrap_err();
//! assert_eq!(error.detail(), Some(&ResolveError::NoSuchName));
//! assert!(!error.is_temporary());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! * **IPv6 is announced and does not work.** A client begins with it and waits for its timeout. Here the next address is tried
//!   after 250 ms, beside the first ([`attempt_delay`](crate::tcp::TcpClientBuilder::attempt_delay)).
//! * **The answer is stale**, or the hosts file has changed. Answers hold for their time to live, files are looked at every 5 s, and
//!   [`flush`](crate::Resolver::flush) forgets all. A hosts file of more than 64 KiB is read by a thread, and lookups find its
//!   earlier contents until then; one of more than 64 MiB is not read.
//! * **The system knows names that DNS does not** (mDNS, directories, its own name). Where `nsswitch.conf` says so, the system is
//!   asked, in a thread that is left behind when the time is over; there are 32 of these at most.
//! * **A reverse look-up gives the address as if it were a name.** [`lookup_addr`](crate::Resolver::lookup_addr) gives a name, or an error.
//!
//! ---
//!
//! Before: [the handshake and the close](super::handshake). Next: [a visit to a web page](super::web_page).
