use std::time::Duration;

use super::options;
use crate::proto::message::OwnedMessage;

/// What a server does with a new connection when the limit on connections is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OverLimit {
    /// The connection stays in the backlog until another one closes. To its client it is
    /// established, and the server is slow.
    ///
    /// A connection over the limit *per peer* cannot stay there without blocking all others, so it
    /// is refused.
    #[default]
    Wait,
    /// The connection is accepted and closed at once.
    /// [`refuse_with`](crate::tcp::TcpServerBuilder::refuse_with) sends a message before.
    Refuse,
}

options! {
    ($)
    /// Options of a TCP server; [`TcpOptions`](crate::tcp::TcpOptions) has those of its
    /// connections.
    ///
    /// [`TcpServerBuilder`](crate::tcp::TcpServerBuilder) has the same setters;
    /// [`server_options`](crate::tcp::TcpServerBuilder::server_options) takes a whole value.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::TcpServer;
    /// use socketry::tcp::ServerOptions;
    ///
    /// let options = ServerOptions::new().max_connections(100).refuse_with("busy, try again later\n");
    /// let server = TcpServer::builder().server_options(options).bind("127.0.0.1:0")?;
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    ServerOptions, server_option_setters;

    /// Sets the maximum number of connections that are open at the same time; 0 counts as 1.
    /// Defaults to 1,024. Connections in a graceful close count, too, and make place for new ones: the
    /// oldest is closed, 200 ms after it began if new connections stay in the backlog. [`when_full`](Self::when_full) decides what happens to the next one.
    max_connections: usize = 1_024, (connections: usize) => connections.max(1);

    /// Sets the maximum number of open connections of one peer: of one IPv4 address, or of one IPv6
    /// /64 network. Defaults to no such limit. One more is refused.
    max_connections_per_peer: Option<usize> = None, (connections: usize) => Some(connections.max(1));

    /// Sets what happens to a new connection when [`max_connections`](Self::max_connections) are
    /// open. Defaults to [`OverLimit::Wait`](crate::tcp::OverLimit::Wait).
    when_full: OverLimit = OverLimit::Wait, (when_full: crate::options::OverLimit) => when_full;

    /// Refuses connections over the limit with a message: text in the server's encoding, or bytes.
    /// This implies [`OverLimit::Refuse`](crate::tcp::OverLimit::Refuse). Defaults to no message.
    ///
    /// `bind` returns an error if the encoding does not have a character of the text.
    refuse_with: Option<OwnedMessage> = None,
        (message: impl crate::proto::message::Message) => Some(message.to_owned_message());

    /// Sets the maximum number of threads of [`TcpServer::serve`](crate::TcpServer::serve); 0
    /// counts as 1. Defaults to the maximum number of connections. With fewer threads, connections
    /// stay in the backlog until a thread is free.
    ///
    /// Four threads for each processor (one for
    /// [`serve_requests`](crate::TcpServer::serve_requests), at least two) are started as they are
    /// needed, and more only while threads block for more than a millisecond or two: short exchanges are
    /// faster on few threads, and each long conversation needs one. Worker processes share that number.
    ///
    /// # Platform-specific behavior
    ///
    /// On Linux a thread that computes, or waits for a processor, counts as blocked only after 50 ms.
    threads: Option<usize> = None, (threads: usize) => Some(threads.max(1));

    /// Sets how many idle threads are kept. Others exit after 10 s without work. Defaults to 2.
    idle_threads: usize = 2, (threads: usize) => threads;

    /// Sets the stack size of each thread in bytes. Defaults to that of `std`, 2 MiB, of which the
    /// OS allocates what is used.
    thread_stack_size: Option<usize> = None, (bytes: usize) => Some(bytes);

    /// Sets how many connections the OS queues until they are accepted (`listen(2)`). Defaults to the
    /// maximum of the OS, which also limits larger values: on Linux `net.core.somaxconn`, 4,096 unless
    /// it was changed.
    ///
    /// If the queue is full, the OS drops attempts to connect, and clients repeat them after 1 s, 3 s
    /// and so on.
    #[doc(alias = "listen", alias = "SOMAXCONN", alias = "request_queue_size")]
    backlog: u32 = u32::MAX, (connections: u32) => connections;

    /// Sets how long handlers may continue after the
    /// [cancel token](crate::tcp::TcpServerBuilder::cancel_token) is cancelled. Their connections
    /// are aborted then. Defaults to 5 s.
    /// [`ServerHandle::shutdown`](crate::tcp::ServerHandle::shutdown) has a timeout of its own.
    shutdown_timeout: Duration = Duration::from_secs(5), (timeout: Duration) => timeout;

    /// Sets how long a connection that waits for a request may stay open after a shutdown has begun.
    /// Within this time it can send one more request, whose handler sees
    /// [`TcpConnection::is_shutting_down`](crate::TcpConnection::is_shutting_down); then its stream
    /// ends for the handler, as if the peer had ended it. Defaults to 500 ms.
    ///
    /// A connection waits for a request if nothing has been received since the last message or the
    /// last send. Others are not affected before the timeout of the shutdown.
    shutdown_idle_timeout: Duration = Duration::from_millis(500), (timeout: Duration) => timeout;

    /// Sets how many connections may be in a graceful close at the same time. Defaults to 1,024. The
    /// next one is closed at once, and its peer can lose the last data;
    /// [`ServerCounters::closed_early`](crate::tcp::ServerCounters::closed_early) counts these.
    ///
    /// A graceful close waits for the peer to end its stream, for at most 2 s and 64 KiB.
    max_lingering: usize = 1_024, (connections: usize) => connections;

    /// Sets whether a wildcard address binds IPv4 and IPv6. Defaults to false: `":7788"` is IPv4
    /// and `"[::]:7788"` is IPv6 only, on every OS. IPv4 peers have IPv4 addresses in both cases.
    #[doc(alias = "IPV6_V6ONLY")]
    dual_stack: bool = false, (on: bool) => on;

    /// Sets whether a port can be bound while connections of an earlier server are in TIME_WAIT,
    /// which lasts about a minute after a restart. Defaults to true. A port at which another socket
    /// listens is never shared by this option.
    ///
    /// # Platform-specific behavior
    ///
    /// Windows always allows it. There `SO_REUSEADDR` means something else and is not set.
    #[doc(alias = "SO_REUSEADDR", alias = "allow_reuse_address", alias = "EADDRINUSE")]
    reuse_address: bool = true, (on: bool) => on;

    /// Shares the port with other listeners of the same user, among which the OS distributes
    /// connections. Defaults to false.
    ///
    /// A listener that is closed closes the connections in its backlog.
    /// [`shutdown`](crate::tcp::ServerHandle::shutdown) serves them first.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux distributes. On macOS and the BSDs mostly the last listener receives all connections.
    /// On Windows an error of kind [`Unsupported`](crate::ErrorKind::Unsupported).
    #[doc(alias = "SO_REUSEPORT", alias = "allow_reuse_port")]
    reuse_port: bool = false, (on: bool) => on;
}

impl ServerOptions {
    /// Whether a connection over the limit stays in the backlog.
    pub(crate) fn waits_when_full(&self) -> bool {
        self.when_full == OverLimit::Wait && self.refuse_with.is_none()
    }
}
