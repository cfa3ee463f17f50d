//! TCP: servers, clients and connections.
//!
//! The main types are at the root of the crate: [`TcpServer`](crate::TcpServer),
//! [`TcpClient`](crate::TcpClient) and [`TcpConnection`](crate::TcpConnection). This module has
//! their builders and what they return.
//!
//! | Task | Type |
//! |---|---|
//! | Set options of a server or client | [`TcpServerBuilder`], [`TcpClientBuilder`] |
//! | Share options among several | [`TcpOptions`], [`ServerOptions`] |
//! | Shut a server down, read its counters | [`ServerHandle`], [`ServerCounters`], [`ShutdownReport`] |
//! | Handle a request of [`serve_requests`](crate::TcpServer::serve_requests) | [`Request`] |
//! | Log refused connections, failed handlers, failed accepts | [`ServerEvent`] |
//! | Refuse connections over the limit | [`OverLimit`] |
//! | Read and write from two threads | [`TcpReadHalf`], [`TcpWriteHalf`] |
//! | Copy between two connections, as a proxy does | [`copy_bidirectional`], [`CopiedBytes`], [`PartialCopy`] |
//! | Connect again after a disconnect | [`Reconnect`] |
//! | Observe the attempts of a connect | [`ConnectEvent`], [`ConnectFailures`] |
//! | Detect a dead peer | [`Keepalive`], [`dead_peer_timeout`](TcpClientBuilder::dead_peer_timeout) |
//!
//! ```
//! use socketry::TcpServer;
//! use socketry::tcp::{OverLimit, ServerEvent};
//!
//! let server = TcpServer::builder()
//!     .max_connections(1_000)
//!     .when_full(OverLimit::Refuse)
//!     .on_event(|event: &ServerEvent<'_>| eprintln!("{event}"))
//!     .bind("127.0.0.1:0")?;
//! let handle = server.handle();
//! assert_eq!(handle.counters().active, 0);
//! # Ok::<(), socketry::Error>(())
//! ```

// The order of these modules is the order of the methods on the page of `TcpConnection`.
pub(crate) mod client;

pub(crate) mod connection;

mod write;

mod read;

mod framing;

mod close;

mod halves;

mod copy;

mod send_file;

mod settings;

mod connecting;
mod conversions;
mod failures;
mod membership;
mod observe;
mod owned_stream;
mod race;
mod reconnect;
pub(crate) mod server;
mod unread;

pub use crate::options::{Keepalive, OverLimit, ServerOptions, TcpOptions};
pub use client::TcpClientBuilder;
pub use copy::{CopiedBytes, PartialCopy, copy_bidirectional};
pub use failures::{ConnectFailures, FailedAttempt};
pub use halves::{TcpReadHalf, TcpWriteHalf};
pub use observe::ConnectEvent;
pub use reconnect::Reconnect;
#[cfg(all(unix, feature = "listen-fds"))]
pub use server::inherited_listeners;
pub use server::{
    HandlerResult, Incoming, Request, ServerCounters, ServerEvent, ServerHandle, ShutdownReport,
    TcpServerBuilder,
};
