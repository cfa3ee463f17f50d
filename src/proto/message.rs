//! Messages to send: text, which is encoded, or bytes, which are sent unchanged.

use std::borrow::Cow;

use super::text::{EncodeError, Encoding};

/// A message to send: text, which is encoded, or bytes, which are sent unchanged.
///
/// | Type | Sent as |
/// |---|---|
/// | `&str`, `String`, `Cow<str>` | text in the [`Encoding`] of the endpoint |
/// | `&[u8]`, `[u8; N]`, `Vec<u8>`, `Cow<[u8]>` | the bytes unchanged |
///
/// If the encoding does not have a character of the text, sending returns an error and nothing is
/// sent.
///
/// This trait is sealed and cannot be implemented for types outside of this crate.
pub trait Message: sealed::Sealed {
    /// Returns the bytes to send.
    #[doc(hidden)]
    fn on_the_wire(&self, encoding: Encoding) -> Result<Cow<'_, [u8]>, EncodeError>;

    /// Returns an owned copy of the message, to be encoded later.
    #[doc(hidden)]
    fn to_owned_message(&self) -> OwnedMessage;
}

/// A message that an option stores until the encoding is known.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OwnedMessage {
    Text(Box<str>),
    Bytes(Box<[u8]>),
}

impl OwnedMessage {
    pub(crate) fn to_bytes(&self, encoding: Encoding) -> Result<Vec<u8>, EncodeError> {
        match self {
            OwnedMessage::Text(text) => Ok(encoding.encode(text)?.into_owned()),
            OwnedMessage::Bytes(bytes) => Ok(bytes.to_vec()),
        }
    }
}

mod sealed {
    pub trait Sealed {}
}

/// Implements both traits for types of text and of bytes.
macro_rules! message {
    (text: $($text:ty),*; bytes: $($bytes:ty),*) => {
        $(impl sealed::Sealed for $text {}
        impl Message for $text {
            #[inline]
            fn on_the_wire(&self, encoding: Encoding) -> Result<Cow<'_, [u8]>, EncodeError> {
                encoding.encode(self)
            }

            fn to_owned_message(&self) -> OwnedMessage {
                OwnedMessage::Text(Box::from(&self[..]))
            }
        })*
        $(impl sealed::Sealed for $bytes {}
        impl Message for $bytes {
            #[inline]
            fn on_the_wire(&self, _: Encoding) -> Result<Cow<'_, [u8]>, EncodeError> {
                Ok(Cow::Borrowed(self))
            }

            fn to_owned_message(&self) -> OwnedMessage {
                OwnedMessage::Bytes(Box::from(&self[..]))
            }
        })*
    };
}

message!(text: str, String, Cow<'_, str>; bytes: [u8], Vec<u8>, Cow<'_, [u8]>);

impl<const N: usize> sealed::Sealed for [u8; N] {}

impl<const N: usize> Message for [u8; N] {
    #[inline]
    fn on_the_wire(&self, _: Encoding) -> Result<Cow<'_, [u8]>, EncodeError> {
        Ok(Cow::Borrowed(self))
    }

    fn to_owned_message(&self) -> OwnedMessage {
        OwnedMessage::Bytes(Box::from(&self[..]))
    }
}

impl<M: Message + ?Sized> sealed::Sealed for &M {}

impl<M: Message + ?Sized> Message for &M {
    #[inline]
    fn on_the_wire(&self, encoding: Encoding) -> Result<Cow<'_, [u8]>, EncodeError> {
        (**self).on_the_wire(encoding)
    }

    fn to_owned_message(&self) -> OwnedMessage {
        (**self).to_owned_message()
    }
}
