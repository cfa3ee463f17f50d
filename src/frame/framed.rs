use std::fmt;
use std::io::{Read, Write};
use std::net::SocketAddr;

use super::reader::{read, receive};
use super::reply::Reply;
use super::wire::Wire;
use crate::error::Result;
use crate::proto::frame::Framing;

/// Frames over anything that can be read and written: a connection, a `&TcpStream`, a pipe to a program.
///
/// Receiving needs both `Read` and `Write`, to write what is held before it waits; sending alone is content with a
/// writer, such as a connection's writing half. For a reader alone there is [`FrameReader`](super::FrameReader).
///
/// # When something is written
///
/// [`send`](Self::send) writes at once, unless a further complete frame is in hand: a peer that sends many requests without
/// waiting for answers gets the answers together, in few writes. What is held for that is written as soon as the frames
/// in hand are answered and [`recv`](Self::recv) has to wait for the stream, when it is 64 KiB, and by
/// [`flush`](Self::flush). [`feed`](Self::feed) holds a frame in any case.
///
/// What is held when the view is dropped is written then, unless writing has failed before; whether that succeeds nobody is
/// told. Nothing is held after [`recv`](Self::recv) has returned `None`. Whoever ends before that, with frames in hand or
/// queued, and wants to know, ends with [`finish`](Self::finish). What has arrived and was not received goes with the view,
/// so one view serves a stream from its beginning to its end.
///
/// # After an error
///
/// A timeout loses nothing: what has arrived of a frame is kept, and what was not written of one is held, so that the next
/// call goes on with either. An error of one frame ([`FrameError`](super::FrameError)) leaves the next ones as they are.
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
pub struct Framed<S, F> {
    wire: Wire<S>,
    framing: F,
    /// The other end, for errors, where somebody knows it.
    remote: Option<SocketAddr>,
}

impl<S, F: Framing> Framed<S, F> {
    /// A view over `stream`, from its present place on.
    pub fn new(stream: S, framing: F) -> Framed<S, F> {
        Framed { wire: Wire::new(stream), framing, remote: None }
    }

    /// The same, with the other end's address for errors that have none.
    pub(crate) fn with_remote(mut self, remote: SocketAddr) -> Framed<S, F> {
        self.remote = Some(remote);
        self
    }

    /// The framing, with what it holds.
    pub fn framing(&self) -> &F {
        &self.framing
    }

    /// How many bytes are held, to be written.
    pub fn pending(&self) -> usize {
        self.wire.outbox.held()
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        self.wire.stream()
    }

    /// The stream, to set it up. Bytes read from it here are missing in the frames, and bytes written overtake what is
    /// held.
    pub fn get_mut(&mut self) -> &mut S {
        self.wire.stream_mut()
    }

    /// The stream. What has arrived and was not received is lost, and what is held and not written.
    pub fn into_inner(self) -> S {
        self.wire.into_stream()
    }

    /// The stream, and the framing with what has arrived: [`new`](Self::new) puts them together again. What is held and
    /// not written is lost: [`flush`](Self::flush) it before.
    pub fn into_parts(self) -> (S, F) {
        (self.wire.into_stream(), self.framing)
    }

    /// Gives memory back, down to what is in hand and what is held, for a connection that is idle.
    pub fn shrink(&mut self) {
        self.framing.shrink();
        self.wire.outbox.release();
    }
}

impl<S: Read + Write, F: Framing> Framed<S, F> {
    /// Receives the next frame; `None` when the stream has ended behind one.
    ///
    /// What is held to be written is written before the stream is waited for.
    ///
    /// # Errors
    ///
    /// This returns an error if the stream cannot be read, or what is held not written, in the time that the stream
    /// allows; nothing is lost by it, and the next call goes on. It returns an error once for each frame that is
    /// too long, malformed, or cut by the end of the stream; the next call goes on behind it.
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
    pub fn recv(&mut self) -> Result<Option<<F::Frame as ToOwned>::Owned>> {
        Ok(self.recv_ref()?.map(ToOwned::to_owned))
    }

    /// Receives the next frame, borrowed; else as [`recv`](Self::recv).
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would.
    pub fn recv_ref(&mut self) -> Result<Option<&F::Frame>> {
        let is_there = self.receive()?;
        Ok(is_there.then(|| self.framing.frame()))
    }

    /// Receives the next frame, borrowed, together with the way to answer it while it is; else as [`recv`](Self::recv).
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
    /// Sends a frame: at once, or, if a further frame is in hand, together with the answer to that.
    ///
    /// # Errors
    ///
    /// This returns an error if the frame is over the framing's limit, contains what ends a frame, has a character that the
    /// encoding does not have, or if 64 KiB are held that cannot be written in time
    /// ([`ErrorKind::ResourceExhausted`](crate::ErrorKind::ResourceExhausted)). Then the frame was not taken.
    ///
    /// It returns an error of the stream if not all could be written, in the time that the stream allows. Then the frame was
    /// taken and is held, and [`flush`](Self::flush) goes on with it.
    pub fn send(&mut self, frame: impl AsRef<F::Frame>) -> Result<()> {
        let more = self.framing.has_next();
        let (stream, outbox) = self.wire.parts();
        let sent = outbox.send(stream, &self.framing, frame.as_ref(), !more);
        sent.map_err(|error| error.with_remote(self.remote))
    }

    /// Holds a frame to be written with others: see [above](Self#when-something-is-written).
    ///
    /// # Errors
    ///
    /// This returns an error if [`send`](Self::send) would; the stream is written to only once 64 KiB are held.
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

    /// Writes everything that is held and gives the stream back: how a program ends that has answered its last request and
    /// leaves others in hand.
    ///
    /// # Errors
    ///
    /// This returns an error if [`flush`](Self::flush) would; then the rest is lost. Where it may not be, flush before.
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
    /// lines.send("bye")?; // held: another line is in hand
    /// assert_eq!(lines.pending(), 4);
    /// let stream = lines.finish()?;
    /// assert!(stream.into_inner().ends_with(b"bye\n"));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn finish(mut self) -> Result<S> {
        self.flush()?;
        Ok(self.wire.into_stream())
    }

    /// Writes everything that is held.
    ///
    /// # Errors
    ///
    /// This returns an error if the stream does not take all of it, in the time that it allows. The rest is held for the
    /// next call.
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
