//! Requests and replies over a network that loses datagrams.

use std::net::SocketAddr;

use super::datagram::Datagram;
use super::endpoint::UdpEndpoint;
use crate::addr::ToAddress;
use crate::error::{Error, ErrorKind, Operation, Result, TimeLimit};
use crate::proto::message::Message;
use crate::proto::retry::Retry;
use crate::sys;
use crate::wait::WaitLimit;

impl UdpEndpoint {
    /// Sends a message and blocks until the reply arrives, resending the message as
    /// [`retry`](crate::udp::UdpBuilder::retry) says.
    ///
    /// With the default, the message is sent at most 4 times, and the call times out after about
    /// 3.75 s. See [`request_with`](Self::request_with) for the limits and for a condition on the
    /// reply.
    ///
    /// This is for one peer at a known address.
    /// [`Broadcaster::discover`](crate::Broadcaster::discover) sends a query to every host on the
    /// local networks. Over a [`TcpConnection`](crate::TcpConnection), a request is a `send` and
    /// its reply a `recv`.
    ///
    /// # Errors
    ///
    /// This returns an error if [`request_with`](Self::request_with) would.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    ///
    /// let server = UdpEndpoint::bind("127.0.0.1:0")?;
    /// let address = server.local_addr();
    /// let serving = std::thread::spawn(move || {
    ///     let request = server.recv()?;
    ///     server.reply(&request, "pong")
    /// });
    /// let client = UdpEndpoint::bind("127.0.0.1:0")?;
    /// assert_eq!(client.request("ping", address)?.text()?, "pong");
    /// serving.join().unwrap()?;
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn request(&self, message: impl Message, to: impl ToAddress) -> Result<Datagram> {
        self.request_with(message, to, &self.options.retry, |_| true)
    }

    /// Sends a message and blocks until a reply arrives that `accept` returns `true` for, resending
    /// the message as `retry` says.
    ///
    /// A reply comes from the address and port that the message was sent to. Datagrams of other
    /// senders are discarded, and so are those that `accept` returns `false` for, such as a late
    /// reply to an earlier request: number the requests to recognize it. The call ends early if the
    /// port of the peer is closed.
    ///
    /// The waits of `retry` limit the call, and so do the endpoint's [deadline](Self::set_deadline)
    /// and cancel token. The read timeout does not apply. A host name is looked up once, as by
    /// [`send_to`](Self::send_to), before the first wait.
    ///
    /// While it blocks, this call receives every datagram of the endpoint. Another thread that
    /// receives at the same time may take the reply.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * no reply arrives in all attempts, or the deadline passes
    ///   ([`TimedOut`](crate::ErrorKind::TimedOut));
    /// * the port of the peer is closed
    ///   ([`ConnectionRefused`](crate::ErrorKind::ConnectionRefused));
    /// * the token is cancelled ([`Cancelled`](crate::ErrorKind::Cancelled));
    /// * the reply is larger than [`max_datagram`](crate::udp::UdpBuilder::max_datagram)
    ///   ([`Truncated`](crate::ErrorKind::Truncated));
    /// * the endpoint is connected to another peer, or
    ///   [`batches_only`](crate::udp::UdpBuilder::batches_only) is set
    ///   ([`InvalidInput`](crate::ErrorKind::InvalidInput));
    ///
    /// or for any reason listed under [`send_to`](Self::send_to). [`elapsed`](Error::elapsed) is
    /// the time of all attempts.
    ///
    /// # Platform-specific behavior
    ///
    /// **Linux**: a closed port is reported to connected and unconnected endpoints. On other
    /// systems it is reported to connected ones only, and the call of an unconnected one times out.
    pub fn request_with(
        &self,
        message: impl Message,
        to: impl ToAddress,
        retry: &Retry,
        mut accept: impl FnMut(&Datagram) -> bool,
    ) -> Result<Datagram> {
        let to = to.to_address()?;
        if self.options.batches_only {
            return Err(self.refuse_single(Operation::Request));
        }
        let limit = WaitLimit::started_now().before(self.timeouts.deadline(), TimeLimit::Deadline);
        let limit = limit.cancelled_by(self.token.as_ref(), None);
        let peer = match to.socket_addr() {
            Some(address) => address,
            None => self.resolve(&to, &limit)?,
        };
        let peer = sys::canonical(peer);
        if self.peer.is_some_and(|connected| connected != peer) {
            let error = Error::new(Operation::Request, ErrorKind::InvalidInput).with_local(Some(self.local));
            return Err(error.at(format_args!("{to} by an endpoint that is connected to another peer")));
        }
        let bytes = self.encoded(&message, &peer)?;
        self.enable_error_queue()?;
        let outcome = self.exchange(&bytes, peer, retry, &limit, &mut accept);
        outcome.map_err(|error| {
            let error = error.with_operation(Operation::Request).at(&to).with_remote(Some(peer));
            match error.kind() {
                ErrorKind::ConnectionRefused => error.with_elapsed(limit.elapsed()),
                _ => error,
            }
        })
    }

    fn exchange(
        &self,
        bytes: &[u8],
        peer: SocketAddr,
        retry: &Retry,
        limit: &WaitLimit<'_>,
        accept: &mut impl FnMut(&Datagram) -> bool,
    ) -> Result<Datagram> {
        let mut last = None;
        for attempt in 0.. {
            let Some(wait) = retry.wait(attempt, sys::random()) else { break };
            let of_attempt = limit.next(wait, TimeLimit::Timeout);
            if limit.had_passed() || limit.has_passed() {
                return Err(self.place(limit.timed_out(Operation::Request)));
            }
            self.send_bytes_to(bytes, &peer, None, Some(&of_attempt))?;
            match self.answer(peer, &of_attempt, accept) {
                Err(error) if error.is_timeout() => last = Some(error),
                outcome => return outcome,
            }
        }
        Err(last.unwrap_or_else(|| self.place(limit.timed_out(Operation::Request))))
    }

    /// Receives a reply of the peer within the limit.
    fn answer(
        &self,
        peer: SocketAddr,
        limit: &WaitLimit<'_>,
        accept: &mut impl FnMut(&Datagram) -> bool,
    ) -> Result<Datagram> {
        loop {
            let received = self.recv_watching(limit, peer);
            match received {
                Ok(datagram) if datagram.source() == peer && accept(&datagram) => return Ok(datagram),
                Ok(_) => {}
                // The truncated datagram of another sender, or the ICMP error of another host.
                Err(error) if error.peer_addr().is_some_and(|remote| remote != peer) => {}
                Err(error) => return Err(error),
            }
            // A flood of other datagrams must not extend the call.
            if limit.has_passed() {
                return Err(self.place(limit.timed_out(Operation::Receive)));
            }
        }
    }
}
