//! The methods that write frames.

use std::io::{self, Cursor, Read, Write};

use socketry::frame::{Framed, LengthPrefixed};
use socketry::{Error, TcpConnection};

use crate::stops::{MESSAGE, message};
use crate::table::{self, Cell};
use crate::writes::{Row, Sink, cells};

/// A stream that has a frame to read, and writes to a connection.
struct Asked {
    input: Cursor<Vec<u8>>,
    connection: TcpConnection,
}

impl Read for Asked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }
}

impl Write for Asked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.connection.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.connection.flush()
    }
}

type Wire = Framed<Asked, LengthPrefixed>;

/// A method that sends frames. What a limit interrupts stays in the buffer for the next flush.
struct Frames {
    framed: Option<Wire>,
    call: fn(&mut Wire) -> Result<(), Error>,
    bytes: usize,
}

/// The method that consumes the writer.
struct Finish(Frames);

impl Sink for Frames {
    fn call(&mut self) -> Result<(), Error> {
        (self.call)(self.framed.as_mut().unwrap())
    }

    fn settle(&mut self) -> Result<Option<usize>, Error> {
        let framed = self.framed.as_mut().unwrap();
        framed.flush()?;
        assert_eq!(framed.pending(), 0);
        Ok(Some(self.bytes))
    }
}

impl Sink for Finish {
    fn call(&mut self) -> Result<(), Error> {
        self.0.framed.take().unwrap().finish().map(drop)
    }

    /// It does not return how much was sent.
    fn settle(&mut self) -> Result<Option<usize>, Error> {
        Ok(None)
    }
}

/// The bytes of a frame that [`fed`] puts into the buffer, which flushes at 64 KiB.
const FED: usize = 60_000;

fn frames(connection: TcpConnection, call: fn(&mut Wire) -> Result<(), Error>, bytes: usize) -> Frames {
    // One request, of one byte.
    let input = Cursor::new(vec![0, 0, 0, 1, b'?']);
    let framed = Framed::new(Asked { input, connection }, LengthPrefixed::u32());
    Frames { framed: Some(framed), call, bytes: bytes + 4 }
}

fn fed(connection: TcpConnection, call: fn(&mut Wire) -> Result<(), Error>) -> Frames {
    let mut frames = frames(connection, call, FED);
    frames.framed.as_mut().unwrap().feed(vec![b'y'; FED]).unwrap();
    frames
}

static ROWS: &[Row] = &[
    Row {
        name: "Framed::send",
        is_partial: false,
        open: |connection| Box::new(frames(connection, |framed| framed.send(message()), MESSAGE)),
    },
    Row {
        name: "Framed::feed",
        is_partial: false,
        open: |connection| Box::new(frames(connection, |framed| framed.feed(message()), MESSAGE)),
    },
    Row {
        name: "Framed::flush",
        is_partial: false,
        open: |connection| Box::new(fed(connection, Framed::flush)),
    },
    Row {
        name: "Framed::finish",
        is_partial: false,
        open: |connection| Box::new(Finish(fed(connection, Framed::flush))),
    },
    Row {
        name: "Framed::recv that flushes",
        is_partial: false,
        open: |connection| Box::new(fed(connection, |framed| framed.recv().map(drop))),
    },
    Row {
        name: "Reply::send",
        is_partial: false,
        open: |connection| {
            let call = |framed: &mut Wire| {
                let Some((_, mut reply)) = framed.recv_with_reply()? else { unreachable!() };
                reply.send(message())
            };
            Box::new(frames(connection, call, MESSAGE))
        },
    },
    Row {
        name: "Reply::feed",
        is_partial: false,
        open: |connection| {
            let call = |framed: &mut Wire| {
                let Some((_, mut reply)) = framed.recv_with_reply()? else { unreachable!() };
                reply.feed(message())
            };
            Box::new(frames(connection, call, MESSAGE))
        },
    },
];

pub fn all() -> Vec<Cell> {
    cells(ROWS)
}

#[test]
fn calls_that_write_frames_end_by_their_limit() {
    table::run("frames written", all());
}
