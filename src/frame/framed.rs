use std::fmt;
use std::io::{Read, Write};
use std::net::SocketAddr;

use super::reader::{read, receive};
use super::reply::Reply;
use super::wire::Wire;
use crate::error::Result;
use crate::proto::frame::Framing;

/// A view of a stream as frames, for any reader and writer: a connection, a `&TcpStream`, a pipe to
/// a program.
///
/// Receiving needs `Read` and `Write`, because pending replies are written before it blocks.
/// Sending only needs `Write`. For a reader alone, use [`FrameReader`](super::FrameReader).
///
/// # When something is written
///
/// [`send`](Self::send) writes at once, unless another complete frame is buffered: replies to a
/// peer that pipelines requests are written together, in few writes. Pending bytes are written when
/// the buffered frames are answered and [`recv`](Self::recv) has to wait for the stream, when there
/// are 64 KiB of them, and by [`flush`](Self::flush). [`feed`](Self::feed) never writes a frame at
/// once.
///
/// Dropping the view writes pending bytes, unless an earlier write failed. Errors are ignored; call
/// [`finish`](Self::finish) to see them. Nothing is pending after [`recv`](Self::recv) has returned
/// `None`. Received bytes that were not returned are lost with the view, so use one view for a
/// stream from its beginning to its end.
///
/// # Errors
///
/// A timeout loses nothing: an incomplete frame is kept, and so are unwritten bytes; the next call
/// continues with both. An error of one frame ([`FrameError`](super::FrameError)) does not affect
/// the following frames.
///
/// # Examples
///
/// ```
/// use socketry::Encoding;
/// use socketry::frame::{Framed, Lines};
/// use std::net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let client = TcpStream::connect(listener.local_addr()?)?;
/// let (server, _) = listener.accept()?;
///
/// let mut client = Framed::new(&client, Lines::new(Encoding::Utf8));
/// client.send("hello")?;
///
/// let mut server = Framed::new(&server, Lines::new(Encoding::Utf8));
/// if let Some((line, mut reply)) = server.recv_with_reply()? {
///     reply.send(line)?; // borrowed: nothing is copied or allocated
/// }
/// assert_eq!(client.recv()?.as_deref(), Some("hello"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "makefile")]
#[doc(alias = "BufReader")]
#[doc(alias = "Codec")]
pub struct Framed<S, F> {
    wire: Wire<S>,
    framing: F,
    /// The peer, for errors, if it is known.
    remote: Option<SocketAddr>,
}

impl<S, F: Framing> Framed<S, F> {
    /// Creates a view of a stream from its current position.
    pub fn new(stream: S, framing: F) -> Framed<S, F> {
        Framed { wire: Wire::new(stream), framing, remote: None }
    }

    /// The same, with the other end's address for errors that have none.
    pub(crate) fn with_remote(mut self, remote: SocketAddr) -> Framed<S, F> {
        self.remote = Some(remote);
        self
    }

    /// Returns the framing, with its buffer.
    pub fn framing(&self) -> &F {
        &self.framing
    }

    /// Returns the number of bytes that are pending to be written.
    pub fn pending(&self) -> usize {
        self.wire.outbox.held()
    }

    /// Returns a reference to the stream.
    pub fn get_ref(&self) -> &S {
        self.wire.stream()
    }

    /// Returns a mutable reference to the stream, to set options. Bytes that are read from it are
    /// missing in the frames, and bytes that are written overtake pending ones.
    pub fn get_mut(&mut self) -> &mut S {
        self.wire.stream_mut()
    }

    /// Consumes the view and returns the stream. Buffered and pending bytes are lost.
    pub fn into_inner(self) -> S {
        self.wire.into_stream()
    }

    /// Consumes the view and returns the stream and the framing with its buffered bytes;
    /// [`new`](Self::new) reunites them. Pending bytes are lost: [`flush`](Self::flush) them
    /// before.
    pub fn into_parts(self) -> (S, F) {
        (self.wire.into_stream(), self.framing)
    }

    /// Shrinks the buffers to their contents, for a connection that is idle.
    pub fn shrink(&mut self) {
        self.framing.shrink();
        self.wire.outbox.release();
    }
}

