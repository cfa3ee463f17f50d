//! Hosts files: an entry suppresses queries, and a changed file is read again.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::kit::dns::*;
use crate::kit::*;
use socketry::Resolver;
use socketry::dns::{AnswerSource, IpFamilies, ResolveError, ResolverBuilder};

/// A temporary file, which is deleted on drop.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: impl AsRef<[u8]>) -> File {
        let path = std::env::temp_dir().join(format!("socketry-hosts-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        File(path)
    }

    fn write(&self, text: impl AsRef<[u8]>) {
        fs::write(&self.0, text).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn of(server: &Server, file: &File) -> ResolverBuilder {
    let builder = Resolver::builder().resolv_conf("/nowhere/resolv.conf").hosts(&file.0);
    builder.server(&server.address.to_string()).unwrap()
}

#[test]
fn hosts_entry_suppresses_queries_for_both_families() {
    let server = Server::start(|query| usual(query).now(query));
    let text = "\u{FEFF}192.0.2.77 Only4.test alias # comment\r\n2001:db8::77 only6.test\n192.0.2.1 both.test\n2001:db8::1 both.test\n192.0.2.13 例如.中国\n";
    let file = File::new("families", text);
    let resolver = of(&server, &file).build();
    let found = |name: &str| {
        let found = resolver.lookup(name).unwrap();
        assert_eq!((found.source(), found.ttl()), (AnswerSource::Hosts, None), "{name}");
        found.addresses().to_vec()
    };
    assert_eq!(found("only4.test"), ips(&["192.0.2.77"]));
    assert_eq!(found("ALIAS."), ips(&["192.0.2.77"]));
    assert_eq!(found("only6.test"), ips(&["2001:db8::77"]));
    assert_eq!(found("both.test"), ips(&["192.0.2.1", "2001:db8::1"]));
    if cfg!(feature = "idna") {
        assert_eq!(found("xn--fsqu6v.xn--fiqs8s"), ips(&["192.0.2.13"]));
        assert_eq!(found("例如。中国"), ips(&["192.0.2.13"]));
    }
    assert_eq!(resolver.lookup_addr("192.0.2.77".parse::<IpAddr>().unwrap()).unwrap(), "Only4.test");
    let only_v6 = of(&server, &file).families(IpFamilies::Ipv6).build();
    let error = only_v6.lookup("only4.test").unwrap_err();
    assert_eq!(error.detail(), Some(&ResolveError::NoRecords("IPv6 address")));
    assert_eq!(server.queries().len(), 0, "no query was sent");
    assert!(matches!(resolver.lookup("another.test").unwrap().source(), AnswerSource::Server(_)));
}

/// A name with more addresses than any caller tries is limited, and found quickly.
#[test]
fn hosts_name_is_limited_to_1000_addresses() {
    let lines: String = (0..20_000).map(|n| format!("10.0.{}.{} many.test\n", n / 256, n % 256)).collect();
    let file = File::new("many", lines + "10.0.0.7 many.test\n");
    let found = of(&Server::silent(), &file).build().lookup("many.test").unwrap();
    assert_eq!((found.addresses().len(), found.addresses()[999]), (1_000, ips(&["10.0.3.231"])[0]));
}

#[test]
fn first_matching_hosts_file_wins_missing_is_ignored() {
    let server = Server::start(|query| usual(query).now(query));
    let (first, second) =
        (File::new("first", "192.0.2.7 a.test\n"), File::new("second", "192.0.2.8 a.test b.test\n"));
    let resolver = of(&server, &first).hosts(&second.0).hosts("/nowhere/hosts").build();
    assert_eq!(resolver.lookup("a.test").unwrap().addresses(), ips(&["192.0.2.7"]));
    assert_eq!(resolver.lookup("b.test").unwrap().addresses(), ips(&["192.0.2.8"]));
    let none = Resolver::builder().server(&server.address.to_string()).unwrap().use_hosts(false).build();
    assert!(matches!(none.lookup("a.test").unwrap().source(), AnswerSource::Server(_)));
    // The order of `use_hosts` and `hosts` does not matter.
    for on in [true, false] {
        for builder in [of(&server, &first).use_hosts(on), Resolver::builder().use_hosts(on).hosts(&first.0)]
        {
            let resolver = builder.server(&server.address.to_string()).unwrap().build();
            let is_in_file = resolver.lookup("a.test").unwrap().addresses() == ips(&["192.0.2.7"]);
            assert_eq!(is_in_file, on);
        }
    }
}

/// A changed file applies to the next lookup. If the file cannot be read, the earlier contents are
/// kept.
#[test]
fn changed_hosts_file_is_reread_on_flush_or_interval() {
    let server = Server::silent();
    let file = File::new("changes", "192.0.2.7 a.test\n");
    let resolver = of(&server, &file).build();
    assert_eq!(resolver.lookup("a.test").unwrap().addresses(), ips(&["192.0.2.7"]));
    file.write("192.0.2.123 a.test\n");
    assert_eq!(
        resolver.lookup("a.test").unwrap().addresses(),
        ips(&["192.0.2.7"]),
        "the file is not checked in each lookup"
    );
    resolver.flush();
    assert_eq!(resolver.lookup("a.test").unwrap().addresses(), ips(&["192.0.2.123"]));
    fs::remove_file(&file.0).unwrap();
    resolver.flush();
    assert_eq!(resolver.lookup("a.test").unwrap().addresses(), ips(&["192.0.2.123"]));
    file.write("192.0.2.9 a.test\n");
    eventually("some seconds later, the file is read again on its own", || {
        resolver.lookup("a.test").unwrap().addresses() == ips(&["192.0.2.9"])
    });
}

/// While one thread reads a large file, other threads use the earlier contents.
#[test]
fn lookups_continue_while_large_hosts_file_reloads() {
    let server = Server::silent();
    let text: String = (0..150_000).map(|n| format!("0.0.0.0 host{n}.blocked.example alias{n}\n")).collect();
    let file = File::new("long", &text);
    let resolver = of(&server, &file).build();
    for name in ["host0.blocked.example", "host149999.blocked.example", "alias77777"] {
        assert_eq!(resolver.lookup(name).unwrap().addresses(), ips(&["0.0.0.0"]), "{name}");
    }
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut count = 0;
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(
                        resolver.lookup("host7.blocked.example").unwrap().source(),
                        AnswerSource::Hosts
                    );
                    count += 1;
                }
                count
            })
        });
        for round in 0..3 {
            file.write(format!("{text}192.0.2.{round} new.example\n"));
            resolver.flush();
        }
        assert_eq!(resolver.lookup("new.example").unwrap().addresses(), ips(&["192.0.2.2"]));
        is_over.store(true, Ordering::Relaxed);
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
    });
}

