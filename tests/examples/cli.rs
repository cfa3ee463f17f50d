//! The examples as their users meet them: help, mistakes, output and exit codes.
//!
//! `cargo test` builds them first; `cargo test --test examples` does not and runs what `cargo build --examples` left.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::kit::*;

/// Every example, and what its help must mention.
const EXAMPLES: [(&str, &[&str]); 22] = [
    ("bind_addresses", &[]),
    (
        "discover",
        &[
            "--serve <NAME>",
            "--port <P>",
            "--message <M>",
            "--seconds <S>",
            "--for <S>",
            "--interface <NAME>",
            "--loopback",
            "7788",
            "who is there?",
        ],
    ),
    ("hosts_file", &[]),
    ("https_get", &["--distrust"]),
    (
        "line_chat",
        &["[ADDR]", "--name <NAME>", "--serve [<ADDR>]", "--encoding <E>", "--seconds <S>", "127.0.0.1:7788"],
    ),
    ("listen_accept", &[]),
    (
        "prefork_server",
        &[
            "[ADDR]",
            "--workers <N>",
            "--encoding <E>",
            "--seconds <S>",
            "127.0.0.1:7788",
            "gb2312",
            "r, restart",
        ],
    ),
    (
        "process_server",
        &["[ADDR]", "--encoding <E>", "--max <N>", "--timeout <SECONDS>", "--seconds <S>", ":7788", "gb2312"],
    ),
    (
        "resolve_name",
        &[
            "[NAME]...",
            "--server <ADDR[:PORT]>",
            "--hosts <PATH>",
            "--no-hosts",
            "--ipv4",
            "--ipv6",
            "--seconds <S>",
            "--reverse",
            "localhost",
        ],
    ),
    ("socket_kinds", &[]),
    ("tcp_client", &["[ADDR]", "--message <M>", "--encoding <E>", "127.0.0.1:7788", "hahah", "gb2312"]),
    ("tcp_handshake", &[]),
    (
        "tcp_proxy",
        &[
            "[ADDR]",
            "--to <ADDR>",
            "--max <N>",
            "--timeout <SECONDS>",
            "--seconds <S>",
            "127.0.0.1:7789",
            "127.0.0.1:7788",
        ],
    ),
    ("tcp_server", &["[ADDR]", "--backlog <N>", "--encoding <E>", "--reply <TEXT>", ":7788", "gb2312"]),
    (
        "threads_server",
        &[
            "[ADDR]",
            "--encoding <E>",
            "--max <N>",
            "--threads <N>",
            "--timeout <SECONDS>",
            "--seconds <S>",
            "127.0.0.1:7788",
        ],
    ),
    ("tour", &[]),
    (
        "udp_broadcast",
        &[
            "--port <P>",
            "--message <M>",
            "--encoding <E>",
            "--seconds <S>",
            "--interface <NAME>",
            "--loopback",
            "7788",
            "default: hi",
            "utf-8",
        ],
    ),
    ("udp_connected", &["--message <M>", "--encoding <E>", "utf-8"]),
    ("udp_recv", &["[ADDR]", "--encoding <E>", "--count <N>", ":7788", "gb2312"]),
    ("udp_send", &["[ADDR]", "--encoding <E>", "127.0.0.1:8080", "utf-8"]),
    (
        "udp_server",
        &[
            "[ADDR]",
            "--encoding <E>",
            "--reply <TEXT>",
            "--threads <N>",
            "--seconds <S>",
            "127.0.0.1:7788",
            "gb2312",
        ],
    ),
    (
        "visit_website",
        &["[URL]", "--offline", "--server <ADDR[:PORT]>", "--seconds <S>", "http://www.baidu.com/"],
    ),
];

/// Runs an example to its end, with `input` typed in.
fn run(name: &str, arguments: &[&str], input: &str) -> Output {
    let mut running = Running::start(example(name).args(arguments));
    // An example that does not ask for anything may be over already.
    let _ = running.stdin().write_all(input.as_bytes());
    running.finish()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// What an example that needs no arguments prints.
#[track_caller]
fn stdout_of_example(name: &str) -> String {
    let output = run(name, &[], "");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    stdout(&output).to_owned()
}

/// The only line on standard error of an example that ended with that code.
#[track_caller]
fn single_error_line(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!((text.lines().count(), text.ends_with('\n')), (1, true), "exactly one line: {text:?}");
    text.trim_end().to_owned()
}

/// Each example's name and source.
fn sources() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.join("main.rs").exists() {
            found.push((name, path.join("main.rs")));
        } else if path.is_file() {
            found.push((name, path));
        }
    }
    found.sort();
    found
}

