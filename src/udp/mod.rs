//! UDP endpoints, datagrams, batches, servers and multicast.
//!
//! The main types are at the root of the crate: [`UdpEndpoint`] and [`Datagram`].
//!
//! | Task | Type |
//! |---|---|
//! | Set the options of an endpoint | [`UdpBuilder`], [`UdpOptions`] |
//! | Receive into a buffer of your own | [`RecvMeta`], returned by [`recv_into`](crate::UdpEndpoint::recv_into) |
//! | Send many datagrams with few system calls | [`SendBatch`], [`send_segments`](crate::UdpEndpoint::send_segments) |
//! | Receive many datagrams with few system calls | [`UdpBatchEndpoint`], [`RecvBatch`] |
//! | Serve requests on several threads | [`UdpServer`] |
//! | Receive time stamps, TTL or ECN | [`RecvMeta`] |
//! | Choose what happens to a datagram larger than the limit | [`Truncation`] |
//! | Join a multicast group | [`Membership`], returned by [`join_multicast`](crate::UdpEndpoint::join_multicast) |
//!
//! ```
//! use socketry::UdpEndpoint;
//! use socketry::udp::{RecvBatch, UdpBatchEndpoint};
//!
//! let receiver = UdpBatchEndpoint::new(UdpEndpoint::bind("127.0.0.1:0")?);
//! let sender = UdpEndpoint::bind("127.0.0.1:0")?;
//! sender.send_to("one", receiver.local_addr())?;
//! sender.send_to("two", receiver.local_addr())?;
//! let mut batch = RecvBatch::new();
//! assert_eq!(receiver.recv_batch(&mut batch)?, 2);
//! # Ok::<(), socketry::Error>(())
//! ```

// The page of `UdpEndpoint` has its methods in the order of these declarations: constructors,
// verbs, settings, and what few programs need. `rustfmt` sorts within a group only.
pub(crate) mod endpoint;

mod send;

mod receive;

mod request;

mod settings;

mod batch;

mod multicast;

mod builder;
mod conversions;
pub(crate) mod datagram;
mod datagram_ref;
pub(crate) mod recv_path;
mod server;

pub use crate::options::{Truncation, UdpOptions};
pub use batch::{RecvBatch, RecvBatchIter, SendBatch, UdpBatchEndpoint};
pub use builder::UdpBuilder;
pub(crate) use datagram::Datagram;
pub use datagram_ref::DatagramRef;
pub(crate) use endpoint::UdpEndpoint;
pub use multicast::Membership;
pub use server::{
    UdpRequest, UdpServer, UdpServerCounters, UdpServerEvent, UdpServerHandle, UdpShutdownReport,
};

pub use crate::handler::HandlerResult;

pub use crate::proto::udp::recv_meta::{Ecn, RecvMeta};
