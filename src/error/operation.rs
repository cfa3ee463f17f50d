use std::fmt;

/// The operation that returned an [`Error`](crate::Error).
///
/// The text of an error begins with the `Display` output of its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Parsing an address.
    ParseAddress,
    /// Resolving a host name.
    #[doc(alias = "getaddrinfo", alias = "gethostbyname")]
    Resolve,
    /// Creating a socket.
    #[doc(alias = "socket")]
    Open,
    /// Setting or reading the option with this name.
    #[doc(alias = "setsockopt", alias = "getsockopt")]
    Configure(&'static str),
    /// Binding a local address.
    Bind,
    /// Listening for connections at a local address.
    Listen,
    /// Accepting a connection.
    Accept,
    /// Connecting to a remote address.
    Connect,
    /// Sending data.
    #[doc(alias = "sendto", alias = "sendmsg")]
    Send,
    /// Receiving data.
    #[doc(alias = "recv", alias = "recvfrom", alias = "recvmsg")]
    Receive,
    /// Receiving data without removing it from the receive buffer.
    #[doc(alias = "MSG_PEEK")]
    Peek,
    /// Sending a message and waiting for its reply.
    Request,
    /// Starting the threads of a server.
    Serve,
    /// Starting a child process that serves connections.
    #[doc(alias = "fork", alias = "execve")]
    StartProcess,
    /// Inheriting a socket from the process that started this one.
    #[doc(alias = "LISTEN_FDS")]
    Inherit,
    /// Sending a file.
    SendFile,
    /// Starting a copy between two connections.
    Copy,
    /// Closing a connection, or its write half.
    #[doc(alias = "shutdown")]
    Close,
    /// Joining a multicast group.
    #[doc(alias = "IP_ADD_MEMBERSHIP", alias = "IPV6_JOIN_GROUP")]
    JoinMulticast,
    /// Leaving a multicast group.
    #[doc(alias = "IP_DROP_MEMBERSHIP", alias = "IPV6_LEAVE_GROUP")]
    LeaveMulticast,
    /// Listing the network interfaces.
    #[doc(alias = "getifaddrs")]
    ListInterfaces,
    /// Parsing the name of an encoding.
    ParseEncoding,
    /// Decoding bytes as text.
    Decode,
    /// Encoding text as bytes.
    Encode,
    /// Creating a [`CancelToken`](crate::CancelToken).
    CreateCancelToken,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::ParseAddress => "parse address",
            Operation::Resolve => "resolve",
            Operation::Open => "open socket",
            Operation::Configure(option) => return write!(f, "configure {option}"),
            Operation::Bind => "bind",
            Operation::Listen => "listen",
            Operation::Accept => "accept",
            Operation::Connect => "connect",
            Operation::Send => "send",
            Operation::Receive => "receive",
            Operation::Peek => "peek",
            Operation::Request => "request",
            Operation::Serve => "serve",
            Operation::StartProcess => "start process",
            Operation::Inherit => "inherit socket",
            Operation::SendFile => "send file",
            Operation::Copy => "copy",
            Operation::Close => "close",
            Operation::JoinMulticast => "join multicast group",
            Operation::LeaveMulticast => "leave multicast group",
            Operation::ListInterfaces => "list interfaces",
            Operation::ParseEncoding => "parse encoding name",
            Operation::Decode => "decode text",
            Operation::Encode => "encode text",
            Operation::CreateCancelToken => "create cancel token",
        })
    }
}