impl<S: Read + Write, F: Framing> Framed<S, F> {
    /// Receives the next frame. Returns `None` at the end of the stream.
    ///
    /// Writes pending bytes, then blocks until a frame is complete, or until the stream's read
    /// timeout expires.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the stream cannot be read, or pending bytes cannot be written, within its timeouts.
    ///   Nothing is lost; the next call continues;
    /// * a frame is too long, malformed, or incomplete at the end of the stream
    ///   ([`FrameError`](super::FrameError)). This is returned once for each frame; the next call
    ///   continues after it.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::frame::{FixedLength, Framed};
    ///
    /// let mut pairs = Framed::new(std::io::Cursor::new(vec![1, 2, 3]), FixedLength::new(2));
    /// assert_eq!(pairs.recv()?, Some(vec![1, 2]));
    /// let error = pairs.recv().unwrap_err();
    /// assert_eq!(error.to_string(), "receive: stream ended in the middle of a frame (1 of 2 bytes received)");
    /// assert_eq!(pairs.recv()?, None);
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "readline")]
    #[doc(alias = "read_frame")]
    pub fn recv(&mut self) -> Result<Option<<F::Frame as ToOwned>::Owned>> {
        Ok(self.recv_ref()?.map(ToOwned::to_owned))
    }

    /// Receives the next frame, borrowed from the buffer. Blocks as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would.
    pub fn recv_ref(&mut self) -> Result<Option<&F::Frame>> {
        let is_there = self.receive()?;
        Ok(is_there.then(|| self.framing.frame()))
    }

    /// Receives the next frame, borrowed from the buffer, together with a [`Reply`] to answer it.
    /// Blocks as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::frame::{Framed, LengthPrefixed};
    ///
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let client = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (stream, _) = listener.accept()?;
    /// # std::thread::spawn(move || {
    /// let mut server = Framed::new(stream, LengthPrefixed::u16());
    /// while let Some((request, mut reply)) = server.recv_with_reply()? {
    ///     match request {
    ///         b"ping" => reply.send("pong")?,
    ///         other => reply.send(other)?,
    ///     }
    /// }
    /// # Ok::<(), socketry::Error>(())
    /// # });
    /// # let mut client = Framed::new(client, LengthPrefixed::u16());
    /// # client.send("ping")?;
    /// # assert_eq!(client.recv_ref()?, Some(&b"pong"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[allow(clippy::type_complexity, reason = "a pair, in an option, in a result")]
    pub fn recv_with_reply(&mut self) -> Result<Option<(&F::Frame, Reply<'_, S, F>)>> {
        if !self.receive()? {
            return Ok(None);
        }
        let more = self.framing.has_next();
        let framing = &self.framing;
        let (stream, outbox) = self.wire.parts();
        Ok(Some((framing.frame(), Reply::new(stream, framing, outbox, more))))
    }

    #[inline]
    fn receive(&mut self) -> Result<bool> {
        let Framed { wire, framing, remote } = self;
        let (stream, outbox) = wire.parts();
        let received = receive(framing, |room| {
            outbox.flush(stream)?;
            read(stream, room)
        });
        let ended = match received {
            Ok(false) => outbox.flush(stream).map(|()| false),
            received => received,
        };
        ended.map_err(|error| error.with_remote(*remote))
    }
}

impl<S: Write, F: Framing> Framed<S, F> {
    /// Sends a frame: at once, or together with the reply to the next frame if one is buffered.
    ///
    /// Blocks until the frame is written, or until the stream's write timeout expires.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the frame exceeds the framing's limit, contains the delimiter, or has a character that the
    ///   encoding does not have. The frame was not accepted;
    /// * 64 KiB are pending and cannot be written
    ///   ([`ErrorKind::ResourceExhausted`](crate::ErrorKind::ResourceExhausted)). The frame was not
    ///   accepted;
    /// * the stream does not accept all bytes in time. The frame was accepted and is pending;
    ///   [`flush`](Self::flush) continues with it.
    #[doc(alias = "write_frame")]
    pub fn send(&mut self, frame: impl AsRef<F::Frame>) -> Result<()> {
        let more = self.framing.has_next();
        let (stream, outbox) = self.wire.parts();
        let sent = outbox.send(stream, &self.framing, frame.as_ref(), !more);
        sent.map_err(|error| error.with_remote(self.remote))
    }

    /// Appends a frame to the pending bytes; see
    /// [when something is written](Self#when-something-is-written). Blocks only if 64 KiB are
    /// pending.
    ///
    /// # Errors
    ///
    /// This returns an error if [`send`](Self::send) would.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::frame::{FixedLength, Framed};
    ///
    /// let mut frames = Framed::new(std::io::Cursor::new(Vec::new()), FixedLength::new(2));
    /// frames.feed([1, 2])?;
    /// frames.feed([3, 4])?;
    /// assert_eq!((frames.pending(), frames.get_ref().get_ref().len()), (4, 0));
    /// frames.flush()?;
    /// assert_eq!(frames.into_inner().into_inner(), [1, 2, 3, 4]);
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn feed(&mut self, frame: impl AsRef<F::Frame>) -> Result<()> {
        let (stream, outbox) = self.wire.parts();
        let sent = outbox.send(stream, &self.framing, frame.as_ref(), false);
        sent.map_err(|error| error.with_remote(self.remote))
    }

    /// Writes all pending bytes and returns the stream, for a program that has answered its last
    /// request and leaves others unread. Blocks as [`flush`](Self::flush) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`flush`](Self::flush) would. Remaining bytes are lost then; to
    /// keep them, flush before.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Encoding;
    /// use socketry::frame::{Framed, Lines};
    ///
    /// let stream = std::io::Cursor::new(b"quit\nnever answered\n".to_vec());
    /// let mut lines = Framed::new(stream, Lines::new(Encoding::Utf8));
    /// assert_eq!(lines.recv_ref()?, Some("quit"));
    /// lines.send("bye")?; // pending: another line is buffered
    /// assert_eq!(lines.pending(), 4);
    /// let stream = lines.finish()?;
    /// assert!(stream.into_inner().ends_with(b"bye\n"));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn finish(mut self) -> Result<S> {
        self.flush()?;
        Ok(self.wire.into_stream())
    }

    /// Writes all pending bytes. Blocks until they are written, or until the stream's write timeout
    /// expires.
    ///
    /// # Errors
    ///
    /// This returns an error if the stream does not accept all bytes in time. The rest stays
    /// pending for the next call.
    pub fn flush(&mut self) -> Result<()> {
        let (stream, outbox) = self.wire.parts();
        outbox.flush(stream).map_err(|error| error.with_remote(self.remote))
    }
}

impl<S, F: fmt::Debug> fmt::Debug for Framed<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framed")
            .field("framing", &self.framing)
            .field("held", &self.wire.outbox.held())
            .finish_non_exhaustive()
    }
}
