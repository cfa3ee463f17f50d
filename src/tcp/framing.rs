//! A connection as a stream of lines and other frames.

use super::connection::TcpConnection;
use crate::frame::{Framed, Framing, Lines, RawText};
use crate::proto::text::Encoding;

impl TcpConnection {
    /// The connection as lines of text in an encoding: see [`Lines`] for their limit and other options, and [`Framed`] for
    /// when something is written.
    ///
    /// It borrows the connection. To give it an owner of its own there is [`framed`](Self::framed). Make one view and keep it:
    /// what has arrived beyond the line that was received is in the view, and is lost with it.
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
    pub fn lines(&self, encoding: Encoding) -> Framed<&TcpConnection, Lines> {
        Framed::new(self, Lines::new(encoding)).with_remote(self.peer_addr())
    }

    /// The connection as text in its own [encoding](Self::encoding), in pieces as it arrives, with no character cut in two.
    pub fn text(&self) -> Framed<&TcpConnection, RawText> {
        Framed::new(self, RawText::new(self.encoding())).with_remote(self.peer_addr())
    }

    /// The connection as frames of any kind. A view over one that is borrowed is made by [`Framed::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::frame::LengthPrefixed;
    /// use socketry::{TcpClient, TcpServer};
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let mut client = TcpClient::new().connect(server.local_addr())?.framed(LengthPrefixed::u16());
    /// let mut peer = server.accept()?.framed(LengthPrefixed::u16());
    /// client.send(b"one")?;
    /// client.send(b"")?;
    /// assert_eq!(peer.recv()?, Some(b"one".to_vec()));
    /// assert_eq!(peer.recv()?, Some(vec![]));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn framed<F: Framing>(self, framing: F) -> Framed<TcpConnection, F> {
        let peer = self.peer_addr();
        Framed::new(self, framing).with_remote(peer)
    }
}
