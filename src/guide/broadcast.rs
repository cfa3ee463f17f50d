//! How to reach everybody on a network without knowing anybody's address, and hear who answers.
//!
//! From the notes, 网络编程, 004, section 6 (udp广播).
//!
//! # From the notes' socket to every link
//!
//! The notes set `SO_BROADCAST` ("否则不能广播"), send to `("<broadcast>", 7788)`, and print who answers. `<broadcast>` is
//! 255.255.255.255, which is everybody on *one* link: the system chooses which. A [`Broadcaster`](crate::Broadcaster) sends by
//! every interface, to the broadcast address of each of its networks, and needs no option:
//!
//! <svg viewBox="0 0 380 166" role="img" aria-label="One message leaves by each interface to the broadcast address of its network" style="width:100%;max-width:475px;height:auto;display:block;margin:1em auto" fill="none" stroke="currentColor" stroke-width="1.2">
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
//!     println!("Received from {}: {}", reply.source(), reply.text()?);
//! }
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! The program is `cargo run --example udp_broadcast`. A table of who is there, with names and times, is
//! `cargo run --example discover`.
//!
//! # The other side
//!
//! The notes show who asks. Who is there and answers is a [`Responder`](crate::broadcast::Responder), or any program that is bound to every
//! local address at the port, such as that of the notes' section 5. Both sides here, on this machine alone:
//!
//! ```
//! use socketry::Broadcaster;
//! use std::net::Ipv4Addr;
//! use std::time::Duration;
//!
//! // Nobody else is to hear the test.
//! let here = Broadcaster::builder().interface(Ipv4Addr::LOCALHOST);
//! let lamp = here.clone().port(0).responder()?;
//! let port = lamp.local_addr().port();
//! let answering = std::thread::spawn(move || {
//!     let query = lamp.recv_timeout(Duration::from_secs(5))?;
//!     lamp.reply(&query, format!("灯, asked {:?}", query.text()?))
//! });
//!
//! let mut discovery = here.port(port).build()?.discover("hi", Duration::from_secs(5))?;
//! let reply = discovery.next().expect("an answer")?;
//! assert_eq!(reply.text()?, "灯, asked \"hi\"");
//! assert_eq!(reply.source().port(), port);
//! answering.join().unwrap()?;
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # The notes' own way
//!
//! A plain endpoint can do as the notes do, with the option that they set. It leaves by the interface of the default route, or
//! not at all:
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
//! Without the option the error says which one is missing.
//!
//! # What goes wrong
//!
//! * **It leaves by the wrong link, or by none.** On a machine with Wi-Fi and a cable, `<broadcast>` leaves by that of the default
//!   route; without one it fails with "network is unreachable". A broadcaster tells for each interface what became of the
//!   message: [`InterfaceSend`](crate::broadcast::InterfaceSend).
//! * **`"hi"` is not bytes.** The notes' `s.sendto("hi", dest)` is of Python 2. Here text is encoded, and Python 3 wants
//!   `b"hi"`.
//! * **It waits for ever.** The notes' loop has no end. A discovery has a window, asks
//!   [three times](crate::broadcast::BroadcastBuilder::repeats) in it, because a datagram may be lost, and gives each answer once.
//! * **Nobody hears it**, because the receiver is bound to the address of one interface, and Linux delivers broadcasts to none
//!   such. A responder is bound to every address, and passes over what came by other interfaces.
//! * **No answer comes**, because the asking socket was `connect`ed to the broadcast address and hears only that. A broadcaster
//!   never connects.
//! * **Too many answer**, or one who floods. The answers are [bounded](crate::broadcast::BroadcastBuilder::max_replies) in all and for each
//!   sender, and what was dropped is [counted](crate::broadcast::DiscoveryCounters).
//! * **IPv6 has no broadcast.** [`ipv6_all_nodes`](crate::broadcast::BroadcastBuilder::ipv6_all_nodes) is its counterpart, a multicast group; any
//!   other group goes by [`to`](crate::broadcast::BroadcastBuilder::to), or by
//!   [`UdpEndpoint::join_multicast`](crate::UdpEndpoint::join_multicast).
//!
//! ---
//!
//! Before: [text on the wire](super::text). Next: [TCP, server and client](super::tcp).