#[test]
fn every_example_is_listed_with_usage_header() {
    let names: Vec<_> = sources().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, EXAMPLES.map(|(name, _)| name));
    for (name, path) in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let header: Vec<_> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let header = header.join("\n");
        assert!(header.contains(&format!("\n//! cargo run --example {name}")), "{name}: how is it run?");
        assert!(header.contains("From the notes"), "{name}: where in the notes does it come from?");
    }
}

#[test]
fn help_lists_description_usage_and_arguments() {
    for (name, arguments) in EXAMPLES {
        let output = run(name, &["--help"], "");
        assert!(output.status.success() && output.stderr.is_empty(), "{name}: {output:?}");
        let help = stdout(&output);
        let about = help.lines().next().unwrap();
        assert!(about.split(' ').count() > 3, "{name}: {about:?} does not tell much");
        assert!(help.contains(&format!("Usage: {name}")), "{help}");
        for argument in arguments {
            assert!(help.contains(argument), "{name} does not mention {argument}: {help}");
        }
    }
}

#[test]
fn header_usage_line_names_every_argument() {
    for ((name, path), (_, arguments)) in sources().into_iter().zip(EXAMPLES) {
        let text = fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().skip_while(|line| !line.starts_with("//! cargo run --example"));
        // A long line is continued on the next.
        let usage = lines.next().unwrap().to_owned();
        let usage = usage + &lines.take_while(|line| line.starts_with("//!     ")).collect::<String>();
        for argument in arguments.iter().filter(|argument| argument.starts_with(['-', '['])) {
            let written = argument.replace(['<', '>'], "");
            assert!(usage.contains(&written), "{name}: {usage:?} does not mention {written}");
        }
    }
}

