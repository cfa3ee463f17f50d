use super::*;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

fn parse(text: &str) -> Result<Address, AddressError> {
    text.parse()
}

#[test]
fn address_parses_every_target_form() {
    let v4 = SocketAddr::from(([127, 0, 0, 1], 80));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 80));
    assert_eq!(parse("127.0.0.1:80").unwrap().socket_addr(), Some(v4));
    assert_eq!(parse("[::1]:80").unwrap().socket_addr(), Some(v6));
    assert_eq!(Address::try_from(("127.0.0.1", 80)).unwrap(), v4.into());
    assert_eq!(Address::try_from(("::1", 80)).unwrap(), v6.into());
    assert_eq!(Address::try_from(("[::1]", 80)).unwrap(), v6.into());
    assert_eq!(Address::from((Ipv4Addr::LOCALHOST, 80)), v4.into());
    assert_eq!(
        parse("<broadcast>:7788").unwrap().socket_addr(),
        Some(SocketAddr::from(([255, 255, 255, 255], 7788)))
    );
    for name in
        ["localhost", "db.example", "db.example.", "例子.中国", "a_b", "xn--fsqu6v.xn--fiqs8s", "1a", "3com"]
    {
        let address = parse(&format!("{name}:80")).unwrap();
        assert_eq!((address.name(), address.port(), address.ip()), (Some(name), 80, None));
    }
}

#[test]
fn every_address_type_converts_by_value_and_by_reference() {
    fn both(value: impl ToAddress + ToBindAddress) -> Address {
        fn convert(value: impl ToAddress) -> Address {
            value.to_address().unwrap()
        }
        fn convert_to_bind(value: impl ToBindAddress) -> BindAddress {
            value.to_bind_address().unwrap()
        }
        let address = convert(&value);
        assert_eq!(convert_to_bind(&value), BindAddress::from(address.clone()));
        assert_eq!(convert(value), address);
        address
    }
    let v4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
    let (text, host) = (String::from("127.0.0.1:80"), String::from("127.0.0.1"));
    let expected = Address::from(v4);
    assert_eq!(both("127.0.0.1:80"), expected);
    assert_eq!(both(&text), expected);
    assert_eq!(both(text), expected);
    assert_eq!(both(("127.0.0.1", 80)), expected);
    assert_eq!(both((&host, 80)), expected);
    assert_eq!(both((host, 80)), expected);
    assert_eq!(both((Ipv4Addr::LOCALHOST, 80)), expected);
    assert_eq!(both((IpAddr::from(Ipv4Addr::LOCALHOST), 80)), expected);
    assert_eq!(both(v4), expected);
    assert_eq!(both(SocketAddr::from(v4)), expected);
    assert_eq!(both(expected.clone()), expected);
    let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 0);
    assert_eq!(both((Ipv6Addr::LOCALHOST, 80)), both(v6));
    assert_eq!(80.to_bind_address().unwrap(), BindAddress::from(80));
    assert_eq!(BindAddress::from(80).to_bind_address().unwrap(), BindAddress::from(80));
    assert!(":80".to_address().is_err() && ("", 80).to_address().is_err());
    assert_eq!(":80".to_bind_address().unwrap(), ("", 80).to_bind_address().unwrap());
}

#[test]
fn address_accepts_named_and_numeric_zone() {
    let named = parse("[fe80::1%eth0]:80").unwrap();
    assert_eq!((named.zone(), named.socket_addr()), (Some("eth0"), None));
    assert_eq!(named.to_string(), "[fe80::1%eth0]:80");
    assert_eq!(Address::try_from(("fe80::1%eth0", 80)).unwrap(), named);
    let numbered = parse("[fe80::1%3]:80").unwrap();
    assert_eq!(numbered.socket_addr(), Some(SocketAddrV6::new("fe80::1".parse().unwrap(), 80, 0, 3).into()));
    assert_eq!(numbered.to_string().parse::<Address>().unwrap(), numbered);
}

#[test]
fn bind_address_parses_every_form() {
    let every = BindAddress::from(SocketAddr::from(([0, 0, 0, 0], 7788)));
    assert_eq!(":7788".parse::<BindAddress>().unwrap(), every);
    assert_eq!("7788".parse::<BindAddress>().unwrap(), every);
    assert_eq!(BindAddress::try_from(("", 7788)).unwrap(), every);
    assert_eq!(BindAddress::from(7788), every);
    assert!(every.is_unspecified() && every.port() == 7788);
    assert!(BindAddress::try_from("[::]:0").unwrap().is_unspecified());
    assert_eq!(BindAddress::try_from("localhost:0").unwrap().port(), 0);
    assert!("".parse::<BindAddress>().is_err() && "70000".parse::<BindAddress>().is_err());
    assert!("127.0.0.1".parse::<BindAddress>().is_err(), "a host alone is not a port");
}

