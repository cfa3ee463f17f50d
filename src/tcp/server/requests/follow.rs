//! A connection that is the only one with requests: its thread waits at the connection itself, and
//! another thread polls. That saves one system call of three for each request.

use std::time::{Duration, Instant};

use super::exchange::{Buffers, Outcome};
use super::slots::{RequestConnection, Token, Why};
use super::{Requests, expiry};
use crate::error::Operation;
use crate::frame::Framing;
use crate::handler::HandlerResult;
use crate::proto::server::lifecycle::Phase;
use crate::tcp::server::request::Request;
use crate::wait::Interest;

/// How long a thread waits for the next request of a connection that it follows.
const FOLLOW_TIME: Duration = Duration::from_millis(4);

/// A connection that expires earlier is not followed: the wait can be a few timer ticks longer.
const MIN_EXPIRY: Duration = Duration::from_millis(100);

impl<F, H> Requests<F, H>
where
    F: Framing + Send + Sync + 'static,
    H: Fn(&mut Request<'_, F>) -> HandlerResult + Send + Sync + 'static,
{
    /// Waits for the next requests of a connection at the connection itself, as long as no other has
    /// requests. Returns the outcome of the last exchange and its number of requests; `None` if the
    /// connection was not followed.
    pub(super) fn follow(
        &self,
        token: Token,
        member: &mut RequestConnection<F>,
        buffers: &mut Buffers<F>,
    ) -> Option<(Outcome, u64)> {
        if !buffers.is_empty() || member.interest != Some(Interest::Read) {
            return None;
        }
        let scheduler = self.scheduler();
        if !scheduler.may_follow(token) {
            if scheduler.may_follow_soon(token) {
                drop(scheduler);
                self.unparked.notify_one();
            }
            return None;
        }
        drop(scheduler);
        let stream = &*member.connection.inner.stream;
        self.poller.pause(stream, token.to_bits()).ok()?;
        let mut ended = (Outcome::AwaitRequest, 1);
        while self.core.phase() == Phase::Open && self.scheduler().may_follow(token) {
            member.connection.inner.set_mid_message(false);
            if ended.1 > 0 {
                member.expires = expiry(&member.connection, true);
            }
            if member.expires.is_some_and(|expires| expires < Instant::now() + MIN_EXPIRY) {
                break;
            }
            ended = self.exchange(&member.connection, buffers, Why::Event, Some(FOLLOW_TIME));
            self.core.counters.requests.add(ended.1);
            if ended.0 != Outcome::AwaitRequest || ended.1 == 0 || !buffers.is_empty() {
                break;
            }
        }
        if ended.0 != Outcome::Close {
            // What has arrived is reported.
            if let Err(error) = self.poller.resume(stream, token.to_bits()) {
                self.core.note_accept_error(&member.connection.inner.failure(Operation::Accept, error));
                return Some((Outcome::Close, 0));
            }
        }
        Some(ended)
    }
}
