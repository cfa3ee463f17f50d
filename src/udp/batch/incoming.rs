use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::iter::FusedIterator;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use crate::error::{Error, Result};
use crate::options::LARGEST_DATAGRAM;
use crate::proto::text::{Encoding, OnInvalid};
use crate::sys::PacketInfo;
use crate::udp::RecvMeta;

/// The kernel copies two to four times as fast to an address that is a multiple of this.
const ALIGNMENT: usize = 64;

/// Space for a datagram of any size, or for as many as the OS joins, after as much again.
const ROOM: usize = 2 * (LARGEST_DATAGRAM + 1);

/// A reusable buffer of received datagrams, for
/// [`UdpEndpoint::recv_batch`](crate::UdpEndpoint::recv_batch).
///
/// The buffer has 128 KiB. It is allocated when the batch is first used, and kept. Datagrams are
/// read from it without a copy.
///
/// # Examples
///
/// ```
/// use socketry::udp::RecvBatch;
/// use socketry::UdpEndpoint;
///
/// let receiver = UdpEndpoint::bind("127.0.0.1:0")?;
/// let sender = UdpEndpoint::bind("127.0.0.1:0")?;
/// sender.send_to("one", receiver.local_addr())?;
/// sender.send_to("two", receiver.local_addr())?;
///
/// let mut batch = RecvBatch::new();
/// let mut texts = Vec::new();
/// while texts.len() < 2 {
///     receiver.recv_batch(&mut batch)?;
///     for datagram in &batch {
///         assert_eq!(datagram.source(), sender.local_addr());
///         texts.push(datagram.text()?.into_owned());
///     }
/// }
/// assert_eq!(texts, ["one", "two"]);
/// # Ok::<(), socketry::Error>(())
/// ```
#[doc(alias = "mmsghdr")]
#[derive(Default)]
pub struct RecvBatch {
    room: Vec<u8>,
    /// The offset of an aligned address in the buffer.
    start: usize,
    /// The offset of the next datagram in the buffer.
    next: usize,
    groups: Vec<Group>,
    /// The groups that the last call has delivered. Those after them are for the next call.
    delivered: Range<usize>,
    /// The number of datagrams delivered.
    len: usize,
    /// The error of a call that had datagrams to deliver, for the next call.
    pub(super) error: Option<io::Error>,
    pub(super) encoding: Encoding,
}

/// Datagrams of one sender that were received as one: all of one size but the last, which may be
/// shorter.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) from: SocketAddr,
    pub(super) info: PacketInfo,
    /// Its offset in the buffer.
    pub(super) at: usize,
    /// Its length, and how much of it is in the buffer.
    pub(super) length: usize,
    pub(super) kept: usize,
    /// The size of each datagram.
    pub(super) segment: usize,
    /// The maximum number of bytes delivered of each datagram.
    pub(super) limit: usize,
    /// Whether it is one datagram that is larger than the limit, and an error.
    pub(super) is_too_long: bool,
}

impl Group {
    fn count(&self) -> usize {
        // One datagram may be empty.
        if self.length <= self.segment { 1 } else { self.length.div_ceil(self.segment) }
    }

    /// Returns the length of a datagram, and the range of its delivered bytes.
    #[inline]
    fn datagram(&self, index: usize) -> (usize, Range<usize>) {
        let start = index * self.segment;
        let length = self.segment.min(self.length - start);
        let kept = length.min(self.limit).min(self.kept.saturating_sub(start));
        let start = self.at + start.min(self.kept);
        (length, start..start + kept)
    }

    /// Returns one datagram as a group.
    pub(super) fn single(&self, index: usize) -> Group {
        let (length, range) = self.datagram(index);
        Group { at: range.start, length, kept: range.len(), segment: length, ..*self }
    }
}

impl RecvBatch {
    /// Creates an empty batch.
    ///
    /// The buffer is allocated by the first call that receives.
    #[must_use]
    pub fn new() -> RecvBatch {
        RecvBatch::default()
    }

    /// Returns an iterator over the datagrams of the last call, in the order in which they arrived.
    #[must_use]
    pub fn iter(&self) -> RecvBatchIter<'_> {
        RecvBatchIter {
            room: &self.room,
            groups: self.groups[self.delivered.clone()].iter(),
            group: None,
            encoding: self.encoding,
            len: self.len,
        }
    }

    /// Returns the number of datagrams that the last call has received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns `true` if the batch has no datagrams.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns true if the last call has left datagrams or an error.
    pub(super) fn has_more(&self) -> bool {
        self.delivered.end < self.groups.len() || self.error.is_some()
    }

    /// Prepares the buffer for the next call.
    pub(super) fn begin(&mut self) {
        if self.room.is_empty() {
            self.room = vec![0; ROOM + ALIGNMENT];
            self.start = self.room.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        }
        self.next = self.start;
        self.groups.clear();
        self.delivered = 0..0;
        self.len = 0;
    }

    /// Returns the buffer for the next datagram, if that much is left.
    pub(super) fn room(&mut self, bytes: usize) -> Option<&mut [u8]> {
        let next = self.next;
        self.room.get_mut(next..next + bytes)
    }

    /// Returns the number of bytes received.
    pub(super) fn used(&self) -> usize {
        self.next - self.start
    }

    /// Returns the offset of the buffer for the next datagram.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    pub(super) fn is_filled(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Adds a received group, and returns its number of datagrams.
    pub(super) fn add(&mut self, group: Group, is_error: bool) -> usize {
        self.next += group.kept.next_multiple_of(ALIGNMENT);
        let count = group.count();
        if is_error && group.segment > group.limit {
            for index in 0..count {
                let single = group.single(index);
                let is_too_long = single.length > group.limit;
                self.groups.push(Group { is_too_long, ..single });
            }
        } else {
            self.groups.push(group);
        }
        count
    }

    /// Delivers all datagrams up to one that is an error, or that one if it is first.
    pub(super) fn deliver(&mut self) -> std::result::Result<usize, &Group> {
        let start = self.delivered.end;
        self.len = 0;
        if self.groups.get(start).is_some_and(|group| group.is_too_long) {
            self.delivered = start + 1..start + 1;
            return Err(&self.groups[start]);
        }
        let count = self.groups[start..].iter().take_while(|group| !group.is_too_long);
        let mut end = start;
        for group in count {
            self.len += group.count();
            end += 1;
        }
        self.delivered = start..end;
        Ok(self.len)
    }

    pub(super) fn bytes_at(&self, at: usize, length: usize) -> &[u8] {
        &self.room[at..at + length]
    }
}