#[test]
fn invalid_arguments_print_one_error_line_and_exit_2() {
    for (name, _) in EXAMPLES {
        let line = single_error_line(&run(name, &["--bogus"], ""), 2);
        assert!(line.starts_with("error: unexpected argument '--bogus' found"), "{name}: {line}");
    }
    for (name, arguments, words) in [
        ("udp_send", &["nonsense"][..], "\"nonsense\": the port is missing"),
        ("udp_send", &["127.0.0.1:99999"], "larger than 65535"),
        ("udp_send", &["127.0.0.1:0"], "port 0"),
        ("udp_send", &["::1:80"], "in brackets, as in [::1]:80"),
        ("udp_send", &[""], "empty"),
        ("udp_send", &["localhost:80", "more"], "unexpected argument 'more'"),
        ("udp_send", &["--encoding", "x"], "unknown encoding \"x\""),
        ("udp_send", &["--encoding"], "a value is required for '--encoding <E>'"),
        ("udp_recv", &["[::1"], "bracket"),
        ("udp_recv", &[":99999"], "larger than 65535"),
        ("udp_recv", &["--encoding", "gb2313"], "unknown encoding \"gb2313\""),
        ("udp_recv", &["--count", "0"], "'0' for '--count <N>': not a whole number of 1 or more"),
        ("udp_recv", &["--count", "many"], "'many' for '--count <N>': not a whole number"),
        ("udp_recv", &["--count=-1"], "'-1' for '--count <N>': not a whole number"),
        ("udp_connected", &["--encoding", "hz-gb-2312"], "refused encoding \"hz-gb-2312\""),
        ("visit_website", &["https://www.baidu.com/"], "the example `https_get` shows how"),
        ("visit_website", &["www.baidu.com"], "a page is like http://www.baidu.com/"),
        ("visit_website", &["http://a/", "--server", "a"], "a name server is given by its IP address"),
        ("tour", &["now"], "unexpected argument 'now'"),
        ("tcp_client", &["127.0.0.1"], "\"127.0.0.1\": the port is missing"),
        ("tcp_client", &["127.0.0.1:0"], "port 0"),
        ("tcp_client", &["--encoding", "gb2313"], "unknown encoding \"gb2313\""),
        ("tcp_proxy", &["--to", "127.0.0.1"], "\"127.0.0.1\": the port is missing"),
        ("tcp_proxy", &["--max", "0"], "'0' for '--max <N>': not a whole number of 1 or more"),
        ("tcp_proxy", &["--timeout", "0"], "'0' for '--timeout <SECONDS>': not a number of seconds"),
        ("tcp_server", &[":77888"], "larger than 65535"),
        ("tcp_server", &["--backlog", "0"], "'0' for '--backlog <N>': not a whole number of 1 or more"),
        ("tcp_server", &["--encoding", "x"], "unknown encoding \"x\""),
        ("threads_server", &["--max", "none"], "'none' for '--max <N>': not a whole number of 1 or more"),
        ("threads_server", &["--threads", "0"], "'0' for '--threads <N>': not a whole number of 1 or more"),
        ("threads_server", &["--timeout", "0"], "'0' for '--timeout <SECONDS>': not a number of seconds"),
        (
            "threads_server",
            &["--seconds", "nan"],
            "'nan' for '--seconds <S>': not a number of seconds above 0",
        ),
        ("udp_server", &[":77888"], "larger than 65535"),
        ("udp_server", &["--threads", "0"], "'0' for '--threads <N>': not a whole number of 1 or more"),
        ("udp_server", &["--encoding", "x"], "unknown encoding \"x\""),
        ("process_server", &[":77888"], "larger than 65535"),
        ("process_server", &["--max", "0"], "'0' for '--max <N>': not a whole number of 1 or more"),
        ("process_server", &["--timeout", "-1"], "'-1'"),
        ("process_server", &["--encoding", "x"], "unknown encoding \"x\""),
        ("prefork_server", &["127.0.0.1"], "\"127.0.0.1\": the port is missing"),
        ("prefork_server", &["--workers", "0"], "'0' for '--workers <N>': not a whole number of 1 or more"),
        ("prefork_server", &["--seconds", "soon"], "'soon' for '--seconds <S>': not a number of seconds"),
        ("line_chat", &[], "required arguments were not provided: --name <NAME>"),
        ("line_chat", &["--serve", "--name", "x"], "'--serve [<ADDR>]' cannot be used with '--name <NAME>'"),
        ("line_chat", &["--serve", "x"], "\"x\": the port is missing"),
        ("line_chat", &["x", "--name", "y"], "\"x\": the port is missing"),
        ("line_chat", &["--name", "x", "--seconds", "1"], "cannot be used with '--seconds <S>'"),
        ("udp_broadcast", &["--port", "0"], "'0' for '--port <P>': 0 is not in 1..=65535"),
        ("udp_broadcast", &["--port", "77888"], "77888 is not in 1..=65535"),
        ("udp_broadcast", &["--seconds", "0"], "'0' for '--seconds <S>': not a number of seconds above 0"),
        ("udp_broadcast", &["--encoding", "x"], "unknown encoding \"x\""),
        ("udp_broadcast", &["--interface", ""], "'' for '--interface <NAME>': an interface has a name"),
        ("discover", &["--port", "0"], "nobody can be asked at port 0"),
        ("discover", &["--serve", ""], "a value is required for '--serve <NAME>'"),
        (
            "discover",
            &["--serve", "x", "--seconds", "1"],
            "'--serve <NAME>' cannot be used with '--seconds <S>'",
        ),
        ("resolve_name", &["--server", "x:53"], "'x:53' for '--server <ADDR[:PORT]>': not an IP address"),
        ("resolve_name", &["--server", "127.0.0.1:0"], "not an IP address, with a port or without"),
        ("resolve_name", &["--hosts", "x", "--no-hosts"], "'--hosts <PATH>' cannot be used with"),
        ("resolve_name", &["--ipv4", "--ipv6"], "'--ipv4' cannot be used with '--ipv6'"),
        ("resolve_name", &["--ipv4", "--reverse"], "'--ipv4' cannot be used with '--reverse'"),
        ("resolve_name", &["--seconds", "0"], "'0' for '--seconds <S>': not a number of seconds above 0"),
        ("resolve_name", &["--reverse", "::1", "x"], "--reverse takes IP addresses, and \"x\" is none"),
        ("discover", &["--for", "1"], "required arguments were not provided: --serve <NAME>"),
    ] {
        let output = run(name, arguments, "text\n");
        let line = single_error_line(&output, 2);
        assert!(line.starts_with("error: ") && line.contains(words), "{name} {arguments:?}: {line}");
        assert!(output.stdout.is_empty(), "it does not begin: {output:?}");
    }
}