#[test]
fn parse_error_reports_reason_and_offset() {
    for (text, offset, words) in [
        ("", 0, "empty"),
        ("localhost", 9, "port is missing"),
        ("localhost:", 10, "port is missing"),
        ("[::1]", 5, "port is missing"),
        ("localhost:http", 10, "not a decimal number"),
        ("localhost:8o", 11, "not a decimal number"),
        ("localhost:+80", 10, "not a decimal number"),
        ("localhost: 80", 10, "not a decimal number"),
        ("localhost:65536", 10, "larger than 65535"),
        ("localhost:99999999999999999999", 10, "larger than 65535"),
        ("localhost:0", 10, "port 0"),
        (":80", 0, "host is missing"),
        ("::1:80", 0, "in brackets"),
        ("fe80::1%eth0:80", 4, "in brackets"),
        ("[::1:80", 0, "not closed"),
        ("[::1]80", 5, "colon and the port"),
        ("[127.0.0.1]:80", 1, "not an IPv6"),
        ("[fe80::1%]:80", 9, "zone after % is missing"),
        ("[fe80::1%a b]:80", 10, "' ' cannot be part of a zone"),
        ("http://example.com:80", 4, "URL"),
        ("http://example.com", 4, "URL"),
        ("256.1.1.1:80", 0, "ends in a number"),
        ("127.1:80", 0, "ends in a number"),
        ("2130706433:80", 0, "ends in a number"),
        ("0x7f.0x1:80", 0, "ends in a number"),
        ("１２７.０.０.1:80", 0, "ends in a number"),
        ("a..b:80", 2, "part of the host name is empty"),
        (".a:80", 0, "part of the host name is empty"),
        ("a b:80", 1, "' ' cannot be part"),
        ("a\0b:80", 1, "cannot be part"),
        ("例子 .中国:80", 6, "' ' cannot be part"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.to_string().contains(words), "{text:?}: {error}");
        assert_eq!(error.offset(), offset, "{text:?}: {error}");
        assert_eq!(error.text(), text);
    }
    let long = format!("{}:80", "a".repeat(300));
    let error = parse(&long).unwrap_err();
    assert!(error.to_string().contains("longer than 253"), "{error}");
    assert!(error.to_string().len() < 160, "a message shows the beginning of a long text: {error}");
}

/// Found by fuzzing: the place of what is too much was within a character.
#[test]
fn too_long_name_offset_is_char_boundary() {
    for (name, offset) in [("中".repeat(90), 252), ("é".repeat(127), 252), ("a".repeat(254), 253)] {
        let error = parse(&format!("{name}:80")).unwrap_err();
        assert!(error.to_string().contains("longer than 253"), "{error}");
        assert_eq!(error.offset(), offset);
        assert!(name.is_char_boundary(offset));
    }
}

#[test]
fn parse_error_converts_to_error_with_text_as_target() {
    let error = crate::Error::from(parse("host:99999").unwrap_err());
    assert_eq!(error.to_string(), r#"parse address: "host:99999": the port is larger than 65535, at byte 5"#);
    assert_eq!(error.kind(), crate::ErrorKind::InvalidAddress);
    assert_eq!(error.target(), Some("host:99999"));
    assert_eq!(error.detail::<AddressError>().unwrap().offset(), 5);
}

proptest! {
    /// Whatever is parsed prints as a text that parses to the same address.
    #[test]
    fn display_round_trips_through_parse(text in "[a-zA-Z0-9.:%\\[\\]<> 中-国]{0,24}") {
        if let Ok(address) = parse(&text) {
            prop_assert_eq!(parse(&address.to_string()).unwrap(), address);
        }
        if let Ok(address) = text.parse::<BindAddress>() {
            prop_assert_eq!(address.to_string().parse::<BindAddress>().unwrap(), address);
        }
    }

    /// No text makes the parser panic, and a fault lies inside the text, between two characters.
    #[test]
    fn parse_error_offset_of_any_text_is_char_boundary(text in any::<String>(), port in any::<u16>()) {
        if let Err(error) = parse(&text) {
            prop_assert!(text.is_char_boundary(error.offset()), "{} in {:?}", error.offset(), text);
        }
        let _ = text.parse::<BindAddress>();
        let _ = Address::try_from((text.as_str(), port));
    }

    /// Every socket address survives its own text.
    #[test]
    fn every_socket_addr_parses_as_address(ip in any::<std::net::IpAddr>(), port in 1_u16..) {
        let address = SocketAddr::new(ip, port);
        prop_assert_eq!(parse(&address.to_string()).unwrap().socket_addr(), Some(address));
        prop_assert_eq!(Address::try_from((ip.to_string().as_str(), port)).unwrap().socket_addr(), Some(address));
    }
}
