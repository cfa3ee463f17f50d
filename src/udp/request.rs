//! A question and its answer over a network that loses datagrams.

use std::net::SocketAddr;

use super::datagram::Datagram;
use super::endpoint::UdpEndpoint;
use crate::addr::ToAddress;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::message::Message;
use crate::proto::retry::Retry;
use crate::sys::{self, Moment, Span};

impl UdpEndpoint {
    /// Sends a message and waits for the answer; sends again when none comes, as the builder's
    /// [`retry`](crate::udp::UdpBuilder::retry) says.
    ///
    /// See [`request_with`](Self::request_with), which also takes a condition for the answer. It asks one peer, whose address
    /// is known; who is there is asked by [`Broadcaster::discover`](crate::Broadcaster::discover). Over a TCP connection a question is
    /// a [`send`](crate::TcpConnection::send) and its answer a [`recv`](crate::TcpConnection::recv).
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
    /// let answering = std::thread::spawn(move || {
    ///     let question = server.recv()?;
    ///     server.reply(&question, "pong")
    /// });
    /// let client = UdpEndpoint::bind("127.0.0.1:0")?;
    /// assert_eq!(client.request("ping", address)?.text()?, "pong");
    /// answering.join().unwrap()?;
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn request(&self, message: impl Message, to: impl ToAddress) -> Result<Datagram> {
        self.request_with(message, to, &self.options.retry, |_| true)
    }

    /// Sends a message and waits for an answer that `accept` takes; sends again and waits as `retry` says.
    ///
    /// Only what comes from the very address and port that was asked is an answer. What others send meanwhile is
    /// dropped, and so is what `accept` refuses (a late answer to an earlier question, say: put a number into each
    /// question). It ends early when the system there says that nobody listens. The endpoint's
    /// [deadline](Self::set_deadline) and cancel token end it as well; its read timeout does not count.
    ///
    /// While it waits it takes every datagram of the endpoint: another thread that receives there may get the answer
    /// instead.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * all attempts went unanswered, or the deadline came ([`is_timeout`](Error::is_timeout), with the time it took);
    /// * nobody listens there ([`is_refused`](Error::is_refused));
    /// * the answer is longer than the endpoint takes ([`is_truncated`](Error::is_truncated));
    /// * the endpoint is connected to another peer, whose datagrams alone it hears;
    /// * sending fails: see [`send_to`](Self::send_to).
    ///
    /// # Platform-specific behavior
    ///
    /// An endpoint without a peer learns only on Linux that nobody listens; elsewhere it waits for the time. A
    /// connected one learns it everywhere.
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
        let peer = match to.socket_addr() {
            Some(address) => address,
            None => self.resolve(&to)?,
        };
        let peer = sys::canonical(peer);
        if self.peer.is_some_and(|connected| connected != peer) {
            let error = Error::new(Operation::Request, ErrorKind::InvalidInput).with_local(Some(self.local));
            return Err(error.at(format_args!("{to} by an endpoint that is connected to another peer")));
        }
        let bytes = self.encoded(&message, &peer)?;
        self.enable_error_queue()?;
        let started = Moment::now();
        let outcome = self.exchange(&bytes, peer, retry, started, &mut accept);
        outcome.map_err(|error| {
            let error = error.with_operation(Operation::Request).at(&to).with_remote(Some(peer));
            match error.kind() {
                ErrorKind::TimedOut | ErrorKind::ConnectionRefused => {
                    error.with_elapsed(Some(started.elapsed()))
                }
                _ => error,
            }
        })
    }

    fn exchange(
        &self,
        bytes: &[u8],
        peer: SocketAddr,
        retry: &Retry,
        started: Moment,
        accept: &mut impl FnMut(&Datagram) -> bool,
    ) -> Result<Datagram> {
        let limit = self.timing.deadline();
        for attempt in 0.. {
            let Some(wait) = retry.wait(attempt, sys::random()) else { break };
            if limit.is_some_and(|limit| Moment::now() >= limit) {
                break;
            }
            self.send_bytes_to(bytes, &peer, None)?;
            let until = u64::try_from(wait.as_nanos()).ok().and_then(|wait| Moment::now().after(wait));
            let deadline = match (until, limit) {
                (Some(until), Some(limit)) => Some(until.min(limit)),
                (until, limit) => until.or(limit),
            };
            match self.answer(peer, Span { started: Some(started), deadline }, accept) {
                Err(error) if error.is_timeout() => {}
                outcome => return outcome,
            }
        }
        Err(self.ended(
            Operation::Request,
            ErrorKind::TimedOut,
            Span { started: Some(started), deadline: limit },
        ))
    }

    /// Waits for an answer of the peer, to the end of the span.
    fn answer(
        &self,
        peer: SocketAddr,
        span: Span,
        accept: &mut impl FnMut(&Datagram) -> bool,
    ) -> Result<Datagram> {
        loop {
            let received = self.answer_within(span, |report| {
                (report.to == Some(peer)).then(|| sys::error_kind(&report.error))
            });
            match received {
                Ok(datagram) if datagram.source() == peer && accept(&datagram) => return Ok(datagram),
                Ok(_) => {}
                // Somebody else's datagram may be too long, or somebody else unreachable.
                Err(error) if error.peer_addr().is_some_and(|remote| remote != peer) => {}
                Err(error) => return Err(error),
            }
            // A flood of other datagrams must not outlast the time.
            if span.deadline.is_some_and(|deadline| Moment::now() >= deadline) {
                return Err(self.ended(Operation::Receive, ErrorKind::TimedOut, span));
            }
        }
    }
}
