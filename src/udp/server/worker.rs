//! One thread of a server: it receives a datagram, runs the handler, and sends the replies.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::core::{ServerCore, ThreadCounters};
use super::events::UdpServerEvent;
use super::request::UdpRequest;
use crate::error::{Error, ErrorKind, Operation, Result, UnsentDatagram};
use crate::handler::{self, HandlerResult};
use crate::proto::udp::recv_meta::RecvMeta;
use crate::proto::udp::reply_batching::{Next, ReplyBatching};
use crate::sys;
use crate::udp::recv_path::RecvOp;
use crate::udp::{DatagramRef, SendBatch, UdpEndpoint};

/// The delay after the first of several failed receives; it doubles up to the maximum.
const MIN_BACKOFF: Duration = Duration::from_millis(10);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// After this many errors in a row that are not temporary, the server ends.
const MAX_FAILURES: u32 = 8;

/// A thread, with its counters.
type Started = (JoinHandle<()>, Arc<ThreadCounters>);

pub(super) struct Worker<H> {
    pub(super) core: Arc<ServerCore>,
    pub(super) endpoint: Arc<UdpEndpoint>,
    pub(super) handler: H,
}

/// Counts the thread as ended, also after a panic.
struct Running<'a>(&'a ServerCore, &'a ThreadCounters);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.remove_thread(self.1);
    }
}

/// The state of one thread.
struct Thread {
    counters: Arc<ThreadCounters>,
    replies: Replies,
    batching: ReplyBatching,
    failures: u32,
}

/// The replies that are not sent yet.
pub(super) struct Replies {
    pub(super) batch: SendBatch,
    core: Arc<ServerCore>,
    endpoint: Arc<UdpEndpoint>,
    counters: Arc<ThreadCounters>,
}

impl<H> Worker<H>
where
    H: Fn(&mut UdpRequest<'_>) -> HandlerResult + Send + Sync + 'static,
{
    /// Starts a thread, unless the server has ended.
    pub(super) fn start(self: &Arc<Self>) -> Result<Option<Started>> {
        let Some(counters) = self.core.add_thread() else { return Ok(None) };
        let (worker, own) = (Arc::clone(self), Arc::clone(&counters));
        let thread = std::thread::Builder::new().name("socketry udp".to_owned());
        let started = thread.spawn(move || {
            let _running = Running(&worker.core, &own);
            worker.run(Arc::clone(&own));
        });
        started.map(|thread| Some((thread, Arc::clone(&counters)))).map_err(|error| {
            self.core.remove_thread(&counters);
            sys::thread_failure(Operation::Serve, error)
        })
    }

    fn run(&self, counters: Arc<ThreadCounters>) {
        let (core, endpoint) = (&*self.core, &*self.endpoint);
        let mut buffer = vec![0; endpoint.options.max_datagram];
        let batch = endpoint.batch();
        let mut thread = Thread {
            counters: Arc::clone(&counters),
            replies: Replies {
                batch,
                core: Arc::clone(&self.core),
                endpoint: Arc::clone(&self.endpoint),
                counters,
            },
            batching: ReplyBatching::new(Instant::now()),
            failures: 0,
        };
        let mut next = Next::Send;
        loop {
            let is_closing = core.is_closing();
            if is_closing || next == Next::Send {
                thread.replies.send();
            }
            let received = match next {
                _ if is_closing && !core.takes_backlog() => return,
                Next::Send if !is_closing => {
                    thread.batching.waiting(Instant::now());
                    let limit = || core.receive_limit();
                    let received = endpoint.recv_meta(RecvOp::Recv, &mut buffer, limit);
                    thread.batching.received(Instant::now());
                    received.map(Some)
                }
                Next::Send | Next::TryNext => endpoint.recv_available_into(&mut buffer),
            };
            next = match received {
                Ok(Some(meta)) => self.handle(&mut thread, &buffer[..meta.len()], &meta),
                Ok(None) if is_closing => return,
                Ok(None) => Next::Send,
                // It was woken.
                Err(error) if core.is_closing() && !error.is_truncated() => Next::Send,
                Err(error) => {
                    thread.replies.send();
                    self.on_receive_error(&mut thread, error);
                    Next::Send
                }
            };
        }
    }

    fn handle(&self, thread: &mut Thread, bytes: &[u8], meta: &RecvMeta) -> Next {
        let Thread { counters, replies, batching, failures } = thread;
        *failures = 0;
        counters.requests.add(1);
        counters.set_busy(true);
        let datagram =
            DatagramRef { bytes, length: meta.length(), meta, encoding: self.endpoint.options.encoding };
        let mut request = UdpRequest { datagram, replies };
        let outcome = handler::catch(|| {
            if let Err(error) = (self.handler)(&mut request) {
                counters.failed.add(1);
                self.core.observe(&UdpServerEvent::HandlerFailed { peer: meta.source, error: &*error });
            }
        });
        if let Err(message) = outcome {
            counters.panicked.add(1);
            self.core.observe(&UdpServerEvent::HandlerPanicked { peer: meta.source, message: &message });
        }
        counters.set_busy(false);
        batching.handled(Instant::now(), replies.batch.len())
    }

    fn on_receive_error(&self, thread: &mut Thread, error: Error) {
        let core = &*self.core;
        let is_truncated = error.is_truncated();
        match is_truncated {
            true => thread.counters.truncated.add(1),
            false => thread.counters.receive_errors.add(1),
        }
        core.observe(&UdpServerEvent::ReceiveFailed { error: &error });
        // The ICMP error of an earlier reply is not an error of the socket.
        let is_of_peer = matches!(
            error.kind(),
            ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
        );
        if is_truncated || is_of_peer {
            return;
        }
        thread.failures += 1;
        if !error.is_temporary() && thread.failures >= MAX_FAILURES {
            return core.fail(error.with_operation(Operation::Serve));
        }
        let doublings = (thread.failures - 1).min(10);
        let delay = (MIN_BACKOFF * (1 << doublings)).min(MAX_BACKOFF);
        core.pause(delay);
    }
}

impl Replies {
    pub(super) fn core(&self) -> &ServerCore {
        &self.core
    }

    /// Sends all replies. Those that cannot be sent are counted and reported.
    pub(super) fn send(&mut self) {
        while !self.batch.is_empty() {
            let before = self.batch.len();
            let error = match self.endpoint.send_batch(&mut self.batch) {
                Ok(sent) => return self.counters.replies.add(sent as u64),
                Err(error) => error,
            };
            let sent = error.detail::<UnsentDatagram>().map_or(0, |unsent| unsent.sent);
            self.counters.replies.add(sent as u64);
            // A timeout or cancellation applies to the others, too.
            if error.is_timeout() || error.is_cancelled() || self.batch.len() == before {
                self.batch.clear();
            }
            self.counters.reply_errors.add((before - sent - self.batch.len()) as u64);
            self.core.observe(&UdpServerEvent::ReplyFailed { error: &error });
        }
    }
}
