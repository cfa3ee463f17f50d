//! Names, and who says what they stand for: a hosts file, a server, what was said before.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use socketry::Resolver;

use crate::cli::Outcome;
use crate::cli::name_server::with_name_server;
use crate::show;

pub(crate) fn a_name_and_who_says_so() -> Outcome {
    let known = [
        ("printer.example", IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53))),
        ("xn--fsqu6v.xn--fiqs8s", IpAddr::V4(Ipv4Addr::new(192, 0, 2, 80))),
    ];
    with_name_server(&known, |server| {
        let resolver = Resolver::builder().server(&server.to_string())?.build();
        for name in ["localhost", "printer.example", "Printer.Example.", "例如.中国", "192.0.2.7"] {
            let began = Instant::now();
            let found = resolver.lookup(name);
            let elapsed = began.elapsed();
            match found {
                Ok(found) => {
                    show!("{name}: {:?} from {} in {elapsed:.1?}", found.addresses(), found.source())?
                }
                // Another script, in a build without the feature `idna`.
                Err(error) => show!("{error}")?,
            }
        }
        Ok(())
    })
}

pub(crate) fn a_name_that_is_not_found() -> Outcome {
    with_name_server(&[("six.example", IpAddr::V6(Ipv6Addr::LOCALHOST))], |server| {
        let resolver = Resolver::builder().use_hosts(false).server(&server.to_string())?;
        let resolver = resolver.timeout(Duration::from_millis(200)).build();
        for name in ["nobody.example", "silent.example", "two..dots", "127.1"] {
            match resolver.lookup(name) {
                Ok(found) => show!("{name}: {:?}", found.addresses())?,
                Err(error) => {
                    let hope = if error.is_temporary() { "asking again may help" } else { "it stays so" };
                    show!("{error}: {hope}")?;
                }
            }
        }
        if let Err(error) = resolver.gethostbyname("six.example") {
            show!("gethostbyname: {error}")?;
        }
        Ok(())
    })
}
