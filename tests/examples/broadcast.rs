//! `udp_broadcast` and `discover` at work, on the loopback interface: with each other, and with endpoints of the test.

use std::process::Output;

use crate::kit::listening::*;
use crate::kit::*;
use socketry::{Encoding, UdpEndpoint};

/// The interface of this address is the loopback one, whatever its name is.
const LOOPBACK_ARGUMENTS: [&str; 2] = ["--interface", "127.0.0.1"];

/// Where a child can be interrupted, nobody waits for the end of the window.
const WINDOW: &str = if cfg!(unix) { "20" } else { "1" };

/// Bound to every address: one that is bound to 127.0.0.1 alone is deaf to broadcasts on Linux.
fn peer(encoding: Encoding) -> UdpEndpoint {
    UdpEndpoint::builder().encoding(encoding).read_timeout(PATIENCE).bind(":0").unwrap()
}

fn port_of(endpoint: &UdpEndpoint) -> String {
    endpoint.local_addr().port().to_string()
}

/// `discover --serve`, at a port of the system's choice unless told otherwise.
#[track_caller]
fn serve(name: &str, port: &str, more: &[&str]) -> Listening {
    listen("discover", &[&["--serve", name, "--port", port], &LOOPBACK_ARGUMENTS[..], more].concat())
}

/// An example that asks everybody.
struct QueryProcess {
    running: Running,
    lines: Lines,
    notes: Lines,
}

fn start_query(name: &str, port: &str, more: &[&str]) -> QueryProcess {
    let mut running =
        Running::start(example(name).args(["--port", port]).args(LOOPBACK_ARGUMENTS).args(more));
    let (lines, notes) = (Lines::of(running.stdout()), Lines::of(running.stderr()));
    QueryProcess { running, lines, notes }
}

impl QueryProcess {
    /// Ends it before its window is over where that is possible; what it still says.
    fn end(self) -> (Output, Vec<String>, Vec<String>) {
        #[cfg(unix)]
        interrupt(&self.running);
        (self.running.finish(), self.lines.rest(), self.notes.rest())
    }
}

/// The columns of a line of the table. A name may have spaces, as long as they are single ones.
fn columns(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect()
}

/// The counts in the last line: asked, replies, duplicates, dropped, lost.
#[track_caller]
fn counts(line: &str) -> [u64; 5] {
    let words: Vec<_> = line.split(", ").map(|part| part.split_once(' ').expect(line)).collect();
    let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["asked", "replies", "duplicates", "dropped", "lost"]);
    std::array::from_fn(|number| words[number].1.parse().expect(line))
}

#[test]
fn discover_prints_name_address_interface_and_round_trip() {
    let server = serve("灯", "0", &[]);
    assert_eq!(server.address.ip().to_string(), "0.0.0.0");
    let port = server.address.port().to_string();
    let asking = start_query("discover", &port, &["--seconds", WINDOW]);
    let sent = asking.notes.next();
    let interface = sent.split_once(": sent from 127.0.0.1 to 127.").expect(&sent).0.to_owned();
    assert!(sent.ends_with(&format!(":{port}")), "{sent}");

    assert_eq!(columns(&asking.lines.next()), ["name", "address", "interface round trip"]);
    let row = asking.lines.next();
    let rest = row.strip_prefix("灯               127.0.0.1:").expect(&row);
    let rest = rest.strip_prefix(&port).expect(&row).trim_start();
    let round_trip = rest.strip_prefix(&interface).expect(&row).trim_start();
    assert!(round_trip.ends_with('s') && round_trip.starts_with(|c: char| c.is_ascii_digit()), "{row}");

    let (output, lines, notes) = asking.end();
    assert!(output.status.success() && notes.is_empty(), "{notes:?}");
    let [asked, replies, duplicates, dropped, lost] = counts(&lines[0]);
    assert!((1..=3).contains(&asked) && duplicates < asked, "{lines:?}");
    assert_eq!((lines.len(), replies, dropped, lost), (1, 1, 0, 0), "{lines:?}");

    let question = server.lines.next();
    let from = question.strip_suffix(&format!(" on {interface}: who is there?")).expect(&question);
    assert!(from.starts_with("127.0.0.1:"), "{question}");
}

#[test]
fn discover_finds_two_responders_on_one_port() {
    let lamp = serve("灯", "0", &[]);
    let port = lamp.address.port().to_string();
    let door = serve("door to the garden", &port, &[]);
    let asking = start_query("discover", &port, &["--seconds", WINDOW]);
    asking.lines.next();
    let rows = [asking.lines.next(), asking.lines.next()];
    let has = |name: &str| rows.iter().any(|row| row.starts_with(&format!("{name} ")));
    // What a system does with a datagram to one address, where 127.0.0.1 stands for everybody, is its own affair.
    if cfg!(target_os = "linux") {
        assert!(has("灯") && has("door to the garden"), "{rows:?}");
        assert_eq!(counts(&asking.end().1[0])[1], 2);
        assert_eq!(lamp.lines.next(), door.lines.next());
    }
}

