use super::*;
use crate::error::{PartialTransfer, UnsentDatagram};

fn address(text: &str) -> SocketAddr {
    text.parse().expect("a test's address")
}

#[test]
fn error_is_pointer_sized() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
}

#[test]
fn display_shows_operation_target_and_kind() {
    let cause = io::Error::from(io::ErrorKind::AddrInUse);
    let error = Error::system(Operation::Bind, cause).at("127.0.0.1:7788");
    assert_eq!(error.to_string(), "bind 127.0.0.1:7788: address in use");
    assert!(error.is_address_in_use());
}

#[test]
fn source_is_os_error_and_display_omits_it() {
    let error = Error::system(Operation::Send, io::Error::from_raw_os_error(1)).at("192.0.2.1:9");
    let source = error.source().expect("a source");
    assert_eq!(source.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error), Some(1));
    assert!(!error.to_string().contains(&source.to_string()), "{error}");
    assert_eq!(error.raw_os_error(), Some(1));
}

#[test]
fn display_appends_address_resolved_from_name() {
    let error = Error::new(Operation::Send, ErrorKind::NetworkUnreachable)
        .at("db.example:5432")
        .with_remote(Some(address("192.0.2.7:5432")));
    assert_eq!(error.to_string(), "send to db.example:5432 (192.0.2.7:5432): network unreachable");
    let error = Error::new(Operation::Send, ErrorKind::NetworkUnreachable)
        .at("192.0.2.7:5432")
        .with_remote(Some(address("192.0.2.7:5432")));
    assert_eq!(error.to_string(), "send to 192.0.2.7:5432: network unreachable");
}

#[test]
fn timeout_display_rounds_elapsed() {
    let error = Error::new(Operation::Receive, ErrorKind::TimedOut)
        .with_local(Some(address("127.0.0.1:7788")))
        .with_elapsed(Some(Duration::from_nanos(200_104_729)));
    assert_eq!(error.to_string(), "receive at 127.0.0.1:7788: timed out after 200.1ms");
    assert_eq!(error.elapsed(), Some(Duration::from_nanos(200_104_729)));
    for (nanos, shown) in [(0, "0ns"), (7, "7ns"), (1_234_567_890, "1.234s"), (u64::MAX, "18440000000s")] {
        assert_eq!(format!("{:?}", rounded(Duration::from_nanos(nanos))), shown);
    }
}

#[test]
fn truncated_display_shows_size_limit_and_sender() {
    let detail = Truncated {
        length: 100,
        limit: 10,
        prefix: vec![7; 10],
        source: address("127.0.0.1:5000"),
        destination: None,
        interface_index: None,
    };
    let error = Error::detailed(Operation::Receive, ErrorKind::Truncated, detail.clone())
        .with_local(Some(address("127.0.0.1:7788")))
        .with_remote(Some(detail.source));
    assert_eq!(
        error.to_string(),
        "receive at 127.0.0.1:7788 from 127.0.0.1:5000: datagram of 100 bytes does not fit the limit of 10"
    );
    assert_eq!(error.truncated(), Some(&detail));
    assert!(error.source().is_none(), "the detail is printed, so it is not a source as well");
}

#[test]
fn would_block_and_timed_out_map_to_timeout() {
    for kind in [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut] {
        assert!(Error::system(Operation::Receive, kind.into()).is_timeout());
    }
}

#[test]
fn io_error_conversion_keeps_kind_and_error() {
    for kind in [io::ErrorKind::TimedOut, io::ErrorKind::AddrInUse, io::ErrorKind::ConnectionRefused] {
        let error: io::Error = Error::system(Operation::Bind, kind.into()).at("there").into();
        assert_eq!(error.kind(), kind);
        let inner =
            error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).expect("our error inside");
        assert_eq!(inner.target(), Some("there"));
    }
    let stopped: io::Error = Error::new(Operation::Receive, ErrorKind::Cancelled).into();
    assert_ne!(stopped.kind(), io::ErrorKind::Interrupted, "std would call again");
}

#[test]
fn is_temporary_holds_for_retryable_kinds() {
    let resolve = |kind| Error::new(Operation::Resolve, kind).is_temporary();
    assert!(resolve(ErrorKind::NameResolution) && !resolve(ErrorKind::NameNotFound));
    for (kind, temporary) in [
        (ErrorKind::TimedOut, true),
        (ErrorKind::ConnectionRefused, true),
        (ErrorKind::ConnectionReset, false),
        (ErrorKind::DeadPeer, false),
        (ErrorKind::InvalidAddress, false),
        (ErrorKind::UnencodableText, false),
        (ErrorKind::Cancelled, false),
    ] {
        assert_eq!(Error::new(Operation::Send, kind).is_temporary(), temporary, "{kind:?}");
    }
}

#[test]
fn debug_prints_message_and_causes() {
    let error = Error::system(Operation::Bind, io::Error::from_raw_os_error(1)).at(":80");
    let text = format!("{error:?}");
    assert!(text.starts_with("bind :80: "), "{text}");
    assert!(text.contains("; caused by: ") && text.contains("os error 1"), "{text}");
}

#[test]
fn clone_shares_cause_and_detail() {
    let error = Error::system(Operation::Send, io::Error::from_raw_os_error(1)).at("192.0.2.1:9");
    let copy = error.clone();
    assert_eq!(copy.to_string(), error.to_string());
    assert_eq!(copy.raw_os_error(), Some(1));
    let source = |error: &Error| {
        error.source().and_then(<dyn StdError>::downcast_ref::<io::Error>).map(std::ptr::from_ref)
    };
    assert!(source(&copy).is_some() && source(&copy) == source(&error));

    let error = Error::system(Operation::Receive, io::Error::other("of the stream"));
    let copy = error.clone();
    drop(error);
    assert_eq!(copy.source().expect("a source").to_string(), "of the stream");

    let partial = PartialTransfer::new(ErrorKind::TimedOut, 3, 5, None);
    let error = Error::detailed(Operation::Receive, ErrorKind::TimedOut, partial);
    let detail = |error: &Error| error.detail::<PartialTransfer>().map(std::ptr::from_ref);
    assert!(detail(&error).is_some() && detail(&error.clone()) == detail(&error));
}

#[test]
fn clone_is_changed_without_the_original() {
    let error = Error::system(Operation::Send, io::Error::from_raw_os_error(1)).at("192.0.2.1:9");
    let copy = error.clone().with_operation(Operation::Connect).with_target("elsewhere");
    assert_eq!((error.operation(), error.target()), (Operation::Send, Some("192.0.2.1:9")));
    assert_eq!((copy.operation(), copy.target()), (Operation::Connect, Some("elsewhere")));
    assert_eq!(copy.raw_os_error(), Some(1));
}

#[test]
fn details_with_an_os_error_keep_it_in_clones() {
    let system = || Error::system(Operation::Send, io::Error::from_raw_os_error(1));
    let partial = PartialTransfer::new(ErrorKind::Other, 3, 5, Some(system()));
    let unsent = UnsentDatagram::new(1, 1, system());
    for copy in [Box::new(partial.clone()) as Box<dyn StdError>, Box::new(unsent.clone())] {
        let source = copy.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.and_then(io::Error::raw_os_error), Some(1), "{copy}");
    }
}
