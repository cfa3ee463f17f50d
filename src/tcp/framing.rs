//! Connections as streams of lines and other frames.

use super::connection::TcpConnection;
use crate::frame::{Framed, Framing, Lines, TextChunks};
use crate::proto::text::Encoding;

impl TcpConnection {
    /// Returns a view of the connection as lines of text. [`Lines`] has their options, and
    /// [`Framed`] the methods.
    ///
    /// The view borrows the connection; [`into_framed`](Self::into_framed) makes one that owns it.
    /// Keep one view: it buffers bytes that arrived after the received line, which are lost when it
    /// is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{Encoding, TcpClient, TcpServer};
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpClient::new().connect(server.local_addr())?;
    /// let connection = server.accept()?;
    ///
    /// let (mut asking, mut answering) = (client.lines(Encoding::Gb2312), connection.lines(Encoding::Gb2312));
    /// asking.send("第一行")?;
    /// assert_eq!(answering.recv()?.as_deref(), Some("第一行"));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "readline")]
    #[doc(alias = "makefile")]
    pub fn lines(&self, encoding: Encoding) -> Framed<&TcpConnection, Lines> {
        self.framed(Lines::new(encoding))
    }

    /// Returns a view of the connection as text in its [encoding](Self::encoding), in chunks as
    /// they arrive. No character is split.
    ///
    /// The view borrows the connection, as [`lines`](Self::lines) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{Encoding, TcpClient, TcpServer};
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpClient::builder().encoding(Encoding::Gb2312).connect(server.local_addr())?;
    /// let peer = server.accept()?;
    ///
    /// let mut chunks = client.text_chunks();
    /// peer.send(b"\xc4\xe3\xba")?; // 你, and the first half of 好
    /// assert_eq!(chunks.recv()?.as_deref(), Some("你"));
    /// peer.send(b"\xc3")?;
    /// assert_eq!(chunks.recv()?.as_deref(), Some("好"));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn text_chunks(&self) -> Framed<&TcpConnection, TextChunks> {
        self.framed(TextChunks::new(self.encoding()))
    }

    /// Returns a view of the connection as frames of any kind.
    ///
    /// The view borrows the connection, as [`lines`](Self::lines) does;
    /// [`into_framed`](Self::into_framed) makes one that owns it.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::frame::LengthPrefixed;
    /// use socketry::{TcpClient, TcpServer};
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpClient::new().connect(server.local_addr())?;
    /// let peer = server.accept()?;
    ///
    /// let (mut asking, mut answering) = (client.framed(LengthPrefixed::u16()), peer.framed(LengthPrefixed::u16()));
    /// asking.send(b"one")?;
    /// asking.send(b"")?;
    /// assert_eq!(answering.recv()?, Some(b"one".to_vec()));
    /// assert_eq!(answering.recv()?, Some(vec![]));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "makefile")]
    pub fn framed<F: Framing>(&self, framing: F) -> Framed<&TcpConnection, F> {
        Framed::new(self, framing).with_remote(self.peer_addr())
    }

    /// Converts the connection into a view as frames of any kind, which owns it: to store in a
    /// struct, return from a function or move to a thread. [`Framed::into_parts`] returns the
    /// connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::frame::{Framed, Lines};
    /// use socketry::{Encoding, Result, TcpClient, TcpConnection, TcpServer};
    ///
    /// fn dial(server: &TcpServer) -> Result<Framed<TcpConnection, Lines>> {
    ///     let client = TcpClient::new().connect(server.local_addr())?;
    ///     Ok(client.into_framed(Lines::new(Encoding::Utf8)))
    /// }
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let mut client = dial(&server)?;
    /// client.send("hahah")?;
    /// assert_eq!(server.accept()?.recv(100)?, b"hahah\n");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn into_framed<F: Framing>(self, framing: F) -> Framed<TcpConnection, F> {
        let peer = self.peer_addr();
        Framed::new(self, framing).with_remote(peer)
    }
}
