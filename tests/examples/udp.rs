//! `udp_send`, `udp_recv` and `udp_server`: what they send, and what they make of what they receive.

use std::io::Write;

use crate::kit::*;
use socketry::{Encoding, UdpEndpoint};

const PROMPT: &str = "请输入要发送的数据：";

/// Types `input` into `udp_send` and expects it to end well, having printed its prompt.
#[track_caller]
fn udp_send(to: &str, more: &[&str], input: &str) {
    let mut sending = Running::start(example("udp_send").arg(to).args(more));
    sending.stdin().write_all(input.as_bytes()).unwrap();
    let output = sending.finish();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), PROMPT);
}

/// `udp_recv` at a port of the system's choice.
struct UdpReceiver {
    running: Running,
    /// What it prints on standard output and on standard error, after saying where it listens.
    lines: Lines,
    notes: Lines,
    address: String,
}

fn udp_recv(at: &str, encoding: &str, more: &[&str]) -> UdpReceiver {
    let mut running = Running::start(example("udp_recv").arg(at).args(more));
    let (lines, notes) = (Lines::of(running.stdout()), Lines::of(running.stderr()));
    let ready = notes.next();
    let address = ready
        .strip_prefix("listening on ")
        .and_then(|rest| rest.strip_suffix(&format!(" ({encoding})")))
        .unwrap_or_else(|| panic!("{ready}"))
        .to_owned();
    UdpReceiver { running, lines, notes, address }
}

#[test]
fn udp_send_strips_only_line_ending() {
    let receiver = local();
    let to = receiver.local_addr().to_string();
    for (input, sent) in [
        ("你好，世界\n", "你好，世界"),
        ("你好，世界\r\n", "你好，世界"),
        ("  spaces\t \n", "  spaces\t "),
        ("no ending", "no ending"),
        ("only the first\nof two\n", "only the first"),
        ("\n", ""),
        ("carriage\r\r\n", "carriage\r"),
    ] {
        udp_send(&to, &[], input);
        assert_eq!(receiver.recv().unwrap().text().unwrap(), sent);
    }
}

#[test]
fn udp_send_encodes_with_requested_encoding() {
    let receiver = local();
    let to = receiver.local_addr().to_string();
    let text = "间隔·破折—号 \"中文\" ①";
    udp_send(&to, &[], text);
    assert_eq!(receiver.recv().unwrap().bytes(), text.as_bytes(), "utf-8 unless told otherwise");
    for encoding in [Encoding::Gb2312, Encoding::Gbk, Encoding::Gb18030] {
        udp_send(&to, &["--encoding", encoding.name()], text);
        assert_eq!(receiver.recv().unwrap().bytes(), &*encoding.encode(text).unwrap());
    }
}

#[test]
fn udp_send_accepts_host_name_and_ipv6() {
    let receiver = local();
    udp_send(&format!("localhost:{}", receiver.local_addr().port()), &[], "by name\n");
    assert_eq!(receiver.recv().unwrap().bytes(), b"by name", "the name is taken for IPv4, as in the notes");

    if !has_ipv6() {
        return;
    }
    let receiver = socketry::UdpEndpoint::builder().read_timeout(PATIENCE).bind("[::1]:0").unwrap();
    udp_send(&receiver.local_addr().to_string(), &[], "by IPv6\n");
    assert_eq!(receiver.recv().unwrap().bytes(), b"by IPv6");
}

#[test]
fn udp_recv_exits_after_one_datagram_by_default() {
    let receiving = udp_recv("127.0.0.1:0", "gb2312", &[]);
    let sender = local_in(Encoding::Gb2312);
    sender.send_to("你好，世界", receiving.address.as_str()).unwrap();
    assert_eq!(receiving.lines.next(), "content is 你好，世界");
    assert!(receiving.running.finish().status.success());
    assert!(receiving.lines.rest().is_empty());
}

#[test]
fn udp_recv_prints_immediately_and_counts_invalid_text() {
    let receiving = udp_recv("127.0.0.1:0", "gb2312", &["--count", "4"]);
    let sender = local_in(Encoding::Gb2312);
    let to = receiving.address.as_str();
    sender.send_to("间隔·", to).unwrap();
    assert_eq!(receiving.lines.next(), "content is 间隔·");
    sender.send_to(b"abc\xFF", to).unwrap();
    let sender_address = sender.local_addr();
    assert_eq!(
        receiving.notes.next(),
        format!("udp_recv: decode text from {sender_address}: byte FF at byte 3 is not gb2312")
    );
    sender.send_to("", to).unwrap();
    assert_eq!(receiving.lines.next(), "content is ");
    sender.send_to("破折—号", to).unwrap();
    assert_eq!(receiving.lines.next(), "content is 破折—号");
    assert!(receiving.running.finish().status.success());
    assert!(receiving.lines.rest().is_empty() && receiving.notes.rest().is_empty());
}

#[test]
fn udp_recv_empty_host_binds_wildcard_address() {
    let receiving = udp_recv(":0", "utf-8", &["--encoding", "utf8"]);
    let port = receiving.address.strip_prefix("0.0.0.0:").expect("the wildcard address");
    udp_send(&format!("127.0.0.1:{port}"), &[], "😀\n");
    assert_eq!(receiving.lines.next(), "content is 😀");
    assert!(receiving.running.finish().status.success());
}

/// A script may read the port and close its end; a later complaint then has nowhere to go.
#[test]
fn udp_recv_continues_with_stderr_closed() {
    let mut running = Running::start(example("udp_recv").args(["127.0.0.1:0", "--count", "2"]));
    let lines = Lines::of(running.stdout());
    let mut notes = std::io::BufReader::new(running.stderr());
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut notes, &mut ready).unwrap();
    drop(notes);
    let to = ready.split(' ').nth(2).unwrap();
    let sender = local_in(Encoding::Gb2312);
    sender.send_to([0xFF], to).unwrap();
    sender.send_to("后来", to).unwrap();
    assert_eq!(lines.next(), "content is 后来");
    assert!(running.finish().status.success());
}

#[test]
fn udp_server_replies_and_ends_with_a_report() {
    let mut running = Running::start(example("udp_server").args(["127.0.0.1:0", "--seconds", "2"]));
    let (lines, notes) = (Lines::of(running.stdout()), Lines::of(running.stderr()));
    let ready = notes.next();
    let address = ready.strip_prefix("listening on ").and_then(|rest| rest.split(' ').next()).expect(&ready);
    let address: std::net::SocketAddr = address.parse().unwrap();
    let client = UdpEndpoint::builder().encoding(Encoding::Gb2312).read_timeout(PATIENCE);
    let client = client.connect(address).unwrap();
    client.send("你好").unwrap();
    assert_eq!(client.recv().unwrap().text().unwrap(), "你好，收到");
    client.send(b"\xff\xff").unwrap();
    assert_eq!(lines.next(), format!("{}: 你好", client.local_addr()));
    let fault = notes.next();
    assert!(fault.ends_with(": byte FF at byte 0 is not gb2312"), "{fault}");
    assert!(running.finish().status.success());
    let last = lines.rest().pop().unwrap();
    assert!(last.starts_with("2 requests, 1 replies, 1 failed; shut down in "), "{last}");
}
