use crate::error::{Error, ErrorKind, Operation};
use crate::proto::text::{DecodeError, EncodeError};

/// An error of one frame, received or to be sent.
///
/// This is the [`detail`](crate::Error::detail) of an [`Error`](crate::Error), except for the two
/// variants about text: there the detail is the [`DecodeError`] or [`EncodeError`] itself, as
/// everywhere in the crate.
///
/// A stream continues with the next frame: a frame that is too long or malformed is skipped.
///
/// # Examples
///
/// ```
/// use socketry::frame::{FrameError, FrameReader, LengthPrefixed};
///
/// let stream = &b"\xFF\xFF too long\0\x02ok"[..];
/// let mut frames = FrameReader::new(stream, LengthPrefixed::u16().max_length(1000));
/// let error = frames.recv().unwrap_err();
/// assert_eq!(error.to_string(), "receive: frame of 65535 bytes is longer than the limit of 1000");
/// let detail = error.detail::<FrameError>();
/// assert!(matches!(detail, Some(FrameError::TooLong { limit: 1000, length: Some(65535), .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame is longer than the framing's limit. A received one is skipped without being stored.
    #[error("{}", too_long(*.limit, *.length))]
    #[non_exhaustive]
    TooLong {
        /// The limit, in bytes; of a text in UTF-8.
        limit: usize,
        /// The length of the frame in bytes, if it is known from a prefix or the frame is to be
        /// sent.
        length: Option<u64>,
    },
    /// The stream ended in the middle of a frame.
    #[error("stream ended in the middle of a frame ({} received)", so_far(.partial.len(), *.length))]
    #[non_exhaustive]
    UnexpectedEof {
        /// The received part of the frame: at most the framing's limit and an incomplete delimiter.
        /// A complete length prefix is not part of it. For [`Lines`](super::Lines) this is the
        /// decoded text in UTF-8.
        partial: Vec<u8>,
        /// The length of the whole frame in bytes, if it is known.
        length: Option<u64>,
    },
    /// The bytes are invalid in the encoding.
    #[error(transparent)]
    Text(DecodeError),
    /// The encoding does not have a character of the text to send.
    #[error(transparent)]
    Unencodable(EncodeError),
    /// The frame to send contains the delimiter, also together with the one that follows it, or is
    /// a line that ends with a CR. It would be received as something else.
    #[error("frame contains the delimiter")]
    ContainsDelimiter,
    /// The frame to send does not have the fixed length.
    #[error("frame is {length} bytes, expected {expected}")]
    #[non_exhaustive]
    WrongLength {
        /// The length of the frame in bytes.
        length: usize,
        /// The fixed length in bytes.
        expected: usize,
    },
    /// Too many bytes are pending to be written. The frame was not accepted.
    #[error("write buffer full: {pending} bytes pending, limit {limit}")]
    #[non_exhaustive]
    WriteBufferFull {
        /// The number of pending bytes.
        pending: usize,
        /// The maximum number of pending bytes.
        limit: usize,
    },
}

fn too_long(limit: usize, length: Option<u64>) -> String {
    match length {
        Some(length) => format!("frame of {length} bytes is longer than the limit of {limit}"),
        None => format!("frame is longer than the limit of {limit} bytes"),
    }
}

fn so_far(arrived: usize, length: Option<u64>) -> String {
    match length {
        Some(length) => format!("{arrived} of {length} bytes"),
        None if arrived == 1 => "1 byte".to_owned(),
        None => format!("{arrived} bytes"),
    }
}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Error {
        let kind = match error {
            FrameError::Text(error) => return Error::from(error).with_operation(Operation::Receive),
            FrameError::Unencodable(error) => return Error::from(error).with_operation(Operation::Send),
            FrameError::TooLong { .. } => ErrorKind::FrameTooLong,
            FrameError::UnexpectedEof { .. } => ErrorKind::UnexpectedEof,
            FrameError::ContainsDelimiter | FrameError::WrongLength { .. } => ErrorKind::InvalidInput,
            FrameError::WriteBufferFull { .. } => ErrorKind::ResourceExhausted,
        };
        let operation = match error {
            FrameError::ContainsDelimiter
            | FrameError::WrongLength { .. }
            | FrameError::WriteBufferFull { .. } => Operation::Send,
            _ => Operation::Receive,
        };
        Error::detailed(operation, kind, error)
    }
}
