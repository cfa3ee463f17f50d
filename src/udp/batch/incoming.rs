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

/// The system copies two to four times as fast to an address that is a multiple of this.
const ALIGNMENT: usize = 64;

/// Room for a datagram of any size, or as many as the system joins, behind as much again.
const ROOM: usize = 2 * (LARGEST_DATAGRAM + 1);

/// Received datagrams, in one buffer that is used again: see [`UdpEndpoint::recv_batch`](crate::UdpEndpoint::recv_batch).
///
/// The buffer, of 128 KiB, is allocated once, when the batch is first used. The datagrams are read where they lie:
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
#[derive(Default)]
pub struct RecvBatch {
    room: Vec<u8>,
    /// Where in the room an address is aligned.
    start: usize,
    /// Where in the room the next datagram goes.
    next: usize,
    groups: Vec<Group>,
    /// Those that the last call has delivered. What stands behind them is for the next.
    delivered: Range<usize>,
    /// How many datagrams these are.
    len: usize,
    /// What a call met after it had something to deliver.
    pub(super) error: Option<io::Error>,
    pub(super) encoding: Encoding,
}

/// Datagrams of one sender that came as one: all of one size but the last, which may be shorter.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) from: SocketAddr,
    pub(super) info: PacketInfo,
    /// Where in the room it begins.
    pub(super) at: usize,
    /// Its true length, and how much of it is in the room.
    pub(super) length: usize,
    pub(super) kept: usize,
    /// The size of each datagram.
    pub(super) segment: usize,
    /// How much of each datagram is delivered at most.
    pub(super) limit: usize,
    /// Whether it is one datagram that is to be an error.
    pub(super) is_too_long: bool,
}

impl Group {
    fn count(&self) -> usize {
        // One datagram may be empty.
        if self.length <= self.segment { 1 } else { self.length.div_ceil(self.segment) }
    }

    /// The true length of a datagram, and where what is delivered of it lies.
    #[inline]
    fn datagram(&self, index: usize) -> (usize, Range<usize>) {
        let start = index * self.segment;
        let length = self.segment.min(self.length - start);
        let kept = length.min(self.limit).min(self.kept.saturating_sub(start));
        let start = self.at + start.min(self.kept);
        (length, start..start + kept)
    }

    /// Each datagram as a group of its own.
    pub(super) fn single(&self, index: usize) -> Group {
        let (length, range) = self.datagram(index);
        Group { at: range.start, length, kept: range.len(), segment: length, ..*self }
    }
}

impl RecvBatch {
    /// An empty one.
    #[must_use]
    pub fn new() -> RecvBatch {
        RecvBatch::default()
    }

    /// The datagrams that the last call has received, in the order in which they came.
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

    /// How many datagrams the last call has received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is something that the last call has not delivered.
    pub(super) fn has_more(&self) -> bool {
        self.delivered.end < self.groups.len() || self.error.is_some()
    }

    /// Makes room for what is received next.
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

    /// The room for the next datagram, if there is as much left.
    pub(super) fn room(&mut self, bytes: usize) -> Option<&mut [u8]> {
        let next = self.next;
        self.room.get_mut(next..next + bytes)
    }

    /// How many bytes have been received.
    pub(super) fn used(&self) -> usize {
        self.next - self.start
    }

    /// Where the room for the next datagram begins.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    pub(super) fn is_filled(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Takes what lies in the room; how many datagrams these are.
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

    /// Delivers what the next call is for: all up to a datagram that is an error, or that one.
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

/// The datagrams of a [`RecvBatch`].
#[derive(Clone, Debug)]
pub struct RecvBatchIter<'a> {
    room: &'a [u8],
    groups: std::slice::Iter<'a, Group>,
    /// The group that is being gone through, the datagram that is next, and how many there are.
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

/// One datagram of a [`RecvBatch`], where it lies: what a [`Datagram`](crate::Datagram) tells, without a copy.
#[derive(Clone, Copy)]
pub struct DatagramRef<'a> {
    bytes: &'a [u8],
    /// The size of the whole datagram.
    length: usize,
    group: &'a Group,
    encoding: Encoding,
}

impl<'a> DatagramRef<'a> {
    /// The text, in the [encoding of the endpoint](crate::udp::UdpBuilder::encoding) that received it.
    ///
    /// # Errors
    ///
    /// This returns an error if [`Datagram::text`](crate::Datagram::text) would.
    pub fn text(&self) -> Result<Cow<'a, str>> {
        self.text_in(self.encoding)
    }

    /// The bytes as they came.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Who sent it: see [`RecvMeta::source`].
    #[must_use]
    pub fn source(&self) -> SocketAddr {
        self.group.from
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has no bytes; such a datagram can be sent, and is not an end.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The text in an encoding.
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not text of that encoding.
    pub fn text_in(&self, encoding: Encoding) -> Result<Cow<'a, str>> {
        encoding.decode(self.bytes).map_err(|error| Error::from(error).with_remote(Some(self.source())))
    }

    /// The text in the endpoint's encoding, whatever the bytes are: what is not text becomes `�` each time.
    #[must_use]
    pub fn text_lossy(&self) -> Cow<'a, str> {
        self.encoding.decode_with(self.bytes, OnInvalid::Replace).unwrap_or_default()
    }

    /// How it came in, for [`reply`](crate::UdpEndpoint::reply).
    pub fn meta(&self) -> RecvMeta {
        RecvMeta { from: self.group.from, info: self.group.info, length: self.length, len: self.bytes.len() }
    }

    /// The address it was sent to: see [`RecvMeta::destination`].
    #[must_use]
    pub fn destination(&self) -> Option<IpAddr> {
        self.group.info.to
    }

    /// The interface it came in by: see [`RecvMeta::interface_index`].
    #[must_use]
    pub fn interface_index(&self) -> Option<u32> {
        self.group.info.interface
    }

    /// The true size, if it did not fit: see [`RecvMeta::truncated`].
    #[must_use]
    pub fn truncated(&self) -> Option<usize> {
        (self.length > self.bytes.len()).then_some(self.length)
    }
}

/// Two are equal if the datagrams are: bytes, addresses, size and encoding.
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
