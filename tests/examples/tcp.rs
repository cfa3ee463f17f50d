//! `tcp_server`, `tcp_client`, `threads_server` and `line_chat` at work: with each other, and with peers that do it wrong;
//! and what `tcp_handshake` sees.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Output};

use crate::kit::listening::*;
use crate::kit::*;
use socketry::{Encoding, TcpClient, TcpServer};

const GB2312: Encoding = Encoding::Gb2312;

#[track_caller]
fn tcp_client(address: SocketAddr, more: &[&str]) -> Output {
    let output = Running::start(example("tcp_client").arg(address.to_string()).args(more)).finish();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    output
}

#[test]
fn tcp_server_prints_sender_and_data_then_exits() {
    for (arguments, sent, printed) in [
        (&["127.0.0.1:0"][..], &b"hahah"[..], "hahah"),
        (&["127.0.0.1:0"], b"\xC4\xE3\xBA\xC3", "你好"),
        (&["127.0.0.1:0", "--encoding", "utf-8"], "😀".as_bytes(), "😀"),
        (&["127.0.0.1:0"], b"ab\xFF\n", "ab\\xff\\n"),
        (&["127.0.0.1:0"], b"two\nlines\x1B[2J", "two\\nlines\\u{1b}[2J"),
        (&["127.0.0.1:0"], b"", ""),
    ] {
        let server = listen("tcp_server", arguments);
        let client = client_of(server.address);
        client.send(sent).unwrap();
        client.half_close().unwrap();
        let from = client.local_addr().unwrap();
        assert_eq!(server.lines.next(), format!("{from}:{printed}"));
        assert_eq!(client.recv_to_end(100).unwrap(), b"", "it does not answer");
        assert!(server.running.finish().status.success());
        assert!(server.notes.rest().is_empty() && server.lines.rest().is_empty());
    }
}

/// One receive takes 1,024 bytes; what is left over does not destroy the answer.
#[test]
fn tcp_server_reply_arrives_despite_unread_data() {
    let server = listen("tcp_server", &["127.0.0.1:0", "--reply", "收到"]);
    let client = client_of(server.address);
    client.send(vec![b'x'; 5000]).unwrap();
    assert!(server.lines.next().ends_with("xxx"));
    assert_eq!(client.recv_to_end(100).unwrap(), *GB2312.encode("收到").unwrap());
    drop(client);
    assert!(server.running.finish().status.success());
}

#[test]
fn tcp_client_and_server_exchange_text_in_each_encoding() {
    for (encoding, message) in [("gb2312", "间隔·破折—号"), ("utf-8", "😀"), ("big5", "中文")] {
        let server = listen("tcp_server", &[":0", "--encoding", encoding, "--reply", message]);
        assert_eq!(server.address.ip().to_string(), "0.0.0.0", "every address of this machine");
        let to = (std::net::Ipv4Addr::LOCALHOST, server.address.port()).into();
        let output = tcp_client(to, &["--encoding", encoding, "--message", message]);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("recvData:{message}\n"));
        assert!(server.lines.next().ends_with(&format!(":{message}")));
        assert!(server.running.finish().status.success());
    }
}

#[test]
fn tcp_client_sends_default_and_escapes_invalid_reply() {
    let server = TcpServer::builder().read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let address = server.local_addr();
    let client = std::thread::spawn(move || tcp_client(address, &[]));
    let connection = server.accept_timeout(PATIENCE).unwrap();
    assert_eq!(connection.recv(1024).unwrap(), b"hahah");
    connection.send(b"ab\xFF").unwrap();
    assert_eq!(client.join().unwrap().stdout, b"recvData:ab\\xff\n");
}

#[test]
fn threads_server_prints_and_echoes_each_line() {
    let server = listen("threads_server", &["127.0.0.1:0"]);
    let mut clients = [client_in(GB2312, server.address), client_in(GB2312, server.address)];
    for (client, text) in clients.iter_mut().zip(["你好", "收到\t\u{3000}"]) {
        client.send(text).unwrap();
        let from = client.get_ref().local_addr().unwrap();
        assert_eq!(server.lines.next(), format!("{from}: {text}"));
        assert_eq!(heard(client), text);
    }
}

