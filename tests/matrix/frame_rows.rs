//! The methods that read frames.

use socketry::frame::{FrameReader, Framed, Framing, LengthPrefixed, Lines, TextChunks};
use socketry::tcp::{TcpReadHalf, TcpWriteHalf};
use socketry::{Encoding, Error, TcpConnection};

use crate::reads::{Argument, Row, Subject, Takes, cells};
use crate::table::{self, Cell};

/// A call that returns a frame, or `None` at the end of the stream.
type Call<R> = fn(&mut R) -> Result<Option<Vec<u8>>, Error>;

/// A method of a reader of frames.
struct Frames<R> {
    reader: R,
    call: Call<R>,
    _kept: Option<TcpWriteHalf>,
}

impl<R: Send> Subject for Frames<R> {
    fn call(&mut self, _: Argument) -> Result<Vec<u8>, Error> {
        Ok((self.call)(&mut self.reader)?.unwrap_or_default())
    }

    fn rest(&mut self) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(frame) = (self.call)(&mut self.reader)? {
            all.extend(frame);
        }
        Ok(all)
    }
}

type OfLines = Framed<TcpConnection, Lines>;
type OfBytes = Framed<TcpConnection, LengthPrefixed>;
type OfHalf = FrameReader<TcpReadHalf, Lines>;

fn framed<F: Framing>(
    connection: TcpConnection,
    framing: F,
    call: Call<Framed<TcpConnection, F>>,
) -> Frames<Framed<TcpConnection, F>> {
    Frames { reader: connection.into_framed(framing), call, _kept: None }
}

fn lines(connection: TcpConnection, call: Call<OfLines>) -> Frames<OfLines> {
    framed(connection, Lines::new(Encoding::Utf8), call)
}

fn prefixed(connection: TcpConnection, call: Call<OfBytes>) -> Frames<OfBytes> {
    framed(connection, LengthPrefixed::u32(), call)
}

fn of_half(connection: TcpConnection, call: Call<OfHalf>) -> Frames<OfHalf> {
    let (half, kept) = connection.split();
    Frames { reader: FrameReader::new(half, Lines::new(Encoding::Utf8)), call, _kept: Some(kept) }
}

fn line() -> (Vec<u8>, Vec<u8>) {
    let line: Vec<u8> = (b'a'..=b'z').cycle().take(4_000).collect();
    ([line.as_slice(), b"\n"].concat(), line)
}

fn frame() -> (Vec<u8>, Vec<u8>) {
    let (_, bytes) = line();
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    ([&length[..], &bytes].concat(), bytes)
}

/// Of one character of three bytes each.
fn text() -> (Vec<u8>, Vec<u8>) {
    let text = "例如".repeat(500).into_bytes();
    (text.clone(), text)
}

macro_rules! row {
    ($name:literal, $fills:literal, $content:expr, $kind:ident, $call:expr) => {
        Row {
            name: $name,
            takes: Takes::Nothing,
            fills: $fills,
            idles: true,
            content: $content,
            open: |connection| Box::new($kind(connection, $call)),
        }
    };
}

fn chunks(
    connection: TcpConnection,
    call: Call<Framed<TcpConnection, TextChunks>>,
) -> Frames<Framed<TcpConnection, TextChunks>> {
    framed(connection, TextChunks::new(Encoding::Utf8), call)
}

static ROWS: &[Row] = &[
    row!("Framed::recv of lines", true, line, lines, |lines| { Ok(lines.recv()?.map(String::into_bytes)) }),
    row!("Framed::recv of bytes", true, frame, prefixed, Framed::recv),
    row!("Framed::recv of text", false, text, chunks, |chunks| {
        Ok(chunks.recv()?.map(String::into_bytes))
    }),
    row!("Framed::recv_ref", true, line, lines, |lines| {
        Ok(lines.recv_ref()?.map(|line| line.as_bytes().to_vec()))
    }),
    row!("Framed::recv_with_reply", true, line, lines, |lines| {
        Ok(lines.recv_with_reply()?.map(|(line, _)| line.as_bytes().to_vec()))
    }),
    row!("FrameReader::recv", true, line, of_half, |reader| { Ok(reader.recv()?.map(String::into_bytes)) }),
    row!("FrameReader::recv_ref", true, line, of_half, |reader| {
        Ok(reader.recv_ref()?.map(|line| line.as_bytes().to_vec()))
    }),
    row!("FrameReader as Iterator::next", true, line, of_half, |reader| {
        Ok(reader.next().transpose()?.map(String::into_bytes))
    }),
];

pub fn all() -> Vec<Cell> {
    cells(ROWS)
}

#[test]
fn calls_that_read_frames_end_by_their_limit() {
    table::run("frames read", all());
}
