//! A server of datagrams: a handler on several threads, counters, and a shutdown with a report.
//!
//! | file | contains |
//! |---|---|
//! | `worker` | one thread: receive, handler, replies |
//! | `core` | what the threads share: endpoint, phase, counters |
//! | `request` | what a handler gets |
//! | `handle` | shutting down and waiting, from any thread |
//! | `report`, `events` | plain data |

mod core;
mod events;
mod handle;
mod report;
mod request;
mod worker;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use self::core::ServerCore;
pub use self::events::UdpServerEvent;
pub use self::handle::UdpServerHandle;
pub use self::report::{UdpServerCounters, UdpShutdownReport};
pub use self::request::UdpRequest;
use self::worker::Worker;
use crate::addr::ToBindAddress;
use crate::error::Result;
use crate::handler::HandlerResult;
use crate::udp::UdpEndpoint;

/// A server that calls a handler for each datagram, on several threads, until it is shut down.
///
/// A [`UdpEndpoint`] with the options of your choice becomes a server by [`new`](Self::new), and
/// [`serve`](Self::serve) runs it. A [handle](Self::handle) shuts it down and returns its counters.
///
/// * **Threads.** The number is fixed; the default is that of the processors. A handler that blocks
///   occupies its thread, so such servers need [more](Self::threads). While all threads are busy,
///   requests wait in the receive buffer of the OS, and are dropped when it is full;
///   [`dropped`](UdpServerCounters::dropped) counts them.
/// * **Errors.** An error or panic of a handler ends its request only. It is counted and
///   [reported](Self::on_event).
/// * **Replies** are sent from the address that the request was sent to. Under load, up to 32 replies
///   of handlers that take less than 50 µs each are sent by one system call. A reply is held for at
///   most 200 µs and the time of one handler. After a handler that takes longer, replies are not held
///   for a second.
///
/// # Platform-specific behavior
///
/// * **Linux**: the kernel wakes one idle thread for a datagram.
/// * **Others**: idle threads poll, and all of them are woken.
///
/// # Examples
///
/// ```
/// use socketry::UdpEndpoint;
/// use socketry::udp::UdpServer;
/// use std::time::Duration;
///
/// let server = UdpServer::bind("127.0.0.1:0")?.threads(2);
/// let handle = server.handle();
/// let serving = std::thread::spawn(move || {
///     server.serve(|request| {
///         let reply = format!("{}，收到", request.text()?);
///         Ok(request.reply(reply)?)
///     })
/// });
///
/// let client = UdpEndpoint::connect(handle.local_addr())?;
/// assert_eq!(client.request("你好")?.text()?, "你好，收到");
///
/// let report = handle.shutdown(Duration::from_secs(1));
/// assert_eq!((report.counters.requests, report.counters.replies), (1, 1));
/// assert_eq!(report.unfinished, 0);
/// serving.join().unwrap()?;
/// # Ok::<(), socketry::Error>(())
/// ```
#[doc(alias = "DatagramRequestHandler", alias = "UDPServer", alias = "ThreadingUDPServer")]
#[doc(alias = "serve_forever")]
#[must_use = "a server does nothing until `serve`"]
pub struct UdpServer {
    core: Arc<ServerCore>,
    endpoint: Arc<UdpEndpoint>,
    threads: usize,
}

impl UdpServer {
    /// Binds a server to a local address, with default options.
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::bind`] or [`new`](Self::new) would.
    pub fn bind(address: impl ToBindAddress) -> Result<UdpServer> {
        UdpServer::new(UdpEndpoint::bind(address)?)
    }

    /// Makes a server of an endpoint, with its options.
    ///
    /// Its read timeout does not apply. If its [cancel token](crate::udp::UdpBuilder::cancel_token) is
    /// cancelled, the server shuts down with a timeout of zero.
    ///
    /// # Errors
    ///
    /// This returns an error if the process or the OS is out of file descriptors
    /// ([`ResourceExhausted`](crate::ErrorKind::ResourceExhausted)).
    pub fn new(endpoint: UdpEndpoint) -> Result<UdpServer> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let endpoint = Arc::new(endpoint);
        Ok(UdpServer { core: ServerCore::new(&endpoint)?, endpoint, threads })
    }

    /// Sets the number of threads, at least 1. Defaults to the number of processors.
    pub fn threads(mut self, count: usize) -> UdpServer {
        self.threads = count.max(1);
        self
    }

    /// Sets a callback for non-fatal events: errors and panics of handlers, datagrams that are too
    /// large, replies that cannot be sent. It runs on the thread where the event happens.
    ///
    /// A later call replaces the callback. [`UdpServerCounters`] counts all events.
    pub fn on_event(self, observer: impl Fn(&UdpServerEvent<'_>) + Send + Sync + 'static) -> UdpServer {
        self.core.set_observer(Box::new(observer));
        self
    }

    /// Returns the local address, with the port that the OS chose if port 0 was bound.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> SocketAddr {
        self.core.local
    }

    /// Returns a handle to shut the server down and to read its counters, from any thread.
    pub fn handle(&self) -> UdpServerHandle {
        UdpServerHandle { core: Arc::clone(&self.core) }
    }

    /// Calls `handler` for each datagram, until the server is shut down.
    ///
    /// Blocks the current thread, and returns the report of the shutdown. The socket is closed then,
    /// unless a handler has not returned: it is closed when that has.
    ///
    /// # Errors
    ///
    /// This returns an error if no thread can be started
    /// ([`ResourceExhausted`](crate::ErrorKind::ResourceExhausted)), or if the OS fails to receive and
    /// will not recover.
    pub fn serve(
        self,
        handler: impl Fn(&mut UdpRequest<'_>) -> HandlerResult + Send + Sync + 'static,
    ) -> Result<UdpShutdownReport> {
        let (core, endpoint) = (Arc::clone(&self.core), Arc::clone(&self.endpoint));
        let worker = Arc::new(Worker { core, endpoint, handler });
        let mut threads = Vec::with_capacity(self.threads.min(MAX_RESERVED));
        for number in 0..self.threads {
            match worker.start() {
                Ok(Some(thread)) => threads.push(thread),
                Ok(None) => break,
                Err(error) if number == 0 => {
                    self.core.close();
                    return Err(error);
                }
                Err(error) => {
                    self.core.observe(&UdpServerEvent::ThreadFailed { error: &error });
                    break;
                }
            }
        }
        self.core.wait_to_end(None);
        self.core.settle();
        // Threads that exit have the socket until then.
        let ended = threads.into_iter().filter(|(_, counters)| counters.has_ended());
        ended.for_each(|(thread, _)| drop(thread.join()));
        self.core.result()
    }
}

/// At most as much space is reserved for threads.
const MAX_RESERVED: usize = 1_024;

/// A server that is dropped without being served ends.
impl Drop for UdpServer {
    fn drop(&mut self) {
        self.core.close();
    }
}

impl fmt::Debug for UdpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpServer")
            .field("endpoint", &self.endpoint)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}
