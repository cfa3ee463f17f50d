//! The same names asked of real servers, `dnsmasq` and `unbound`, on the loopback interface, and of `dig`.

#![cfg(target_os = "linux")]

mod kit;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use kit::*;
use socketry::{ErrorKind, LookupFailure, RecordData, Resolver};

/// A port that is free for both now; a server that finds it taken says so.
fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn resolver(server: SocketAddr) -> Resolver {
    let builder = Resolver::builder()
        .use_hosts(false)
        .resolv_conf("/nowhere/resolv.conf")
        .timeout(Duration::from_secs(2));
    builder.server(&server.to_string()).unwrap().build()
}

/// A server that has begun to answer; `None`, said aloud, where it is not installed. One that ends at once has found its port
/// taken meanwhile, and is started at another.
fn start(test: &str, program: &str, arguments: impl Fn(u16) -> Vec<String>) -> Option<(Running, SocketAddr)> {
    if !has(program) {
        skip(test, &format!("{program} is not installed"));
        return None;
    }
    let mut said = Vec::new();
    for _ in 0..5 {
        let port = free_port();
        let mut running = Running::start(Command::new(program).args(arguments(port)));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut answers = false;
        eventually("the server answers, or has ended", || {
            answers = resolver(address).lookup("v4.test").is_ok();
            answers || running.has_ended()
        });
        if answers && !running.has_ended() {
            return Some((running, address));
        }
        said.push(running.finish());
    }
    panic!("{program} does not start: {said:?}");
}

/// What `dig` says of a name, of one kind; `None` where it is not installed.
fn dig(server: SocketAddr, name: &str, kind: &str) -> Option<BTreeSet<IpAddr>> {
    if !has("dig") {
        return None;
    }
    let mut command = Command::new("dig");
    let port = server.port().to_string();
    command.args(["+short", "+tries=1", "+time=5", "@127.0.0.1", "-p", &port, name, kind]);
    let output = Running::start(&mut command).finish();
    Some(String::from_utf8(output.stdout).unwrap().lines().filter_map(|line| line.parse().ok()).collect())
}

fn agrees(server: SocketAddr, name: &str, expected: &[&str]) {
    let found = resolver(server).lookup(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    let found: BTreeSet<IpAddr> = found.addresses().iter().copied().collect();
    assert_eq!(found, expected.iter().map(|ip| ip.parse().unwrap()).collect(), "{name}");
    let dug: Option<Vec<_>> = ["A", "AAAA"].into_iter().map(|kind| dig(server, name, kind)).collect();
    match dug {
        Some(dug) => assert_eq!(found, dug.into_iter().flatten().collect(), "{name}, as dig has it"),
        None => skip("agrees", "dig is not installed"),
    }
}

#[test]
fn dnsmasq_is_understood() {
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
    let Some((_running, server)) = start("dnsmasq_is_understood", "dnsmasq", with_port) else {
        return;
    };
    agrees(server, "dual.test", &["192.0.2.1", "2001:db8::1"]);
    agrees(server, "v4.test", &["192.0.2.2"]);
    agrees(server, "multi.test", &["192.0.2.10", "192.0.2.11"]);
    agrees(server, "alias.test", &["192.0.2.2"]);
    let resolver = resolver(server);
    let ttl = resolver.lookup("dual.test").unwrap().ttl().unwrap();
    assert!(ttl > Duration::from_secs(40) && ttl <= Duration::from_secs(42), "{ttl:?}");
    if cfg!(feature = "idna") {
        let found = resolver.lookup("例.测试").unwrap();
        assert_eq!(found.addresses(), ["192.0.2.77".parse::<IpAddr>().unwrap()]);
    }
    assert_eq!(resolver.reverse("192.0.2.2".parse::<IpAddr>().unwrap()).unwrap(), "v4.test");
    assert_eq!(resolver.texts("text.test").unwrap(), [RecordData::Text(b"hello".to_vec())]);
    let mail = RecordData::MailExchange { preference: 7, host: "mx.test".to_owned() };
    assert_eq!(resolver.mail_exchanges("mail.test").unwrap(), [mail]);
    let service = RecordData::Service { priority: 3, weight: 0, port: 5222, host: "v4.test".to_owned() };
    assert_eq!(resolver.services("_x._tcp.test").unwrap(), [service]);
    let error = resolver.lookup("nope.test").unwrap_err();
    assert_eq!(error.detail(), Some(&LookupFailure::NoSuchName), "{error}");
}

#[test]
fn unbound_is_understood() {
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
    let started = start("unbound_is_understood", "unbound", |port| {
        std::fs::write(&path, conf(port)).unwrap();
        ["-d", "-c", path.to_str().unwrap()].map(str::to_owned).into()
    });
    let _ = std::fs::remove_file(&path);
    let Some((_running, server)) = started else { return };
    agrees(server, "dual.test", &["192.0.2.1", "2001:db8::1"]);
    agrees(server, "v4.test", &["192.0.2.2"]);
    let resolver = Resolver::builder()
        .use_hosts(false)
        .resolv_conf("/nowhere/resolv.conf")
        .timeout(Duration::from_millis(200));
    let resolver = resolver.attempts(1).server(&server.to_string()).unwrap().build();
    let error = |name: &str| resolver.lookup(name).unwrap_err();
    assert_eq!(error("a.nx.example").detail(), Some(&LookupFailure::NoSuchName));
    assert_eq!(error("a.nodata.example").detail(), Some(&LookupFailure::NothingOfTheKind("address")));
    assert_eq!(error("a.refuse.example").kind(), ErrorKind::NameUnavailable);
    assert!(error("a.drop.example").is_timeout());
}
