//! Text encodings: UTF-8, GB 2312, GBK, GB 18030 and the labels of the WHATWG Encoding Standard.
//!
//! The main type is at the root of the crate: [`Encoding`](crate::Encoding).
//!
//! | Task | Type |
//! |---|---|
//! | Decode or encode a stream piece by piece | [`Decoder`], [`Encoder`] |
//! | Replace or ignore characters that cannot be converted | [`OnInvalid`] |
//! | Find out which byte or character is invalid | [`DecodeError`], [`EncodeError`] |
//! | Parse an encoding name | [`UnknownEncoding`], [`WhatwgEncoding`] |
//! | Pass text or bytes to a send method | [`Message`] |
//!
//! ```
//! use socketry::Encoding;
//! use socketry::text::OnInvalid;
//!
//! let error = Encoding::Gb2312.encode("朱镕基").unwrap_err();
//! assert_eq!((error.character(), error.offset()), ('镕', 3));
//! assert_eq!(Encoding::Gb2312.encode_with("朱镕基", OnInvalid::Replace)?, &b"\xD6\xEC?\xBB\xF9"[..]);
//! # Ok::<(), socketry::Error>(())
//! ```

pub use crate::proto::message::Message;
pub use crate::proto::text::{
    DecodeError, Decoder, EncodeError, Encoder, OnInvalid, UnknownEncoding, WhatwgEncoding,
};
