//! What carries a message from one program to another, and what the two numbers of an address are for.
//!
//! From the notes, 网络编程, 004, sections 1 to 3: tcp/ip（协议族）, 端口用来区分进程, ip用来区分唯一一台电脑（主机）.
//!
//! # Four layers, or seven
//!
//! A message goes down through the layers of the sender, over the wire, and up through those of the receiver. Each layer puts
//! its own header before what it is given, and does not look into that. The notes name the four that are in use, and the seven
//! of the textbooks:
//!
//! <svg viewBox="0 0 380 248" role="img" aria-label="The seven layers of OSI beside the four of TCP/IP, and what is on each" style="width:100%;max-width:475px;height:auto;display:block;margin:1em auto" fill="none" stroke="currentColor" stroke-width="1.2">
//! <text x="68" y="20" text-anchor="middle" font-size="12" font-weight="bold" fill="currentColor" stroke="none">seven (OSI)</text>
//! <text x="181" y="20" text-anchor="middle" font-size="12" font-weight="bold" fill="currentColor" stroke="none">four (TCP/IP)</text>
//! <text x="232" y="20" text-anchor="start" font-size="12" font-weight="bold" fill="currentColor" stroke="none">what is there</text>
//! <rect x="1" y="34" width="134" height="26" rx="3"></rect>
//! <text x="68" y="51" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">应用层 application</text>
//! <rect x="1" y="64" width="134" height="26" rx="3"></rect>
//! <text x="68" y="81" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">表示层 presentation</text>
//! <rect x="1" y="94" width="134" height="26" rx="3"></rect>
//! <text x="68" y="111" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">会话层 session</text>
//! <rect x="1" y="124" width="134" height="26" rx="3"></rect>
//! <text x="68" y="141" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">传输层 transport</text>
//! <rect x="1" y="154" width="134" height="26" rx="3"></rect>
//! <text x="68" y="171" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">网络层 network</text>
//! <rect x="1" y="184" width="134" height="26" rx="3"></rect>
//! <text x="68" y="201" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">数据链路层 data link</text>
//! <rect x="1" y="214" width="134" height="26" rx="3"></rect>
//! <text x="68" y="231" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">物理层 physical</text>
//! <rect x="141" y="34" width="80" height="86" rx="3"></rect>
//! <text x="181" y="81.0" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">应用层</text>
//! <text x="232" y="73.0" text-anchor="start" font-size="11.5" fill="currentColor" stroke="none">HTTP, DNS, your protocol;</text>
//! <text x="232" y="89.0" text-anchor="start" font-size="11.5" fill="currentColor" stroke="none">text and its encoding; frames</text>
//! <rect x="141" y="124" width="80" height="26" rx="3"></rect>
//! <text x="181" y="141.0" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">传输层</text>
//! <text x="232" y="141.0" text-anchor="start" font-size="11.5" fill="currentColor" stroke="none">TCP, UDP: ports (端口)</text>
//! <rect x="141" y="154" width="80" height="26" rx="3"></rect>
//! <text x="181" y="171.0" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">网络层</text>
//! <text x="232" y="171.0" text-anchor="start" font-size="11.5" fill="currentColor" stroke="none">IP: addresses</text>
//! <rect x="141" y="184" width="80" height="56" rx="3"></rect>
//! <text x="181" y="216.0" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">链路层</text>
//! <text x="232" y="208.0" text-anchor="start" font-size="11.5" fill="currentColor" stroke="none">Ethernet, Wi-Fi:</text>
//! <text x="232" y="224.0" text-anchor="start" font-size="11.5" fill="currentColor" stroke="none">MAC addresses, ARP</text>
//! </svg>
//!
//! * The **link** (链路层) brings a frame to the next machine on the same cable or radio.
//! * **IP** (网络层) brings a packet from one machine to another, over as many links as there are between. It may be lost.
//! * **TCP and UDP** (传输层) bring bytes from one *program* to another, by its port. A socket (套接字) is the door to this layer,
//!   and this crate is about sockets.
//! * Everything **above** is the program's: what a message is, how text becomes bytes, who speaks first. A socket knows none
//!   of that. The crate helps with two parts of it: text ([`Encoding`](crate::Encoding)) and messages in a stream
//!   ([`frame`](crate::frame)).
//!
//! # An address for the machine, a port for the program
//!
//! "ip用来区分唯一一台电脑": the IP address says which machine. "端口用来区分进程": the port says which program there. Here two
//! programs, in one process for the sake of the test, have one address and two ports:
//!
//! ```
//! use socketry::UdpEndpoint;
//!
//! let lamp = UdpEndpoint::bind("127.0.0.1:0")?; // port 0: any that is free
//! let door = UdpEndpoint::bind("127.0.0.1:0")?;
//! assert_eq!(lamp.local_addr().ip(), door.local_addr().ip());
//! assert_ne!(lamp.local_addr().port(), door.local_addr().port());
//!
//! UdpEndpoint::bind(0)?.send_to("open", door.local_addr())?;
//! assert_eq!(door.recv()?.text()?, "open");
//! assert!(lamp.try_recv()?.is_none()); // it was not for the lamp
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! The ports that everybody knows are conventions: 80 is HTTP's and 443 that of HTTPS, as the notes say, 53 is DNS's. The notes'
//! own programs use 7788.
//!
//! # What goes wrong
//!
//! **A port is not quite "one process".** It belongs to one socket for each protocol and local address: TCP 7788 and UDP 7788
//! are two ports, and a process may have many. Whoever comes second to the same one gets an error that names it:
//!
//! ```
//! use socketry::{TcpServer, UdpEndpoint};
//!
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! let taken = server.local_addr();
//! assert!(TcpServer::bind(taken).unwrap_err().is_address_in_use());
//! if let Ok(endpoint) = UdpEndpoint::bind(taken) {
//!     // The same number of the other protocol.
//!     assert_eq!(endpoint.local_addr(), taken);
//! }
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! **A machine is not quite "one address".** It has one for each interface at least, and 127.0.0.1 (回环地址) by which it reaches
//! itself. The addresses 10.*x*, 172.16.*x* to 172.31.*x* and 192.168.*x* are used again in every home, behind a router that
//! translates. [`network_interfaces`](crate::interfaces::network_interfaces) lists those of this machine:
//!
//! ```
//! for interface in socketry::interfaces::network_interfaces()? {
//!     let addresses: Vec<_> = interface.addresses.iter().map(|address| address.ip).collect();
//!     println!("{}: {addresses:?}", interface.name);
//!     assert!(!interface.name.is_empty());
//! }
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! Which of them can be bound, and what comes of it: `cargo run --example bind_addresses`.
//!
//! **A lower layer fails, and an upper one tells.** "No route to the network" is IP's, "connection refused" is TCP's, and "not
//! text of gb2312" is the program's own. [`ErrorKind`](crate::ErrorKind) tells them apart, on every system in the same words;
//! [`Error`](crate::Error) says at which address it was, and how long it took.
//!
//! To see sockets of all kinds and what the system gives them: `cargo run --example socket_kinds`. To see a message pass all
//! layers, gateway and MAC included: `cargo run --example visit_website -- --offline`.
//!
//! ---
//!
//! Next: [sockets and their kinds](super::sockets). All chapters: [the guide](super).
