//! The notes' own TCP scripts, in `tests/notes`, as peers of the examples that descend from them.
//!
//! In which spelling Python has two of the characters of GB 2312, and how it refuses the other, is told in
//! `notes_udp.rs`; here are texts in which both agree.

use crate::kit::python::*;
use crate::kit::*;
use socketry::Encoding;

const ENCODINGS: [Encoding; 2] = [Encoding::Gb2312, Encoding::Utf8];

const TEXTS: [&str; 4] = ["hahah", "你好，世界", "\"中文\" ①", "plain\tASCII"];

#[test]
fn tcp_server_receives_text_from_python_client() {
    for encoding in ENCODINGS {
        for (text, reply) in TEXTS.into_iter().zip(["", "收到", "", "也收到"]) {
            let mut ours = example("tcp_server");
            ours.args(["127.0.0.1:0", "--encoding", encoding.name()]);
            if !reply.is_empty() {
                ours.args(["--reply", reply]);
            }
            let mut serving = Running::start(&mut ours);
            let (lines, notes) = (Lines::of(serving.stdout()), Lines::of(serving.stderr()));
            let ready = notes.next();
            let port = ready.split([':', ' ']).nth(3).unwrap();

            let arguments = ["127.0.0.1", port, encoding.name(), text];
            let Some(mut client) = script("tcp_client.py", &arguments) else { return };
            let client = Running::start(&mut client).finish();
            assert!(client.status.success(), "{client:?}");
            let expected = format!("recvData:{}", python_bytes(&encoding.encode(reply).unwrap()));
            assert_eq!(String::from_utf8(client.stdout).unwrap().trim_end(), expected, "in {encoding}");

            let line = lines.next();
            let (peer, received) = line.split_at(line.match_indices(':').nth(1).unwrap().0);
            assert!(peer.starts_with("127.0.0.1:"), "{line}");
            assert_eq!(received, format!(":{text}"), "in {encoding}");
            assert!(serving.finish().status.success());
            assert!(notes.rest().is_empty(), "the client closed, and nothing is to be said");
        }
    }
}

#[test]
fn python_server_receives_text_from_tcp_client() {
    for encoding in ENCODINGS {
        for text in TEXTS {
            let Some(mut server) = script("tcp_server.py", &["127.0.0.1", "0"]) else { return };
            let mut serving = Running::start(&mut server);
            let lines = Lines::of(serving.stdout());
            let to = format!("127.0.0.1:{}", lines.next());

            let arguments = [&*to, "--message", text, "--encoding", encoding.name()];
            let client = Running::start(example("tcp_client").args(arguments)).finish();
            assert!(client.status.success() && client.stderr.is_empty(), "{client:?}");
            assert_eq!(client.stdout, b"recvData:\n", "it closes without an answer");

            let line = lines.next();
            let sent = python_bytes(&encoding.encode(text).unwrap());
            assert!(line.starts_with("('127.0.0.1', ") && line.ends_with(&format!("):{sent}")), "{line}");
            assert!(serving.finish().status.success());
        }
    }
}
