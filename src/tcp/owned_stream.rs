//! The stream of a connection.

use std::net::TcpStream;
use std::ops::Deref;

/// A stream that can be taken out when the connection is dropped, so that a graceful close needs no
/// other descriptor.
#[derive(Debug)]
pub(super) struct OwnedStream(Option<TcpStream>);

impl OwnedStream {
    pub(super) fn new(stream: TcpStream) -> OwnedStream {
        OwnedStream(Some(stream))
    }

    /// Takes the stream out. The connection is used by nothing else then.
    pub(super) fn take(&mut self) -> Option<TcpStream> {
        self.0.take()
    }
}

impl Deref for OwnedStream {
    type Target = TcpStream;

    #[inline]
    fn deref(&self) -> &TcpStream {
        self.0.as_ref().unwrap_or_else(|| unreachable!("the stream is there until the drop"))
    }
}