#[test]
fn threads_server_continues_after_invalid_line() {
    let server = listen("threads_server", &["127.0.0.1:0"]);
    let mut client = client_in(GB2312, server.address);
    let from = client.get_ref().local_addr().unwrap();
    client.get_mut().send(b"\xFF\n").unwrap();
    assert_eq!(heard(&mut client), "error: byte FF at byte 0 is not gb2312");
    assert_eq!(server.notes.next(), format!("{from}: byte FF at byte 0 is not gb2312"));
    client.get_mut().send(vec![b'x'; 70_000]).unwrap();
    client.get_mut().send("\n").unwrap();
    assert_eq!(heard(&mut client), "error: frame is longer than the limit of 65536 bytes");
    // To be sent back it would become another line: its CR would belong to the ending.
    client.get_mut().send("carriage\r\r\n").unwrap();
    assert_eq!(heard(&mut client), "error: frame contains the delimiter");
    client.send("你好").unwrap();
    assert_eq!(heard(&mut client), "你好");
}

#[test]
fn threads_server_refuses_over_max_and_times_out_idle() {
    let server = listen("threads_server", &["127.0.0.1:0", "--max", "1", "--timeout", "1"]);
    let mut first = client_in(GB2312, server.address);
    first.send("first").unwrap();
    assert_eq!(heard(&mut first), "first");
    let mut second = client_in(GB2312, server.address);
    assert_eq!(heard(&mut second), "busy, try again later");
    assert!(server.notes.next().ends_with(": connection limit reached"));
    let from = first.get_ref().local_addr().unwrap();
    let note = server.notes.next();
    assert!(
        note.starts_with(&format!("handler of {from} failed: ")) && note.contains("timed out after 1"),
        "{note}"
    );
    assert_eq!(first.recv().unwrap(), None);
    // A client that leaves within a line is noted, too.
    let third = client_in(GB2312, server.address);
    let from = third.get_ref().local_addr().unwrap();
    third.get_ref().send("half").unwrap();
    drop(third);
    let note = server.notes.next();
    assert!(note.starts_with(&format!("handler of {from} failed: ")), "{note}");
}

/// Fewer threads than connections: the others wait in the queue.
#[test]
fn threads_server_with_one_thread_serves_sequentially() {
    let server = listen("threads_server", &["127.0.0.1:0", "--threads", "1"]);
    let mut first = client_in(GB2312, server.address);
    let mut second = client_in(GB2312, server.address);
    second.send("second").unwrap();
    first.send("first").unwrap();
    assert!(server.lines.next().ends_with(": first"));
    drop(first);
    assert!(server.lines.next().ends_with(": second"));
    assert_eq!(heard(&mut second), "second");
}

#[test]
fn threads_server_exits_after_seconds_with_report() {
    let server = listen("threads_server", &["127.0.0.1:0", "--seconds", "1"]);
    let mut client = client_in(GB2312, server.address);
    client.send("你好").unwrap();
    assert_eq!(heard(&mut client), "你好");
    drop(client);
    assert!(server.running.finish().status.success());
    let last = server.lines.rest().pop().unwrap();
    assert!(last.contains("aborted 0, refused 0") && last.contains('1'), "{last}");
}

