use std::net::SocketAddr;
use std::time::Duration;

use super::SlowReader;

/// A TCP peer that reads nothing, so that the send buffer of its connection fills.
///
/// Its receive buffer is as small as the OS allows. Give the connection a small send buffer, too.
#[derive(Debug)]
pub struct FullBuffers {
    reader: SlowReader,
}

impl FullBuffers {
    /// Binds a free port.
    pub fn start() -> FullBuffers {
        // A read of no bytes, and then a pause without end.
        FullBuffers { reader: SlowReader::start(0, Duration::from_secs(3_600)) }
    }

    /// Returns the address to connect to.
    pub fn address(&self) -> SocketAddr {
        self.reader.address()
    }

    /// Begins to read at full speed.
    pub fn drain(&self) {
        self.reader.hurry();
    }

    /// Reads to the end of the stream, and returns how many bytes the connection carried.
    pub fn finish(self) -> usize {
        self.reader.finish()
    }
}
