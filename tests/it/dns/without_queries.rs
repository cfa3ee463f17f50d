//! Lookups without name servers: hosts files, special names, and the OS resolver. They work the
//! same without the feature `dns`.

use std::fs;
use std::net::IpAddr;

use socketry::Resolver;
use socketry::dns::{AnswerSource, Backend, IpFamilies, ResolveError};

#[test]
fn system_backend_handles_localhost_and_invalid_tld() {
    let resolver = Resolver::builder().backend(Backend::System).use_hosts(false).build();
    let found = resolver.lookup("localhost").unwrap();
    assert_eq!(found.source(), AnswerSource::Localhost, "the OS resolver is not called");
    let error = resolver.lookup("no-such-name.invalid").unwrap_err();
    assert!(!error.is_temporary(), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn system_backend_lookup_times_out() {
    use std::time::{Duration, Instant};
    let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let resolver = Resolver::builder().backend(Backend::System).use_hosts(false).families(IpFamilies::Both);
    let began = Instant::now();
    let result = resolver.timeout(Duration::from_millis(300)).build().lookup(own.trim());
    assert!(began.elapsed() < crate::kit::SLACK, "{:?}", began.elapsed());
    if let Ok(found) = result {
        assert_eq!(found.source(), AnswerSource::System);
    }
}

#[test]
fn hosts_file_answers_before_system_backend() {
    let path = std::env::temp_dir().join(format!("socketry-hosts-without-{}", std::process::id()));
    fs::write(&path, "192.0.2.7 printer.test\n").unwrap();
    let resolver = Resolver::builder().backend(Backend::System).hosts(&path).build();
    fs::remove_file(&path).unwrap();
    let found = resolver.lookup("printer.test").unwrap();
    assert_eq!((found.source(), found.ttl()), (AnswerSource::Hosts, None));
    let addresses = resolver.lookup_socket_addrs("printer.test:80").unwrap();
    assert_eq!(addresses, ["192.0.2.7:80".parse().unwrap()]);
    assert_eq!(resolver.gethostbyname("printer.test").unwrap(), "192.0.2.7");
    assert_eq!(resolver.lookup_addr(IpAddr::from([192, 0, 2, 7])).unwrap(), "printer.test");
    assert_eq!(resolver.lookup_addr(IpAddr::from([127, 0, 0, 1])).unwrap(), "localhost");
    assert_eq!(resolver.lookup("192.0.2.8").unwrap().source(), AnswerSource::Literal);
    let only6 = Resolver::builder().families(IpFamilies::Ipv6).use_hosts(false).build();
    let error = only6.lookup("192.0.2.8").unwrap_err();
    assert_eq!(error.detail(), Some(&ResolveError::NoRecords("IPv6 address")));
}

#[test]
#[cfg(not(feature = "dns"))]
fn lookup_addr_requires_feature_dns_beyond_hosts_file() {
    let error = Resolver::builder().use_hosts(false).build().lookup_addr(IpAddr::from([192, 0, 2, 9]));
    let error = error.unwrap_err();
    assert_eq!(error.kind(), socketry::ErrorKind::Unsupported);
    assert_eq!(error.to_string(), "resolve 192.0.2.9: reverse lookup requires the feature `dns`");
}
