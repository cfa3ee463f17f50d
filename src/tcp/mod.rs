//! TCP: [`TcpClient`], [`TcpConnection`], [`TcpServer`] and what they hand out.

mod client;
mod close;
mod connection;
mod conversions;
mod failures;
mod framing;
mod halves;
mod options;
mod read;
mod send_file;
mod server;
mod unread;
mod write;

pub use client::{TcpClient, TcpClientBuilder};
pub use connection::TcpConnection;
pub use failures::{ConnectFailures, FailedAttempt};
pub use halves::{TcpReadHalf, TcpWriteHalf};
#[cfg(unix)]
pub use server::process;
pub use server::{
    HandlerResult, Incoming, Request, ServerCounters, ServerEvent, ServerHandle, ShutdownReport, TcpServer,
    TcpServerBuilder,
};
