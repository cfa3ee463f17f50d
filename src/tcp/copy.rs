//! Copying between two connections, for proxies.

mod direction;

use std::fmt;
use std::sync::Arc;
use std::thread;

use self::direction::Copying;
use super::connection::TcpConnection;
use crate::error::{Error, ErrorKind, Operation, Result};

/// The bytes that [`copy_bidirectional`] has copied in each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CopiedBytes {
    /// The number of bytes from the first connection to the second.
    pub a_to_b: u64,
    /// The number of bytes from the second connection to the first.
    pub b_to_a: u64,
}

impl fmt::Display for CopiedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from a to b, {} bytes from b to a", self.a_to_b, self.b_to_a)
    }
}

/// The bytes that were copied before [`copy_bidirectional`] failed: the
/// [`detail`](crate::Error::detail) of its error.
///
/// The OS has accepted these bytes. The peers may not have received all of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartialCopy {
    /// The bytes that were copied.
    pub copied: CopiedBytes,
    reason: Error,
}

impl PartialCopy {
    /// Adds the bytes to the error that ended the copy.
    fn into_error(copied: CopiedBytes, reason: Error) -> Error {
        let (operation, kind) = (reason.operation(), reason.kind());
        let (local, remote) = (reason.local_addr(), reason.peer_addr());
        let (elapsed, limit) = (reason.elapsed(), reason.limit());
        let error = Error::detailed(operation, kind, PartialCopy { copied, reason });
        error.with_local(local).with_remote(remote).with_elapsed(elapsed).with_limit(limit)
    }
}

impl fmt::Display for PartialCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} copied", self.reason.kind(), self.copied)
    }
}

impl std::error::Error for PartialCopy {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.reason)
    }
}

/// Copies all bytes from each of two connections to the other, and returns their numbers: the work
/// of a proxy.
///
/// Blocks until both directions have ended. This thread copies from `a` to `b`, and a thread that
/// ends with the call copies from `b` to `a`. Each has a buffer of 64 KiB, and allocates nothing
/// else. Bytes that an earlier call has kept for the next read are copied first.
///
/// * **End of stream.** When one connection ends its stream, the write half of the other is shut
///   down, and the other direction continues.
/// * **Reset.** When a peer resets its connection, the other connection is
///   [aborted](TcpConnection::abort): its peer receives a reset, and cannot mistake a part of the
///   data for the whole.
/// * **Every other error**, such as an expired limit, ends both directions and aborts both
///   connections, for the same reason.
///
/// # Limits
///
/// The limits of both connections apply as they are when the call begins. By default there are none,
/// and this call blocks indefinitely.
///
/// * An **idle timeout** of either connection is the time without a byte in either direction; of two,
///   the shorter one applies. Most proxies need this limit.
/// * A **read timeout** is the time for which that connection sends no byte, however busy the other
///   direction is. It does not apply to a connection with an idle timeout, nor after the end of its
///   stream.
/// * A **write timeout** is the time in which the OS accepts one buffer, and a **stall timeout** the
///   minimum progress.
/// * A **deadline** or a **cancel token** of either connection ends both directions.
///
/// # Errors
///
/// This returns an error if
///
/// * a peer resets its connection ([`ConnectionReset`](ErrorKind::ConnectionReset)), or was found
///   dead ([`DeadPeer`](ErrorKind::DeadPeer));
/// * a limit expires ([`TimedOut`](ErrorKind::TimedOut));
/// * a cancel token is cancelled, or another handle aborts one of the connections
///   ([`Cancelled`](ErrorKind::Cancelled));
/// * the thread cannot be started ([`ResourceExhausted`](ErrorKind::ResourceExhausted)). Only in this
///   case the connections are unchanged.
///
/// The error has the addresses of the connection that failed, and [`PartialCopy`] has the bytes that
/// were copied.
///
/// # Platform-specific behavior
///
/// * **Linux**: a reset is passed on immediately.
/// * **Other systems**: a reset is passed on when the last handle of the connection is dropped, as
///   for [`abort`](TcpConnection::abort).
/// * **Windows**: an abort by another handle takes effect within 100 ms.
///
/// # Examples
///
/// ```
/// use socketry::tcp::copy_bidirectional;
/// use socketry::{TcpClient, TcpServer};
///
/// let upstream = TcpServer::bind("127.0.0.1:0")?;
/// let proxy = TcpServer::bind("127.0.0.1:0")?;
/// let client = TcpClient::new().connect(proxy.local_addr())?;
/// let accepted = proxy.accept()?;
/// let connected = TcpClient::new().connect(upstream.local_addr())?;
/// let server = upstream.accept()?;
///
/// let copying = std::thread::spawn(move || copy_bidirectional(&accepted, &connected));
/// client.send("question")?;
/// client.half_close()?;
/// assert_eq!(server.recv_to_end(1024)?, b"question");
/// server.send("the answer")?;
/// server.half_close()?;
/// assert_eq!(client.recv_to_end(1024)?, b"the answer");
///
/// let copied = copying.join().unwrap()?;
/// assert_eq!((copied.a_to_b, copied.b_to_a), (8, 10));
/// # Ok::<(), socketry::Error>(())
/// ```
#[doc(alias = "proxy")]
#[doc(alias = "forward")]
#[doc(alias = "splice")]
pub fn copy_bidirectional(a: &TcpConnection, b: &TcpConnection) -> Result<CopiedBytes> {
    let copying = Arc::new(Copying::new(&a.inner, &b.inner));
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("socketry copy".to_owned());
        let start = builder.spawn_scoped(scope, || {
            // Nothing is copied if this thread cannot be started, so the tokens come after it.
            copying.subscribe();
            copying.run(1);
        });
        // pthread_create(3) returns `EAGAIN` at the limit of threads, which is no timeout.
        start
            .map_err(|error| Error::system(Operation::Copy, error).with_kind(ErrorKind::ResourceExhausted))?;
        copying.run(0);
        Ok::<(), Error>(())
    })?;
    let copied = copying.copied();
    match copying.finish() {
        None => Ok(copied),
        Some(reason) => Err(PartialCopy::into_error(copied, reason)),
    }
}
