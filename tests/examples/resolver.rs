//! `resolve_name` against a name server that does what the test says, and `hosts_file` with its own.

use std::path::PathBuf;

use crate::kit::dns::*;
use crate::kit::*;
use simple_dns::RCODE;

/// What an example printed on standard output and on standard error, and its exit code.
struct ExampleOutput {
    code: Option<i32>,
    lines: Vec<String>,
    notes: Vec<String>,
}

fn printed(name: &str, arguments: &[&str]) -> ExampleOutput {
    let output = Running::start(example(name).args(arguments)).finish();
    let lines = |bytes: &[u8]| std::str::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect();
    ExampleOutput { code: output.status.code(), lines: lines(&output.stdout), notes: lines(&output.stderr) }
}

/// `resolve_name`, which asks that server and reads no hosts file.
fn resolve_with_server(server: &Server, arguments: &[&str]) -> ExampleOutput {
    let address = server.address.to_string();
    printed("resolve_name", &[&["--no-hosts", "--server", &address], arguments].concat())
}

/// Without the time for which an answer holds, which is 60 s, or a little less on a machine that is busy.
#[track_caller]
fn strip_ttl(line: &str) -> &str {
    let (rest, time) = line.split_once(", holds ").expect(line);
    let seconds: u64 = time.strip_suffix(" s").and_then(|time| time.parse().ok()).expect(line);
    assert!((30..=60).contains(&seconds), "{line}");
    rest
}

/// A hosts file that is gone at the end of the test.
struct HostsFile(PathBuf);