#[test]
fn responder_answers_only_matching_query() {
    let server = serve("lamp", "0", &["--message", "谁在那里？", "--for", "20"]);
    let to = format!("127.0.0.1:{}", server.address.port());
    let asker = local();
    let from = asker.local_addr();
    for (message, shown) in [
        (&b"who is there?"[..], "who is there?"),
        (b"", ""),
        (b"\xFF", "\\xff"),
        (b"two\nlines", "two\\nlines"),
    ] {
        asker.send_to(message, to.as_str()).unwrap();
        let note = server.notes.next();
        let rest = note.strip_prefix(&format!("{from} on ")).expect(&note);
        assert!(rest.ends_with(&format!(": {shown}, which is not the question")), "{note}");
    }
    asker.send_to("谁在那里？", to.as_str()).unwrap();
    assert_eq!(asker.recv().unwrap().text().unwrap(), "lamp", "it is the first answer");
    assert!(server.lines.next().ends_with(": 谁在那里？"));
    #[cfg(unix)]
    {
        interrupt(&server.running);
        assert!(server.running.finish().status.success());
        assert_eq!(server.lines.rest(), ["answered 1"]);
        assert!(server.notes.rest().is_empty());
    }
}

#[test]
fn responder_exits_after_for_option_duration() {
    let server = serve("lamp", "0", &["--for", "0.05"]);
    assert!(server.running.finish().status.success());
    assert_eq!(server.lines.rest(), ["answered 0"]);
}

#[test]
fn discover_and_broadcast_succeed_without_replies() {
    let port = deserted().port().to_string();
    let asking = start_query("discover", &port, &["--seconds", "0.1"]);
    assert!(asking.running.finish().status.success());
    assert_eq!(asking.lines.rest(), ["asked 1, replies 0, duplicates 0, dropped 0, lost 0"]);
    assert_eq!(asking.notes.rest().len(), 1, "what became of the question");

    let asking = start_query("udp_broadcast", &port, &["--seconds", "0.1"]);
    assert!(asking.running.finish().status.success());
    assert!(asking.lines.rest().is_empty());
    assert_eq!(asking.notes.rest()[1..], ["nobody answered within 100ms"]);
}

#[test]
fn udp_broadcast_prints_each_reply() {
    for (arguments, encoding, sent, answer) in [
        (&[][..], Encoding::Utf8, "hi", "你也好"),
        (&["--encoding", "gb2312", "--message", "你好"], Encoding::Gb2312, "你好", "间隔·"),
    ] {
        let peer = peer(encoding);
        let asking = start_query("udp_broadcast", &port_of(&peer), arguments);
        let question = peer.recv().unwrap();
        assert_eq!(question.bytes(), &*encoding.encode(sent).unwrap());
        for answer in [&*encoding.encode(answer).unwrap(), b"\xFF", b"two\nlines"] {
            peer.reply(&question, answer).unwrap();
        }
        let from = format!("Received from 127.0.0.1:{}: ", port_of(&peer));
        for shown in [answer, "\\xff", "two\\nlines"] {
            assert_eq!(asking.lines.next(), format!("{from}{shown}"));
        }
    }
}

/// One that cannot be used does not keep the message from the others.
#[test]
fn broadcast_reports_send_result_per_interface() {
    let peer = peer(Encoding::Utf8);
    let more = ["--interface", "nosuch0", "--seconds", "0.05"];
    for name in ["udp_broadcast", "discover"] {
        let asking = start_query(name, &port_of(&peer), &more);
        assert!(asking.notes.next().contains(": sent from 127.0.0.1 to 127."));
        assert_eq!(asking.notes.next(), "nosuch0: not sent: address not available on this machine");
        assert!(!peer.recv().unwrap().bytes().is_empty());
        assert!(asking.running.finish().status.success());
    }
}

/// Who has chosen is told of the choice, and not of another one.
#[test]
fn broadcast_fails_when_only_interface_is_missing() {
    let missing = "nosuch0: address not available on this machine";
    for name in ["udp_broadcast", "discover"] {
        let output = Running::start(example(name).args(["--interface", "nosuch0"])).finish();
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text, format!("{name}: send to everybody: send failed on every interface: {missing}\n"));
    }
}

/// A socket that did not allow it keeps its port to itself.
#[test]
#[cfg(target_os = "linux")]
fn responder_fails_when_port_is_in_use() {
    let taken = peer(Encoding::Utf8);
    let port = port_of(&taken);
    let output =
        Running::start(example("discover").args(["--serve", "x", "--port", &port]).args(LOOPBACK_ARGUMENTS))
            .finish();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text, format!("discover: bind 0.0.0.0:{port}: address in use\n"));
}

/// In a network namespace of its own a process has the loopback interface and no other.
#[test]
#[cfg(target_os = "linux")]
fn broadcast_without_usable_interface_suggests_loopback() {
    if !namespaces::has_user_namespaces() {
        return;
    }
    let run = |name: &str, arguments: &[&str]| {
        let mut command = namespaces::in_user_namespace("exec \"$0\" \"$@\"");
        command.arg(example(name).get_program()).args(arguments);
        let output = Running::start(&mut command).finish();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let hint = "(--loopback takes the one that leads to this machine)\n";
    for (name, arguments, words) in [
        ("udp_broadcast", &[][..], "send to everybody: no usable interface"),
        ("discover", &[], "send to everybody: no usable interface"),
        ("discover", &["--serve", "x"], "bind: no usable interface"),
    ] {
        let (code, text) = run(name, arguments);
        assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
        assert!(text.starts_with(&format!("{name}: {words}")) && text.ends_with(hint), "{text}");
    }
    for name in ["udp_broadcast", "discover"] {
        let (code, text) = run(name, &["--loopback", "--seconds", "0.05"]);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.starts_with("lo: sent from 127.0.0.1 to 127.255.255.255:7788\n"), "{text}");
    }
}
