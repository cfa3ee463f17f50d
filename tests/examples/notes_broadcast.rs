//! The notes' broadcast, in `tests/notes`, and the examples that descend from it: either side can be either's.
//!
//! On Linux a datagram to 127.255.255.255 reaches whoever is bound to every local address, and leaves this machine by no link.

#![cfg(target_os = "linux")]

use crate::kit::listening::*;
use crate::kit::python::*;
use crate::kit::*;

const LOOPBACK_BROADCAST: &str = "127.255.255.255";

#[test]
fn python_udp_recv_receives_udp_broadcast() {
    for (encoding, message) in [("utf-8", "hi"), ("utf-8", "你好"), ("gb2312", "你好")] {
        let Some(mut receiver) = script("udp_recv.py", &["", "0", encoding]) else { return };
        let mut receiving = Running::start(&mut receiver);
        let lines = Lines::of(receiving.stdout());
        let port = lines.next();

        let mut sending = example("udp_broadcast");
        sending.args(["--port", &port, "--interface", "lo", "--seconds", "0.05"]);
        if (encoding, message) != ("utf-8", "hi") {
            sending.args(["--encoding", encoding, "--message", message]);
        }
        let sent = Running::start(&mut sending).finish();
        assert!(sent.status.success() && sent.stdout.is_empty(), "{sent:?}");
        assert_eq!(lines.next(), format!("content is {message}"));
        assert!(receiving.finish().status.success());
    }
}

#[test]
fn discover_responder_answers_python_broadcast() {
    let arguments = ["--serve", "灯", "--message", "hi", "--port", "0", "--interface", "lo"];
    let server = listen("discover", &arguments);
    let port = server.address.port();
    let asker = script("udp_broadcast.py", &[&port.to_string(), LOOPBACK_BROADCAST]);
    let Some(mut asker) = asker else { return };
    let mut asking = Running::start(&mut asker);
    let answer = python_bytes("灯".as_bytes());
    let heard = Lines::of(asking.stdout()).next();
    assert_eq!(heard, format!("Received from ('127.0.0.1', {port}): {answer}"));
    let question = server.lines.next();
    assert!(question.starts_with("127.0.0.1:") && question.ends_with(" on lo: hi"), "{question}");
}

/// One peer answers both, and what either prints of it is the same but for Python's way to show an address and bytes.
#[test]
fn udp_broadcast_prints_same_reply_as_python() {
    let server =
        listen("discover", &["--serve", "lamp", "--message", "hi", "--port", "0", "--interface", "lo"]);
    let port = server.address.port().to_string();
    let asker = script("udp_broadcast.py", &[&port, LOOPBACK_BROADCAST]);
    let Some(mut asker) = asker else { return };
    let theirs = Lines::of(Running::start(&mut asker).stdout()).next();

    let arguments = ["--port", &port, "--interface", "lo"];
    let ours = Lines::of(Running::start(example("udp_broadcast").args(arguments)).stdout()).next();
    assert_eq!(ours, format!("Received from 127.0.0.1:{port}: lamp"));
    assert_eq!(theirs, format!("Received from ('127.0.0.1', {port}): b'lamp'"));
}
