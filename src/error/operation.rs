use std::fmt;

/// What the library was doing when an [`Error`](crate::Error) occurred; its `Display` opens the error's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Reading an address from text.
    ParseAddress,
    /// Looking a name up.
    Resolve,
    /// Creating a socket.
    Open,
    /// Setting or reading the socket option of that name.
    Configure(&'static str),
    /// Taking a local address.
    Bind,
    /// Waiting for connections at a local address.
    Listen,
    /// Taking a connection that has come.
    Accept,
    /// Connecting to a remote address.
    Connect,
    /// Sending a message.
    Send,
    /// Receiving a message.
    Receive,
    /// Looking at a message without taking it.
    Peek,
    /// Sending a message and waiting for its answer.
    Request,
    /// Starting the threads of a server.
    Serve,
    /// Starting a process that serves.
    StartProcess,
    /// Taking over a socket that this process was started with.
    Inherit,
    /// Sending a file.
    SendFile,
    /// Ending a connection, or one direction of it.
    Close,
    /// Becoming a member of a multicast group.
    JoinMulticast,
    /// Ending the membership of a multicast group.
    LeaveMulticast,
    /// Listing the network interfaces.
    ListInterfaces,
    /// Reading an encoding from its name.
    ParseEncoding,
    /// Turning bytes into text.
    Decode,
    /// Turning text into bytes.
    Encode,
    /// Making a [`CancelToken`](crate::CancelToken).
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
