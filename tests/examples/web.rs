//! `visit_website` and `https_get` at work: the notes' story in the notes' order, and web servers written by others or by a script.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;

use crate::kit::*;

fn run(name: &str, arguments: &[&str]) -> Output {
    Running::start(example(name).args(arguments)).finish()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What must be there, in this order.
#[track_caller]
fn assert_in_order(output: &Output, promised: &[&str]) {
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let all = text(&output.stdout);
    let mut rest = all;
    for line in promised {
        let at =
            rest.find(line).unwrap_or_else(|| panic!("{line:?} is not there, or not there yet, in\n{all}"));
        rest = &rest[at + line.len()..];
    }
}

#[test]
fn visit_website_prints_all_steps_in_order() {
    let output = run("visit_website", &["--offline"]);
    assert_in_order(
        &output,
        &[
            "浏览器访问 http://www.baidu.example:",
            "1. 先要解析出 www.baidu.example 对应的 IP 地址\n   默认网关: ",
            "hosts file: nothing of www.baidu.example\n",
            "DNS: server 127.0.0.1:",
            " answered after ",
            "127.0.0.1",
            ", for 3600 s\n2. TCP 的三次握手\n",
            ": asked to connect\n",
            "127.0.0.1:",
            ": connected after ",
            " ⇄ 127.0.0.1:",
            "3. 使用 HTTP 协议发送请求数据给 web 服务器\n   > GET / HTTP/1.1\n   > Host: www.baidu.example:",
            "4. web 服务器返回结果\n   < HTTP/1.1 200 OK\n   < Content-Type: text/html; charset=utf-8\n",
            "the first byte came after ",
            "5. 浏览器接收到数据后显示这个网页\n   it is in utf-8, as the header says\n",
            "   | 你好，世界\n",
            "6. 浏览器关闭 TCP 连接，即 4 次挥手\n",
            "完成整个访问过程\n\n浏览器访问 http://gb.baidu.example:",
            "hosts file: 127.0.0.1, by line 2 of ",
            ": 127.0.0.1 gb.baidu.example\n2. TCP",
            "   < Content-Type: text/html\n",
            "it is in gb2312, as the page itself says\n",
            "   | 百度一下，你就知道\n   | 你好，世界\n   | 这一页是 gb2312 编码的。\n",
            "完成整个访问过程\n",
        ],
    );
}

/// A server that sends what the test says to whoever asks, once, in pieces of single bytes.
fn server(answer: Vec<u8>) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a/page?x=1#part", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        // Who has seen enough goes.
        let _ = answer.iter().try_for_each(|byte| stream.write_all(&[*byte]));
        String::from_utf8(request).unwrap()
    });
    (url, served)
}

const GB2312: &[u8] = b"<style>p{}</style><p>\xC4\xE3\xBA\xC3</p>";

#[test]
fn visit_website_reads_chunked_length_and_eof_bodies() {
    let header = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=GB2312\r\n";
    let chunked = [
        &header[..],
        b"Transfer-Encoding: chunked\r\n\r\n18\r\n",
        &GB2312[..24],
        b"\r\n5;x=y\r\n",
        &GB2312[24..],
        b"\r\n0\r\n\r\n",
    ];
    let by_length = [&header[..], b"Content-Length: 29\r\n\r\n", GB2312, b"and what is not of the page"];
    let to_the_end = [b"HTTP/1.1 100 Continue\r\n\r\n", &header[..], b"\r\n", GB2312];
    for answer in [chunked.concat(), by_length.concat(), to_the_end.concat()] {
        let (url, served) = server(answer);
        let output = run("visit_website", &[&url]);
        assert_in_order(
            &output,
            &[
                "it is an IP address: nobody is asked",
                "29 bytes of the page",
                "it is in gb2312, as the header says\n   | 你好\n6.",
            ],
        );
        let request = served.join().unwrap();
        assert!(request.starts_with("GET /a/page?x=1 HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
    }
}

#[test]
fn visit_website_reports_invalid_response_as_error() {
    let table: [(&[u8], &str); 6] = [
        (b"", "the server closed before it had answered"),
        (b"HTTP/1.1 200", "the server closed before it had answered"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "invalid HTTP version"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "the page ended after 5 of 9 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", "a page of 9999999 bytes is too much"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            "the page ended after 2 of 5 bytes",
        ),
    ];
    for (answer, expected) in table {
        let (url, _served) = server(answer.to_vec());
        let output = run("visit_website", &[&url]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let complaint = text(&output.stderr);
        assert_eq!(complaint, format!("visit_website: {expected}\n"));
    }
}

/// A server that Python's users know: two pages, without a word in the header of what they are in.
#[test]
fn visit_website_shows_pages_of_python_http_server() {
    let Some(mut python) = crate::kit::python::python() else { return };
    let folder = std::env::temp_dir().join(format!("socketry-pages-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("gb.html"), [b"<meta charset=gb2312>", GB2312].concat()).unwrap();
    std::fs::write(folder.join("utf8.html"), "<p>你好</p>").unwrap();
    python.args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0", "--directory"]).arg(&folder);
    let mut python = Running::start(&mut python);
    let line = Lines::of(python.stdout()).next();
    let port = line.split("port ").nth(1).and_then(|rest| rest.split(' ').next()).expect(&line).to_owned();
    for (page, expected) in [
        ("gb.html", "it is in gb2312, as the page itself says\n   | 你好\n"),
        ("utf8.html", "it is in utf-8, because nobody says what it is in\n   | 你好\n"),
        ("none.html", "| Error response\n"),
    ] {
        let output = run("visit_website", &[&format!("http://127.0.0.1:{port}/{page}")]);
        assert_in_order(&output, &[expected, "完成整个访问过程"]);
    }
    drop(python);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn https_get_succeeds_only_with_trusted_certificate() {
    let output = run("https_get", &[]);
    assert_in_order(
        &output,
        &["connected to 127.0.0.1:", "TLSv1_3 with ", "< HTTP/1.1 200 OK\n", "收到，而且没有人看见\n"],
    );
    let output = run("https_get", &["--distrust"]);
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(1), "https_get: invalid peer certificate: UnknownIssuer\n")
    );
    assert!(!text(&output.stdout).contains("收到"));
}
