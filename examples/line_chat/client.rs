//! One who is in the room: a thread sends what is typed, the main one prints what comes.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use socketry::frame::{Framed, Lines};
use socketry::{Address, Encoding, ErrorKind, TcpClient, TcpConnection};

use crate::PEER_TIMEOUT;
use crate::cli::{self, Outcome, say};

/// How long the room may take to make room for a line: it may be waiting for others.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn chat(to: &Address, name: &str, encoding: Encoding) -> Outcome {
    let client = TcpClient::builder().dead_peer_timeout(PEER_TIMEOUT).write_timeout(WRITE_TIMEOUT);
    let connection = client.connect(to)?;
    // The room's limit is the room's to check.
    let mut writer = connection.clone().into_framed(Lines::new(encoding));
    writer.send(name)?;

    let (done, outcome) = mpsc::channel();
    // It may wait for a line that is never typed: when the room ends, nobody waits for it.
    thread::spawn(move || {
        let _ = done.send(type_in(&mut writer));
        // Nothing follows, and the room answers by its own end. One that has ended before need not
        // be told.
        let _ = writer.get_ref().half_close();
    });
    let mut lines = connection.lines(encoding);
    loop {
        match lines.recv() {
            Ok(Some(line)) => say!("{}", cli::printable(&line))?,
            Ok(None) => break,
            Err(error) => {
                let Some(fault) = cli::fault_of_a_line(&error) else { return Err(error.into()) };
                cli::note(format_args!("line_chat: a line was lost: {fault}"));
            }
        }
    }
    // If the input has failed, that is why the end came.
    Ok(outcome.try_recv().unwrap_or(Ok(()))?)
}

/// Sends what is typed, up to the end of the input or of the connection.
fn type_in(writer: &mut Framed<TcpConnection, Lines>) -> io::Result<()> {
    for line in io::stdin().lines() {
        let line = line.map_err(|error| io::Error::other(format!("standard input: {error}")))?;
        match writer.send(line) {
            Ok(()) => {}
            // Whoever receives is told as well.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => match cli::fault_of_a_line(&error) {
                Some(fault) => cli::note(format_args!("line_chat: not sent: {fault}")),
                None => return Err(error.into()),
            },
        }
    }
    Ok(())
}
