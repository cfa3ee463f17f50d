//! Blocking network programming with types: TCP servers that end, clients with one time for everything, UDP endpoints,
//! lines and other frames, Chinese text on the wire, addresses as people write them, and waits that always end.
//!
//! It is for programs that wait in plain calls: tools for devices and local networks, small servers, line protocols,
//! teaching; and for people who come from Python's `socket` module. It is not for programs that keep tens of thousands
//! of connections busy at once, which `tokio` does better, nor for protocols below UDP and TCP.
//!
//! ```
//! use socketry::{TcpClient, TcpServer};
//!
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! let client = TcpClient::new().connect(server.local_addr())?;
//! client.send("在吗？")?;
//! let connection = server.accept()?;
//! assert_eq!(connection.recv_text(1024)?, "在吗？");
//! connection.send("收到")?;
//! assert_eq!(client.recv_text(1024)?, "收到");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # Which type
//!
//! | to | use |
//! |---|---|
//! | serve TCP connections, from threads or in turn, and end in order | [`TcpServer`], [`ServerHandle`] |
//! | serve by processes, on Unix | `process` |
//! | connect to a server by name or address | [`TcpClient`] |
//! | read and write one connection | [`TcpConnection`] |
//! | exchange lines or other messages over a stream | [`frame`], [`TcpConnection::lines`] |
//! | send and receive datagrams | [`UdpEndpoint`] |
//! | send and receive them by the thousand | [`SendBatch`], [`RecvBatch`] |
//! | reach everybody on the links of this machine, and hear who answers | [`Broadcaster`], [`Discovery`] |
//! | be there, and answer who asks everybody | [`Responder`] |
//! | list the interfaces of this machine | [`network_interfaces`] |
//! | look names up, with a time, and know where an answer is from | [`Resolver`], [`Resolved`] |
//! | turn text into bytes and back | [`Encoding`] |
//! | end waits from another thread | [`Stopper`] |
//!
//! # The model
//!
//! * An **endpoint** ([`UdpEndpoint`]), a **server** ([`TcpServer`]) and a **connection** ([`TcpConnection`]) are open
//!   sockets. They are made by builders, and every option has its default there.
//! * A **message** ([`Message`]) is what is sent: text, which is encoded, or bytes, which go as they are.
//!   A [`Datagram`] is what is received: its bytes, its text, and how it came in ([`Arrival`]).
//! * An **encoding** ([`Encoding`]) turns text into bytes and back, strictly, so that what does not fit is an error that
//!   says which character or byte, and where.
//! * A **broadcaster** ([`Broadcaster`]) speaks to everybody on the links of this machine; a **discovery** ([`Discovery`]) is
//!   one question and the answers to it; a **responder** ([`Responder`]) is who answers.
//! * A **framing** ([`frame`]) cuts a stream of bytes into lines or other messages, over anything that is read and written.
//! * An **address** ([`Address`], [`BindAddress`]) is parsed once, from every form in which people write one.
//! * Every wait ends: by a **timeout**, by a **deadline** over many calls, or by a **stopper** ([`Stopper`]) in another
//!   thread's hand.
//! * An **[`Error`]** says what was tried, where, for how long and why it failed; [`ErrorKind`] is the same on every system.
//!
//! Two promises hold for all of it. *Everything is bounded*: waits, buffers, resends. *Nothing is silent*: a truncated
//! datagram, an unencodable character, an address at which nobody listens are typed values or typed errors.
//!
//! # Cookbook
//!
//! 1. [Serve lines, and end in order](#serve-lines-and-end-in-order)
//! 2. [Connect by name, within a time](#connect-by-name-within-a-time)
//! 3. [Look a name up](#look-a-name-up)
//! 4. [Read exactly so much, by a deadline](#read-exactly-so-much-by-a-deadline)
//! 5. [Keep thousands of connections that are idle](#keep-thousands-of-connections-that-are-idle)
//! 6. [Serve with another program, or with workers](#serve-with-another-program-or-with-workers)
//! 7. [Send a file](#send-a-file)
//! 8. [Send a line of text](#send-a-line-of-text)
//! 9. [Receive without allocating](#receive-without-allocating)
//! 10. [Send and receive datagrams by the thousand](#send-and-receive-datagrams-by-the-thousand)
//! 11. [Give a whole exchange one deadline](#give-a-whole-exchange-one-deadline)
//! 12. [Ask, and ask again](#ask-and-ask-again)
//! 13. [Stop a thread that receives](#stop-a-thread-that-receives)
//! 14. [Put a character together that was cut](#put-a-character-together-that-was-cut)
//! 15. [Hear a multicast group on every interface](#hear-a-multicast-group-on-every-interface)
//! 16. [Ask who is there](#ask-who-is-there)
//! 17. [Tell errors apart](#tell-errors-apart)
//!
//! ### Serve lines, and end in order
//!
//! The threads are the server's. A shutdown wakes it at once, serves what waits in the system's queue, lets handlers end, and
//! cuts what takes too long:
//!
//! ```
//! use socketry::{Encoding, TcpServer};
//! use std::time::Duration;
//!
//! let server = TcpServer::builder().read_timeout(Duration::from_secs(30)).bind("127.0.0.1:0")?;
//! let handle = server.handle();
//! let ending = std::thread::spawn(move || handle.shutdown(Duration::from_secs(5))); // on Ctrl-C, say
//! let report = server.serve(|connection| {
//!     let mut lines = connection.lines(Encoding::Gb2312);
//!     while let Some(line) = lines.recv()? {
//!         lines.send(line)?;
//!     }
//!     Ok(())
//! })?;
//! assert_eq!(report.aborted, 0);
//! # ending.join().unwrap();
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Connect by name, within a time
//!
//! The addresses of a name race, so that one that does not answer costs a quarter of a second. To connect again and again, with
//! waits between, see [`TcpClient::reconnect`]:
//!
//! ```
//! use socketry::{Retry, TcpClient, TcpServer};
//! use std::time::Duration;
//!
//! # let server = TcpServer::bind("127.0.0.1:0")?;
//! # let port = server.local_addr().port();
//! let client = TcpClient::builder()
//!     .timeout(Duration::from_secs(3)) // every address and every attempt
//!     .retry(Retry::new().attempts(3)) // a server that is just starting
//!     .peer_timeout(Duration::from_secs(60)) // notices a peer that has vanished
//!     .build();
//! let connection = client.connect(("localhost", port))?;
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Look a name up
//!
//! In the hosts file first, then in what was answered before, then at the name servers of this machine, and all of it within a
//! time. An answer says who gave it, and a failure whether asking again may help:
//!
//! ```
//! use socketry::{LookupFailure, Resolver, Source};
//! use std::time::Duration;
//!
//! let resolver = Resolver::builder().deadline(Duration::from_secs(3)).build();
//! let found = resolver.lookup("localhost")?;
//! for address in found.with_port(80) {
//!     println!("{address} from {}, holds {:?}", found.source(), found.ttl());
//! }
//! assert!(matches!(found.source(), Source::Hosts | Source::Localhost));
//! # assert!(found.addresses().iter().all(|address| address.is_loopback()));
//!
//! let error = resolver.lookup("no-such-name.invalid").unwrap_err(); // a name that never exists
//! assert_eq!(error.detail(), Some(&LookupFailure::NoSuchName));
//! assert!(!error.is_temporary());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Read exactly so much, by a deadline
//!
//! What came before the time was over is not lost: the next call gets it first.
//!
//! ```
//! use socketry::{TcpClient, TcpServer};
//! use std::time::{Duration, Instant};
//!
//! # let server = TcpServer::bind("127.0.0.1:0")?;
//! # let address = server.local_addr();
//! let connection = TcpClient::new().connect(address)?;
//! # let peer = server.accept()?;
//! # peer.send(b"abc")?;
//! connection.set_deadline(Instant::now() + Duration::from_millis(50));
//! let mut header = [0; 10];
//! assert!(connection.recv_exact(&mut header).unwrap_err().is_timeout());
//! # peer.send(b"defghij")?;
//! connection.set_deadline(None);
//! connection.recv_exact(&mut header)?;
//! # assert_eq!(&header, b"abcdefghij");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Keep thousands of connections that are idle
//!
//! A connection that asks nothing costs neither a thread nor a buffer; the handler blocks as it likes:
//!
//! ```
//! use socketry::frame::Lines;
//! use socketry::{Encoding, TcpServer};
//!
//! let server = TcpServer::builder().max_connections(10_000).bind("127.0.0.1:0")?;
//! let handle = server.handle();
//! # handle.begin_shutdown(std::time::Duration::from_secs(1));
//! server.serve_requests(Lines::new(Encoding::Utf8), |request| {
//!     let answer = request.frame().to_uppercase();
//!     Ok(request.reply(answer)?)
//! })?;
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Serve with another program, or with workers
//!
//! On Unix a process can have the connection as its standard input and output, or worker processes can accept from one
//! listener and be replaced while they serve: see the module `process`.
//!
//! ```
//! # #[cfg(unix)] {
//! use socketry::process::Children;
//! use socketry::{TcpClient, TcpServer};
//! use std::process::Command;
//! use std::time::Duration;
//!
//! let server = TcpServer::builder().max_connections(100).bind("127.0.0.1:0")?;
//! let handle = server.handle();
//! let sort = Children::running(|_| Command::new("sort"));
//! let serving = std::thread::spawn(move || server.serve_children(sort));
//!
//! let client = TcpClient::new().connect(handle.local_addr())?;
//! client.send("b\na\n")?;
//! client.half_close()?;
//! assert_eq!(client.recv_to_end(100)?, b"a\nb\n");
//! handle.shutdown(Duration::from_secs(5));
//! serving.join().unwrap()?;
//! # }
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Send a file
//!
//! By the system itself, where it can: see [`TcpConnection::send_file`].
//!
//! ```no_run
//! # use socketry::TcpClient;
//! let connection = TcpClient::new().connect("192.0.2.7:7788")?;
//! let bytes = connection.send_file(&std::fs::File::open("page.html")?)?;
//! connection.close()?; // when the peer has ended its side, too
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ### Send a line of text
//!
//! `UdpEndpoint::bind(0)` takes any free port, for an endpoint that only sends:
//!
//! ```
//! use socketry::UdpEndpoint;
//!
//! # let receiver = UdpEndpoint::bind("127.0.0.1:0")?;
//! # let address = receiver.local_addr()?;
//! UdpEndpoint::bind(0)?.send_to("你好", address)?;
//! # assert_eq!(receiver.recv()?.text()?, "你好");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Receive without allocating
//!
//! ```
//! use socketry::UdpEndpoint;
//!
//! let endpoint = UdpEndpoint::bind("127.0.0.1:0")?;
//! # UdpEndpoint::bind(0)?.send_to("ping", endpoint.local_addr()?)?;
//! let mut buffer = [0; 2048];
//! let arrival = endpoint.recv_into(&mut buffer)?;
//! let bytes = &buffer[..arrival.len()];
//! endpoint.reply(&arrival, bytes)?;
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Send and receive datagrams by the thousand
//!
//! ```
//! use socketry::{RecvBatch, UdpEndpoint};
//!
//! let receiver = UdpEndpoint::builder().batches_only(true).bind("127.0.0.1:0")?;
//! let sender = UdpEndpoint::bind("127.0.0.1:0")?;
//! let mut outgoing = sender.batch();
//! for number in 0..200_u32 {
//!     outgoing.push_to(number.to_be_bytes(), receiver.local_addr()?)?;
//! }
//! assert_eq!(sender.send_batch(&mut outgoing)?, 200);
//!
//! let (mut incoming, mut received) = (RecvBatch::new(), 0);
//! while received < 200 {
//!     received += receiver.recv_batch(&mut incoming)?;
//!     assert!(incoming.iter().all(|datagram| datagram.len() == 4));
//! }
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Give a whole exchange one deadline
//!
//! A timeout begins anew with each call, so a peer that drips can make an exchange last for ever. A deadline cannot be
//! outlasted:
//!
//! ```
//! use socketry::UdpEndpoint;
//! use std::time::{Duration, Instant};
//!
//! let endpoint = UdpEndpoint::bind("127.0.0.1:0")?;
//! endpoint.set_deadline(Instant::now() + Duration::from_millis(30));
//! let error = loop {
//!     match endpoint.recv() {
//!         Ok(datagram) => println!("{datagram:?}"),
//!         Err(error) => break error,
//!     }
//! };
//! assert!(error.is_timeout());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Ask, and ask again
//!
//! [`request`](UdpEndpoint::request) sends again when no answer comes, takes an answer from the peer alone, and ends early
//! when the peer's system says that nobody listens:
//!
//! ```
//! use socketry::{Retry, UdpEndpoint};
//! use std::time::Duration;
//!
//! let retry = Retry::new().attempts(3).first(Duration::from_millis(20));
//! let client = UdpEndpoint::builder().retry(retry).bind("127.0.0.1:0")?;
//! let silent = UdpEndpoint::bind("127.0.0.1:0")?;
//! let error = client.request(silent.local_addr()?, "anybody?").unwrap_err();
//! assert!(error.is_timeout() && error.is_temporary());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Stop a thread that receives
//!
//! ```
//! use socketry::{Stopper, UdpEndpoint};
//!
//! let stopper = Stopper::new()?;
//! let endpoint = UdpEndpoint::builder().stopper(&stopper).bind("127.0.0.1:0")?;
//! let receiver = std::thread::spawn(move || {
//!     loop {
//!         match endpoint.recv() {
//!             Ok(datagram) => println!("{:?}", datagram.text()),
//!             Err(error) if error.is_stopped() => break,
//!             Err(error) => eprintln!("{error}"),
//!         }
//!     }
//! });
//! stopper.stop();
//! receiver.join().unwrap();
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Put a character together that was cut
//!
//! A [`Decoder`] keeps what is incomplete for the next piece, and counts offsets from the beginning of the stream:
//!
//! ```
//! use socketry::Encoding;
//!
//! let mut decoder = Encoding::Gb2312.decoder();
//! let mut text = String::new();
//! for piece in [&b"\xC4"[..], b"\xE3\xBA", b"\xC3"] {
//!     decoder.decode(piece, &mut text)?;
//! }
//! decoder.finish(&mut text)?;
//! assert_eq!(text, "你好");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Hear a multicast group on every interface
//!
//! ```
//! use socketry::{Interfaces, UdpEndpoint};
//! use std::net::Ipv4Addr;
//!
//! let endpoint = UdpEndpoint::builder().reuse_address(true).bind(":0")?;
//! for membership in endpoint.join_multicast(Ipv4Addr::new(239, 255, 77, 88), Interfaces::All)? {
//!     println!("{}: {:?}", membership.interface, membership.result);
//! }
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Ask who is there
//!
//! Without [`interface`](BroadcastBuilder::interface) everybody is asked on every link, and what became of the question on each
//! is told. Whoever is there is a [`Responder`], which is stopped at its end, or another program at the port:
//!
//! ```
//! use socketry::{Broadcaster, Stopper};
//! use std::net::Ipv4Addr;
//! use std::time::Duration;
//!
//! let stopper = Stopper::new()?;
//! let here = Broadcaster::builder().interface(Ipv4Addr::LOCALHOST); // nobody else is to hear this
//! let lamp = here.clone().port(0).stopper(&stopper).listen()?;
//! let port = lamp.local_addr()?.port();
//! let serving = std::thread::spawn(move || {
//!     let answer = |query: &socketry::Query| (query.bytes() == b"who is there?").then_some("lamp");
//!     lamp.serve(answer, |error| eprintln!("{error}"))
//! });
//!
//! let broadcaster = here.port(port).build()?;
//! let mut discovery = broadcaster.discover("who is there?", Duration::from_millis(600))?;
//! for delivery in discovery.deliveries() {
//!     println!("{}: {:?}", delivery.interface, delivery.result);
//! }
//! for reply in discovery.by_ref() {
//!     match reply {
//!         Ok(reply) => println!("{} on {}: {}", reply.from(), reply.interface(), reply.text()?),
//!         Err(error) => eprintln!("{error}"), // some were lost, for one; the others are told
//!     }
//! }
//! println!("{:?}", discovery.counters());
//! # assert_eq!(discovery.counters().replies, 1);
//! stopper.stop();
//! serving.join().unwrap()?;
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ### Tell errors apart
//!
//! ```
//! use socketry::{EncodeError, Encoding, ErrorKind, UdpEndpoint};
//!
//! let endpoint = UdpEndpoint::builder().encoding(Encoding::Gb2312).bind("127.0.0.1:0")?;
//! let error = endpoint.send_to("溶·镕", "127.0.0.1:7788").unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::UnencodableText);
//! assert_eq!(error.detail::<EncodeError>().map(EncodeError::character), Some('镕'));
//! assert_eq!(
//!     error.to_string(),
//!     "send to 127.0.0.1:7788: '镕' (U+9555) at byte 5 does not exist in gb2312"
//! );
//! assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::InvalidData);
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # Threads
//!
//! Every type is `Send`, and endpoints, connections, servers and stoppers are `Sync`: threads share them by reference, and a
//! connection can be cloned. Of several threads that receive from one endpoint each datagram reaches one. Only servers start
//! threads: those that [`serve`](TcpServer::serve), within their limit, one that sees connections off while some leave, and in a
//! worker process one that hears the parent. Processes are started where that is asked for, and no process is ever copied.
//!
//! # Platforms
//!
//! Linux is where it is developed and measured. macOS, FreeBSD and Windows have the same API, but for the servers made of
//! processes, which are there on Unix; and what a system cannot do is said at the item, under "Platform-specific behavior". The minimum supported Rust version is 1.85.
//!
//! # What it does not do
//!
//! * No TLS or DTLS, no raw sockets, no Unix-domain sockets.
#![forbid(unsafe_code)]
#![warn(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::todo,
    clippy::unimplemented,
    clippy::dbg_macro
)]

