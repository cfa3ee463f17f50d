//! A connection's two directions, each with an owner.

use std::fmt;
use std::net::Shutdown;

use super::connection::TcpConnection;
use super::read::impl_read;
use super::write::impl_write;
use crate::error::Result;
use crate::proto::message::Message;

/// The side of a connection that reads; made by [`TcpConnection::split`].
pub struct TcpReadHalf(TcpConnection);

/// The side of a connection that writes; made by [`TcpConnection::split`]. When it is dropped, the peer is told that
/// nothing follows.
pub struct TcpWriteHalf(Option<TcpConnection>);

impl TcpConnection {
    /// Divides the connection into its two directions, for two threads. The one that writes says that nothing follows when
    /// it is dropped.
    ///
    /// Clones do the same without that: every handle of a connection reads and writes.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{TcpClient, TcpServer};
    /// use std::io::{Read, Write};
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let (mut reader, mut writer) = TcpClient::new().connect(server.local_addr())?.split();
    /// let peer = server.accept()?;
    /// let writing = std::thread::spawn(move || writer.write_all(b"question"));
    /// assert_eq!(peer.recv_to_end(1024)?, b"question");
    /// writing.join().unwrap()?;
    /// peer.send("answer")?;
    /// drop(peer);
    /// let mut answer = String::new();
    /// reader.read_to_string(&mut answer)?;
    /// assert_eq!(answer, "answer");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(self) -> (TcpReadHalf, TcpWriteHalf) {
        (TcpReadHalf(self.clone()), TcpWriteHalf(Some(self)))
    }
}

impl TcpReadHalf {
    /// The connection itself, for its addresses, limits and options.
    pub fn connection(&self) -> &TcpConnection {
        &self.0
    }

    /// Receives what is there: see [`TcpConnection::recv`].
    ///
    /// # Errors
    ///
    /// This returns an error if [`TcpConnection::recv`] would.
    pub fn recv(&self, max: usize) -> Result<Vec<u8>> {
        self.0.recv(max)
    }

    /// Receives what is there into a buffer of one's own: see [`TcpConnection::recv_into`].
    ///
    /// # Errors
    ///
    /// This returns an error if [`TcpConnection::recv`] would.
    pub fn recv_into(&self, buffer: &mut [u8]) -> Result<usize> {
        self.0.recv_into(buffer)
    }

    /// The whole connection again.
    ///
    /// # Errors
    ///
    /// This returns an error if the halves are not of the same connection: both, as they were.
    pub fn reunite(
        self,
        writer: TcpWriteHalf,
    ) -> std::result::Result<TcpConnection, (TcpReadHalf, TcpWriteHalf)> {
        let is_same = std::sync::Arc::ptr_eq(&self.0.inner, &writer.connection().inner);
        if !is_same {
            return Err((self, writer));
        }
        let mut writer = writer;
        writer.0 = None;
        Ok(self.0)
    }
}

impl TcpWriteHalf {
    /// The connection itself, for its addresses, limits and options.
    pub fn connection(&self) -> &TcpConnection {
        self.0.as_ref().unwrap_or_else(|| unreachable!("it is taken when the half is consumed"))
    }

    /// Sends a message, all of it: see [`TcpConnection::send`].
    ///
    /// # Errors
    ///
    /// This returns an error if [`TcpConnection::send`] would.
    pub fn send(&self, message: impl Message) -> Result<()> {
        self.connection().send(message)
    }
}

impl Drop for TcpWriteHalf {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            // A connection that is no more has nobody to be told.
            let _ = connection.inner.stream.shutdown(Shutdown::Write);
        }
    }
}

impl_read!(TcpReadHalf, 0.inner);
impl_write!(TcpWriteHalf, connection().inner);

impl fmt::Debug for TcpReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpReadHalf").field(&self.0).finish()
    }
}

impl fmt::Debug for TcpWriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpWriteHalf").field(self.connection()).finish()
    }
}
