//! Addresses as people write them.

use super::choices::Choices;
use crate::addr::{Address, AddressError, BindAddress};

fn check_fault(text: &str, error: &AddressError) {
    assert!(text.is_char_boundary(error.offset()), "{} in {text:?}", error.offset());
    assert_eq!(error.text(), text);
    assert!(error.to_string().len() < 600, "a message shows the beginning of a long text");
}

/// What is parsed prints as a text that parses to the same, and a fault lies inside the text.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    let port = u16::from(choices.byte()) << 8 | u16::from(choices.byte());
    let text = &*String::from_utf8_lossy(choices.rest());
    match text.parse::<Address>() {
        Ok(address) => {
            assert_ne!(address.port(), 0);
            assert_eq!(address.to_string().parse::<Address>().unwrap(), address, "{text:?}");
            let ways = [address.name().is_some(), address.zone().is_some(), address.socket_addr().is_some()];
            assert_eq!(ways.iter().filter(|is| **is).count(), 1, "{text:?} is one thing");
            assert!(address.name().is_none_or(|name| name.parse::<std::net::IpAddr>().is_err()), "{text:?}");
            assert!(text.parse::<BindAddress>().is_ok(), "who can be sent to can be named to bind: {text:?}");
        }
        Err(error) => check_fault(text, &error),
    }
    match text.parse::<BindAddress>() {
        Ok(address) => assert_eq!(address.to_string().parse::<BindAddress>().unwrap(), address, "{text:?}"),
        Err(error) => check_fault(text, &error),
    }
    match Address::try_from((text, port)) {
        Ok(address) => {
            assert!(port != 0 && address.port() == port);
            assert_eq!(address.to_string().parse::<Address>().unwrap(), address, "{text:?}");
        }
        Err(error) => check_fault(text, &error),
    }
    if let Ok(address) = BindAddress::try_from((text, port)) {
        assert_eq!(address.to_string().parse::<BindAddress>().unwrap(), address, "{text:?}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn parsed_addresses_round_trip() {
        crate::fuzzing::trial::holds("addresses", super::property);
    }
}
