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
//! | serve by processes, on Unix | [`process`] |
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
//! | end waits from another thread | [`CancelToken`] |
//!
//! # The model
//!
//! * An **endpoint** ([`UdpEndpoint`]), a **server** ([`TcpServer`]) and a **connection** ([`TcpConnection`]) are open
//!   sockets. They are made by builders, and every option has its default there.
//! * A **message** ([`Message`]) is what is sent: text, which is encoded, or bytes, which go as they are.
//!   A [`Datagram`] is what is received: its bytes, its text, and how it came in ([`RecvMeta`]).
//! * An **encoding** ([`Encoding`]) turns text into bytes and back, strictly, so that what does not fit is an error that
//!   says which character or byte, and where.
//! * A **broadcaster** ([`Broadcaster`]) speaks to everybody on the links of this machine; a **discovery** ([`Discovery`]) is
//!   one question and the answers to it; a **responder** ([`Responder`]) is who answers.
//! * A **framing** ([`frame`]) cuts a stream of bytes into lines or other messages, over anything that is read and written.
//! * An **address** ([`Address`], [`BindAddress`]) is parsed once, from every form in which people write one. A name in it is
//!   looked up when it is used, by a **resolver** ([`Resolver`]), within the time of that call.
//! * Every wait ends: by a **timeout**, by a **deadline** over many calls, or by a **cancel token** ([`CancelToken`]) in another
//!   thread's hand.
//! * An **[`Error`]** says what was tried, where, for how long and why it failed; [`ErrorKind`] is the same on every system.
//!
//! Two promises hold for all of it. *Everything is bounded*: waits, buffers, resends. *Nothing is silent*: a truncated
//! datagram, an unencodable character, an address at which nobody listens are typed values or typed errors.
//!
//! # Guide
//!
//! The [`guide`] begins where the notes begin that the examples follow, and ends with a table of Python's calls:
//!
//! 1. [Layers and ports](guide::layers)
//! 2. [Sockets and their kinds](guide::sockets)
//! 3. [Addresses and binding](guide::addresses)
//! 4. [UDP](guide::udp)
//! 5. [Text on the wire](guide::text)
//! 6. [Broadcast](guide::broadcast)
//! 7. [TCP, server and client](guide::tcp)
//! 8. [The handshake and the close](guide::handshake)
//! 9. [Names and DNS](guide::names)
//! 10. [A visit to a web page](guide::web_page)
//! 11. [Processes and threads](guide::processes_and_threads)
//! 12. [From Python's `socket`](guide::from_python)
//!
//! Beside it: [what differs between systems](guide::platforms), and a [comparison](guide::comparison) with `std`, `socket2`,
//! `tokio`, `message-io`, Go and Python.
//!
#![doc = include_str!("guide/cookbook.md")]
#![doc = include_str!("guide/root.md")]
//! # Threads
//!
//! Every type is `Send`, and endpoints, connections, servers and cancel tokens are `Sync`: threads share them by reference, and a
//! connection can be cloned. Of several threads that receive from one endpoint each datagram reaches one. Threads are started in
//! two places:
//!
//! * by servers: those that [`serve`](TcpServer::serve), within their limit, one that sees connections off while some leave, and in
//!   a worker process one that hears the parent;
//! * by a [`Resolver`], that of a socket as well, when it must ask the system for a name: one, which is left behind if the time is
//!   over before. There are 32 of these at most in a process.
//!
//! Processes are started where that is asked for, and no process is ever copied.
//!
//! # Platforms
//!
//! Linux is where it is developed and measured. macOS, FreeBSD and Windows have the same API, but for the servers made of
//! processes, which are there on Unix. What a system cannot do is said at the item, under "Platform-specific behavior", and all of
//! that in one place in [`guide::platforms`]. The minimum supported Rust version is 1.85.
//!
//! # What it does not do
//!
//! * No TLS or DTLS, no raw sockets, no Unix-domain sockets.
//!
//! [`AnswerSource`]: dns::AnswerSource
//! [`Backend`]: dns::Backend
//! [`BroadcastBuilder`]: broadcast::BroadcastBuilder
//! [`ConnectEvent`]: tcp::ConnectEvent
//! [`ConnectFailures`]: tcp::ConnectFailures
//! [`DatagramRef`]: udp::DatagramRef
//! [`DecodeError`]: text::DecodeError
//! [`Decoder`]: text::Decoder
//! [`Discovery`]: broadcast::Discovery
//! [`DiscoveryCounters`]: broadcast::DiscoveryCounters
//! [`DiscoveryReply`]: broadcast::DiscoveryReply
//! [`EncodeError`]: text::EncodeError
//! [`Encoder`]: text::Encoder
//! [`FailedAttempt`]: tcp::FailedAttempt
//! [`HandlerResult`]: tcp::HandlerResult
//! [`Incoming`]: tcp::Incoming
//! [`InterfaceAddress`]: interfaces::InterfaceAddress
//! [`InterfaceSelector`]: interfaces::InterfaceSelector
//! [`InterfaceSend`]: broadcast::InterfaceSend
//! [`InvalidName`]: dns::InvalidName
//! [`IpFamilies`]: dns::IpFamilies
//! [`Keepalive`]: tcp::Keepalive
//! [`Membership`]: udp::Membership
//! [`Message`]: text::Message
//! [`NetworkInterface`]: interfaces::NetworkInterface
//! [`NoInterfaceSent`]: broadcast::NoInterfaceSent
//! [`OnInvalid`]: text::OnInvalid
//! [`Operation`]: error::Operation
//! [`OverLimit`]: tcp::OverLimit
//! [`PartialTransfer`]: error::PartialTransfer
//! [`Query`]: broadcast::Query
//! [`Reconnect`]: tcp::Reconnect
//! [`Record`]: dns::Record
//! [`RecvBatch`]: udp::RecvBatch
//! [`RecvBatchIter`]: udp::RecvBatchIter
//! [`RecvMeta`]: udp::RecvMeta
//! [`Request`]: tcp::Request
//! [`ResolveError`]: dns::ResolveError
//! [`Resolved`]: dns::Resolved
//! [`ResolverBuilder`]: dns::ResolverBuilder
//! [`Responder`]: broadcast::Responder
//! [`ResponseError`]: dns::ResponseError
//! [`SendBatch`]: udp::SendBatch
//! [`ServerCounters`]: tcp::ServerCounters
//! [`ServerError`]: dns::ServerError
//! [`ServerEvent`]: tcp::ServerEvent
//! [`ServerFault`]: dns::ServerFault
//! [`ServerHandle`]: tcp::ServerHandle
//! [`ShutdownReport`]: tcp::ShutdownReport
//! [`TcpClientBuilder`]: tcp::TcpClientBuilder
//! [`TcpReadHalf`]: tcp::TcpReadHalf
//! [`TcpServerBuilder`]: tcp::TcpServerBuilder
//! [`TcpWriteHalf`]: tcp::TcpWriteHalf
//! [`Truncated`]: error::Truncated
//! [`Truncation`]: udp::Truncation
//! [`UdpBuilder`]: udp::UdpBuilder
//! [`UnknownEncoding`]: text::UnknownEncoding
//! [`UnsentDatagram`]: error::UnsentDatagram
//! [`WhatwgEncoding`]: text::WhatwgEncoding
//! [`network_interfaces`]: interfaces::network_interfaces
#![doc = include_str!("guide/phone.html")]
#![cfg_attr(unix, doc = "\n[`process`]: mod@process")]
#![cfg_attr(not(unix), doc = "\n[`process`]: guide::platforms")]
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
pub mod broadcast;
mod config;
pub mod dns;
pub mod error;
pub mod frame;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod guide;
pub mod interfaces;
mod proto;
mod sys;
pub mod tcp;
pub mod text;
pub mod udp;

pub use addr::{Address, AddressError, BindAddress};
pub use broadcast::broadcaster::Broadcaster;
pub use dns::resolver::Resolver;
pub use error::kind::ErrorKind;
pub use error::value::{Error, Result};
pub use proto::retry::Retry;
pub use proto::text::Encoding;
pub use sys::CancelToken;
pub use tcp::client::TcpClient;
pub use tcp::connection::TcpConnection;
#[cfg(unix)]
pub use tcp::server::process;
pub use tcp::server::serve::TcpServer;
pub use udp::datagram::Datagram;
pub use udp::endpoint::UdpEndpoint;

/// The READMEs' examples are tests.
#[cfg(doctest)]
mod readme {
    #[doc = include_str!("../README.md")]
    struct English;

    #[doc = include_str!("../README.zh-CN.md")]
    struct Chinese;
}
