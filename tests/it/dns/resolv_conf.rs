//! The settings of `resolv.conf` and `nsswitch.conf` apply.

use std::fs;

use crate::kit::dns::*;
use crate::kit::skip::{Need, skip};
use simple_dns::RCODE;
use socketry::Resolver;
use socketry::dns::{AnswerSource, IpFamilies};

/// The search list, `ndots`, and `attempts` of the file apply. The builder sets the servers,
/// because the file cannot specify their port.
#[test]
fn resolv_conf_search_and_ndots_apply_unless_overridden() {
    let server = Server::start(|query| match query.name.as_str() {
        "a.b.two.example" => usual(query).now(query),
        "late.test" if query.number < 3 => Vec::new(),
        "late.test" => usual(query).now(query),
        _ => reply_to(query).code(RCODE::NameError).authority(60, 60).now(query),
    });
    let path = std::env::temp_dir().join(format!("socketry-conf-{}", std::process::id()));
    fs::write(&path, "search one.example two.example\noptions ndots:3 timeout:1 attempts:2\n").unwrap();
    let builder = Resolver::builder().resolv_conf(&path).use_hosts(false).families(IpFamilies::Ipv4);
    let builder = builder.server(&server.address.to_string()).unwrap();
    let resolver = builder.clone().build();
    let names = |server: &Server| server.queries().into_iter().map(|query| query.name).collect::<Vec<_>>();
    resolver.lookup("a.b").unwrap();
    assert_eq!(names(&server), ["a.b.one.example", "a.b.two.example"]);
    fs::write(&path, "search three.example\n").unwrap();
    resolver.flush();
    assert!(resolver.lookup("c.d").is_err());
    assert_eq!(names(&server)[2..], ["c.d", "c.d.three.example"]);
    fs::remove_file(&path).unwrap();
    let own = builder.search(["own.example"]).unwrap().ndots(1).build();
    assert!(own.lookup("host").is_err());
    assert_eq!(names(&server)[4..], ["host.own.example", "host"]);
}

/// The option `rotate`, and a name server with a link-local address.
#[test]
fn resolv_conf_rotate_and_scoped_nameserver_apply() {
    let servers = [(); 2].map(|()| Server::start(|query| usual(query).now(query)));
    let path = std::env::temp_dir().join(format!("socketry-rotate-{}", std::process::id()));
    fs::write(&path, "options rotate\n").unwrap();
    let resolver = of(&servers.each_ref().map(|server| server.address)).resolv_conf(&path);
    let resolver = resolver.families(IpFamilies::Ipv4).build();
    for number in 0..4 {
        let found = resolver.lookup(&format!("host{number}.test")).unwrap();
        assert_eq!(found.source(), AnswerSource::Server(servers[number % 2].address));
    }
    if cfg!(target_os = "linux") {
        // There is no route to this server, or no listener.
        fs::write(&path, "nameserver fe80::53%lo\noptions timeout:1 attempts:1\n").unwrap();
        let error =
            Resolver::builder().use_hosts(false).resolv_conf(&path).build().lookup("host.test").unwrap_err();
        assert!(error.to_string().contains("[fe80::53%1]:53 "), "{error}");
    }
    fs::remove_file(&path).unwrap();
}

#[test]
fn server_accepts_only_ip_with_optional_port() {
    for server in [
        "192.0.2.53",
        "192.0.2.53:5353",
        "2001:db8::53",
        "[2001:db8::53]",
        "[2001:db8::53]:5353",
        "fe80::53%1",
    ] {
        assert!(Resolver::builder().server(server).is_ok(), "{server}");
    }
    for text in ["", "dns.example", "dns.example:53", "192.0.2.53:", "192.0.2", "a\nb"] {
        let error = Resolver::builder().server(text).unwrap_err();
        let expected = format!(
            "resolve {}: a name server is given by its IP address, with or without a port",
            text.escape_debug()
        );
        assert_eq!(error.to_string(), expected);
    }
}

/// A name that another service may know is looked up by the OS. The test uses a name of
/// `/etc/hosts`, which this resolver does not read.
#[test]
#[cfg(target_os = "linux")]
fn unsupported_nsswitch_service_uses_system_backend() {
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let names = hosts
        .lines()
        .filter(|line| line.starts_with("127."))
        .flat_map(|line| line.split_whitespace().skip(1));
    let Some(own) = names.into_iter().find(|name| !name.contains("localhost") && !name.contains('#')) else {
        return crate::kit::skip(crate::kit::Need::HostsEntry, "/etc/hosts has no name but localhost");
    };
    let conf = std::env::temp_dir().join(format!("socketry-services-{}", std::process::id()));
    for (services, is_system) in
        [("files dns", false), ("files ldap dns", true), ("files myhostname dns", !own.contains('.'))]
    {
        fs::write(&conf, format!("hosts: {services}\n")).unwrap();
        // No server listens at the default address, which applies because the file is missing.
        let resolver =
            Resolver::builder().use_hosts(false).resolv_conf("/nowhere/resolv.conf").nsswitch_conf(&conf);
        match (resolver.build().lookup(own), is_system) {
            (Ok(found), true) => assert_eq!(found.source(), AnswerSource::System, "{services}"),
            (Err(error), false) => assert!(error.is_temporary(), "{error}"),
            (result, _) => panic!("{services}: {result:?}"),
        }
    }
    fs::remove_file(&conf).unwrap();
}

