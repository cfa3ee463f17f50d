use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().expect("a test's address")
}

#[test]
fn an_error_is_as_large_as_a_pointer() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
}

#[test]
fn a_system_error_reads_as_operation_place_and_kind() {
    let cause = io::Error::from(io::ErrorKind::AddrInUse);
    let error = Error::system(Operation::Bind, cause).at("127.0.0.1:7788");
    assert_eq!(error.to_string(), "bind 127.0.0.1:7788: address in use");
    assert!(error.is_address_in_use());
}

#[test]
fn the_source_is_the_systems_error_and_its_words_are_not_printed_twice() {
    let error = Error::system(Operation::Send, io::Error::from_raw_os_error(1)).at("192.0.2.1:9");
    let source = error.source().expect("a source");
    assert_eq!(source.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error), Some(1));
    assert!(!error.to_string().contains(&source.to_string()), "{error}");
    assert_eq!(error.raw_os_error(), Some(1));
}

#[test]
fn a_place_by_name_shows_the_address_it_stood_for() {
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
fn a_timeout_says_how_long_in_few_digits() {
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
fn a_truncated_datagram_says_its_size_the_limit_and_the_sender() {
    let detail = Truncated {
        length: 100,
        limit: 10,
        prefix: vec![7; 10],
        from: address("127.0.0.1:5000"),
        to: None,
        interface: None,
    };
    let error = Error::detailed(Operation::Receive, ErrorKind::Truncated, detail.clone())
        .with_local(Some(address("127.0.0.1:7788")))
        .with_remote(Some(detail.from));
    assert_eq!(
        error.to_string(),
        "receive at 127.0.0.1:7788 from 127.0.0.1:5000: datagram of 100 bytes does not fit the limit of 10"
    );
    assert_eq!(error.truncated(), Some(&detail));
    assert!(error.source().is_none(), "the detail is printed, so it is not a source as well");
}

#[test]
fn every_code_for_a_timeout_is_one_kind() {
    for kind in [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut] {
        assert!(Error::system(Operation::Receive, kind.into()).is_timeout());
    }
}

#[test]
fn a_conversion_into_an_io_error_keeps_kind_and_contents() {
    for kind in [io::ErrorKind::TimedOut, io::ErrorKind::AddrInUse, io::ErrorKind::ConnectionRefused] {
        let error: io::Error = Error::system(Operation::Bind, kind.into()).at("there").into();
        assert_eq!(error.kind(), kind);
        let inner =
            error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).expect("our error inside");
        assert_eq!(inner.place(), Some("there"));
    }
    let stopped: io::Error = Error::new(Operation::Receive, ErrorKind::Stopped).into();
    assert_ne!(stopped.kind(), io::ErrorKind::Interrupted, "std would call again");
}

#[test]
fn temporary_is_what_a_later_try_can_mend() {
    for (kind, temporary) in [
        (ErrorKind::TimedOut, true),
        (ErrorKind::ConnectionRefused, true),
        (ErrorKind::NameUnavailable, true),
        (ErrorKind::NameNotFound, false),
        (ErrorKind::InvalidAddress, false),
        (ErrorKind::UnencodableText, false),
        (ErrorKind::Stopped, false),
    ] {
        assert_eq!(Error::new(Operation::Send, kind).is_temporary(), temporary, "{kind:?}");
    }
}

#[test]
fn debug_prints_the_line_and_its_causes() {
    let error = Error::system(Operation::Bind, io::Error::from_raw_os_error(1)).at(":80");
    let text = format!("{error:?}");
    assert!(text.starts_with("bind :80: "), "{text}");
    assert!(text.contains("; caused by: ") && text.contains("os error 1"), "{text}");
}
