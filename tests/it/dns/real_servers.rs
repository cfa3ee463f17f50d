//! Lookups of the same names with `dig` and with this resolver. The servers are `dnsmasq` and
//! `unbound` on the loopback interface.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use crate::kit::*;
use socketry::dns::ResolveError;
use socketry::{ErrorKind, Resolver};

/// A port that was free for UDP and TCP just before. A server that finds it in use exits.
fn free_port() -> u16 {
    crate::kit::dns::bind_both().0.local_addr().unwrap().port()
}

pub(super) fn resolver(server: SocketAddr) -> Resolver {
    let builder = Resolver::builder()
        .use_hosts(false)
        .resolv_conf("/nowhere/resolv.conf")
        .query_timeout(Duration::from_secs(2));
    builder.server(&server.to_string()).unwrap().build()
}

/// Starts a server and waits until it answers. Returns `None` if it is not installed, and reports
/// that. If the server exits immediately because its port is in use, another port is tried.
pub(super) fn start(
    program: &'static str,
    arguments: impl Fn(u16) -> Vec<String>,
) -> Option<(Running, SocketAddr)> {
    if !needs(program) {
        return None;
    }
    let mut outputs = Vec::new();
    for _ in 0..5 {
        let port = free_port();
        let mut running = Running::start(Command::new(program).args(arguments(port)));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut answers = false;
        eventually("the server answers, or has exited", || {
            answers = resolver(address).lookup("v4.test").is_ok();
            answers || running.has_exited()
        });
        if answers && !running.has_exited() {
            return Some((running, address));
        }
        outputs.push(running.finish());
    }
    panic!("{program} does not start: {outputs:?}");
}

/// The addresses of one type that `dig` prints. Like any client, `dig` can lose a response, so it
/// is run again until it has one.
pub(super) fn dig(server: SocketAddr, name: &str, kind: &str) -> BTreeSet<IpAddr> {
    let port = server.port().to_string();
    for _ in 0..5 {
        let mut command = Command::new("dig");
        command.args([
            "+noall",
            "+comments",
            "+answer",
            "+tries=3",
            "+time=5",
            "@127.0.0.1",
            "-p",
            &port,
            name,
            kind,
        ]);
        let output = Running::start(&mut command).finish();
        let text = String::from_utf8(output.stdout).unwrap();
        if output.status.success() && text.contains("status: ") {
            let records = text.lines().filter(|line| !line.starts_with(';'));
            return records.filter_map(|line| line.split_whitespace().last()?.parse().ok()).collect();
        }
    }
    panic!("dig received no response from {server} for {name}");
}

