//! Everything that blocks: limits of a call, `SO_RCVTIMEO`, polling, cancellation, turns.
//!
//! A public method creates one [`WaitLimit`] and passes it down. No function below reads a
//! configured timeout or starts one again:
//!
//! ```text
//!  public method ── Timeouts::read_limit ─► WaitLimit ─┬─► rcvtimeo   one system call that blocks
//!        │                                             ├─► ready      try, poll, try
//!        │                                             ├─► stream     reads and writes of a stream
//!        │                                             ├─► connects   many sockets, one poll
//!        │                                             └─► turn       a lock with a limit
//!        └─ CallScope: carries the limit through `Read` and `Write`, which have no parameter for it
//! ```
//!
//! | file | contains |
//! |---|---|
//! | `limit` | [`WaitLimit`]: start, deadline, which limit it is, cancel tokens |
//! | `timeouts` | [`Timeouts`]: the configured timeouts and the deadline of a socket |
//! | `scope` | [`CallScope`]: one call of the API that makes several reads and writes |
//! | `stall` | the minimum progress of a transfer |
//! | `rcvtimeo` | [`ReceiveTimeout`]: the state of `SO_RCVTIMEO` |
//! | `ready`, `busy_poll` | waits for a socket |
//! | `stream`, `connects` | waits of TCP streams, listeners and connection attempts |
//! | `hang_up` | waits of copies between two streams |
//! | `nonblocking` | `O_NONBLOCK` for the length of a call |
//! | `turn` | a lock whose waiters have limits of their own |
//! | `poller` | many sockets at the same time |
//! | `pending_write` | the limit of a write that waits in a poller |
//! | `accept_queue` | threads and processes that accept from one listener |
//! | `changes` | a condition over several parts |
//! | `cancel` | [`CancelToken`] |
//! | `moment` | the clock, in nanoseconds |

mod accept_queue;
mod busy_poll;
mod cancel;
mod changes;
mod connects;
mod hang_up;
mod limit;
mod moment;
mod nonblocking;
mod pending_write;
pub(crate) mod poller;
mod rcvtimeo;
mod ready;
mod scope;
mod stall;
mod stream;
pub(crate) mod sync;
mod timeouts;
mod turn;

pub(crate) use accept_queue::{AcceptQueue, AcceptWatch};
pub(crate) use busy_poll::busy_poll;
pub use cancel::CancelToken;
pub(crate) use cancel::OnCancel;
pub(crate) use changes::Changes;
pub(crate) use connects::await_connects;
pub(crate) use hang_up::{await_hang_up, await_readable, await_writable};
pub(crate) use limit::{WaitError, WaitLimit};
pub(crate) use moment::Moment;
pub(crate) use nonblocking::Nonblocking;
pub(crate) use pending_write::PendingWrite;
pub(crate) use poller::{EdgePoller, Interest, Poller};
pub(crate) use rcvtimeo::{ReceiveTimeout, arm_listener};
pub(crate) use ready::{has_sent_all, is_readable, is_shut_down, receiving, receiving_next, sending, sleep};
pub(crate) use scope::{CallScope, is_between_messages};
pub(crate) use stream::{polling_read, read_briefly, read_within, send_file_within, write_within};
pub(crate) use timeouts::{Configured, Timeouts};
pub(crate) use turn::Turn;