impl HostsFile {
    fn new(test: &str, text: &str) -> HostsFile {
        let path = std::env::temp_dir().join(format!("socketry-test-{test}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        HostsFile(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for HostsFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn resolve_name_prints_addresses_source_and_ttl() {
    let server = Server::start(|asked| usual(asked).now(asked));
    let source = format!("from server {}", server.address);

    let both = resolve_with_server(&server, &["host.test"]);
    assert_eq!((both.code, both.notes.len(), both.lines.len()), (Some(0), 0, 1), "{:?}", both.notes);
    let line = strip_ttl(&both.lines[0]);
    // Which one is first is a matter of this machine's routes.
    assert!(line.starts_with("host.test: ") && line.ends_with(&source), "{line}");
    assert!(line.contains("192.0.2.1") && line.contains("2001:db8::1") && line.contains(", "), "{line}");

    let v4 = resolve_with_server(&server, &["--ipv4", "host.test", "HOST.test", "192.0.2.7"]);
    assert_eq!(strip_ttl(&v4.lines[0]), format!("host.test: 192.0.2.1 {source}"));
    assert_eq!(strip_ttl(&v4.lines[1]), "HOST.test: 192.0.2.1 from cache");
    assert_eq!(v4.lines[2..], ["192.0.2.7: 192.0.2.7 from literal address"]);

    let v6 = resolve_with_server(&server, &["--ipv6", "host.test"]);
    assert_eq!(strip_ttl(&v6.lines[0]), format!("host.test: 2001:db8::1 {source}"));
}

#[test]
#[cfg(feature = "idna")]
fn resolve_name_queries_punycode_for_idn() {
    let server = Server::start(|asked| usual(asked).now(asked));
    let found = resolve_with_server(&server, &["--ipv4", "例如.中国"]);
    assert!(found.lines[0].starts_with("例如.中国: 192.0.2.1 from server "), "{:?}", found.lines);
    assert!(server.queries().iter().all(|asked| asked.name.starts_with("xn--fsqu6v.xn--fiqs8s")));
}

#[test]
fn resolve_name_answers_localhost_without_network() {
    let found = printed("resolve_name", &["--ipv4"]);
    assert_eq!((found.code, found.lines.len()), (Some(0), 1), "{:?}", found.notes);
    assert!(found.lines[0].starts_with("localhost: 127."), "{:?}", found.lines);
    let found = printed("resolve_name", &["--no-hosts", "--ipv4", "localhost", "a.localhost"]);
    assert_eq!(found.lines, ["localhost: 127.0.0.1 from localhost", "a.localhost: 127.0.0.1 from localhost"]);
}

#[test]
fn hosts_option_overrides_name_server() {
    let server = Server::start(|asked| usual(asked).now(asked));
    let file = HostsFile::new("overrides", "203.0.113.9 Host.Test host\n");
    let second = HostsFile::new("overrides-not", "203.0.113.10 host.test\n203.0.113.11 other.test\n");
    let address = server.address.to_string();
    let arguments = ["--server", &address, "--hosts", file.path(), "--hosts", second.path()];
    let found = printed("resolve_name", &[&arguments[..], &["host.test", "host", "other.test"]].concat());
    assert_eq!(
        found.lines,
        [
            "host.test: 203.0.113.9 from hosts file",
            "host: 203.0.113.9 from hosts file",
            "other.test: 203.0.113.11 from hosts file"
        ]
    );
    assert!(server.queries().is_empty());
    let found = printed("resolve_name", &[&arguments[..], &["--ipv4", "third.test"]].concat());
    assert_eq!(strip_ttl(&found.lines[0]), format!("third.test: 192.0.2.1 from server {address}"));
}

/// One line for each name that failed; the others are looked up all the same.
#[test]
fn resolve_error_states_whether_retry_may_help() {
    let server = Server::start(|asked| match &asked.name[..4] {
        "none" => reply_to(asked).code(RCODE::NameError).authority(60, 60).now(asked),
        "fail" => reply_to(asked).code(RCODE::ServerFailure).now(asked),
        "bare" => reply_to(asked).authority(60, 60).now(asked),
        _ => usual(asked).now(asked),
    });
    let names = ["none.test", "host.test", "fail.test", "bare.test", "a..b", "last.test"];
    let found = resolve_with_server(&server, &[&["--ipv4"], &names[..]].concat());
    assert_eq!(found.code, Some(1));
    let shown: Vec<_> = found.lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(shown, ["host.test:", "last.test:"]);
    let address = server.address;
    for (note, (begins, ends)) in found.notes.iter().zip([
        ("none.test: no such host".to_owned(), "does not help"),
        (format!("fail.test: all name servers failed: {address} returned SERVFAIL after "), "may help"),
        ("bare.test: name exists but has no IPv4 address".to_owned(), "does not help"),
        ("a..b: label is empty".to_owned(), "does not help"),
    ]) {
        assert!(note.starts_with(&format!("resolve_name: resolve {begins}")), "{note}");
        assert!(note.ends_with(&format!("; asking again {ends}")), "{note}");
    }
    assert_eq!(found.notes.len(), 4, "{:?}", found.notes);
}

#[test]
fn seconds_option_bounds_lookup_with_silent_server() {
    let silent = Server::silent();
    let began = std::time::Instant::now();
    let found = resolve_with_server(&silent, &["host.test", "--seconds", "0.3"]);
    assert!(began.elapsed() < PATIENCE / 4, "the usual 10 s are not waited for");
    assert_eq!((found.code, found.lines.len(), found.notes.len()), (Some(1), 0, 1));
    let begins =
        format!("resolve_name: resolve host.test: timed out: {} did not respond after ", silent.address);
    let note = &found.notes[0];
    assert!(note.starts_with(&begins) && note.ends_with("; asking again may help"), "{note}");
    assert!(!silent.queries().is_empty());
}

#[test]
fn reverse_option_resolves_addresses_to_names() {
    let server = Server::start(|asked| match asked.name.as_str() {
        "7.2.0.192.in-addr.arpa" => reply_to(asked).pointer(&asked.name, "host.test").now(asked),
        _ => reply_to(asked).code(RCODE::NameError).authority(60, 60).now(asked),
    });
    let found = resolve_with_server(&server, &["--reverse", "192.0.2.7", "2001:db8::7"]);
    assert_eq!((found.code, found.lines), (Some(1), vec!["192.0.2.7: host.test".to_owned()]));
    assert_eq!(found.notes, ["resolve_name: resolve 2001:db8::7: no such host; asking again does not help"]);
    assert!(server.queries().iter().all(|asked| asked.kind == "PTR"));

    let file = HostsFile::new("reverse", "127.0.0.1 here.test localhost\n");
    let found = printed("resolve_name", &["--reverse", "--hosts", file.path()]);
    assert_eq!(found.lines, ["127.0.0.1: here.test"]);
}

#[test]
#[cfg(feature = "idna")]
fn hosts_file_example_shows_overrides_and_reload() {
    let shown = printed("hosts_file", &[]);
    assert_eq!((shown.code, shown.notes.len()), (Some(0), 0), "{:?}", shown.notes);
    let words = |line: &String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let steps: Vec<_> =
        shown.lines.iter().map(words).filter(|words| words.get(1).is_some_and(|w| w == "→")).collect();
    let steps: Vec<_> = steps.iter().map(|words| (&*words[0], &*words[2], &*words[4])).collect();
    assert_eq!(
        steps,
        [
            ("printer.example", "192.0.2.10", "hosts"),
            ("printer", "192.0.2.10", "hosts"),
            ("PRINTER.Example", "192.0.2.10", "hosts"),
            ("例如.中国", "192.0.2.20", "hosts"),
            ("xn--fsqu6v.xn--fiqs8s", "192.0.2.20", "hosts"),
            ("camera.example", "192.0.2.53", "server"),
            ("scanner.example", "192.0.2.53", "server"),
            ("scanner.example", "192.0.2.53", "cache:"),
            ("printer.example", "198.51.100.10", "hosts"),
            ("例如.中国", "192.0.2.53", "server"),
        ],
        "{:?}",
        shown.lines
    );
    let asked = "camera.example, scanner.example, xn--fsqu6v.xn--fiqs8s, and for no other";
    assert_eq!(shown.lines.last().unwrap(), &format!("end:     the server was asked for {asked}"));
    let file = shown.lines[0].strip_prefix("file:    ").and_then(|rest| rest.strip_suffix(" says")).unwrap();
    assert!(!std::path::Path::new(file).exists(), "{file} is left behind");
}
