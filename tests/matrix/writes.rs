//! Cells of methods that write to a connection.

use std::io::{IoSlice, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use socketry::error::TimeLimit;
use socketry::tcp::{TcpReadHalf, TcpWriteHalf};
use socketry::{CancelToken, Error, TcpClient, TcpConnection};

use crate::blocked::Entered;
use crate::kit::PATIENCE;
use crate::kit::hostile::{FullBuffers, SlowReader};
use crate::stops::{MESSAGE, accepted, file, fill, fill_completely, message};
use crate::table::{self, Cell, Expected, LIMIT, OTHER_LIMIT, Verdict, Watch, ensure};
use crate::tcp_rows::own;

/// A connection with what a method keeps between calls.
pub trait Sink: Send {
    /// Calls the method once.
    fn call(&mut self) -> Result<(), Error>;
    /// Sends what is kept, and returns how many bytes the OS has accepted in all calls, if the
    /// method says so.
    fn settle(&mut self) -> Result<Option<usize>, Error>;
}

/// A method that writes.
pub struct Row {
    pub name: &'static str,
    /// Whether it returns when a part is written.
    pub is_partial: bool,
    pub open: fn(TcpConnection) -> Box<dyn Sink>,
}

/// What limits the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    WriteTimeout,
    StallTimeout,
    Deadline,
    Token,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    FullBuffers,
    SlowReader,
    /// Another thread is in the same call, with a later limit.
    Rival,
    /// Another thread sends files of no bytes, so that calls of the same kind end meanwhile.
    RivalsEnd,
    Shortened,
    Lengthened,
    CancelledBefore,
    CancelledDuring,
    CancelledSlow,
}

/// All cells of the rows.
pub fn cells(rows: &'static [Row]) -> Vec<Cell> {
    use Condition::*;
    let mut cells = Vec::new();
    for row in rows {
        for form in [Form::WriteTimeout, Form::StallTimeout, Form::Deadline, Form::Token] {
            let conditions: &[Condition] = match form {
                Form::Token => &[CancelledBefore, CancelledDuring, CancelledSlow],
                Form::StallTimeout => &[FullBuffers, RivalsEnd],
                _ => &[FullBuffers, SlowReader, Rival, RivalsEnd, Shortened, Lengthened],
            };
            for &condition in conditions {
                // A call that writes a part can succeed.
                if row.is_partial && matches!(condition, SlowReader | CancelledSlow) {
                    continue;
                }
                let name = format!("{condition:?}, {form:?}");
                cells.push(Cell::new(row.name, name, move || run(row, form, condition)));
            }
        }
    }
    cells
}

enum Peer {
    Full(FullBuffers),
    Slow(SlowReader),
}

fn run(row: &'static Row, form: Form, condition: Condition) -> Verdict {
    use Condition::*;
    // With several writes in the call, a change of the limits could reach a later one.
    let is_slow = matches!(condition, SlowReader | CancelledSlow)
        || (matches!(condition, Shortened | Lengthened) && !row.is_partial);
    let (peer, address) = if is_slow {
        let peer = crate::kit::hostile::SlowReader::start(1_024, Duration::from_millis(20));
        let address = peer.address();
        (Peer::Slow(peer), address)
    } else {
        let peer = crate::kit::hostile::FullBuffers::start();
        let address = peer.address();
        (Peer::Full(peer), address)
    };
    let token = CancelToken::new().unwrap();
    let mut builder = TcpClient::builder().send_buffer_size(4_096);
    if form == Form::Token {
        builder = builder.cancel_connections(&token);
    }
    let connection = builder.connect(address).unwrap();
    let mut total = if row.is_partial { fill_completely(&connection) } else { fill(&connection) };
    let mut sink = (row.open)(connection.clone());
    let rival = (condition == Rival).then(|| start_rival(row, &connection));

    if condition == CancelledBefore {
        token.cancel();
    }
    let entered = Entered::new();
    let is_over = AtomicBool::new(false);
    let (watch, result) = std::thread::scope(|scope| {
        let (entered, is_over, connection, token) = (&entered, &is_over, &connection, &token);
        scope.spawn(move || during(condition, connection, token, entered, is_over));
        connection.set_write_timeout(OTHER_LIMIT);
        let due = Instant::now() + LIMIT;
        match form {
            Form::WriteTimeout => connection.set_write_timeout(LIMIT),
            Form::StallTimeout => connection.set_stall_timeout(LIMIT),
            Form::Deadline => connection.set_deadline(due),
            Form::Token => {}
        }
        let watch = match form {
            Form::Deadline => Watch::of_deadline(due),
            _ => Watch::of_timeout(LIMIT),
        };
        entered.enter();
        let result = sink.call();
        is_over.store(true, Ordering::Relaxed);
        (watch, result)
    });
    let expected = match form {
        Form::WriteTimeout => Expected::TimedOut(TimeLimit::WriteTimeout),
        Form::StallTimeout => Expected::TimedOut(TimeLimit::StallTimeout),
        Form::Deadline => Expected::TimedOut(TimeLimit::Deadline),
        Form::Token => Expected::Cancelled,
    };
    watch.judge(expected, &result)?;
    if form == Form::Token {
        // Nothing can be written to a connection that is cancelled.
        return Ok(());
    }

    // The bytes that were reported as sent arrive, and no others.
    connection.set_deadline(None);
    connection.set_stall_timeout(None);
    connection.set_write_timeout(PATIENCE);
    match &peer {
        Peer::Full(peer) => peer.drain(),
        Peer::Slow(peer) => peer.hurry(),
    }
    let mut is_known = true;
    if let Some(rival) = rival {
        match rival.join().map_err(|_| "the other thread panicked".to_owned())? {
            Ok(Some(count)) => total += count,
            Ok(None) => is_known = false,
            Err(error) => return Err(format!("the other thread: {error}")),
        }
    }
    match sink.settle().map_err(|error| format!("afterwards: {error}"))? {
        Some(count) => total += count,
        None => is_known = false,
    }
    // The half that writes has done so when it was dropped.
    let _ = connection.half_close();
    let received = match peer {
        Peer::Full(peer) => peer.finish(),
        Peer::Slow(peer) => peer.finish(),
    };
    ensure(!is_known || received == total, || format!("{received} bytes arrived of {total}"))
}