mod addr;
mod broadcast;
mod config;
mod error;
pub mod frame;
mod proto;
mod resolve;
mod sys;
mod tcp;
mod udp;

pub use addr::{Address, AddressError, BindAddress};
pub use broadcast::{
    BroadcastBuilder, Broadcaster, Deliveries, Delivery, Discovered, Discovery, DiscoveryCounters,
    NoneReached, Query, Responder, network_interfaces,
};
pub use config::{AtLimit, InterfaceAddress, Interfaces, Keepalive, NetworkInterface, Truncation};
pub use error::{Error, ErrorKind, Operation, PartialTransfer, Result, Truncated, UnsentDatagram};
pub use proto::dns::host::BadName;
pub use proto::dns::lookup::ServerFault;
pub use proto::dns::wire::{BadReply, RecordData};
pub use proto::message::Message;
pub use proto::retry::Retry;
pub use proto::text::{
    DecodeError, Decoder, EncodeError, Encoder, Encoding, Policy, UnknownEncoding, WebEncoding,
};
pub use resolve::{
    Backend, Families, LookupFailure, Resolved, Resolver, ResolverBuilder, ServerTrouble, Source,
};
pub use sys::Stopper;
#[cfg(unix)]
pub use tcp::process;
pub use tcp::{
    ConnectEvent, ConnectFailures, FailedAttempt, HandlerResult, Incoming, Reconnecting, Request,
    ServerCounters, ServerEvent, ServerHandle, ShutdownReport, TcpClient, TcpClientBuilder, TcpConnection,
    TcpReadHalf, TcpServer, TcpServerBuilder, TcpWriteHalf,
};
pub use udp::{
    Arrival, Datagram, DatagramRef, Membership, Memberships, RecvBatch, RecvBatchIter, SendBatch, UdpBuilder,
    UdpEndpoint,
};

/// The READMEs' examples are tests.
#[cfg(doctest)]
mod readme {
    #[doc = include_str!("../README.md")]
    struct English;

    #[doc = include_str!("../README.zh-CN.md")]
    struct Chinese;
}
