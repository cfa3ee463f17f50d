//! Framing: where one message ends and the next begins in a stream of bytes.
//!
//! ```text
//!        ┌──────────── a Framing ────────────┐
//!  read ─► room ─ advance ─► poll ─► frame     borrowed from its buffer
//!        │                                   │
//!        │            encode ────────────────┼─► bytes to write
//!        └───────────────────────────────────┘
//!
//!   lines, raw_text    bytes ─ intake ─► decoder ─► text ─ scan ─► &str
//!   delimited          bytes ─ intake ─ scan ─► &[u8]
//!   prefixed, fixed    bytes ─ intake ─► &[u8]
//! ```
//!
//! No I/O: a blocking shell reads into the room, and an asynchronous one can.

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

/// How long a line or a delimited frame may be by default, in bytes.
const LINE_LIMIT: usize = 64 * 1024;

/// How long a frame with a length prefix may be by default, in bytes.
const FRAME_LIMIT: usize = 1024 * 1024;

/// A way to cut a stream of bytes into frames: [`Lines`], [`Delimited`], [`LengthPrefixed`], [`FixedLength`], [`TextChunks`].
///
/// It holds what has arrived, gives frames out of it, and turns frames into bytes. It does no I/O: [`Framed`] and
/// [`FrameReader`] do that for it, and most programs need nothing from this page. A program with an event loop of its own
/// drives it by these methods, in this order:
///
/// 1. [`poll`](Self::poll) until it is false, and after each true [`frame`](Self::frame);
/// 2. read into the [`spare`](Self::spare), and [`advance`](Self::advance) by what was read, or say that the stream has
///    come to its [`set_eof`](Self::set_eof); then again 1.
///
/// The trait is sealed: it is here to be used, not to be implemented.
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
/// let mut heard = Vec::new();
/// for piece in [&b"\xC4\xE3\xBA"[..], b"\xC3\nmo", b"re\r\n"] {
///     lines.spare()[..piece.len()].copy_from_slice(piece);
///     lines.advance(piece.len());
///     while lines.poll()? {
///         heard.push(lines.frame().to_owned());
///     }
/// }
/// assert_eq!(heard, ["你好", "more"]);
/// assert!(lines.is_empty());
/// # Ok::<(), socketry::frame::FrameError>(())
/// ```
pub trait Framing: sealed::Sealed {
    /// What a frame is: text ([`str`]) or bytes.
    type Frame: ?Sized + Debug + AsRef<Self::Frame> + ToOwned<Owned: Debug + Send + AsRef<Self::Frame>>;

    /// The same settings, with nothing arrived: for the next connection.
    #[must_use]
    fn new_like(&self) -> Self
    where
        Self: Sized;

    /// Where to read the next bytes of the stream into: never empty, 8 KiB at first and 64 KiB once a read has filled
    /// that. The current frame ends with the call.
    fn spare(&mut self) -> &mut [u8];

    /// Says that the first `count` bytes of the [`spare`](Self::spare) were filled.
    ///
    /// # Panics
    ///
    /// Panics if the room was smaller than that.
    fn advance(&mut self, count: usize);

    /// Says that the stream has ended.
    fn set_eof(&mut self);

    /// Whether the [`set_eof`](Self::set_eof) was said.
    fn is_eof(&self) -> bool;

    /// Makes the next frame the current one. False: there is none in what has arrived, and after the
    /// [`set_eof`](Self::set_eof) there will be none.
    ///
    /// # Errors
    ///
    /// This returns an error if what has arrived cannot be a frame, once for each: too long, malformed, or cut by the
    /// end. The next call goes on behind it.
    fn poll(&mut self) -> Result<bool, FrameError>;

    /// The current frame: what the last [`poll`](Self::poll) found, borrowed. Empty if there is none.
    fn frame(&self) -> &Self::Frame;

    /// Whether a further frame is in hand, complete and valid, behind the current one, which stays.
    fn has_next(&mut self) -> bool;

    /// Whether nothing of a frame is in hand: the stream is between two frames.
    fn is_empty(&self) -> bool;

    /// Gives memory back, down to what is in hand, for a connection that is idle. The current frame ends with it.
    fn shrink(&mut self);

    /// Appends the bytes of a frame, with what ends or announces it.
    ///
    /// # Errors
    ///
    /// This returns an error if the frame is over the limit, if it contains what ends a frame, or if the encoding does
    /// not have a character. Then `output` is as before.
    fn encode(&self, frame: &Self::Frame, output: &mut Vec<u8>) -> Result<(), FrameError>;
}

mod sealed {
    pub trait Sealed {}
}

/// What every framing of bytes does in the same way, with its `intake` and `has_ended`.
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