/// Other servers or another search list may give other answers.
#[test]
fn changed_resolv_conf_drops_the_cache() {
    let server = Server::start(|query| usual(query).now(query));
    let file = crate::kit::temp_file::TempFile::with(b"options timeout:2\n");
    let resolver = of(&[server.address]).resolv_conf(file.path()).families(IpFamilies::Ipv4).build();
    for _ in 0..2 {
        resolver.lookup("host.test").unwrap();
    }
    assert_eq!(server.queries().len(), 1);
    file.write("options timeout:3\n");
    // The file is checked every 5 s.
    std::thread::sleep(std::time::Duration::from_millis(5_500));
    resolver.lookup("host.test").unwrap();
    assert_eq!((server.queries().len(), resolver.cache_len()), (2, 1));
}

/// A symbolic link that changes to a file of the same length and time is a change.
#[test]
#[cfg(unix)]
fn file_identity_is_more_than_time_and_length() {
    use crate::kit::temp_file::TempFile;
    use std::time::{Duration, UNIX_EPOCH};
    let files = [TempFile::with(b"192.0.2.10 db.internal\n"), TempFile::with(b"192.0.2.20 db.internal\n")];
    for file in &files {
        let time = UNIX_EPOCH + Duration::from_secs(1);
        fs::File::options().write(true).open(file.path()).unwrap().set_modified(time).unwrap();
    }
    let link = std::env::temp_dir().join(format!("socketry-link-{}", std::process::id()));
    let next = link.with_extension("next");
    std::os::unix::fs::symlink(files[0].path(), &link).unwrap();
    let resolver = Resolver::builder().hosts(&link).build();
    assert_eq!(resolver.lookup("db.internal").unwrap().addresses()[0].to_string(), "192.0.2.10");
    std::os::unix::fs::symlink(files[1].path(), &next).unwrap();
    fs::rename(&next, &link).unwrap();
    std::thread::sleep(Duration::from_millis(5_500));
    let found = resolver.lookup("db.internal").unwrap();
    fs::remove_file(&link).unwrap();
    assert_eq!(found.addresses()[0].to_string(), "192.0.2.20");
}

#[test]
fn nsswitch_conf_gives_order_and_actions() {
    use crate::kit::temp_file::TempFile;
    if !cfg!(target_os = "linux") {
        // On Windows and macOS the OS resolves all other names; only Linux has 127.77.77.77.
        return skip(Need::Platform, "nsswitch.conf is not followed on this OS, or 127.0.0.0/8 is missing");
    }
    const FAILED: &str = "temporary failure in name resolution";
    let hosts = TempFile::with(b"192.0.2.77 host.test\n");
    // No name server listens at this address, so queries fail without a timeout.
    let resolv = TempFile::with(b"nameserver 127.77.77.77\noptions timeout:1 attempts:1\n");
    let sources = |line: &str| {
        let services = TempFile::with(line.as_bytes());
        let builder = Resolver::builder().hosts(hosts.path()).resolv_conf(resolv.path());
        let resolver = builder.nsswitch_conf(services.path()).build();
        ["host.test", "other.test"].map(|name| match resolver.lookup(name) {
            Ok(found) => found.source().to_string(),
            Err(error) => error.kind().to_string(),
        })
    };
    assert_eq!(sources("hosts: files\n"), ["hosts file", "no such host"]);
    assert_eq!(sources("hosts: files dns\n"), ["hosts file", FAILED]);
    assert_eq!(sources("hosts: files [NOTFOUND=return] dns\n"), ["hosts file", "no such host"]);
    assert_eq!(sources("hosts: dns files\n"), ["hosts file", FAILED]);
    assert_eq!(sources("hosts: dns\n"), [FAILED; 2]);
    // No server listens, so the service `dns` is unavailable.
    assert_eq!(sources("hosts: dns [!UNAVAIL=return] files\n"), ["hosts file", FAILED]);
    assert_eq!(sources("hosts: dns [UNAVAIL=return] files\n"), [FAILED; 2]);
}

/// An answer from the servers of another configuration is not cached for this one.
#[test]
fn lookup_across_a_change_of_resolv_conf_keeps_nothing() {
    let server = Server::start(|query| match query.name.as_str() {
        "host.a.test" => reply_to(query).code(RCODE::NameError).authority(60, 60).after(query, 300),
        _ => usual(query).now(query),
    });
    let file = crate::kit::temp_file::TempFile::with(b"search a.test b.test\n");
    let builder = of(&[server.address]).resolv_conf(file.path()).families(IpFamilies::Ipv4);
    let resolver = builder.query_timeout(crate::kit::PATIENCE).build();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| resolver.lookup("host").unwrap());
        crate::kit::eventually("the first query", || !server.queries().is_empty());
        file.write("search c.test\n");
        resolver.flush();
        resolver.lookup("other.test.").unwrap();
        first.join().unwrap();
    });
    assert_ne!(resolver.lookup("host.b.test.").unwrap().source(), AnswerSource::Cache);
}