impl fmt::Debug for RecvBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvBatch").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<'a> IntoIterator for &'a RecvBatch {
    type Item = DatagramRef<'a>;
    type IntoIter = RecvBatchIter<'a>;

    fn into_iter(self) -> RecvBatchIter<'a> {
        self.iter()
    }
}

/// An iterator over the datagrams of a [`RecvBatch`].
#[derive(Clone, Debug)]
pub struct RecvBatchIter<'a> {
    room: &'a [u8],
    groups: std::slice::Iter<'a, Group>,
    /// The current group, the index of its next datagram, and its number of datagrams.
    group: Option<(&'a Group, usize, usize)>,
    encoding: Encoding,
    len: usize,
}

impl<'a> Iterator for RecvBatchIter<'a> {
    type Item = DatagramRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<DatagramRef<'a>> {
        let (group, index, count) = match self.group {
            Some(group) => group,
            None => {
                let group = self.groups.next()?;
                (group, 0, group.count())
            }
        };
        self.group = if index + 1 < count { Some((group, index + 1, count)) } else { None };
        self.len -= 1;
        let (length, range) = group.datagram(index);
        Some(DatagramRef { bytes: &self.room[range], length, group, encoding: self.encoding })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl ExactSizeIterator for RecvBatchIter<'_> {}
impl FusedIterator for RecvBatchIter<'_> {}

/// A borrowed datagram of a [`RecvBatch`]: a [`Datagram`](crate::Datagram) without a copy.
#[derive(Clone, Copy)]
pub struct DatagramRef<'a> {
    bytes: &'a [u8],
    /// The size of the whole datagram.
    length: usize,
    group: &'a Group,
    encoding: Encoding,
}

impl<'a> DatagramRef<'a> {
    /// Decodes the datagram in the [encoding of the endpoint](crate::udp::UdpBuilder::encoding).
    ///
    /// # Errors
    ///
    /// This returns an error if [`Datagram::text`](crate::Datagram::text) would.
    pub fn text(&self) -> Result<Cow<'a, str>> {
        self.text_in(self.encoding)
    }

    /// Returns the bytes of the datagram.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the address of the sender; see [`RecvMeta::source`].
    #[must_use]
    pub fn source(&self) -> SocketAddr {
        self.group.from
    }

    /// Returns the number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns `true` if the datagram has no bytes.
    ///
    /// UDP delivers empty datagrams. They do not mean the end of a stream.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Decodes the datagram in the given encoding.
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not valid in the encoding
    /// ([`InvalidText`](crate::ErrorKind::InvalidText)).
    pub fn text_in(&self, encoding: Encoding) -> Result<Cow<'a, str>> {
        encoding.decode(self.bytes).map_err(|error| Error::from(error).with_remote(Some(self.source())))
    }

    /// Decodes the datagram in the encoding of the endpoint, and replaces invalid bytes with `�`.
    #[must_use]
    pub fn text_lossy(&self) -> Cow<'a, str> {
        self.encoding.decode_with(self.bytes, OnInvalid::Replace).unwrap_or_default()
    }

    /// Returns the metadata, which [`reply`](crate::UdpEndpoint::reply) takes.
    pub fn meta(&self) -> RecvMeta {
        RecvMeta { from: self.group.from, info: self.group.info, length: self.length, len: self.bytes.len() }
    }

    /// Returns the address that the datagram was sent to; see [`RecvMeta::destination`].
    #[must_use]
    pub fn destination(&self) -> Option<IpAddr> {
        self.group.info.to
    }

    /// Returns the index of the interface on which the datagram arrived; see
    /// [`RecvMeta::interface_index`].
    #[must_use]
    pub fn interface_index(&self) -> Option<u32> {
        self.group.info.interface
    }

    /// Returns the size of the whole datagram if it was truncated; see [`RecvMeta::truncated`].
    #[must_use]
    pub fn truncated(&self) -> Option<usize> {
        (self.length > self.bytes.len()).then_some(self.length)
    }
}

/// Compares the bytes, the metadata and the encoding.
impl PartialEq for DatagramRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        let parts = |datagram: &Self| (datagram.meta(), datagram.encoding);
        self.bytes == other.bytes && parts(self) == parts(other)
    }
}

impl Eq for DatagramRef<'_> {}

impl Hash for DatagramRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.bytes, self.meta(), self.encoding).hash(state);
    }
}

impl AsRef<[u8]> for DatagramRef<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

impl fmt::Debug for DatagramRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        let shown = &self.bytes[..self.bytes.len().min(SHOWN)];
        f.debug_struct("DatagramRef")
            .field("bytes", &format_args!("{}", shown.escape_ascii()))
            .field("meta", &self.meta())
            .field("encoding", &self.encoding)
            .finish()
    }
}
