//! What goes wrong with name servers.

/// What went wrong with a name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerFault {
    /// It has not answered in its time.
    #[error("did not respond")]
    Timeout,
    /// Its system says that nobody listens, or no way leads to it.
    #[error("is unreachable")]
    Unreachable,
    /// The time was over before its turn came.
    #[error("was not queried")]
    NotQueried,
    /// It has answered that it has no answer, or with what is none.
    #[error(transparent)]
    Reply(ResponseError),
}

/// Why a name server's reply is none that anything can be made of: by its code (RFC 1035, 4.1.1), or by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// FORMERR: it does not understand the query.
    #[error("returned FORMERR")]
    FormErr,
    /// SERVFAIL: it has a problem of its own.
    #[error("returned SERVFAIL")]
    ServFail,
    /// NOTIMP: it does not implement such queries.
    #[error("returned NOTIMP")]
    NotImplemented,
    /// REFUSED: it will not, for this client or name.
    #[error("returned REFUSED")]
    Refused,
    /// Another code.
    #[error("returned code {0}")]
    Other(u8),
    /// The reply is no message.
    #[error("sent a malformed response")]
    Malformed,
    /// It is not in charge of the name and does not ask for it either.
    #[error("is not authoritative for the name")]
    NotAuthoritative,
    /// More aliases in a row than anybody needs.
    #[error("returned a CNAME chain that is too long")]
    CnameLoop,
}
