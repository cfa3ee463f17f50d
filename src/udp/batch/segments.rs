//! Sending contiguous bytes as datagrams of one size, without a copy.

use std::io;
use std::net::SocketAddr;

use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::udp::grouping::{GsoMessage, Position};
use crate::sys::{self, Family};
use crate::udp::UdpEndpoint;
use crate::wait::CancelToken;

impl UdpEndpoint {
    /// Sends bytes to the peer of a connected endpoint as datagrams of `segment_size` bytes each, and
    /// returns their number.
    ///
    /// The last datagram may be shorter. This is the fastest way to send data that is contiguous, such as a
    /// part of a file: one system call sends up to 64 KiB, and the bytes are not copied before. For
    /// datagrams of different sizes or to several peers, use a [`batch`](Self::batch). Empty `bytes`
    /// send nothing.
    ///
    /// This method blocks while the send buffer of the OS is full, by default without a timeout.
    /// The write timeout, the deadline and the cancel token limit the whole call.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * `segment_size` is 0 ([`InvalidInput`](crate::ErrorKind::InvalidInput));
    /// * the endpoint is not connected ([`NotConnected`](crate::ErrorKind::NotConnected));
    /// * a datagram cannot be sent, for any reason listed under [`send`](Self::send).
    ///
    /// [`detail`](Error::detail) is an [`UnsentDatagram`](crate::error::UnsentDatagram) with the index
    /// of that datagram and the number of datagrams sent, which are those before it.
    ///
    /// # Platform-specific behavior
    ///
    /// * **Linux**: the kernel segments messages since 4.18. What it or the network device does not
    ///   segment is sent as single datagrams, and the endpoint remembers that.
    /// * **Others**: each datagram takes one system call.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    ///
    /// let receiver = UdpEndpoint::bind("127.0.0.1:0")?;
    /// let sender = UdpEndpoint::connect(receiver.local_addr())?;
    /// assert_eq!(sender.send_segments(b"onetwothreefour", 3)?, 5);
    /// assert_eq!(receiver.recv()?.text()?, "one");
    /// assert_eq!(receiver.recv()?.text()?, "two");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "UDP_SEGMENT", alias = "GSO", alias = "sendmmsg")]
    pub fn send_segments(&self, bytes: &[u8], segment_size: usize) -> Result<usize> {
        match self.peer {
            Some(peer) => self.segments(bytes, segment_size, peer),
            None => Err(self.failure(Operation::Send, io::ErrorKind::NotConnected.into())),
        }
    }

    /// Sends bytes to an address as datagrams of `segment_size` bytes each, and returns their number.
    ///
    /// It takes no host name: resolve the name once, with a [`Resolver`](crate::Resolver). See
    /// [`send_segments`](Self::send_segments).
    ///
    /// # Errors
    ///
    /// This returns an error if [`send_segments`](Self::send_segments) would, except that the endpoint
    /// need not be connected.
    pub fn send_segments_to(
        &self,
        bytes: &[u8],
        segment_size: usize,
        to: impl Into<SocketAddr>,
    ) -> Result<usize> {
        self.segments(bytes, segment_size, sys::canonical(to.into()))
    }

    fn segments(&self, bytes: &[u8], segment_size: usize, to: SocketAddr) -> Result<usize> {
        if segment_size == 0 {
            let error = Error::new(Operation::Send, ErrorKind::InvalidInput);
            return Err(error.at("a segment size of 0").with_local(Some(self.local)).with_remote(Some(to)));
        }
        let address = if Family::of(&to) == self.family { to } else { self.map_family(to)? };
        let address = (self.peer != Some(to)).then_some(address);
        let (mut sent, mut segment) = (0, 0);
        let outcome = self.sending(None, |mode| {
            while let Some(rest) = bytes.get(sent * segment_size..).filter(|rest| !rest.is_empty()) {
                // The wait after `WouldBlock` checks the cancel token.
                if sent > 0 && self.token.as_ref().is_some_and(CancelToken::is_cancelled) {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                let limits = self.gso_limits.limits();
                let rest = &rest[..rest.len().min(limits.datagrams(segment_size) * segment_size)];
                let count = rest.len().div_ceil(segment_size);
                segment = segment_size.min(rest.len());
                let message = GsoMessage {
                    peer: (),
                    segment,
                    count,
                    index: sent,
                    parts: 0..1,
                    after: Position::default(),
                };
                let part = 0..rest.len();
                let outgoing = (std::slice::from_ref(&message), std::slice::from_ref(&part));
                let size = (count > 1).then_some(segment);
                let socket = (&self.socket, self.family);
                match sys::send_messages(socket, rest, outgoing, (|(): &()| address, None), size, mode) {
                    Ok(_) => sent += count,
                    Err(error) => match size.zip(sys::segment_fault(&error)) {
                        Some((segment, fault)) => self.gso_limits.learn(limits, fault, count, segment),
                        None => return Err(error),
                    },
                }
            }
            Ok(())
        });
        match outcome {
            Ok(()) => Ok(sent),
            Err(unsent) => Err(self.unsent_of_batch(self.unsent(unsent, segment, to), sent, sent)),
        }
    }
}
