//! Which errors are temporary: one table of error kinds and operations. Retries, reconnects, accept
//! loops and resolvers decide by it.

use super::{ErrorKind, Operation};

/// What an operation works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// A name.
    Lookup,
    /// A connection that is being established.
    Connect,
    /// A listener.
    Accept,
    /// An established connection, or a UDP socket. `ConnectionRefused` and unreachable hosts are
    /// reported of the latter only; `ConnectionReset` and `DeadPeer` of the former only.
    Transfer,
    /// A request over UDP, which is sent again.
    Request,
    /// This machine: sockets, options, processes, files.
    Local,
}

impl Subject {
    fn of(operation: Operation) -> Subject {
        match operation {
            Operation::Resolve => Subject::Lookup,
            Operation::Connect => Subject::Connect,
            Operation::Accept => Subject::Accept,
            Operation::Send
            | Operation::SendFile
            | Operation::Receive
            | Operation::Peek
            | Operation::Close => Subject::Transfer,
            Operation::Request => Subject::Request,
            _ => Subject::Local,
        }
    }
}

/// A kind of error that is temporary for these subjects, and why.
struct Row {
    kind: ErrorKind,
    subjects: &'static [Subject],
    /// Whether only an error of the OS counts, and not one that this crate has detected.
    only_os: bool,
    /// For readers of the table.
    #[allow(dead_code, reason = "a reason for each row, which the test reads")]
    reason: &'static str,
}

const fn row(kind: ErrorKind, subjects: &'static [Subject], reason: &'static str) -> Row {
    Row { kind, subjects, only_os: false, reason }
}

/// A row for errors of the OS only.
const fn os_row(kind: ErrorKind, subjects: &'static [Subject], reason: &'static str) -> Row {
    Row { kind, subjects, only_os: true, reason }
}

use Subject::{Accept, Connect, Local, Lookup, Request, Transfer};

/// Everything that is not in the table is final.
const TEMPORARY: &[Row] = &[
    row(
        ErrorKind::TimedOut,
        &[Lookup, Connect, Accept, Transfer, Request, Local],
        "the peer or the network was slow; a repeated call has a new limit",
    ),
    row(
        ErrorKind::ResourceExhausted,
        &[Lookup, Connect, Accept, Transfer, Request, Local],
        "EMFILE, ENFILE, ENOBUFS, ENOMEM: other sockets and processes release descriptors and memory",
    ),
    row(ErrorKind::NameResolution, &[Lookup, Connect, Request], "EAI_AGAIN, SERVFAIL: name servers recover"),
    row(
        ErrorKind::ConnectionRefused,
        &[Connect, Transfer, Request],
        "the server is starting; for UDP, the ICMP error of an earlier datagram",
    ),
    row(
        ErrorKind::ConnectionReset,
        &[Connect, Accept],
        "during the handshake: the server has a full backlog or restarts. An established connection is over",
    ),
    row(
        ErrorKind::ConnectionAborted,
        &[Connect, Accept],
        "ECONNABORTED: this connection only. An established connection is over",
    ),
    row(
        ErrorKind::NetworkUnreachable,
        &[Lookup, Connect, Accept, Transfer, Request],
        "ENETUNREACH, ENETDOWN: an interface or a route comes back; accept(2) reports errors of the new connection",
    ),
    row(
        ErrorKind::HostUnreachable,
        &[Lookup, Connect, Accept, Transfer, Request],
        "EHOSTUNREACH, EHOSTDOWN: the host is restarting; a connection that it ended is DeadPeer",
    ),
    os_row(
        ErrorKind::DeviceNotFound,
        &[Lookup, Connect, Accept, Transfer, Request, Local],
        "ENODEV, ENXIO: a USB adapter, VPN or container comes back",
    ),
    os_row(
        ErrorKind::AddressNotAvailable,
        &[Connect, Request],
        "EADDRNOTAVAIL: all ephemeral ports are in use, which TIME_WAIT ends, or the local address comes back",
    ),
    os_row(
        ErrorKind::AddressInUse,
        &[Connect],
        "EADDRINUSE: an earlier connection from the same local port is in TIME_WAIT",
    ),
    os_row(
        ErrorKind::PermissionDenied,
        &[Request],
        "EPERM: a firewall rule drops the datagram, and may be replaced",
    ),
    os_row(
        ErrorKind::MessageTooLong,
        &[Request],
        "EMSGSIZE: a smaller path MTU has become known, by which the kernel fragments the next datagram",
    ),
];

/// Returns `true` if the same call may succeed later. `is_os` says that the OS reported the error.
pub(super) fn is_temporary(kind: ErrorKind, operation: Operation, is_os: bool) -> bool {
    let subject = Subject::of(operation);
    TEMPORARY.iter().any(|row| row.kind == kind && row.subjects.contains(&subject) && (is_os || !row.only_os))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_reason_and_appears_once() {
        for (position, row) in TEMPORARY.iter().enumerate() {
            assert!(row.reason.len() > 10, "{:?}", row.kind);
            assert!(TEMPORARY[..position].iter().all(|other| other.kind != row.kind), "{:?}", row.kind);
        }
    }

    #[test]
    fn errors_that_end_a_connection_are_final() {
        for kind in [ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted, ErrorKind::DeadPeer] {
            for operation in [Operation::Send, Operation::Receive, Operation::Peek, Operation::SendFile] {
                assert!(!is_temporary(kind, operation, true), "{operation} {kind}");
            }
        }
        assert!(is_temporary(ErrorKind::TimedOut, Operation::Receive, false));
        assert!(is_temporary(ErrorKind::ConnectionReset, Operation::Connect, true));
    }

    #[test]
    fn local_port_shortage_is_temporary_only_if_the_os_reports_it() {
        assert!(is_temporary(ErrorKind::AddressNotAvailable, Operation::Connect, true));
        assert!(!is_temporary(ErrorKind::AddressNotAvailable, Operation::Connect, false));
        assert!(!is_temporary(ErrorKind::AddressNotAvailable, Operation::Bind, true));
        assert!(!is_temporary(ErrorKind::AddressInUse, Operation::Bind, true));
    }

    #[test]
    fn firewall_and_path_mtu_are_temporary_for_requests_only() {
        for kind in [ErrorKind::PermissionDenied, ErrorKind::MessageTooLong] {
            assert!(is_temporary(kind, Operation::Request, true), "{kind}");
            assert!(!is_temporary(kind, Operation::Request, false), "{kind} of this crate");
            assert!(!is_temporary(kind, Operation::Send, true), "{kind}");
        }
    }
}