#[test]
fn runtime_error_prints_one_line_prefixed_with_name() {
    let taken = local();
    let taken = taken.local_addr().to_string();
    let listening = server();
    let listening = listening.local_addr().to_string();
    let nobody = deserted_by_tcp().to_string();
    for (name, arguments, input, words) in [
        ("udp_recv", &[&*taken][..], "", "address in use"),
        ("udp_server", &["203.0.113.1:0"], "", "bind 203.0.113.1:0: address not available on this machine"),
        ("udp_recv", &["203.0.113.1:0"], "", "bind 203.0.113.1:0: address not available on this machine"),
        ("udp_recv", &["no-such-name.invalid:0"], "", "resolve no-such-name.invalid"),
        ("udp_send", &["no-such-name.invalid:9"], "text\n", "resolve no-such-name.invalid"),
        (
            "udp_send",
            &[&taken, "--encoding", "gb2312"],
            "朱镕基\n",
            "'镕' (U+9555) at byte 3 does not exist in gb2312",
        ),
        ("udp_send", &[&taken], "", "ended before there was a line"),
        ("udp_connected", &["--encoding", "gbk", "--message", "😀"], "", "'😀' (U+1F600) at byte 0"),
        ("tcp_server", &[&listening], "", "address in use"),
        ("threads_server", &[&listening], "", "address in use"),
        ("tcp_proxy", &[&listening], "", "address in use"),
        ("line_chat", &["--serve", &listening], "", "address in use"),
        ("tcp_client", &[&nobody], "", "connection refused"),
        ("line_chat", &[&nobody, "--name", "x"], "", "connection refused"),
        ("tcp_client", &["no-such-name.invalid:9"], "", "resolve no-such-name.invalid"),
        (
            "tcp_client",
            &[&listening, "--message", "朱镕基"],
            "",
            "'镕' (U+9555) at byte 3 does not exist in gb2312",
        ),
        ("line_chat", &[&listening, "--name", "镕", "--encoding", "gb2312"], "", "'镕' (U+9555) at byte 0"),
        ("udp_broadcast", &["--interface", "nosuch0"], "", "nosuch0: address not available on this machine"),
        (
            "udp_broadcast",
            &["--interface", "127.0.0.1", "--message", "镕", "--encoding", "gb2312"],
            "",
            "'镕' (U+9555) at byte 0",
        ),
        ("resolve_name", &["--hosts", "no-such-file"], "", "hosts file no-such-file: "),
        ("resolve_name", &["no-such-name.invalid"], "", "no such host; asking again does not help"),
        ("discover", &["--interface", "nosuch0"], "", "nosuch0: address not available on this machine"),
        (
            "discover",
            &["--serve", "x", "--interface", "nosuch0"],
            "",
            "bind interface nosuch0: address not available on this machine",
        ),
    ] {
        if arguments.contains(&"203.0.113.1:0") && is_wine() {
            skip(Need::Platform, "Wine binds any address");
            continue;
        }
        let line = single_error_line(&run(name, arguments, input), 1);
        let begins = line.starts_with(&format!("{name}: "));
        assert!(begins && line.contains(words), "{name} {arguments:?}: {line}");
        assert!(!line.contains("panicked") && !line.contains("Error {"), "{line}");
    }
}

#[test]
#[cfg(not(unix))]
fn process_servers_report_unix_requirement() {
    for name in ["prefork_server", "process_server"] {
        let line = single_error_line(&run(name, &[], ""), 1);
        assert!(line.starts_with(&format!("{name}: it needs Unix: ")), "{line}");
    }
}

#[test]
fn udp_send_fails_on_invalid_utf8_stdin() {
    let mut running = Running::start(&mut example("udp_send"));
    running.stdin().write_all(b"\xFF\n").unwrap();
    assert!(single_error_line(&running.finish(), 1).starts_with("udp_send: standard input: "));
}