pub(super) fn assert_lookup_matches_dig(server: SocketAddr, name: &str, expected: &[&str]) {
    let found = resolver(server).lookup(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    let found: BTreeSet<IpAddr> = found.addresses().iter().copied().collect();
    assert_eq!(found, expected.iter().map(|ip| ip.parse().unwrap()).collect(), "{name}");
    if needs("dig") {
        let dug: BTreeSet<_> = ["A", "AAAA"].into_iter().flat_map(|kind| dig(server, name, kind)).collect();
        assert_eq!(found, dug, "{name}: the addresses that dig prints");
    }
}

#[test]
fn dnsmasq_lookups_return_configured_records() {
    let arguments = [
        "-k",
        "--conf-file=/dev/null",
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--no-resolv",
        "--no-hosts",
        "--pid-file=",
        "--user=root",
        "--local=/test/",
        "--host-record=dual.test,192.0.2.1,2001:db8::1",
        "--host-record=v4.test,192.0.2.2",
        "--address=/multi.test/192.0.2.10",
        "--address=/multi.test/192.0.2.11",
        "--cname=alias.test,v4.test",
        "--host-record=xn--fsq.xn--0zwm56d,192.0.2.77",
        "--local-ttl=42",
        "--txt-record=text.test,hello",
        "--mx-host=mail.test,mx.test,7",
        "--srv-host=_x._tcp.test,v4.test,5222,3",
    ];
    let with_port = |port| {
        let port = [format!("--port={port}")];
        arguments.iter().map(ToString::to_string).chain(port).collect()
    };
    let Some((_running, server)) = start("dnsmasq", with_port) else {
        return;
    };
    assert_lookup_matches_dig(server, "dual.test", &["192.0.2.1", "2001:db8::1"]);
    assert_lookup_matches_dig(server, "v4.test", &["192.0.2.2"]);
    assert_lookup_matches_dig(server, "multi.test", &["192.0.2.10", "192.0.2.11"]);
    assert_lookup_matches_dig(server, "alias.test", &["192.0.2.2"]);
    let resolver = resolver(server);
    let ttl = resolver.lookup("dual.test").unwrap().ttl().unwrap();
    assert!(ttl > Duration::from_secs(40) && ttl <= Duration::from_secs(42), "{ttl:?}");
    if cfg!(feature = "idna") {
        let found = resolver.lookup("例.测试").unwrap();
        assert_eq!(found.addresses(), ["192.0.2.77".parse::<IpAddr>().unwrap()]);
    }
    assert_eq!(resolver.lookup_addr("192.0.2.2".parse::<IpAddr>().unwrap()).unwrap(), "v4.test");
    assert_eq!(resolver.lookup_txt("text.test").unwrap()[0].to_bytes(), b"hello");
    let mail = &resolver.lookup_mx("mail.test").unwrap()[0];
    assert_eq!((mail.preference, mail.exchange.as_str()), (7, "mx.test"));
    let service = &resolver.lookup_srv("_x._tcp.test").unwrap()[0];
    assert_eq!((service.priority, service.port, service.target.as_str()), (3, 5222, "v4.test"));
    let error = resolver.lookup("nope.test").unwrap_err();
    assert_eq!(error.detail(), Some(&ResolveError::NoSuchName), "{error}");
}

#[test]
fn unbound_lookups_return_records_and_errors() {
    let path = std::env::temp_dir().join(format!("socketry-unbound-{}.conf", std::process::id()));
    let conf = |port| {
        format!(
            "server:\n interface: 127.0.0.1\n port: {port}\n chroot: \"\"\n username: \"\"\n pidfile: \"\"\n use-syslog: no\n \
         module-config: \"iterator\"\n do-daemonize: no\n local-zone: \"test.\" static\n \
         local-data: \"dual.test. 300 A 192.0.2.1\"\n local-data: \"dual.test. 300 AAAA 2001:db8::1\"\n \
         local-data: \"v4.test. 300 A 192.0.2.2\"\n \
         local-zone: \"nx.example.\" always_nxdomain\n local-zone: \"nodata.example.\" always_nodata\n \
         local-zone: \"refuse.example.\" refuse\n local-zone: \"drop.example.\" always_deny\n\
         remote-control:\n control-enable: no\n"
        )
    };
    let started = start("unbound", |port| {
        std::fs::write(&path, conf(port)).unwrap();
        ["-d", "-c", path.to_str().unwrap()].map(str::to_owned).into()
    });
    let _ = std::fs::remove_file(&path);
    let Some((_running, server)) = started else { return };
    assert_lookup_matches_dig(server, "dual.test", &["192.0.2.1", "2001:db8::1"]);
    assert_lookup_matches_dig(server, "v4.test", &["192.0.2.2"]);
    let resolver = Resolver::builder()
        .use_hosts(false)
        .resolv_conf("/nowhere/resolv.conf")
        .query_timeout(Duration::from_millis(200));
    let resolver = resolver.attempts(1).server(&server.to_string()).unwrap().build();
    let error = |name: &str| resolver.lookup(name).unwrap_err();
    assert_eq!(error("a.nx.example").detail(), Some(&ResolveError::NoSuchName));
    assert_eq!(error("a.nodata.example").detail(), Some(&ResolveError::NoRecords("address")));
    assert_eq!(error("a.refuse.example").kind(), ErrorKind::NameResolution);
    assert!(error("a.drop.example").is_timeout());
}