#[test]
#[cfg(unix)]
fn threads_server_drains_on_ctrl_c_and_aborts_on_second() {
    for times in [1, 2] {
        let server = listen("threads_server", &["127.0.0.1:0"]);
        let mut client = client_in(GB2312, server.address);
        client.send("inside").unwrap();
        assert_eq!(heard(&mut client), "inside");
        interrupt(&server.running);
        assert_eq!(server.notes.next(), "ending: those inside have 5s");
        // The note is printed before the shutdown begins, which the report distinguishes.
        await_closed_port(server.address);
        client.send("still inside").unwrap();
        assert_eq!(heard(&mut client), "still inside");
        let began = std::time::Instant::now();
        match times {
            1 => drop(client),
            _ => interrupt(&server.running),
        }
        let output = server.running.finish();
        assert!(output.status.success(), "{output:?}");
        assert!(
            began.elapsed() < std::time::Duration::from_secs(4),
            "it does not wait for the 5 s to be over"
        );
        let report = if times == 1 { "drained 1, aborted 0" } else { "drained 0, aborted 1" };
        assert_eq!(server.lines.rest().pop().unwrap(), format!("served 0, {report}, refused 0"));
    }
}

/// A member of a room who has been welcomed.
#[track_caller]
fn member(encoding: Encoding, room: &Listening, name: &str, with: &str) -> Client {
    let mut client = client_in(encoding, room.address);
    client.send(name).unwrap();
    assert_eq!(heard(&mut client), format!("* welcome, {name}; with you: {with}"));
    client
}

#[test]
fn line_chat_relays_lines_in_each_encoding() {
    for encoding in ["gb2312", "utf-8", "gb18030", "utf-16le"] {
        let room = listen("line_chat", &["--serve", "127.0.0.1:0", "--encoding", encoding]);
        let encoding: Encoding = encoding.parse().unwrap();
        let mut ming = member(encoding, &room, "小明", "nobody");
        let mut hong = member(encoding, &room, "小红", "小明");
        assert_eq!(heard(&mut ming), "* 小红 is here");
        ming.send("你好").unwrap();
        assert_eq!(heard(&mut hong), "小明: 你好");
        assert_eq!(room.lines.next(), "小明: 你好");
        hong.send("").unwrap();
        assert_eq!(heard(&mut ming), "小红: ", "what one says oneself is not heard again");
        drop(hong);
        assert_eq!(heard(&mut ming), "* 小红 has left");
    }
}

#[test]
fn line_chat_rejects_invalid_line_and_continues() {
    let room = listen("line_chat", &["--serve", "127.0.0.1:0", "--encoding", "gb2312"]);
    let mut ming = member(GB2312, &room, "ming", "nobody");
    let mut hong = member(GB2312, &room, "hong", "ming");
    hong.get_mut().send(format!("{}\n", "x".repeat(1001))).unwrap();
    assert_eq!(heard(&mut hong), "* not passed on: frame is longer than the limit of 1000 bytes");
    hong.get_mut().send(b"\xFF\n").unwrap();
    assert_eq!(heard(&mut hong), "* not passed on: byte FF at byte 1007 is not gb2312");
    hong.send("x".repeat(1000)).unwrap();
    assert_eq!(heard(&mut ming), "* hong is here");
    assert_eq!(heard(&mut ming), format!("hong: {}", "x".repeat(1000)));
}

#[test]
fn line_chat_rejects_taken_or_invalid_names() {
    let room = listen("line_chat", &["--serve", "127.0.0.1:0"]);
    let _ming = member(Encoding::Utf8, &room, "小明", "nobody");
    for (name, why) in [
        ("小明", "* the name 小明 is taken"),
        ("", "* a name has 1 to 30 bytes, and no control characters"),
        ("a\u{1B}b", "* a name has 1 to 30 bytes, and no control characters"),
        (&"长".repeat(11), "* a name has 1 to 30 bytes, and no control characters"),
    ] {
        let mut client = client_in(Encoding::Utf8, room.address);
        client.send(name).unwrap();
        assert_eq!(heard(&mut client), why);
        assert_eq!(client.recv().unwrap(), None, "and is closed");
    }
}

