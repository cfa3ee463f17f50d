//! One zone served by `named`, `nsd`, `knotd` (which signs it), and `unbound`, and by `nsd` with
//! `dnsmasq` as a forwarder. The zone has chains of aliases, thousands of addresses, wildcards, and
//! records of other types. All addresses are also compared with those that `dig` prints.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::real_servers::{assert_lookup_matches_dig, dig, resolver, start};
use crate::kit::{Running, needs};
use socketry::dns::{ResolveError, ResponseError, ServerFault};

const CHAINS: [usize; 2] = [11, 20];

/// `named` returns SERVFAIL for a longer chain (`max-query-restarts`), also to `dig`.
const MAX_RESTARTS: usize = 11;

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + number)
}

/// The number of addresses of the name with the most addresses.
const MOST: u32 = 3_000;

/// The number in a signed zone. `knotd` does not sign more.
const MOST_SIGNED: u32 = 1_000;

fn zone(most: u32) -> String {
    let mut zone = "$ORIGIN test.\n$TTL 60\n\
        @ SOA ns.test. root.test. 1 3600 600 86400 30\n@ NS ns.test.\nns A 192.0.2.53\n\
        v4 A 192.0.2.2\ndual A 192.0.2.1\ndual AAAA 2001:db8::1\nalias CNAME dual\n\
        *.wild A 192.0.2.42\nxn--fsq A 192.0.2.77\n\
        text TXT \"a=b\" \"\" \"=c\"\nmail MX 7 MX.Test.\nMX A 192.0.2.25\n\
        caa CAA 0 issue \"ca.test\"\nnone HINFO \"a\" \"b\"\n"
        .to_owned();
    for length in CHAINS {
        for hop in 0..length {
            let (from, to) = (format!("chain{length}-{hop}"), format!("chain{length}-{}", hop + 1));
            writeln!(zone, "{from} CNAME {to}").unwrap();
        }
        writeln!(zone, "chain{length}-{length} A 192.0.2.99").unwrap();
    }
    for (name, count) in [("many", 160), ("most", most)] {
        (0..count).for_each(|number| writeln!(zone, "{name} A {}", address(number)).unwrap());
    }
    zone
}

/// A temporary folder with the zone and the files of a server.
struct Folder(PathBuf);

