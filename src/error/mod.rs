//! What went wrong: the parts of an [`Error`], and the details that it carries.
//!
//! An error is one line: the operation, its target, the addresses, the cause and the elapsed time.
//! Decide on its [`kind`](crate::Error::kind), which is the same on every OS. More facts are in its
//! [`detail`](crate::Error::detail):
//!
//! | Detail | Of |
//! |---|---|
//! | [`Truncated`] | a datagram that is longer than the limit |
//! | [`PartialTransfer`] | a read or write that ended before all bytes were transferred |
//! | [`tcp::PartialCopy`](crate::tcp::PartialCopy) | a copy between two connections that ended early |
//! | [`UnsentDatagram`] | a batch of which a datagram was not sent |
//! | [`AddressError`](crate::AddressError) | an address that cannot be parsed |
//! | [`tcp::ConnectFailures`](crate::tcp::ConnectFailures) | a connect, with each address that was tried |
//! | [`dns::ResolveError`](crate::dns::ResolveError) | a lookup, with each name server that was queried |
//! | [`broadcast::NoInterfaceSent`](crate::broadcast::NoInterfaceSent) | a broadcast that no interface has sent |
//! | [`text::DecodeError`](crate::text::DecodeError), [`text::EncodeError`](crate::text::EncodeError) | text and bytes that an encoding does not have |
//! | [`frame::FrameError`](crate::frame::FrameError) | a frame of a stream |
//!
//! [`TimeLimit`] is the limit that ended a call.
//!
//! ```
//! use socketry::UdpEndpoint;
//! use socketry::error::{Operation, Truncated};
//!
//! let endpoint = UdpEndpoint::builder().max_datagram(4).bind("127.0.0.1:0")?;
//! endpoint.send_to("too long", endpoint.local_addr())?;
//! let error = endpoint.recv().unwrap_err();
//! assert_eq!(error.operation(), Operation::Receive);
//! assert_eq!(error.detail::<Truncated>().unwrap().length, 8);
//! # Ok::<(), socketry::Error>(())
//! ```

pub(crate) mod kind;
mod limit;
mod operation;
mod partial;
mod temporary;
mod truncated;
mod unsent;
pub(crate) mod value;

pub(crate) use kind::ErrorKind;
pub use limit::TimeLimit;
pub use operation::Operation;
pub use partial::PartialTransfer;
pub use truncated::Truncated;
pub use unsent::UnsentDatagram;
pub(crate) use value::{Error, Result, rounded};
