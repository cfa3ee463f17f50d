//! The methods that read from a connection without a framing.

use std::io::{self, Read};

use socketry::tcp::{TcpReadHalf, TcpWriteHalf};
use socketry::{Encoding, Error, TcpConnection};

use crate::reads::{Argument, Row, Subject, Takes, cells};
use crate::table::{self, Cell};

/// A method of a connection.
struct Plain {
    connection: TcpConnection,
    call: fn(&TcpConnection, Argument) -> Result<Vec<u8>, Error>,
}

/// A method of the half that reads. The other half stays open.
struct Half {
    reader: TcpReadHalf,
    _writer: TcpWriteHalf,
    call: fn(&mut TcpReadHalf) -> Result<Vec<u8>, Error>,
}

impl Subject for Plain {
    fn call(&mut self, argument: Argument) -> Result<Vec<u8>, Error> {
        (self.call)(&self.connection, argument)
    }

    fn rest(&mut self) -> Result<Vec<u8>, Error> {
        self.connection.recv_to_end(1 << 20)
    }
}

impl Subject for Half {
    fn call(&mut self, _: Argument) -> Result<Vec<u8>, Error> {
        (self.call)(&mut self.reader)
    }

    fn rest(&mut self) -> Result<Vec<u8>, Error> {
        self.reader.connection().recv_to_end(1 << 20)
    }
}

/// The crate's error in an error of the standard library.
pub fn own(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap()
}

/// What a call read into a buffer, or its error.
fn into(length: usize, read: impl FnOnce(&mut [u8]) -> Result<usize, Error>) -> Result<Vec<u8>, Error> {
    let mut buffer = vec![0; length];
    let count = read(&mut buffer)?;
    buffer.truncate(count);
    Ok(buffer)
}

fn bytes() -> (Vec<u8>, Vec<u8>) {
    let bytes: Vec<u8> = (b'a'..=b'z').cycle().take(4_000).collect();
    (bytes.clone(), bytes)
}

/// A character, in GB 18030 of four bytes, of which three arrive.
fn incomplete_character() -> (Vec<u8>, Vec<u8>) {
    (vec![0x94, 0x39, 0xFC], vec![0x94, 0x39, 0xFC])
}

fn plain(connection: TcpConnection, call: fn(&TcpConnection, Argument) -> Result<Vec<u8>, Error>) -> Plain {
    Plain { connection, call }
}

fn half(connection: TcpConnection, call: fn(&mut TcpReadHalf) -> Result<Vec<u8>, Error>) -> Half {
    let (reader, _writer) = connection.split();
    Half { reader, _writer, call }
}

macro_rules! row {
    ($name:literal, $takes:ident, $fills:literal, $content:expr, $kind:ident, $call:expr) => {
        Row {
            name: $name,
            takes: Takes::$takes,
            fills: $fills,
            idles: false,
            content: $content,
            open: |connection| Box::new($kind(connection, $call)),
        }
    };
}

static ROWS: &[Row] = &[
    row!("TcpConnection::recv", Nothing, false, bytes, plain, |connection, _| connection.recv(100)),
    row!("TcpConnection::recv_timeout", Timeout, false, bytes, plain, |connection, argument| {
        let Argument::Timeout(timeout) = argument else { unreachable!() };
        connection.recv_timeout(100, timeout)
    }),
    row!("TcpConnection::recv_deadline", Deadline, false, bytes, plain, |connection, argument| {
        let Argument::Deadline(deadline) = argument else { unreachable!() };
        connection.recv_deadline(100, deadline)
    }),
    row!("TcpConnection::recv_into", Nothing, false, bytes, plain, |connection, _| {
        into(100, |buffer| connection.recv_into(buffer))
    }),
    row!("TcpConnection::peek", Nothing, false, bytes, plain, |connection, _| {
        // It consumes nothing.
        into(100, |buffer| connection.peek(buffer)).map(|_| Vec::new())
    }),
    row!("TcpConnection::recv_exact", Nothing, true, bytes, plain, |connection, _| {
        into(9_000, |buffer| connection.recv_exact(buffer).map(|()| 9_000))
    }),
    row!("TcpConnection::recv_to_end", Nothing, true, bytes, plain, |connection, _| {
        connection.recv_to_end(1 << 20)
    }),
    row!("TcpConnection::recv_text", Nothing, false, bytes, plain, |connection, _| {
        connection.recv_text(100).map(String::into_bytes)
    }),
    row!("TcpConnection as Read::read", Nothing, false, bytes, plain, |mut connection, _| {
        into(100, |buffer| connection.read(buffer).map_err(own))
    }),
    row!("TcpConnection as Read::read_exact", Nothing, true, bytes, plain, |mut connection, _| {
        into(9_000, |buffer| connection.read_exact(buffer).map(|()| 9_000).map_err(own))
    }),
    row!("TcpReadHalf::recv", Nothing, false, bytes, half, |reader| reader.recv(100)),
    row!("TcpReadHalf::recv_into", Nothing, false, bytes, half, |reader| {
        into(100, |buffer| reader.recv_into(buffer))
    }),
    row!("TcpReadHalf as Read::read", Nothing, false, bytes, half, |reader| {
        into(100, |buffer| reader.read(buffer).map_err(own))
    }),
    row!("TcpReadHalf as Read::read_exact", Nothing, true, bytes, half, |reader| {
        into(9_000, |buffer| reader.read_exact(buffer).map(|()| 9_000).map_err(own))
    }),
];

pub fn all() -> Vec<Cell> {
    cells(ROWS)
}

#[test]
fn calls_that_read_end_by_their_limit() {
    table::run("reads", all());
}

/// A dripping peer of a text whose character never ends. The content is short, and the peer does not
/// end the stream, so that these cells are of their own.
#[test]
fn incomplete_character_does_not_extend_recv_text() {
    use crate::kit::PATIENCE;
    use crate::kit::hostile::DrippingPeer;
    use crate::table::{Expected, LIMIT, Watch};
    use socketry::error::TimeLimit;

    let (content, _) = incomplete_character();
    let peer = DrippingPeer::start(content.clone(), LIMIT / 2 - LIMIT / 10);
    let builder = socketry::TcpClient::builder().encoding(Encoding::Gb18030).read_timeout(LIMIT);
    let connection = builder.connect(peer.address()).unwrap();
    let watch = Watch::of_timeout(LIMIT);
    let result = connection.recv_text(100);
    // On a busy machine, the peer may send its end before.
    if result.as_ref().is_err_and(Error::is_timeout) {
        watch.judge(Expected::TimedOut(TimeLimit::ReadTimeout), &result).unwrap();
    }
    peer.finish();
    connection.set_read_timeout(PATIENCE);
    assert_eq!(connection.recv_to_end(100).unwrap(), content);
}
