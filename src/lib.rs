//! Blocking network programming with types.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, clippy::todo, clippy::dbg_macro)]

mod addr;
mod config;
mod error;
mod proto;
mod resolve;
mod sys;
mod udp;

pub use addr::{Address, AddressError, BindAddress};
pub use config::{Interfaces, Truncation};
pub use error::{Error, ErrorKind, Operation, Result, Truncated};
pub use proto::message::Message;
pub use proto::retry::Retry;
pub use proto::text::{
    DecodeError, Decoder, EncodeError, Encoder, Encoding, Policy, UnknownEncoding, WebEncoding,
};
pub use sys::Stopper;
pub use udp::{Arrival, Datagram, Membership, Memberships, UdpBuilder, UdpEndpoint};
