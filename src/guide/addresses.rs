//! How to say whom to speak with, and at which address of this machine to listen.
//!
//! From the notes, 网络编程 (复习), `socket.bind(address)`: "地址由两部分组成(host,port)".
//!
//! # Two parts
//!
//! An address is a host (主机名) and a port (端口号). It can be written in every form that people use, and is parsed once:
//!
//! | Python | here, any of |
//! |---|---|
//! | `("192.168.1.103", 8080)` | `("192.168.1.103", 8080)`, `"192.168.1.103:8080"` |
//! | `("localhost", 80)` | `("localhost", 80)`, `"localhost:80"` |
//! | `("::1", 80)` | `("::1", 80)`, `"[::1]:80"` |
//! | `("fe80::1%eth0", 80)` | `("fe80::1%eth0", 80)`, `"[fe80::1%eth0]:80"` |
//! | `("<broadcast>", 7788)` | `("<broadcast>", 7788)`, `"<broadcast>:7788"` |
//! | `("", 7788)`, to bind | `("", 7788)`, `":7788"`, `7788` |
//!
//! "host 可以是一个 '' 如果是空串，它会映射本机的所有地址": the empty host means every address of this machine. It makes sense
//! where one listens, and not where one sends to. So there are two types: [`Address`](crate::Address) for a remote place, and
//! [`BindAddress`](crate::BindAddress), which has these three forms besides.
//!
//! ```
//! use socketry::{Address, BindAddress};
//!
//! let everywhere: BindAddress = ":7788".parse()?;
//! assert!(everywhere.is_unspecified());
//! assert_eq!(everywhere, BindAddress::try_from(("", 7788))?);
//! assert_eq!(everywhere.to_string(), "0.0.0.0:7788");
//!
//! let page: Address = "www.baidu.com:80".parse()?;
//! assert_eq!((page.name(), page.port()), (Some("www.baidu.com"), 80));
//! // Nobody can be reached at "every address".
//! assert!(":80".parse::<Address>().is_err());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! An IPv4 address is 32 bits. The notes draw them from `00000000.00000000.00000000.00000000` to
//! `11111111.11111111.11111111.11111111`, that is 0.0.0.0 to 255.255.255.255. The first means "every address of mine", the last
//! "everybody on this link": see [broadcast](super::broadcast).
//!
//! # Binding
//!
//! To bind is to take a port at an address. Who serves binds to a port that others know. Who asks need not: the system gives it
//! a free one.
//!
//! ```
//! use socketry::{TcpServer, UdpEndpoint};
//!
//! // For this machine alone; 0 is any free port.
//! let here = UdpEndpoint::bind("127.0.0.1:0")?;
//! assert_ne!(here.local_addr().port(), 0);
//!
//! // Every address, any port: for one who only asks.
//! let asking = UdpEndpoint::bind(0)?;
//! assert!(asking.local_addr().ip().is_unspecified());
//!
//! let named = TcpServer::bind(("localhost", 0))?; // what the name stands for
//! assert!(named.local_addr().ip().is_loopback());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! | bound to | is reached |
//! |---|---|
//! | `":7788"` | by everybody, at every IPv4 address of this machine |
//! | `"127.0.0.1:7788"` | by this machine alone |
//! | `"192.168.1.10:7788"` | at that address alone; on Linux not by broadcasts |
//! | `"[::]:7788"` | at every IPv6 address |
//! | `"[::]:7788"` with `dual_stack(true)` | at all of both |
//!
//! # What goes wrong
//!
//! Each of these is an error that says what was tried and where, before anything is sent:
//!
//! ```
//! use socketry::{ErrorKind, TcpServer, UdpEndpoint};
//!
//! // A port that is taken: 一个端口号，只能被一个进程监听.
//! let first = TcpServer::bind("127.0.0.1:0")?;
//! let error = TcpServer::bind(first.local_addr()).unwrap_err();
//! assert_eq!(error.to_string(), format!("bind {}: address in use", first.local_addr()));
//!
//! // An address that another machine has (this one is for documentation).
//! let error = UdpEndpoint::bind("192.0.2.1:7788").unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::AddressNotAvailable);
//!
//! // A text that is none, with the place.
//! let error = UdpEndpoint::bind("127.0.0.1:77888").unwrap_err();
//! assert!(error.to_string().ends_with("the port is larger than 65535, at byte 10"));
//!
//! // Hosts that systems take for different addresses.
//! assert!(UdpEndpoint::bind("127.1:0").is_err() && UdpEndpoint::bind("127.0.0.01:0").is_err());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! * **Ports below 1024** are for the administrator, on most systems: [`PermissionDenied`](crate::ErrorKind::PermissionDenied).
//! * **A server that is started again** finds its port in use for a minute, in Python, unless `SO_REUSEADDR` is set, as the
//!   notes do in section 11. [`TcpServer`](crate::TcpServer) sets it where it means that, and never on Windows, where it would
//!   let another program take the port away. See [the close](super::handshake#what-goes-wrong).
//! * **A name** is looked up when the address is used, within the time of that call: see [names](super::names).
//! * **The answer leaves from another address** than was asked, on a machine with several: see
//!   [`UdpEndpoint::reply`](crate::UdpEndpoint::reply).
//!
//! To see all forms, and what came of each: `cargo run --example bind_addresses`.
//!
//! ---
//!
//! Before: [sockets and their kinds](super::sockets). Next: [UDP](super::udp).
