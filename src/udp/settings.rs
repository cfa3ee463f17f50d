//! The addresses, timeouts and buffer sizes of an endpoint.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::endpoint::UdpEndpoint;
use crate::error::{Operation, Result};
use crate::proto::text::Encoding;
use crate::sys::{self, Moment};

impl UdpEndpoint {
    /// The local address, as it was when the endpoint was made: the port that the system chose, if it was asked to.
    ///
    /// What was bound does not change, so it is known here and for a server; a [connection](crate::TcpConnection::local_addr)
    /// asks the system.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The peer of a connected endpoint.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The encoding of what is sent and received as text.
    pub fn encoding(&self) -> Encoding {
        self.options.encoding
    }

    /// How long a call that receives may wait; `None`, the default, is for ever. Zero does not wait at all.
    pub fn read_timeout(&self) -> Option<Duration> {
        self.timing.read_timeout()
    }

    /// Sets how long each call that receives may wait, from its beginning.
    ///
    /// It holds for calls that begin later, of all threads.
    pub fn set_read_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.timing.set_read_timeout(timeout.into());
    }

    /// How long a call that sends may wait for room in the system's buffer; `None`, the default, is for ever.
    pub fn write_timeout(&self) -> Option<Duration> {
        self.timing.write_timeout()
    }

    /// Sets how long each call that sends may wait for room in the system's buffer.
    pub fn set_write_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.timing.set_write_timeout(timeout.into());
    }

    /// The instant after which no call waits; `None` is the default.
    pub fn deadline(&self) -> Option<Instant> {
        self.timing.deadline().and_then(Moment::as_instant)
    }

    /// Sets the instant after which no call waits: one limit over a whole exchange, however many calls it takes.
    ///
    /// Where there is a timeout as well, the earlier of the two counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    /// use std::time::{Duration, Instant};
    ///
    /// let endpoint = UdpEndpoint::bind("127.0.0.1:0")?;
    /// let start = Instant::now();
    /// endpoint.set_deadline(start + Duration::from_millis(50));
    /// assert!(endpoint.recv().unwrap_err().is_timeout());
    /// assert!(endpoint.recv().unwrap_err().is_timeout());
    /// assert!(start.elapsed() >= Duration::from_millis(50));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn set_deadline(&self, deadline: impl Into<Option<Instant>>) {
        self.timing.set_deadline(deadline.into());
    }

    /// The size of the system's receive buffer in bytes, as granted.
    ///
    /// # Errors
    ///
    /// This returns an error if the system cannot tell.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux grants no more than `net.core.rmem_max` and reports twice what can be used for data, because it counts
    /// its own bookkeeping (socket(7)).
    pub fn receive_buffer_size(&self) -> Result<usize> {
        let size = SockRef::from(&self.socket).recv_buffer_size();
        size.map_err(|error| sys::failure(Operation::Configure("receive_buffer_size"), error))
    }

    /// The size of the system's send buffer in bytes, as granted: see
    /// [`receive_buffer_size`](Self::receive_buffer_size).
    ///
    /// # Errors
    ///
    /// This returns an error if the system cannot tell.
    pub fn send_buffer_size(&self) -> Result<usize> {
        let size = SockRef::from(&self.socket).send_buffer_size();
        size.map_err(|error| sys::failure(Operation::Configure("send_buffer_size"), error))
    }
}