#[test]
fn examples_handle_closed_stdout_silently() {
    for name in [
        "bind_addresses",
        "hosts_file",
        "listen_accept",
        "resolve_name",
        "socket_kinds",
        "tcp_handshake",
        "tour",
        "udp_connected",
    ] {
        let mut running = Running::start(&mut example(name));
        drop(running.stdout());
        let output = running.finish();
        assert!(output.stderr.is_empty(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn udp_connected_shows_each_step() {
    let text = stdout_of_example("udp_connected");
    for promised in ["connect: ", "received \"你好\"", "recv: ", "heard \"from the peer\" and nothing else"]
    {
        assert!(text.contains(promised), "{promised:?} is not in\n{text}");
    }
    #[cfg(target_os = "linux")]
    assert!(
        text.contains("the peer is closed: receive at") && text.contains(": connection refused"),
        "{text}"
    );

    let output = run("udp_connected", &["--encoding", "gb2312", "--message", "间隔·破折—号"], "");
    assert!(output.status.success(), "{output:?}");
    assert!(stdout(&output).contains("\"间隔·破折—号\""), "{output:?}");
}

#[test]
fn listen_accept_prints_backlog_and_shutdown() {
    let text = stdout_of_example("listen_accept");
    for promised in [
        "client 1 at 127.0.0.1:",
        ": cancelled, by a handle, ",
        "got \"收到\"",
        "served 0, drained 2, aborted 0, refused 0",
    ] {
        assert!(text.contains(promised), "{promised:?} is not in\n{text}");
    }
    let accepted: Vec<_> = text.lines().filter(|line| line.starts_with("accept:")).collect();
    assert!(accepted.len() >= 2, "{text}");
    for (line, number) in accepted.iter().zip(1..) {
        assert!(line.ends_with(&format!("which sent \"我是{number}号\"")), "{line}");
    }
    #[cfg(target_os = "linux")]
    {
        assert_eq!(accepted.len(), 3, "one more than the backlog of 2: {text}");
        assert!(text.contains("client 4 is not: connect to 127.0.0.1:"), "{text}");
        assert!(text.contains("too late: connect to 127.0.0.1:"), "{text}");
    }
}

#[test]
fn socket_kinds_opens_tcp_and_udp_on_ipv4_and_ipv6() {
    let text = stdout_of_example("socket_kinds");
    for (kind, python) in [
        ("IPv4 TCP", "socket(AF_INET, SOCK_STREAM)"),
        ("IPv4 UDP", "socket(AF_INET, SOCK_DGRAM)"),
        ("IPv6 TCP", "socket(AF_INET6, SOCK_STREAM)"),
        ("IPv6 UDP", "socket(AF_INET6, SOCK_DGRAM)"),
    ] {
        let line =
            text.lines().find(|line| line.starts_with(kind)).unwrap_or_else(|| panic!("{kind}: {text}"));
        assert!(line.contains(python), "{line}");
        let open = if kind.starts_with("IPv4") { "open at 127.0.0.1:" } else { "open at [::1]:" };
        let is_lacking = kind.starts_with("IPv6") && line.contains("not on this machine: ");
        assert!(line.contains(open) || is_lacking, "{line}");
    }
}

#[test]
fn bind_addresses_prints_result_for_each_address() {
    let text = stdout_of_example("bind_addresses");
    for (asked, came) in [
        ("(\"\", 0)", "→ 0.0.0.0:"),
        ("\":0\" ", "→ 0.0.0.0:"),
        ("0 ", "→ 0.0.0.0:"),
        ("\"127.0.0.1:0\"", "→ 127.0.0.1:"),
        ("\"localhost:0\"", "1:"),
        ("\"[::1]:0\"", "→ "),
        ("\"[::]:0\"", "→ "),
        ("\":0\" with dual_stack(true)", "→ "),
        (
            "\"127.0.0.1:77888\"",
            "→ parse address: \"127.0.0.1:77888\": the port is larger than 65535, at byte 10",
        ),
        ("\"nobody.invalid:0\"", "→ resolve nobody.invalid: "),
        ("\"203.0.113.1:0\"", "→ bind 203.0.113.1:0: address not available on this machine"),
    ] {
        if asked.contains("203.0.113.1") && is_wine() {
            skip(Need::Platform, "Wine binds any address");
            continue;
        }
        let line = text.lines().find(|line| line.starts_with(asked));
        let line = line.unwrap_or_else(|| panic!("{asked} is not in\n{text}"));
        assert!(line.contains(came), "{line}");
    }
    let again = text.lines().find(|line| line.contains("\" again ")).unwrap();
    assert!(again.ends_with(": address in use"), "{again}");
}
