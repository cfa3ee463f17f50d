//! Streams cut into frames: lines, delimited and length-prefixed messages, over any reader and writer.
//!
//! A stream has no messages: what one side writes at once, the other may read in pieces, or together with the next. A
//! *framing* says where one ends and the next begins, and a view puts it on a stream:
//!
//! | framing | a frame is |
//! |---|---|
//! | [`Lines`] | a line of text in any [`Encoding`](crate::Encoding), or text with another delimiter |
//! | [`Delimited`] | bytes with a delimiter behind them |
//! | [`LengthPrefixed`] | bytes with their length before them |
//! | [`FixedLength`] | bytes, always as many |
//! | [`TextChunks`] | text as it arrives, with no character cut in two |
//!
//! | view | over | does |
//! |---|---|---|
//! | [`Framed`] | `Read + Write` | receives and sends, and writes answers to pipelined requests together |
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
//! # Nothing grows without bound, nothing is lost
//!
//! Every framing has a limit. What is over it is an error with the limit, and the stream goes on with the next frame. A
//! call that ends by a timeout loses nothing: what has arrived of a frame is kept for the next call, and so is what could
//! not be written.
//!
//! # What it costs
//!
//! A line received by [`recv_ref`](Framed::recv_ref) is borrowed from the buffer: it is neither copied nor allocated.
//! Nothing is allocated before the first call; a view then has a buffer of 9 KiB, or 72 KiB once the stream has filled
//! that, and text decoded from it another. `cargo bench --bench frames` measures it.

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
pub(crate) use outbox::Outbox;
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