/// Reading a device without an end would never finish, and opening a FIFO without a writer would
/// block indefinitely.
#[test]
#[cfg(target_os = "linux")]
fn non_regular_hosts_or_resolv_conf_is_not_read() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let server = Server::start(|query| usual(query).now(query));
    let pipe = File(std::env::temp_dir().join(format!("socketry-hosts-{}-pipe", std::process::id())));
    mknodat(CWD, &pipe.0, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for path in [PathBuf::from("/dev/zero"), std::env::temp_dir(), pipe.0.clone()] {
        let resolver = only_v4(&server).hosts(&path).resolv_conf(&path).build();
        assert_eq!(resolver.lookup("host.test").unwrap().source(), AnswerSource::Server(server.address));
        resolver.flush();
        assert_eq!(resolver.lookup("host.test").unwrap().source(), AnswerSource::Server(server.address));
    }
}

/// A link-local address has a scope ID, which is the interface index. The zone is an interface name
/// or index.
#[test]
#[cfg(target_os = "linux")]
fn hosts_zone_sets_interface_scope_id() {
    let server = Server::silent();
    let file = File::new(
        "zones",
        "fe80::1%lo by-name\nfe80::1%1 by-number\nfe80::1%nosuch0 nowhere\n\
        2001:db8::1 mixed\nfe80::1%lo mixed\nfe80::1%1 mixed\n2001:db8::1 mixed\n",
    );
    let resolver = of(&server, &file).build();
    for name in ["by-name", "by-number"] {
        let all = resolver.lookup_socket_addrs((name, 80)).unwrap();
        assert_eq!(all, ["[fe80::1%1]:80".parse().unwrap()], "{name}");
    }
    let mixed = resolver.lookup_socket_addrs(("mixed", 80)).unwrap();
    assert_eq!(
        mixed,
        ["[2001:db8::1]:80", "[fe80::1%1]:80"].map(|one| one.parse().unwrap()),
        "each address once"
    );
    let error = resolver.lookup("nowhere").unwrap_err();
    assert_eq!(error.detail(), Some(&ResolveError::NoRecords("address")));
}

/// The timeout of lookups in files that take longer to read or to search, and an upper bound for a
/// loaded machine.
const TIMEOUT: Duration = Duration::from_millis(300);
const BOUND: Duration = Duration::from_millis(2_300);

