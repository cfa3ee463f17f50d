//! The two halves of a connection.

use std::fmt;

use super::close;
use super::connection::TcpConnection;
use super::read::impl_read;
use super::write::impl_write;
use crate::error::Result;
use crate::proto::message::Message;

/// The read half of a connection, from [`TcpConnection::split`].
pub struct TcpReadHalf(TcpConnection);

/// The write half of a connection, from [`TcpConnection::split`]. Dropping it shuts down the write
/// half of the socket, so the peer reads the end of the stream.
pub struct TcpWriteHalf(Option<TcpConnection>);

impl TcpConnection {
    /// Splits the connection into its two halves, for two threads. Dropping the write half shuts
    /// down writing.
    ///
    /// Clones work as well, without the shutdown: every handle can read and write.
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
    /// Returns the connection, for its addresses, limits and options.
    pub fn connection(&self) -> &TcpConnection {
        &self.0
    }

    /// Receives at most `max` available bytes. Blocks as [`TcpConnection::recv`] does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`TcpConnection::recv`] would.
    pub fn recv(&self, max: usize) -> Result<Vec<u8>> {
        self.0.recv(max)
    }

    /// Receives available bytes into a buffer. Blocks as [`TcpConnection::recv_into`] does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`TcpConnection::recv`] would.
    pub fn recv_into(&self, buffer: &mut [u8]) -> Result<usize> {
        self.0.recv_into(buffer)
    }

    /// Reunites the two halves of a connection.
    ///
    /// # Errors
    ///
    /// This returns an error if the halves are not of the same connection. The error contains both
    /// halves.
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
    /// Returns the connection, for its addresses, limits and options.
    pub fn connection(&self) -> &TcpConnection {
        self.0.as_ref().unwrap_or_else(|| unreachable!("it is taken when the half is consumed"))
    }

    /// Sends a whole message. Blocks as [`TcpConnection::send`] does.
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
            // It fails if the connection has ended, and then the peer receives nothing.
            let _ = close::half_close(&connection.inner);
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
