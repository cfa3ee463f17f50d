//! Framing: where one message ends and the next begins in a byte stream.
//!
//! ```text
//!        ┌──────────── a Framing ─────────────┐
//!  read ─► spare ─ advance ─► poll ─► frame     borrowed from its buffer
//!        │                                    │
//!        │             encode ────────────────┼─► bytes to write
//!        └────────────────────────────────────┘
//!
//!   lines, raw_text    bytes ─ intake ─► decoder ─► text ─ scan ─► &str
//!   delimited          bytes ─ intake ─ scan ─► &[u8]
//!   prefixed, fixed    bytes ─ intake ─► &[u8]
//! ```
//!
//! A framing does no I/O. Its caller, blocking or asynchronous, reads into the spare buffer space.

mod delimited;
mod delimiter;
mod error;
mod fixed;
mod intake;
mod lines;
mod prefixed;
mod raw_text;
mod scan;

use std::fmt::Debug;

pub use delimited::Delimited;
pub use delimiter::UnsafeDelimiter;
pub use error::FrameError;
pub use fixed::FixedLength;
pub use lines::{LineEnding, Lines};
pub use prefixed::LengthPrefixed;
pub use raw_text::TextChunks;

/// The default maximum length of a line or a delimited frame, in bytes.
const LINE_LIMIT: usize = 64 * 1024;

/// The default maximum length of a frame with a length prefix, in bytes.
const FRAME_LIMIT: usize = 1024 * 1024;

/// A framing, which splits a byte stream into frames: [`Lines`], [`Delimited`], [`LengthPrefixed`],
/// [`FixedLength`], or [`TextChunks`].
///
/// A framing buffers received bytes, finds frames in them, and encodes frames to bytes. It does no
/// I/O. [`Framed`] and [`FrameReader`] read and write for it, and most programs do not need the
/// methods of this trait.
///
/// This trait is sealed and cannot be implemented for types outside of this crate.
///
/// # Event loops
///
/// A program with its own event loop calls these methods in this order:
///
/// 1. Call [`poll`](Self::poll) until it returns `false`. Each time that it returns `true`, use
///    the [`frame`](Self::frame).
/// 2. Read into the [`spare`](Self::spare) buffer space, and call [`advance`](Self::advance) with
///    the number of bytes read, or [`set_eof`](Self::set_eof) at the end of the stream. Continue
///    with step 1.
///
/// [`Framed`]: crate::frame::Framed
/// [`FrameReader`]: crate::frame::FrameReader
///
/// # Examples
///
/// ```
/// use socketry::Encoding;
/// use socketry::frame::{Framing, Lines};
///
/// let mut lines = Lines::new(Encoding::Gb2312);
/// let mut received = Vec::new();
/// for piece in [&b"\xC4\xE3\xBA"[..], b"\xC3\nmo", b"re\r\n"] {
///     lines.spare()[..piece.len()].copy_from_slice(piece);
///     lines.advance(piece.len());
///     while lines.poll()? {
///         received.push(lines.frame().to_owned());
///     }
/// }
/// assert_eq!(received, ["你好", "more"]);
/// assert!(lines.is_empty());
/// # Ok::<(), socketry::frame::FrameError>(())
/// ```
pub trait Framing: sealed::Sealed {
    /// The type of a frame: text ([`str`]) or bytes (`[u8]`).
    type Frame: ?Sized + Debug + AsRef<Self::Frame> + ToOwned<Owned: Debug + Send + AsRef<Self::Frame>>;

    /// Returns a framing with the same settings and an empty buffer, for another connection.
    #[must_use]
    fn new_like(&self) -> Self
    where
        Self: Sized;

    /// Returns buffer space for the next bytes of the stream.
    ///
    /// The slice is never empty. It has at most 8 KiB at first, and at most 64 KiB once a read has
    /// filled that. After this call there is no current [`frame`](Self::frame).
    fn spare(&mut self) -> &mut [u8];

    /// Adds the first `count` bytes of the [`spare`](Self::spare) buffer space to the received
    /// bytes.
    ///
    /// # Panics
    ///
    /// Panics if `count` is larger than the free space of the buffer, which is at least the length
    /// of the slice that [`spare`](Self::spare) returned.
    fn advance(&mut self, count: usize);

    /// Marks the end of the stream. No bytes follow.
    fn set_eof(&mut self);

    /// Returns `true` if [`set_eof`](Self::set_eof) was called.
    fn is_eof(&self) -> bool;

    /// Finds the next frame in the received bytes and makes it the current one.
    ///
    /// Returns `false` if the received bytes have no further complete frame. After
    /// [`set_eof`](Self::set_eof), `false` means that no frame follows.
    ///
    /// # Errors
    ///
    /// This returns an error if the next frame is too long, malformed, or incomplete at the end of
    /// the stream. Each such frame is reported once, and the next call continues after it.
    fn poll(&mut self) -> Result<bool, FrameError>;

    /// Returns the current frame, borrowed from the buffer.
    ///
    /// This is the frame that [`poll`](Self::poll) found when it returned `true`. It remains the
    /// current one until the next call of [`poll`](Self::poll), [`spare`](Self::spare), or
    /// [`shrink`](Self::shrink). After a call of [`poll`](Self::poll) that did not return `true`,
    /// the contents of the returned frame are unspecified.
    fn frame(&self) -> &Self::Frame;

    /// Returns `true` if another frame is buffered after the current one, complete and valid.
    ///
    /// The current frame does not change. Returns `false` if the next frame is invalid, and always
    /// for [`TextChunks`].
    fn has_next(&mut self) -> bool;

    /// Returns `true` if no part of a further frame is buffered, so that the stream is between two
    /// frames.
    fn is_empty(&self) -> bool;

    /// Shrinks the buffer to its contents, for a connection that is idle. After this call there is
    /// no current [`frame`](Self::frame).
    fn shrink(&mut self);

    /// Appends the bytes of a frame to `output`, with its delimiter or length prefix.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the frame is longer than the maximum length, or does not have the fixed length;
    /// * the frame contains the delimiter;
    /// * the encoding does not have a character of the text.
    ///
    /// On error, `output` is unchanged.
    fn encode(&self, frame: &Self::Frame, output: &mut Vec<u8>) -> Result<(), FrameError>;
}

mod sealed {
    pub trait Sealed {}
}

/// The methods that are the same for every framing of bytes, with fields `intake` and `has_ended`.
macro_rules! bytes_in_an_intake {
    () => {
        fn spare(&mut self) -> &mut [u8] {
            self.intake.room()
        }

        fn advance(&mut self, count: usize) {
            self.intake.advance(count);
        }

        fn set_eof(&mut self) {
            self.has_ended = true;
        }

        fn is_eof(&self) -> bool {
            self.has_ended
        }

        #[inline]
        fn frame(&self) -> &[u8] {
            self.intake.frame()
        }

        fn shrink(&mut self) {
            self.intake.release();
        }
    };
}

use bytes_in_an_intake;