/// Looks up a name. Panics if the lookup exceeds the timeout.
fn bounded(resolver: &Resolver, name: &str) -> socketry::Result<Vec<IpAddr>> {
    let began = Instant::now();
    let found = resolver.lookup(name);
    let took = began.elapsed();
    assert!(took < BOUND, "{name} took {took:?}: {found:?}");
    found.map(|found| found.addresses().to_vec())
}

/// Comparing all pairs of addresses would take 400 million comparisons.
#[test]
fn name_on_400_000_lines_is_found_within_timeout() {
    let own = |n: usize| format!("2001:db8::{:x} many.test\n", n + 1);
    let mut text: String = (0..999).map(own).collect();
    text += &(own(997) + &own(998)).repeat(200_000);
    let file = File::new("repeated", text + "192.0.2.1 small.test\n");
    let resolver = of(&Server::silent(), &file).timeout(TIMEOUT).build();
    resolver.flush();
    let expected: Vec<IpAddr> = (1..1_000).map(|n| [0x2001, 0xdb8, 0, 0, 0, 0, 0, n].into()).collect();
    assert_eq!(bounded(&resolver, "many.test").unwrap(), expected);
    assert_eq!(bounded(&resolver, "small.test").unwrap(), ips(&["192.0.2.1"]));
    assert_eq!(resolver.lookup_addr(expected[998]).unwrap(), "many.test");
}

/// Lines of a name after the limit are skipped, which does not affect other names.
#[test]
fn lines_of_hosts_name_are_limited_to_10_000() {
    let lines = "192.0.2.1 many.test\n".repeat(9_999);
    let file = File::new("lines", lines + "192.0.2.2 many.test\n192.0.2.3 many.test other.test\n");
    let resolver = of(&Server::silent(), &file).build();
    resolver.flush();
    assert_eq!(resolver.lookup("many.test").unwrap().addresses(), ips(&["192.0.2.1", "192.0.2.2"]));
    assert_eq!(resolver.lookup("other.test").unwrap().addresses(), ips(&["192.0.2.3"]));
}

/// An interface is looked up once, not for each line.
#[test]
#[cfg(target_os = "linux")]
fn zone_on_200_000_lines_is_found_within_timeout() {
    let text = "fe80::1%lo zone.test\nfe80::2%nosuch0 zone.test\n".repeat(100_000);
    let file = File::new("repeated-zone", text + "192.0.2.1 small.test\n");
    let resolver = of(&Server::silent(), &file).timeout(TIMEOUT).build();
    resolver.flush();
    assert_eq!(bounded(&resolver, "zone.test").unwrap(), ips(&["fe80::1"]));
    assert_eq!(bounded(&resolver, "small.test").unwrap(), ips(&["192.0.2.1"]));
}

/// A file that has become large is read by a thread. Lookups use the earlier contents in the
/// meantime.
#[test]
fn lookups_do_not_wait_for_hosts_file_that_grows() {
    let letters: String = (b'a'..=b'z').map(|letter| format!(" {}", letter as char)).collect();
    let file = File::new("grows", "192.0.2.1 small.test\n");
    let resolver = of(&Server::silent(), &file).timeout(TIMEOUT).build();
    assert_eq!(bounded(&resolver, "small.test").unwrap(), ips(&["192.0.2.1"]));
    file.write(format!("192.0.2.2 small.test\n{}", format!("::{letters}\n").repeat(150_000)));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let found = bounded(&resolver, "small.test").unwrap();
                    assert!([ips(&["192.0.2.1"]), ips(&["192.0.2.2"])].contains(&found), "{found:?}");
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
        }
        let began = Instant::now();
        while bounded(&resolver, "small.test").unwrap() != ips(&["192.0.2.2"]) {
            assert!(began.elapsed() < Duration::from_secs(60), "the file is never read");
            std::thread::sleep(Duration::from_millis(20));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(bounded(&resolver, "q").unwrap(), ips(&["::"]));
}

/// The timeout of a lookup includes the wait for the first read of a large file.
#[test]
fn first_lookup_in_large_hosts_file_waits_within_timeout() {
    let text: String = (0..600_000).map(|n| format!("0.0.0.0 host{n}.blocked.example\n")).collect();
    let file = File::new("first-read", text);
    let began = Instant::now();
    let resolver = of(&Server::silent(), &file).timeout(Duration::from_millis(1)).build();
    let error = resolver.lookup("host7.blocked.example").unwrap_err();
    assert!(error.is_timeout() && error.is_temporary() && began.elapsed() < BOUND, "{error}");
    assert!(resolver.lookup_addr([0, 0, 0, 0]).unwrap_err().is_timeout());
    resolver.flush();
    assert_eq!(resolver.lookup("host7.blocked.example").unwrap().addresses(), ips(&["0.0.0.0"]));
}
