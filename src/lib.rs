//! Typed, blocking networking: TCP servers and clients, UDP, broadcast discovery, name resolution,
//! message framing and Chinese text encodings. Calls take timeouts, deadlines and cancellation;
//! truncated datagrams, text that cannot be converted and partial transfers are typed errors.
//!
//! It is for programs that block in plain calls: device and LAN tools, line protocols, small
//! servers, teaching, and programs ported from Python's `socket` module. For tens of thousands of
//! busy connections use `tokio`; for raw sockets and protocols below UDP and TCP use `socket2`.
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
//! | Task | Type |
//! |---|---|
//! | Serve TCP connections from threads, shut down gracefully | [`TcpServer`], [`ServerHandle`] |
//! | Serve TCP connections from processes (Unix) | [`process`] |
//! | Connect to a server by name or address | [`TcpClient`] |
//! | Read from and write to a connection | [`TcpConnection`] |
//! | Exchange lines or other messages over a stream | [`frame`], [`TcpConnection::lines`] |
//! | Send and receive datagrams | [`UdpEndpoint`] |
//! | Serve datagrams on several threads | [`UdpServer`] |
//! | Send and receive datagrams in batches | [`SendBatch`], [`UdpBatchEndpoint`], [`RecvBatch`] |
//! | Broadcast on the local networks, discover devices | [`Broadcaster`], [`Discovery`] |
//! | Answer discovery queries | [`Responder`] |
//! | List the network interfaces | [`network_interfaces`] |
//! | Resolve host names | [`Resolver`], [`Resolved`] |
//! | Encode and decode text | [`Encoding`] |
//! | Cancel blocking calls from another thread | [`CancelToken`] |
//!
//! # Concepts
//!
//! * A [`UdpEndpoint`], a [`TcpServer`] and a [`TcpConnection`] are open sockets. A builder creates
//!   each of them; its methods document every option with its default.
//! * A [`Message`] is what a send method takes: text, which is encoded, or bytes. A [`Datagram`] is
//!   what a receive method returns: bytes, text, and its [`RecvMeta`].
//! * An [`Encoding`] is strict by default: a character or byte that cannot be converted is an error
//!   with its offset.
//! * A [`Broadcaster`] sends to every host on the local networks. A [`Discovery`] is one query and
//!   its replies. A [`Responder`] answers queries.
//! * A framing (module [`frame`]) splits a stream of bytes into lines or other messages.
//! * An [`Address`] or [`BindAddress`] is parsed once. A host name in it is resolved when it is
//!   used, by a [`Resolver`], within the timeout of that call.
//! * A call ends at its timeout, at a deadline over many calls, or when a [`CancelToken`] is
//!   cancelled.
//! * An [`Error`] has the operation, its target, the addresses, the elapsed time and the cause.
//!   [`ErrorKind`] is the same on every OS.
//!
//! # Guide
//!
//! The [`guide`] introduces each subject and ends with a table of Python's `socket` calls:
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
//! See also the [differences between platforms](guide::platforms) and a
//! [comparison](guide::comparison) with `std`, `socket2`, `tokio`, `message-io`, Go and Python.
//!
#![doc = include_str!("guide/cookbook.md")]
#![doc = include_str!("guide/root.md")]
//! # Threads
//!
//! Every type is `Send`. Endpoints, connections, servers and cancel tokens are `Sync`, so threads
//! share them by reference; connections can also be cloned. If several threads receive from one
//! endpoint, each datagram is delivered to exactly one of them. The crate starts threads in three
//! places:
//!
//! * A server starts the threads that [`serve`](TcpServer::serve) connections, up to its limit, one
//!   thread while connections linger after their handlers, and in a worker process one that reads
//!   control messages from the parent.
//! * A [`UdpServer`] starts the threads that call its handler.
//! * A [`Resolver`] starts a thread for each lookup of the system's resolver, at most 32 in a
//!   process. A thread whose caller timed out is abandoned and exits when the system returns.
//!
//! Only the functions of module [`process`] start processes, and each of them executes a program:
//! the crate does not run its own code in a forked copy.
//!
//! # Platforms
//!
//! Linux is the platform of development and measurement. macOS, FreeBSD and Windows have the same
//! API, except that servers made of processes need Unix. Items document differences under
//! "Platform-specific behavior"; [`guide::platforms`] lists all of them. The minimum supported Rust
//! version is 1.85.
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
//! [`DiscoveryCounters`]: broadcast::DiscoveryCounters
//! [`DiscoveryReply`]: broadcast::DiscoveryReply
//! [`Discovery`]: broadcast::Discovery
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
//! [`RecvBatchIter`]: udp::RecvBatchIter
//! [`RecvBatch`]: udp::RecvBatch
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
//! [`UdpBatchEndpoint`]: udp::UdpBatchEndpoint
//! [`UdpBuilder`]: udp::UdpBuilder
//! [`UdpServer`]: udp::UdpServer
//! [`UnknownEncoding`]: text::UnknownEncoding
//! [`UnsentDatagram`]: error::UnsentDatagram
//! [`WhatwgEncoding`]: text::WhatwgEncoding
//! [`network_interfaces`]: interfaces::network_interfaces
#![doc = include_str!("guide/phone.html")]
#![cfg_attr(all(unix, feature = "process"), doc = "\n[`process`]: mod@process")]
#![cfg_attr(not(all(unix, feature = "process")), doc = "\n[`process`]: guide::platforms")]
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
pub mod dns;
pub mod error;
pub mod frame;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod guide;
mod handler;
pub mod interfaces;
mod options;
mod proto;
mod sys;
pub mod tcp;
pub mod text;
pub mod udp;
mod wait;

pub use addr::{Address, AddressError, BindAddress, ToAddress, ToBindAddress};
pub use broadcast::broadcaster::Broadcaster;
pub use dns::resolver::Resolver;
pub use error::kind::ErrorKind;
pub use error::value::{Error, Result};
pub use proto::retry::Retry;
pub use proto::text::Encoding;
pub use tcp::client::TcpClient;
pub use tcp::connection::TcpConnection;
#[cfg(all(unix, feature = "process"))]
pub use tcp::server::process;
pub use tcp::server::serve::TcpServer;
pub use udp::datagram::Datagram;
pub use udp::endpoint::UdpEndpoint;
pub use wait::CancelToken;

/// The READMEs' examples are tests.
#[cfg(doctest)]
mod readme {
    #[doc = include_str!("../README.md")]
    struct English;

    #[doc = include_str!("../README.zh-CN.md")]
    struct Chinese;
}