impl Folder {
    fn new(server: &str, most: u32) -> Folder {
        let folder = std::env::temp_dir().join(format!("socketry-{server}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("test.zone"), zone(most)).unwrap();
        Folder(folder)
    }

    /// Writes the configuration of a server.
    fn conf(&self, text: &str) -> String {
        let path = self.0.join("conf");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn check(program: &'static str, conf: impl Fn(&Path, u16) -> String, arguments: &[&str]) {
    let folder = Folder::new(program, MOST);
    let Some((_running, server)) = serve(program, &folder, conf, arguments) else { return };
    check_answers(program, server, MOST);
}

fn serve(
    program: &'static str,
    folder: &Folder,
    conf: impl Fn(&Path, u16) -> String,
    arguments: &[&str],
) -> Option<(Running, SocketAddr)> {
    start(program, |port| {
        let conf = folder.conf(&conf(&folder.0, port));
        arguments.iter().map(ToString::to_string).chain([conf]).collect()
    })
}

/// Checks that the resolver returns the addresses that `dig` prints.
fn compare_with_dig(program: &str, server: SocketAddr) {
    if !needs("dig") {
        return;
    }
    let resolver = resolver(server);
    let names = ["ns", "v4", "dual", "alias", "x.wild", "many", "most", "text", "nope"];
    // Other servers return only a part of a chain, and `dig` does not query the rest.
    let is_whole = ["named", "nsd", "dnsmasq"].contains(&program);
    let chains: &[&str] = if is_whole { &["chain11-0", "chain20-0"] } else { &[] };
    for name in names.iter().chain(chains).map(|name| format!("{name}.test")) {
        let dug: BTreeSet<_> = ["A", "AAAA"].into_iter().flat_map(|kind| dig(server, &name, kind)).collect();
        let found: Result<BTreeSet<_>, _> =
            resolver.lookup(&name).map(|found| found.addresses().iter().copied().collect());
        assert_eq!(found.unwrap_or_default(), dug, "{program}: {name}");
    }
}

fn check_answers(program: &str, server: SocketAddr, most: u32) {
    compare_with_dig(program, server);
    assert_lookup_matches_dig(server, "dual.test", &["192.0.2.1", "2001:db8::1"]);
    assert_lookup_matches_dig(server, "alias.test", &["192.0.2.1", "2001:db8::1"]);
    assert_lookup_matches_dig(server, "a.b.wild.test", &["192.0.2.42"]);
    let resolver = resolver(server);
    for length in CHAINS {
        // A server may follow only a part of the chain. The resolver queries the rest.
        let found = resolver.lookup(&format!("chain{length}-0.test"));
        if program == "named" && length > MAX_RESTARTS {
            let fault = ServerFault::Reply(ResponseError::ServFail);
            assert!(found.unwrap_err().to_string().contains(&fault.to_string()));
            continue;
        }
        let found = found.unwrap_or_else(|error| panic!("{program}: {length} aliases: {error}"));
        assert_eq!(found.addresses(), [IpAddr::from([192, 0, 2, 99])], "{program}: {length} aliases");
    }
    for (name, count) in [("many.test", 160), ("most.test", most)] {
        let expected: BTreeSet<IpAddr> = (0..count).map(|number| address(number).into()).collect();
        let found = resolver.lookup(name).unwrap_or_else(|error| panic!("{program}: {name}: {error}"));
        assert_eq!(found.addresses().iter().copied().collect::<BTreeSet<_>>(), expected, "{program}: {name}");
    }
    if cfg!(feature = "idna") {
        assert_eq!(resolver.lookup("例.test").unwrap().addresses(), [IpAddr::from([192, 0, 2, 77])]);
    }
    let text = &resolver.lookup_txt("text.test").unwrap()[0];
    assert_eq!(text.strings().collect::<Vec<_>>(), [&b"a=b"[..], b"", b"=c"]);
    assert_eq!(resolver.lookup_mx("mail.test").unwrap()[0].exchange.to_ascii_lowercase(), "mx.test");
    assert_eq!(resolver.lookup_records("caa.test", 257).unwrap()[0].data, b"\0\x05issueca.test");
    assert_eq!(resolver.lookup_records("test", 2).unwrap()[0].data, b"\x02ns\x04test\0");
    let soa = &resolver.lookup_records("test", 6).unwrap()[0].data;
    assert_eq!(soa[..9], *b"\x02ns\x04test\0");
    let error = |name: &str| resolver.lookup(name).unwrap_err();
    assert_eq!(error("nope.test").detail(), Some(&ResolveError::NoSuchName));
    assert_eq!(error("none.test").detail(), Some(&ResolveError::NoRecords("address")));
}

#[test]
fn named_zone_is_resolved() {
    let conf = |folder: &Path, port: u16| {
        format!(
            "options {{ directory \"{0}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
             recursion no; max-records-per-type 0; pid-file none; session-keyfile none; }};\ncontrols {{ }};\n\
             zone \"test\" {{ type master; file \"{0}/test.zone\"; }};\n",
            folder.display()
        )
    };
    check("named", conf, &["-g", "-c"]);
}

fn nsd_conf(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "server:\n ip-address: 127.0.0.1@{port}\n username: \"\"\n zonesdir: \"{folder}\"\n \
         pidfile: \"\"\n xfrdfile: \"{folder}/xfrd\"\n zonelistfile: \"{folder}/zones\"\n xfrdir: \"{folder}\"\n \
         rrl-ratelimit: 0\nremote-control:\n control-enable: no\nzone:\n name: test\n zonefile: test.zone\n"
    )
}

#[test]
fn nsd_zone_is_resolved() {
    check("nsd", nsd_conf, &["-d", "-c"]);
}

#[test]
fn forwarded_zone_is_resolved() {
    let folder = Folder::new("forwarded", MOST);
    let Some((_nsd, upstream)) = serve("nsd", &folder, nsd_conf, &["-d", "-c"]) else { return };
    let arguments = |port: u16| {
        let server = format!("--server=127.0.0.1#{}", upstream.port());
        let own = [format!("--port={port}"), server];
        let fixed = [
            "-k",
            "--conf-file=/dev/null",
            "--listen-address=127.0.0.1",
            "--bind-interfaces",
            "--no-resolv",
            "--no-hosts",
            "--pid-file=",
            "--user=root",
        ];
        fixed.iter().map(ToString::to_string).chain(own).collect()
    };
    let Some((_dnsmasq, server)) = start("dnsmasq", arguments) else { return };
    check_answers("dnsmasq", server, MOST);
}

#[test]
fn unbound_zone_is_resolved() {
    let conf = |folder: &Path, port: u16| {
        let folder = folder.display();
        format!(
            "server:\n interface: 127.0.0.1\n port: {port}\n chroot: \"\"\n username: \"\"\n pidfile: \"\"\n \
             use-syslog: no\n module-config: \"iterator\"\n do-daemonize: no\n do-not-query-localhost: no\n \
             local-zone: \"test.\" nodefault\n\
             remote-control:\n control-enable: no\n\
             auth-zone:\n name: \"test.\"\n zonefile: \"{folder}/test.zone\"\n for-downstream: yes\n \
             for-upstream: yes\n fallback-enabled: no\n"
        )
    };
    check("unbound", conf, &["-d", "-c"]);
}

fn knot_conf(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "server:\n  rundir: \"{folder}\"\n  listen: 127.0.0.1@{port}\ndatabase:\n  storage: \"{folder}\"\n\
         control:\n  listen: \"{folder}/knot.sock\"\nlog:\n  - target: stderr\n    any: error\n\
         zone:\n  - domain: test\n    storage: \"{folder}\"\n    file: test.zone\n"
    )
}

#[test]
fn knot_zone_is_resolved() {
    check("knotd", knot_conf, &["-c"]);
}

#[test]
fn signed_zone_is_resolved() {
    let conf = |folder: &Path, port: u16| {
        knot_conf(folder, port) + "    dnssec-signing: on\n    zonefile-load: whole\n    zonefile-sync: -1\n"
    };
    let folder = Folder::new("signed", MOST_SIGNED);
    let Some((_running, server)) = serve("knotd", &folder, conf, &["-c"]) else { return };
    check_answers("knotd, signed", server, MOST_SIGNED);
    let (rrsig, dnskey) = (46, 48);
    let resolver = resolver(server);
    assert!(!resolver.lookup_records("test", dnskey).unwrap().is_empty());
    assert!(!resolver.lookup_records("dual.test", rrsig).unwrap().is_empty());
}