/// What happens during the call.
fn during(
    condition: Condition,
    connection: &TcpConnection,
    token: &CancelToken,
    entered: &Entered,
    is_over: &AtomicBool,
) {
    match condition {
        Condition::Shortened => {
            entered.wait();
            connection.set_write_timeout(Duration::ZERO);
            connection.set_deadline(Instant::now());
        }
        Condition::Lengthened => {
            entered.wait();
            connection.set_write_timeout(OTHER_LIMIT);
            connection.set_deadline(Instant::now() + OTHER_LIMIT);
        }
        Condition::CancelledDuring | Condition::CancelledSlow => {
            entered.wait();
            token.cancel();
        }
        Condition::RivalsEnd => {
            entered.wait();
            while !is_over.load(Ordering::Relaxed) {
                let _ = connection.send_file_range(&file(), 0, 0);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        _ => {}
    }
}

/// Another thread in the same call, on the same socket, with a later limit.
fn start_rival(
    row: &'static Row,
    connection: &TcpConnection,
) -> std::thread::JoinHandle<Result<Option<usize>, Error>> {
    let mut sink = (row.open)(connection.clone());
    let entered = Arc::new(Entered::new());
    let inside = entered.clone();
    connection.set_write_timeout(OTHER_LIMIT);
    let thread = std::thread::spawn(move || {
        inside.enter();
        sink.call()?;
        sink.settle()
    });
    entered.wait();
    thread
}

/// A method of a connection that reports how much it has sent.
struct Plain {
    connection: TcpConnection,
    call: fn(&TcpConnection) -> (Result<(), Error>, usize),
    sent: usize,
}

impl Sink for Plain {
    fn call(&mut self) -> Result<(), Error> {
        let (result, sent) = (self.call)(&self.connection);
        self.sent += sent;
        result
    }

    fn settle(&mut self) -> Result<Option<usize>, Error> {
        Ok(Some(self.sent))
    }
}

/// A method of the half that writes.
struct Half {
    _reader: TcpReadHalf,
    writer: TcpWriteHalf,
    call: fn(&mut TcpWriteHalf) -> (Result<(), Error>, usize),
    sent: usize,
}

impl Sink for Half {
    fn call(&mut self) -> Result<(), Error> {
        let (result, sent) = (self.call)(&mut self.writer);
        self.sent += sent;
        result
    }

    fn settle(&mut self) -> Result<Option<usize>, Error> {
        Ok(Some(self.sent))
    }
}

/// Of all bytes: a result, and how many were accepted.
fn whole<T>(result: Result<T, Error>) -> (Result<(), Error>, usize) {
    let sent = accepted(&result, MESSAGE);
    (result.map(drop), sent)
}

/// Of a part of them.
fn part(result: std::io::Result<usize>) -> (Result<(), Error>, usize) {
    let sent = *result.as_ref().unwrap_or(&0);
    (result.map(drop).map_err(own), sent)
}

macro_rules! row {
    ($name:literal, $is_partial:literal, plain, $call:expr) => {
        Row {
            name: $name,
            is_partial: $is_partial,
            open: |connection| Box::new(Plain { connection, call: $call, sent: 0 }),
        }
    };
    ($name:literal, $is_partial:literal, half, $call:expr) => {
        Row {
            name: $name,
            is_partial: $is_partial,
            open: |connection| {
                let (_reader, writer) = connection.split();
                Box::new(Half { _reader, writer, call: $call, sent: 0 })
            },
        }
    };
}

static ROWS: &[Row] = &[
    row!("TcpConnection::send", false, plain, |connection| whole(connection.send(message()))),
    row!("TcpConnection::send_file", false, plain, |connection| whole(connection.send_file(&file()))),
    row!("TcpConnection::send_file_range", false, plain, |connection| {
        whole(connection.send_file_range(&file(), 0, MESSAGE as u64))
    }),
    row!("TcpConnection as Write::write", true, plain, |mut connection| {
        part(connection.write(&message()))
    }),
    row!("TcpConnection as Write::write_vectored", true, plain, |mut connection| {
        part(connection.write_vectored(&[IoSlice::new(&message()), IoSlice::new(b"end")]))
    }),
    row!("TcpConnection as Write::write_all", false, plain, |mut connection| {
        whole(connection.write_all(&message()).map_err(own))
    }),
    row!("TcpWriteHalf::send", false, half, |writer| whole(writer.send(message()))),
    row!("TcpWriteHalf as Write::write", true, half, |writer| part(writer.write(&message()))),
    row!("TcpWriteHalf as Write::write_vectored", true, half, |writer| {
        part(writer.write_vectored(&[IoSlice::new(&message()), IoSlice::new(b"end")]))
    }),
    row!("TcpWriteHalf as Write::write_all", false, half, |writer| {
        whole(writer.write_all(&message()).map_err(own))
    }),
];

pub fn all() -> Vec<Cell> {
    cells(ROWS)
}

#[test]
fn calls_that_write_end_by_their_limit() {
    table::run("writes", all());
}
