//! Requests and replies over a network that loses datagrams.

use std::io;
use std::net::SocketAddr;

use super::datagram::Datagram;
use super::endpoint::UdpEndpoint;
use super::recv_path::RecvOp;
use crate::addr::ToAddress;
use crate::error::{Error, ErrorKind, Operation, Result, TimeLimit};
use crate::proto::message::Message;
use crate::proto::retry::Retry;
use crate::sys;
use crate::wait::WaitLimit;

/// The timeout of a request of which an attempt failed.
#[derive(Debug, thiserror::Error)]
#[error("timed out (last error: {})", .last.kind())]
struct TimedOutAfter {
    #[source]
    last: Error,
}

impl UdpEndpoint {
    /// Sends a message to the peer of a connected endpoint and blocks until its reply arrives,
    /// resending the message as [`retry`](crate::udp::UdpBuilder::retry) says.
    ///
    /// See also [`request_to`](Self::request_to).
    ///
    /// # Errors
    ///
    /// This returns an error if the endpoint is not connected
    /// ([`NotConnected`](crate::ErrorKind::NotConnected)), or for any reason listed under
    /// [`request_with`](Self::request_with).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    ///
    /// let server = UdpEndpoint::bind("127.0.0.1:0")?;
    /// let client = UdpEndpoint::connect(server.local_addr())?;
    /// let serving = std::thread::spawn(move || {
    ///     let request = server.recv()?;
    ///     server.reply(&request, "pong")
    /// });
    /// assert_eq!(client.request("ping")?.text()?, "pong");
    /// serving.join().unwrap()?;
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn request(&self, message: impl Message) -> Result<Datagram> {
        match self.peer {
            Some(peer) => self.request_to(message, peer),
            None => Err(self.failure(Operation::Request, io::ErrorKind::NotConnected.into())),
        }
    }

    /// Sends a message to an address and blocks until the reply arrives, resending the message as
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
    /// assert_eq!(client.request_to("ping", address)?.text()?, "pong");
    /// serving.join().unwrap()?;
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn request_to(&self, message: impl Message, to: impl ToAddress) -> Result<Datagram> {
        self.request_with(message, to, &self.options.retry, |_| true)
    }

    /// Sends a message and blocks until a reply arrives that `accept` returns `true` for, resending
    /// the message as `retry` says.
    ///
    /// A reply comes from the address and port that the message was sent to. Datagrams of other
    /// senders are discarded, and so are those that `accept` returns `false` for, such as a late
    /// reply to an earlier request: number the requests to recognize it.
    ///
    /// The call ends early if the port of the peer is closed. It continues after other temporary
    /// errors, such as those of a firewall rule or a missing route, and resends the message. If no
    /// reply arrives, the last of them is the source of the error.
    /// [`request_fails_on`](crate::udp::UdpBuilder::request_fails_on) changes which errors end it.
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
    ///   ([`TimedOut`](crate::ErrorKind::TimedOut)). If an attempt failed, the
    ///   [`source`](std::error::Error::source) of the error is the error of the last such attempt;
    /// * the port of the peer is closed
    ///   ([`ConnectionRefused`](crate::ErrorKind::ConnectionRefused));
    /// * the token is cancelled ([`Cancelled`](crate::ErrorKind::Cancelled));
    /// * the reply is larger than [`max_datagram`](crate::udp::UdpBuilder::max_datagram)
    ///   ([`Truncated`](crate::ErrorKind::Truncated));
    /// * the endpoint is connected to another peer
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
        let (mut timed_out, mut fault) = (None, None);
        for attempt in 0.. {
            let Some(wait) = retry.wait(attempt, sys::random()) else { break };
            let of_attempt = limit.next(wait, TimeLimit::Timeout);
            if limit.had_passed() || limit.has_passed() {
                timed_out = Some(self.place(limit.timed_out(Operation::Request)));
                break;
            }
            let sent = self.send_bytes_to(bytes, &peer, None, Some(&of_attempt));
            match self.attempt_request(sent, peer, &of_attempt, accept, &mut fault) {
                Err(error) if error.is_timeout() => timed_out = Some(error),
                outcome => return outcome,
            }
        }
        let error = timed_out.unwrap_or_else(|| self.place(limit.timed_out(Operation::Request)));
        Err(match fault {
            Some(last) => error.with_detail(TimedOutAfter { last }),
            None => error,
        })
    }

    /// Waits for a reply within the limit of an attempt, also after a temporary error.
    fn attempt_request(
        &self,
        sent: Result<()>,
        peer: SocketAddr,
        limit: &WaitLimit<'_>,
        accept: &mut impl FnMut(&Datagram) -> bool,
        fault: &mut Option<Error>,
    ) -> Result<Datagram> {
        let mut failed = sent.err();
        loop {
            if let Some(error) = failed {
                let error = error.with_operation(Operation::Request);
                let is_final = self.options.request_fails_on.contains(&error.kind());
                if is_final || error.is_timeout() || !error.is_temporary() {
                    return Err(error);
                }
                *fault = Some(error);
            }
            // A flood of ICMP errors must not extend the attempt.
            if limit.has_passed() {
                return Err(self.place(limit.timed_out(Operation::Request)));
            }
            match self.answer(peer, limit, accept) {
                Err(error) => failed = Some(error),
                reply => return reply,
            }
        }
    }

    /// Receives a reply of the peer within the limit.
    fn answer(
        &self,
        peer: SocketAddr,
        limit: &WaitLimit<'_>,
        accept: &mut impl FnMut(&Datagram) -> bool,
    ) -> Result<Datagram> {
        loop {
            let received = self.recv_owned(RecvOp::Watch(peer), || *limit);
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
