use std::error::Error as StdError;
use std::fmt;

use super::Error;

/// The datagram at which [`send_batch`](crate::UdpEndpoint::send_batch) failed, and the number of
/// datagrams that were sent.
#[doc(alias = "sendmmsg")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnsentDatagram {
    /// The index of the datagram, counted from 0 in the order in which datagrams were added since
    /// the batch was last empty.
    pub index: usize,
    /// The number of datagrams of the batch that this call has sent, each of them whole. With
    /// several peers these need not be the first ones.
    pub sent: usize,
    reason: Error,
}

impl UnsentDatagram {
    pub(crate) fn new(index: usize, sent: usize, reason: Error) -> UnsentDatagram {
        UnsentDatagram { index, sent, reason }
    }
}

impl fmt::Display for UnsentDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "datagram {} of a batch, {} sent: {}", self.index, self.sent, self.reason.reason())
    }
}

impl StdError for UnsentDatagram {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.reason.source()
    }
}
