//! Errors of name servers.

/// The reason why a name server gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerFault {
    /// The server did not respond within the timeout.
    #[error("did not respond")]
    Timeout,
    /// The server refused the query (ICMP port unreachable), or there is no route to it.
    #[error("is unreachable")]
    Unreachable,
    /// The server closed the TCP connection before it responded.
    #[error("closed the connection")]
    Closed,
    /// The timeout of the lookup expired before the server was queried.
    #[error("was not queried")]
    NotQueried,
    /// The server returned an error or an invalid response.
    #[error(transparent)]
    Reply(ResponseError),
}

#[cfg(feature = "dns")]
impl ServerFault {
    /// Whether the server did not respond at all.
    pub(crate) fn is_silence(self) -> bool {
        matches!(self, ServerFault::Timeout | ServerFault::Unreachable)
    }
}

/// An error in the response of a name server: its response code (RFC 1035, section 4.1.1), or an
/// invalid message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// FORMERR: the server cannot interpret the query.
    #[error("returned FORMERR")]
    FormErr,
    /// SERVFAIL: the server failed.
    #[error("returned SERVFAIL")]
    ServFail,
    /// NOTIMP: the server does not implement this kind of query.
    #[error("returned NOTIMP")]
    NotImplemented,
    /// REFUSED: the server refuses by policy, for this client or name.
    #[error("returned REFUSED")]
    Refused,
    /// Another response code.
    #[error("returned code {0}")]
    Other(u8),
    /// The response is not a valid message.
    #[error("sent a malformed response")]
    Malformed,
    /// The server is not authoritative for the name and does not offer recursion (lame delegation).
    #[error("is not authoritative for the name")]
    NotAuthoritative,
    /// An extended response code (RFC 6891, section 6.1.3), such as 16 for BADVERS.
    #[error("returned extended code {0}")]
    Extended(u16),
    /// The target of an alias (CNAME) is not a host name, or is a name that is never queried.
    #[error("returned a CNAME that is not a host name")]
    InvalidCname,
    /// The chain of aliases (CNAME) is too long.
    #[error("returned a CNAME chain that is too long")]
    CnameLoop,
}
