use std::error::Error as StdError;
use std::fmt;

use super::Error;

/// Which datagram of a batch was not sent, and how many were: why [`send_batch`](crate::UdpEndpoint::send_batch) ended early.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnsentDatagram {
    /// Which datagram of the batch it was, counted from 0 in the order in which they were put in since the batch was empty.
    pub index: usize,
    /// How many datagrams of the batch this call has sent, all of them whole. With several peers these need not be the first.
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