/// Who does not read is put out when a line cannot be sent in time, and nobody waits longer.
#[test]
fn line_chat_disconnects_client_that_does_not_read() {
    let room = listen("line_chat", &["--serve", "127.0.0.1:0"]);
    let silent = {
        let client = TcpClient::builder().receive_buffer_size(4096).read_timeout(PATIENCE);
        client.connect(room.address).unwrap()
    };
    silent.send("silent\n").unwrap();
    let welcome = silent.recv_text(1024).unwrap();
    assert_eq!(welcome, "* welcome, silent; with you: nobody\n");
    let mut listener = member(Encoding::Utf8, &room, "listener", "silent");
    let mut speaker = member(Encoding::Utf8, &room, "speaker", "listener, silent");
    assert_eq!(heard(&mut listener), "* speaker is here");

    let speaking = std::thread::spawn(move || {
        let line = "x".repeat(900);
        for _ in 0..2000 {
            speaker.send(&line).unwrap();
        }
        speaker.send("all said").unwrap();
        speaker
    });
    let mut news = Vec::new();
    loop {
        let line = heard(&mut listener);
        if line.starts_with('*') {
            news.push(line);
        } else if line == "speaker: all said" {
            break;
        }
    }
    assert_eq!(news, ["* silent does not read, and is put out"]);
    let mut speaker = speaking.join().unwrap();
    assert_eq!(heard(&mut speaker), "* silent does not read, and is put out");
    let notes: Vec<_> = (0..4).map(|_| room.notes.next()).collect();
    assert!(notes[3].starts_with("silent is put out: send to 127.0.0.1:"), "{notes:?}");
    let mut rest = vec![0; 64 * 1024];
    // A reset, or what is made of it on some systems.
    eventually("the end of the one who did not read", || {
        std::io::Read::read(&mut &silent, &mut rest).map_or(true, |length| length == 0)
    });
}

/// The client of the example, with what it prints.
struct ChatClient {
    running: Running,
    stdin: Option<std::process::ChildStdin>,
    lines: Lines,
    notes: Lines,
}

fn chat(room: &Listening, name: &str, encoding: &str) -> ChatClient {
    let arguments = [&*room.address.to_string(), "--name", name, "--encoding", encoding];
    let mut running = Running::start(example("line_chat").args(arguments));
    let (stdin, lines) = (Some(running.stdin()), Lines::of(running.stdout()));
    let notes = Lines::of(running.stderr());
    ChatClient { running, stdin, lines, notes }
}

#[test]
fn line_chat_client_exits_on_stdin_eof_or_server_close() {
    let seconds = if cfg!(unix) { "60" } else { "4" };
    let room = listen("line_chat", &["--serve", "127.0.0.1:0", "--encoding", "gb2312", "--seconds", seconds]);
    let ming = chat(&room, "小明", "gb2312");
    assert_eq!(ming.lines.next(), "* welcome, 小明; with you: nobody");
    let mut hong = chat(&room, "小红", "gb2312");
    assert_eq!(hong.lines.next(), "* welcome, 小红; with you: 小明");
    assert_eq!(ming.lines.next(), "* 小红 is here");

    let typed = hong.stdin.as_mut().unwrap();
    writeln!(typed, "镕").unwrap();
    assert_eq!(hong.notes.next(), "line_chat: not sent: '镕' (U+9555) at byte 0 does not exist in gb2312");
    write!(typed, "你好\r\nwithout an end").unwrap();
    drop(hong.stdin.take());
    for line in ["小红: 你好", "小红: without an end", "* 小红 has left"] {
        assert_eq!(ming.lines.next(), line);
    }
    assert!(hong.running.finish().status.success());
    assert!(hong.lines.rest().is_empty());

    // Its input is open; it ends with the room.
    assert!(ming.stdin.is_some());
    #[cfg(unix)]
    interrupt(&room.running);
    assert_eq!(ming.lines.next(), "* the room closes");
    let ended = ming.running.finish();
    assert!(ended.status.success() && ming.notes.rest().is_empty(), "{ended:?}");
    assert!(room.running.finish().status.success());
    assert_eq!(room.lines.rest().pop().unwrap(), "served 1, drained 1, aborted 0, refused 0");
}

