//! The notes' broadcast, in `tests/notes`, and the examples that descend from it: either side can be either's.
//!
//! On Linux a datagram to 127.255.255.255 reaches whoever is bound to every local address, and leaves this machine by no link.

#![cfg(target_os = "linux")]

mod kit;

use kit::listening::*;
use kit::python::*;
use kit::*;

const EVERYBODY_HERE: &str = "127.255.255.255";

#[test]
fn the_notes_receiver_hears_the_broadcast() {
    let test = "the_notes_receiver_hears_the_broadcast";
    for (encoding, message) in [("utf-8", "hi"), ("utf-8", "你好"), ("gb2312", "你好")] {
        let Some(mut receiver) = script(test, "udp_recv.py", &["", "0", encoding]) else { return };
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
fn the_notes_broadcast_is_answered() {
    let arguments = ["--serve", "灯", "--message", "hi", "--port", "0", "--interface", "lo"];
    let server = listen("discover", &arguments);
    let port = server.address.port();
    let asker =
        script("the_notes_broadcast_is_answered", "udp_broadcast.py", &[&port.to_string(), EVERYBODY_HERE]);
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
fn the_example_prints_what_the_notes_print() {
    let server =
        listen("discover", &["--serve", "lamp", "--message", "hi", "--port", "0", "--interface", "lo"]);
    let port = server.address.port().to_string();
    let asker =
        script("the_example_prints_what_the_notes_print", "udp_broadcast.py", &[&port, EVERYBODY_HERE]);
    let Some(mut asker) = asker else { return };
    let theirs = Lines::of(Running::start(&mut asker).stdout()).next();

    let arguments = ["--port", &port, "--interface", "lo"];
    let ours = Lines::of(Running::start(example("udp_broadcast").args(arguments)).stdout()).next();
    assert_eq!(ours, format!("Received from 127.0.0.1:{port}: lamp"));
    assert_eq!(theirs, format!("Received from ('127.0.0.1', {port}): b'lamp'"));
}
