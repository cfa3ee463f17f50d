//! The notes' own scripts, in `tests/notes`, as peers of the examples that descend from them.
//!
//! In UTF-8 both sides have every character. In GB 2312 they differ in two cells, whose bytes are the same:
//!
//! | bytes | `gb2312` of Python writes | and reads | the examples write | and read |
//! |---|---|---|---|---|
//! | A1A4 | `・` U+30FB alone; U+00B7 is a `UnicodeEncodeError` | U+30FB | both | `·` U+00B7 |
//! | A1AA | `―` U+2015 alone; U+2014 is a `UnicodeEncodeError` | U+2015 | both | `—` U+2014 |
//!
//! So the texts that Python sends in GB 2312 are spelled its way, and what comes is compared in the reader's spelling.

use std::io::Write;
use std::process::Command;

use crate::kit::*;
use socketry::Encoding;

const ENCODINGS: [Encoding; 2] = [Encoding::Gb2312, Encoding::Utf8];

/// In the spelling of people and of this library.
const TEXTS: [&str; 5] = ["你好，世界", "\"中文\" ①", "间隔·破折—号", "—·", "plain ASCII"];

/// A text as Python's `gb2312` spells it.
fn python_spelling(text: &str, encoding: Encoding) -> String {
    match encoding {
        Encoding::Gb2312 => text.replace('·', "\u{30FB}").replace('—', "\u{2015}"),
        _ => text.to_owned(),
    }
}

/// One of the notes' scripts; `None` where there is no Python, which is recorded as a skip.
fn script(name: &str, host: &str, port: &str, encoding: Encoding) -> Option<Command> {
    let mut command = python::script(name, &[host, port, encoding.name()])?;
    // What is typed is UTF-8, as what is printed is, whatever the terminal of this machine uses.
    command.env("PYTHONIOENCODING", "utf-8");
    Some(command)
}

#[test]
fn udp_recv_receives_text_from_python_udp_send() {
    for encoding in ENCODINGS {
        for text in TEXTS {
            let arguments = ["127.0.0.1:0", "--encoding", encoding.name()];
            let mut receiving = Running::start(example("udp_recv").args(arguments));
            let (lines, notes) = (Lines::of(receiving.stdout()), Lines::of(receiving.stderr()));
            let ready = notes.next();
            let port = ready.split([':', ' ']).nth(3).unwrap();

            let sender = script("udp_send.py", "127.0.0.1", port, encoding);
            let Some(mut sender) = sender else { return };
            let mut sending = Running::start(&mut sender);
            writeln!(sending.stdin(), "{}", python_spelling(text, encoding)).unwrap();
            let sent = sending.finish();
            assert!(sent.status.success(), "{sent:?}");
            assert_eq!(String::from_utf8(sent.stdout).unwrap(), "请输入要发送的数据：");

            assert_eq!(lines.next(), format!("content is {text}"), "in {encoding}");
            assert!(receiving.finish().status.success());
            assert!(notes.rest().is_empty());
        }
    }
}

#[test]
fn python_udp_recv_receives_text_from_udp_send() {
    for encoding in ENCODINGS {
        // Both spellings are written to the bytes that Python reads.
        for text in TEXTS.iter().flat_map(|text| [(*text).to_owned(), python_spelling(text, encoding)]) {
            let receiver = script("udp_recv.py", "127.0.0.1", "0", encoding);
            let Some(mut receiver) = receiver else { return };
            let mut receiving = Running::start(&mut receiver);
            let lines = Lines::of(receiving.stdout());
            let to = format!("127.0.0.1:{}", lines.next());

            let mut sending =
                Running::start(example("udp_send").args([to.as_str(), "--encoding", encoding.name()]));
            writeln!(sending.stdin(), "{text}").unwrap();
            let sent = sending.finish();
            assert!(sent.status.success(), "{sent:?}");
            assert_eq!(String::from_utf8(sent.stdout).unwrap(), "请输入要发送的数据：");

            assert_eq!(
                lines.next(),
                format!("content is {}", python_spelling(&text, encoding)),
                "in {encoding}"
            );
            let received = receiving.finish();
            assert!(received.status.success(), "{received:?}");
        }
    }
}

/// The table above, where the two differ: Python refuses to send what people write.
#[test]
fn python_udp_send_fails_on_middle_dot_and_em_dash_in_gb2312() {
    for text in ["·", "—"] {
        let nobody = deserted().port().to_string();
        let sender = script("udp_send.py", "127.0.0.1", &nobody, Encoding::Gb2312);
        let Some(mut sender) = sender else { return };
        let mut sending = Running::start(&mut sender);
        writeln!(sending.stdin(), "{text}").unwrap();
        let sent = sending.finish();
        assert!(!sent.status.success(), "{text}: {sent:?}");
        assert!(String::from_utf8_lossy(&sent.stderr).contains("UnicodeEncodeError"), "{sent:?}");
        assert!(Encoding::Gb2312.encode(text).is_ok());
    }
}