#[test]
fn line_chat_reports_encoding_mismatch() {
    let room = listen("line_chat", &["--serve", "127.0.0.1:0", "--encoding", "utf-8"]);
    let mut client = chat(&room, "ming", "gb2312");
    assert_eq!(client.lines.next(), "* welcome, ming; with you: nobody");
    writeln!(client.stdin.as_mut().unwrap(), "你好").unwrap();
    assert_eq!(client.lines.next(), "* not passed on: byte C4 at byte 5 is not utf-8");
    let mut other = member(Encoding::Utf8, &room, "hong", "ming");
    assert_eq!(client.lines.next(), "* hong is here");
    other.send("😀").unwrap();
    assert!(client.notes.next().starts_with("line_chat: a line was lost: byte"), "not text in gb2312");
}

#[test]
fn line_chat_client_fails_on_invalid_utf8_stdin() {
    let room = listen("line_chat", &["--serve", "127.0.0.1:0"]);
    let mut client = chat(&room, "ming", "utf-8");
    assert_eq!(client.lines.next(), "* welcome, ming; with you: nobody");
    client.stdin.as_mut().unwrap().write_all(b"\xFF\n").unwrap();
    assert!(client.notes.next().starts_with("line_chat: standard input: "));
    assert_eq!(client.running.finish().status.code(), Some(1));
}

/// The states that a row of the picture shows, if it shows any: the client's and the server's.
fn states(row: &str) -> Option<(&str, &str)> {
    let mut parts = row.split('|');
    let (left, between, right) = (parts.next()?, parts.next()?, parts.next()?);
    between.trim().is_empty().then_some((left.split_whitespace().last()?, right.trim()))
}

#[test]
fn tcp_handshake_shows_every_state_of_both_ends() {
    let draw = |command: &mut Command| {
        // Each of its waits is bounded, and beside other load they are long.
        let output = Running::start(command).finish_within(9 * PATIENCE);
        let picture = String::from_utf8_lossy(&output.stdout).into_owned();
        (picture, output.status.success() && output.stderr.is_empty())
    };
    let mut command = example("tcp_handshake");
    #[cfg(target_os = "linux")]
    if namespaces::has_user_namespaces() {
        // It needs root's rights, and a table of sockets that is short.
        let mut inside = namespaces::in_user_namespace("exec \"$0\"");
        inside.arg(command.get_program());
        command = inside;
    } else {
        return;
    }
    let (picture, is_well) = draw(&mut command);
    assert!(is_well, "{picture}");
    let seen: Vec<_> = picture.lines().filter_map(states).collect();
    if !cfg!(target_os = "linux") {
        assert!(seen.is_empty() && picture.contains("netstat -an"), "{picture}");
        return;
    }
    let all = [
        ("CLOSED", "LISTEN"),
        ("SYN_SENT", "SYN_RECV"),
        ("ESTABLISHED", "SYN_RECV"),
        ("ESTABLISHED", "ESTABLISHED"),
        ("FIN_WAIT1", "ESTABLISHED"),
        ("FIN_WAIT1", "CLOSE_WAIT"),
        ("FIN_WAIT2", "CLOSE_WAIT"),
        ("FIN_WAIT2", "LAST_ACK"),
        ("TIME_WAIT", "LAST_ACK"),
        ("TIME_WAIT", "CLOSED"),
    ];
    assert_eq!(seen, all, "{picture}");
    let captions =
        picture.lines().filter_map(|line| line.split_once("第")).map(|(_, caption)| &caption[..12]);
    let steps = ["一次握手", "二次握手", "三次握手", "一次挥手", "二次挥手", "三次挥手", "四次挥手"];
    assert!(captions.eq(steps), "{picture}");
    assert!(picture.contains("the server got \"你好\" and the client got \"收到\""), "{picture}");

    // Another time only the numbers are others.
    let alike = |picture: &str| picture.replace(|c: char| c.is_ascii_digit() || c == ' ', "");
    let (again, _) = draw(&mut command);
    assert_eq!(alike(&again), alike(&picture), "{again}");
}
