use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::ops::Range;

use crate::options::LARGEST_DATAGRAM;
use crate::proto::text::Encoding;
use crate::proto::udp::recv_meta::RecvMeta;
use crate::udp::datagram_ref::DatagramRef;

/// The kernel copies two to four times as fast to an address that is a multiple of this.
const ALIGNMENT: usize = 64;

/// Space for a datagram of any size, or for as many as the OS joins, after as much again.
const BUFFER_SIZE: usize = 2 * (LARGEST_DATAGRAM + 1);

/// A reusable buffer of received datagrams, for
/// [`UdpBatchEndpoint::recv_batch`](crate::udp::UdpBatchEndpoint::recv_batch).
///
/// The buffer has 128 KiB. It is allocated when the batch is first used, and kept. Datagrams are
/// read from it without a copy.
///
/// # Examples
///
/// ```
/// use socketry::UdpEndpoint;
/// use socketry::udp::{RecvBatch, UdpBatchEndpoint};
///
/// let receiver = UdpBatchEndpoint::new(UdpEndpoint::bind("127.0.0.1:0")?);
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
    buffer: Vec<u8>,
    /// The offset of an aligned address in the buffer.
    start: usize,
    /// The offset of the next datagram in the buffer.
    next: usize,
    groups: Vec<GroSegments>,
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
pub(super) struct GroSegments {
    /// The sizes are those of the whole group.
    pub(super) meta: RecvMeta,
    /// Its offset in the buffer.
    pub(super) at: usize,
    /// The size of each datagram.
    pub(super) segment: usize,
    /// The maximum number of bytes delivered of each datagram.
    pub(super) limit: usize,
    /// Whether it is one datagram that is larger than the limit, and an error.
    pub(super) is_too_long: bool,
}

impl GroSegments {
    fn count(&self) -> usize {
        // One datagram may be empty.
        if self.meta.length() <= self.segment { 1 } else { self.meta.length().div_ceil(self.segment) }
    }

    /// Returns the length of a datagram, and the range of its delivered bytes.
    #[inline]
    fn datagram(&self, index: usize) -> (usize, Range<usize>) {
        let start = index * self.segment;
        let length = self.segment.min(self.meta.length() - start);
        let kept = length.min(self.limit).min(self.meta.len().saturating_sub(start));
        let start = self.at + start.min(self.meta.len());
        (length, start..start + kept)
    }

    /// Returns one datagram as a group.
    pub(super) fn single(&self, index: usize) -> GroSegments {
        let (length, range) = self.datagram(index);
        let meta = self.meta.with_sizes(length, range.len());
        GroSegments { meta, at: range.start, segment: length, ..*self }
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
            buffer: &self.buffer,
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
        if self.buffer.is_empty() {
            self.buffer = vec![0; BUFFER_SIZE + ALIGNMENT];
            self.start = self.buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        }
        self.next = self.start;
        self.groups.clear();
        self.delivered = 0..0;
        self.len = 0;
    }

    /// Returns the buffer for the next datagram, if that much is left.
    pub(super) fn spare(&mut self, bytes: usize) -> Option<&mut [u8]> {
        let next = self.next;
        self.buffer.get_mut(next..next + bytes)
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
    pub(super) fn add(&mut self, group: GroSegments, is_error: bool) -> usize {
        self.next += group.meta.len().next_multiple_of(ALIGNMENT);
        let count = group.count();
        if is_error && group.segment > group.limit {
            for index in 0..count {
                let single = group.single(index);
                let is_too_long = single.meta.length() > group.limit;
                self.groups.push(GroSegments { is_too_long, ..single });
            }
        } else {
            self.groups.push(group);
        }
        count
    }

    /// Delivers all datagrams up to one that is an error, or that one if it is first.
    pub(super) fn deliver(&mut self) -> std::result::Result<usize, &GroSegments> {
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
        &self.buffer[at..at + length]
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
    buffer: &'a [u8],
    groups: std::slice::Iter<'a, GroSegments>,
    /// The current group, the index of its next datagram, and its number of datagrams.
    group: Option<(&'a GroSegments, usize, usize)>,
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
        Some(DatagramRef { bytes: &self.buffer[range], length, meta: &group.meta, encoding: self.encoding })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl ExactSizeIterator for RecvBatchIter<'_> {}
impl FusedIterator for RecvBatchIter<'_> {}
