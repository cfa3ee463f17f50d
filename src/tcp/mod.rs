//! TCP: [`TcpClient`], [`TcpConnection`], [`TcpServer`] and what they hand out.

// What is declared first is what the type's page begins with.
mod connection;

mod client;
mod close;
mod connecting;
mod conversions;
mod failures;
mod framing;
mod halves;
mod observe;
mod options;
mod race;
mod read;
mod reconnect;
mod send_file;
mod server;
mod unread;
mod write;

pub use client::{TcpClient, TcpClientBuilder};
pub use connection::TcpConnection;
pub use failures::{ConnectFailures, FailedAttempt};
pub use halves::{TcpReadHalf, TcpWriteHalf};
pub use observe::ConnectEvent;
pub use reconnect::Reconnect;
#[cfg(unix)]
pub use server::process;
pub use server::{
    HandlerResult, Incoming, Request, ServerCounters, ServerEvent, ServerHandle, ShutdownReport, TcpServer,
    TcpServerBuilder,
};
