//! Large messages, full buffers, and how many bytes a call that was stopped has sent.

use std::fs::File;
use std::time::Duration;

use socketry::error::PartialTransfer;
use socketry::{Error, TcpConnection};

use crate::table::LIMIT;

/// The bytes of a large message, which no buffers hold.
pub const MESSAGE: usize = 300_000;

/// A large message.
pub fn message() -> Vec<u8> {
    vec![b'x'; MESSAGE]
}

/// A file of [`MESSAGE`] bytes.
pub fn file() -> File {
    static PATH: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    let path = PATH.get_or_init(|| {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix-message");
        std::fs::write(&path, message()).unwrap();
        path
    });
    File::open(path).unwrap()
}

/// How many bytes the OS accepted of those that a call sent.
pub fn accepted<T>(result: &Result<T, Error>, wanted: usize) -> usize {
    match result {
        Ok(_) => wanted,
        Err(error) => error.detail::<PartialTransfer>().map_or(0, |partial| partial.transferred),
    }
}

/// Fills the buffers between a connection and a peer that does not read. Returns how many bytes
/// they took.
pub fn fill(connection: &TcpConnection) -> usize {
    fill_within(connection, Duration::from_millis(30))
}

/// The same, until the buffers take no byte for longer than the calls wait. Probes of the closed
/// window move a few bytes to the peer.
pub fn fill_completely(connection: &TcpConnection) -> usize {
    let mut total = fill(connection);
    loop {
        match fill_within(connection, LIMIT * 2) {
            0 => return total,
            more => total += more,
        }
    }
}

fn fill_within(connection: &TcpConnection, timeout: Duration) -> usize {
    connection.set_write_timeout(timeout);
    let sent = connection.send(message());
    assert!(sent.as_ref().is_err_and(Error::is_timeout), "{sent:?}");
    connection.set_write_timeout(None);
    accepted(&sent, MESSAGE)
}
