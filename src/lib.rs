//! Blocking network programming with types.
#![forbid(unsafe_code)]

mod error;
mod proto;

pub use error::{Error, ErrorKind, Operation, Result};
pub use proto::text::{
    DecodeError, Decoder, EncodeError, Encoder, Encoding, Policy, UnknownEncoding, WebEncoding,
};
