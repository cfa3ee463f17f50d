//! Broadcasting to every host on the local networks, and discovering devices.
//!
//! Source: 网络编程, 004, section 6 (udp广播).
//!
//! # Broadcast on every interface
//!
//! In Python, a program sets `SO_BROADCAST` ("否则不能广播") and sends to `("<broadcast>", 7788)`.
//! `<broadcast>` is 255.255.255.255, which reaches the hosts of *one* local network, as the OS
//! sends it on one interface only. A [`Broadcaster`](crate::Broadcaster) sends on every interface,
//! to the broadcast address of each of its networks, and needs no option:
//!
//! <svg viewBox="0 0 380 166" role="img" aria-label="One message is sent on each interface, to the broadcast address of its network" style="width:100%;max-width:475px;height:auto;display:block;margin:1em auto" fill="none" stroke="currentColor" stroke-width="1.2">
//! <rect x="130" y="8" width="120" height="34" rx="3"></rect>
//! <text x="190" y="29" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">this machine</text>
//! <line x1="164" y1="42" x2="84" y2="88"></line>
//! <polygon points="84,88 89.3,80.7 93.0,87.1" fill="currentColor"></polygon>
//! <text x="98" y="66" text-anchor="end" font-size="12" fill="currentColor" stroke="none">eth1</text>
//! <line x1="4" y1="92" x2="164" y2="92"></line>
//! <text x="84" y="157" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">to 192.168.1.255:7788</text>
//! <line x1="32" y1="92" x2="32" y2="112"></line>
//! <rect x="8" y="112" width="48" height="26" rx="3"></rect>
//! <text x="32" y="129" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">灯</text>
//! <line x1="84" y1="92" x2="84" y2="112"></line>
//! <rect x="60" y="112" width="48" height="26" rx="3"></rect>
//! <text x="84" y="129" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">printer</text>
//! <line x1="136" y1="92" x2="136" y2="112"></line>
//! <rect x="112" y="112" width="48" height="26" rx="3"></rect>
//! <text x="136" y="129" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">…</text>
//! <line x1="216" y1="42" x2="296" y2="88"></line>
//! <polygon points="296,88 287.0,87.1 290.7,80.7" fill="currentColor"></polygon>
//! <text x="282" y="66" text-anchor="start" font-size="12" fill="currentColor" stroke="none">eth2</text>
//! <line x1="216" y1="92" x2="376" y2="92"></line>
//! <text x="296" y="157" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">to 192.168.2.255:7788</text>
//! <line x1="244" y1="92" x2="244" y2="112"></line>
//! <rect x="220" y="112" width="48" height="26" rx="3"></rect>
//! <text x="244" y="129" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">灯</text>
//! <line x1="296" y1="92" x2="296" y2="112"></line>
//! <rect x="272" y="112" width="48" height="26" rx="3"></rect>
//! <text x="296" y="129" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">printer</text>
//! <line x1="348" y1="92" x2="348" y2="112"></line>
//! <rect x="324" y="112" width="48" height="26" rx="3"></rect>
//! <text x="348" y="129" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">…</text>
//! </svg>
//!
//! ```no_run
//! use socketry::Broadcaster;
//! use std::time::Duration;
//!
//! // 广播地址: that of every network.
//! let broadcaster = Broadcaster::builder().port(7788).build()?;
//! for reply in broadcaster.discover("hi", Duration::from_secs(2))? {
//!     let reply = reply?;
//!     println!("Received from {}: {}", reply.source(), reply.text_lossy());
//! }
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! The program is `cargo run --example udp_broadcast`. `cargo run --example discover` prints a
//! table of the devices, with names and times.
//!
//! # Reply to queries
//!
//! A [`Responder`](crate::broadcast::Responder) receives broadcasts and replies, and so can any
//! program that is bound to the port at the wildcard address. Both sides, on this machine only:
//!
//! ```
//! use socketry::Broadcaster;
//! use std::net::Ipv4Addr;
//! use std::time::Duration;
//!
//! let local = Broadcaster::builder().interface(Ipv4Addr::LOCALHOST);
//! let responder = local.clone().port(0).responder()?;
//! let port = responder.local_addr().port();
//! let serving = std::thread::spawn(move || {
//!     let query = responder.recv_timeout(Duration::from_secs(5))?;
//!     responder.reply(&query, format!("灯, asked {:?}", query.text()?))
//! });
//!
//! let broadcaster = local.port(port).build()?;
//! let mut discovery = broadcaster.discover("hi", Duration::from_secs(5))?;
//! let reply = discovery.next().expect("a reply")?;
//! assert_eq!(reply.text()?, "灯, asked \"hi\"");
//! assert_eq!(reply.source().port(), port);
//! serving.join().unwrap()?;
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # Broadcast with a plain socket
//!
//! A [`UdpEndpoint`](crate::UdpEndpoint) can send to `<broadcast>` as the Python program does, with
//! the same option. The OS sends on the interface of the default route, and fails if there is no
//! default route:
//!
//! ```no_run
//! use socketry::UdpEndpoint;
//!
//! // SO_BROADCAST: 否则不能广播.
//! let endpoint = UdpEndpoint::builder().broadcast(true).bind(0)?;
//! endpoint.send_to("hi", ("<broadcast>", 7788))?;
//! loop {
//!     let datagram = endpoint.recv()?;
//!     println!("Received from {}: {}", datagram.source(), datagram.text()?);
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! Without the option, the error names it.
//!
//! # What goes wrong
//!
//! * **The OS chooses the wrong interface.** On a machine with Wi-Fi and a cable, `<broadcast>` is
//!   sent on the interface of the default route. Without one, sending fails with "network
//!   unreachable". A broadcaster returns the outcome on each interface, an
//!   [`InterfaceSend`](crate::broadcast::InterfaceSend).
//! * **`"hi"` is not bytes.** `s.sendto("hi", dest)` is Python 2, and Python 3 needs `b"hi"`. Here,
//!   text is encoded.
//! * **The program blocks indefinitely.** A loop of `recvfrom` has no end. A discovery has a
//!   timeout, sends its query [3 times](crate::broadcast::BroadcastBuilder::repeats) as datagrams
//!   can be lost, and returns each reply once.
//! * **The receiver receives nothing**, because it is bound to the address of one interface: Linux
//!   delivers no broadcasts to such a socket. A responder binds the wildcard address, and discards
//!   what arrives on other interfaces.
//! * **No reply arrives**, because the socket is connected to the broadcast address and receives
//!   from that address only. A broadcaster does not connect its socket.
//! * **Too many replies arrive**, or one host floods. Replies are
//!   [limited](crate::broadcast::BroadcastBuilder::max_replies) in total and for each sender, and
//!   dropped ones are [counted](crate::broadcast::DiscoveryCounters).
//! * **IPv6 has no broadcast.**
//!   [`ipv6_all_nodes`](crate::broadcast::BroadcastBuilder::ipv6_all_nodes) selects a multicast
//!   group instead, and [`to`](crate::broadcast::BroadcastBuilder::to) any other. See also
//!   [`UdpEndpoint::join_multicast`](crate::UdpEndpoint::join_multicast).
//!
//! ---
//!
//! Before: [text on the wire](super::text). Next: [TCP, server and client](super::tcp).
