use crate::error::{Error, ErrorKind, Operation};
use crate::proto::text::{DecodeError, EncodeError};

/// Why a stream's bytes are not a frame, or a value cannot be sent as one.
///
/// In an [`Error`](crate::Error) it is the [`detail`](crate::Error::detail), but for the two about text: there the detail
/// is the [`DecodeError`] or [`EncodeError`] itself, as everywhere in the library.
///
/// It concerns one frame. A stream goes on with the next one: what is too long or malformed is passed over up to its end.
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
    /// A frame is longer than the framing's limit. One that arrives is passed over without being stored.
    #[error("{}", too_long(*.limit, *.length))]
    #[non_exhaustive]
    TooLong {
        /// The limit, in bytes; of a text in UTF-8.
        limit: usize,
        /// The frame's length in bytes, where it is known: announced by a prefix, or that of what should be sent.
        length: Option<u64>,
    },
    /// The stream ended in the middle of a frame.
    #[error("stream ended in the middle of a frame ({} received)", so_far(.partial.len(), *.length))]
    #[non_exhaustive]
    UnexpectedEof {
        /// The received part of the frame: at most the framing's limit and an incomplete delimiter. A complete length
        /// prefix is not part of it. For [`Lines`](super::Lines) this is the decoded text in UTF-8.
        partial: Vec<u8>,
        /// The length of the whole frame in bytes, if it is known.
        length: Option<u64>,
    },
    /// Bytes are not text of the encoding.
    #[error(transparent)]
    Text(DecodeError),
    /// A character of the text to send does not exist in the encoding.
    #[error(transparent)]
    Unencodable(EncodeError),
    /// The frame to send has the delimiter in it, at its end with the one to follow, or is a line that ends with a CR: it
    /// would be received as another one.
    #[error("frame contains the delimiter")]
    ContainsDelimiter,
    /// The frame to send does not have the one length that all have.
    #[error("frame is {length} bytes, expected {expected}")]
    #[non_exhaustive]
    WrongLength {
        /// Its length, in bytes.
        length: usize,
        /// That of every frame, in bytes.
        expected: usize,
    },
    /// So much is waiting to be written that the frame was not taken.
    #[error("write buffer full: {pending} bytes pending, limit {limit}")]
    #[non_exhaustive]
    WriteBufferFull {
        /// How many bytes wait.
        pending: usize,
        /// From how many on nothing more is taken.
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
