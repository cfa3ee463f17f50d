//! Message framing: lines, delimited and length-prefixed messages, over any reader and writer.
//!
//! A stream has no message boundaries: the peer may read the bytes of one write in pieces, or
//! together with those of the next. A *framing* defines where a message ends, and a view applies it
//! to a stream:
//!
//! | Framing | A frame is |
//! |---|---|
//! | [`Lines`] | a line of text in any [`Encoding`](crate::Encoding), or text with another delimiter |
//! | [`Delimited`] | bytes followed by a delimiter |
//! | [`LengthPrefixed`] | bytes preceded by their length |
//! | [`FixedLength`] | a fixed number of bytes |
//! | [`TextChunks`] | text as it arrives, without split characters |
//!
//! | View | Stream | Operations |
//! |---|---|---|
//! | [`Framed`] | `Read + Write` | receives and sends; writes replies to pipelined requests together |
//! | [`FrameReader`] | `Read` | receives |
//!
//! ```
//! use socketry::Encoding;
//! use socketry::frame::{Framed, Lines};
//! use std::net::{TcpListener, TcpStream};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let client = TcpStream::connect(listener.local_addr()?)?;
//! std::thread::spawn(move || {
//!     let (stream, _) = listener.accept().expect("a connection");
//!     let mut lines = Framed::new(stream, Lines::new(Encoding::Gb2312));
//!     while let Some(line) = lines.recv()? {
//!         lines.send(line)?;
//!     }
//!     Ok::<(), socketry::Error>(())
//! });
//! let mut lines = Framed::new(client, Lines::new(Encoding::Gb2312));
//! lines.send("你好")?;
//! assert_eq!(lines.recv()?.as_deref(), Some("你好"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits and timeouts
//!
//! Every framing has a maximum length. A longer frame is an error, and the stream continues with
//! the next frame. A timeout loses nothing: an incomplete frame is kept for the next call, and so
//! are unwritten bytes.
//!
//! # Memory
//!
//! A frame from [`recv_ref`](Framed::recv_ref) is borrowed from the buffer, without a copy or an
//! allocation. The first call allocates a buffer of 9 KiB, which grows to 72 KiB once the stream
//! has filled it. Decoded text has another buffer. `cargo bench --bench frames` measures it.

mod framed;
mod outbox;
mod reader;
mod reply;
mod wire;

pub use crate::proto::frame::{
    Delimited, FixedLength, FrameError, Framing, LengthPrefixed, LineEnding, Lines, TextChunks,
    UnsafeDelimiter,
};
pub use framed::Framed;
pub(crate) use outbox::{Outbox, PENDING_LIMIT};
pub use reader::FrameReader;
pub use reply::Reply;

use std::io;

use crate::error::{Error, Operation};

/// The library's own error if it is one, as it comes from our connections; else the system's.
#[cold]
fn failed(operation: Operation, error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => own,
        Err(error) => Error::system(operation, error),
    }
}
