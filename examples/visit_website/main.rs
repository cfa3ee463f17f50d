//! What happens when a browser visits a page, step by step, each with what really came of it: the
//! gateway and its MAC, the hosts file, the DNS server, the connection, the request, the answer,
//! the page, the close.
//!
//! From the notes, 网络编程, 004, section 9 (浏览器访问百度的过程), in its words and its order; and
//! from 网络编程 (复习), how a name becomes an address.
//!
//! ```text
//! cargo run --example visit_website -- [URL] [--offline] [--server ADDR[:PORT]] [--seconds S]
//! ```
//!
//! With `--offline` the name server and two web servers are in this process: one page is in UTF-8
//! and its name is asked of the name server, the other one is in GB 2312 and its name is in a hosts
//! file. Without a URL it is <http://www.baidu.com/>, and where that name cannot be looked up,
//! which means that there is no network, it says so and goes on offline. It prints, with
//! `--offline`:
//!
//! ```text
//! 浏览器访问 http://www.baidu.example:39001/ 的过程
//! 1. 先要解析出 www.baidu.example 对应的 IP 地址
//!    默认网关: 192.0.2.1 by eth0, MAC 02:fc:00:00:00:05 (ARP)
//!    hosts file: nothing of www.baidu.example
//!    DNS: server 127.0.0.1:48034 answered after 0.5 ms: ::1, 127.0.0.1, for 3600 s
//! 2. TCP 的三次握手
//!      0.0 ms  [::1]:39001: asked to connect
//!      0.1 ms  [::1]:39001: connection refused after 0.1 ms
//!      0.1 ms  127.0.0.1:39001: asked to connect
//!      0.2 ms  127.0.0.1:39001: connected after 0.1 ms
//!    127.0.0.1:50122 ⇄ 127.0.0.1:39001
//! 3. 使用 HTTP 协议发送请求数据给 web 服务器
//!    > GET / HTTP/1.1
//!    > Host: www.baidu.example:39001
//!    > User-Agent: socketry-visit
//!    > Accept: text/html
//!    > Connection: close
//! 4. web 服务器返回结果
//!    < HTTP/1.1 200 OK
//!    < Content-Type: text/html; charset=utf-8
//!    < Content-Length: 145
//!    < Connection: close
//!    the first byte came after 373.5µs, and 145 bytes of the page in all
//! 5. 浏览器接收到数据后显示这个网页
//!    it is in utf-8, as the header says
//!    | 百度一下，你就知道
//!    | 你好，世界
//!    | 这一页是 utf-8 编码的。
//! 6. 浏览器关闭 TCP 连接，即 4 次挥手
//!    both ends have said that they have said all, after 0.1 ms
//! 完成整个访问过程
//! ```
//!
//! and the same of `gb.baidu.example`, whose name stands in a hosts file.

#[path = "../cli/mod.rs"]
mod cli;
mod http;
mod offline;
mod page;
mod route;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use cli::{Outcome, printable, say};
use socketry::dns::{AnswerSource, Resolved};
use socketry::error::Operation;
use socketry::tcp::ConnectEvent;
use socketry::{Encoding, Resolver, TcpClient, TcpConnection};
use url::Url;

/// Shows each step of a visit to a web page.
#[derive(Parser)]
struct Args {
    /// The page, with http:// [default: http://www.baidu.com/]
    #[arg(value_parser = page_address, conflicts_with = "offline")]
    url: Option<Url>,
    /// Visit two pages of servers in this process, by a name server and a hosts file of its own
    #[arg(long)]
    offline: bool,
    /// A name server to ask instead of those of this machine
    #[arg(long, value_name = "ADDR[:PORT]", conflicts_with = "offline")]
    server: Option<String>,
    /// How long the visit may take
    #[arg(long, value_name = "S", default_value = "10", value_parser = cli::seconds)]
    seconds: Duration,
}

const USUAL: &str = "http://www.baidu.com/";

/// What is shown of a page.
const LINES: usize = 8;

fn page_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; a page is like {USUAL}"))?;
    match (url.scheme(), url.host_str()) {
        ("http", Some(_)) => Ok(url),
        ("https", _) => {
            Err("https is TLS on top of a connection: the example `https_get` shows how".to_owned())
        }
        _ => Err(format!("a page is like {USUAL}")),
    }
}

fn main() -> ExitCode {
    let args: Args = cli::parse();
    let mut resolver = Resolver::builder().timeout(args.seconds);
    if let Some(server) = &args.server {
        resolver = match resolver.server(server) {
            Ok(resolver) => resolver,
            Err(error) => cli::wrong(format_args!("error: --server: {error}")),
        };
    }
    cli::run("visit_website", || {
        if args.offline {
            return offline::visit_both(args.seconds);
        }
        let Some(url) = args.url else {
            return visit_the_usual(resolver.build(), args.seconds);
        };
        visit(&url, resolver.build(), None, args.seconds)
    })
}

/// Where nobody knows the page that everybody knows, there is no network.
fn visit_the_usual(resolver: Resolver, time: Duration) -> Outcome {
    let url = Url::parse(USUAL)?;
    match resolver.lookup(url.host_str().unwrap_or_default()) {
        Err(error) => {
            say!("There seems to be no network ({error}).\nThe servers are in this process instead.\n")?;
            offline::visit_both(time)
        }
        Ok(_) => visit(&url, resolver, None, time),
    }
}

/// One visit, from the name to the close. `hosts` is the file that the resolver reads, if it is not
/// the system's.
pub(crate) fn visit(url: &Url, resolver: Resolver, hosts: Option<&str>, time: Duration) -> Outcome {
    let deadline = Instant::now() + time;
    let host = url.host_str().ok_or("the address has no host")?;
    let port = url.port_or_known_default().unwrap_or(80);
    say!("浏览器访问 {url} 的过程")?;
    say!("1. 先要解析出 {host} 对应的 IP 地址")?;
    say!("   默认网关: {}", route::default_gateway())?;
    let client = TcpClient::builder().resolver(&resolver).connect_timeout(time).build();
    let connection = connect(&client, host, port, hosts)?;
    connection.set_deadline(deadline);
    say!("   {} ⇄ {}", connection.local_addr()?, connection.peer_addr())?;

    say!("3. 使用 HTTP 协议发送请求数据给 web 服务器")?;
    let request = http::request(url);
    connection.send(request.as_bytes())?;
    request.lines().filter(|line| !line.is_empty()).try_for_each(|line| say!("   > {line}"))?;

    say!("4. web 服务器返回结果")?;
    let sent = Instant::now();
    let response = http::receive(&connection)?;
    for line in &response.head {
        say!("   < {}", printable(line))?;
    }
    let first = response.first_byte.duration_since(sent);
    say!("   the first byte came after {first:.1?}, and {} bytes of the page in all", response.body.len())?;

    show(&response)?;
    close(connection)
}

fn connect(
    client: &TcpClient,
    host: &str,
    port: u16,
    hosts: Option<&str>,
) -> Result<TcpConnection, Box<dyn std::error::Error>> {
    // The name as it would stand in front of a port has an IPv6 address in brackets, and so has the
    // host of a URL.
    let address = format!("{host}:{port}");
    let mut began = Instant::now();
    let (mut told, mut is_name) = (Ok(()), false);
    let connection = client.connect_with(address, |event| {
        let line = match event {
            ConnectEvent::Resolved { found, elapsed, .. } => {
                is_name = true;
                found_by(host, found, *elapsed, hosts)
            }
            ConnectEvent::Addresses { .. } => {
                began = Instant::now();
                let literal = if is_name { Ok(()) } else { say!("   it is an IP address: nobody is asked") };
                literal.and_then(|()| say!("2. TCP 的三次握手"))
            }
            ConnectEvent::Attempting { address, .. } => at(began, *address, "asked to connect"),
            ConnectEvent::Failed { attempt, .. } => {
                let what = format!("{} after {}", attempt.kind, millis(attempt.elapsed));
                at(began, attempt.address, &what)
            }
            ConnectEvent::Connected { address, elapsed, .. } => {
                at(began, *address, &format!("connected after {}", millis(*elapsed)))
            }
            _ => Ok(()),
        };
        if told.is_ok() {
            told = line;
        }
    });
    told?;
    connection.map_err(|error| {
        let is_lookup = error.operation() == Operation::Resolve;
        let hint = if is_lookup { " (without a network, --offline shows the same)" } else { "" };
        format!("{error}{hint}").into()
    })
}

fn found_by(host: &str, found: &Resolved, elapsed: Duration, hosts: Option<&str>) -> std::io::Result<()> {
    let addresses: Vec<String> = found.addresses().iter().map(ToString::to_string).collect();
    let addresses = addresses.join(", ");
    let elapsed = millis(elapsed);
    if found.source() == AnswerSource::Hosts {
        let file = hosts.unwrap_or(if cfg!(windows) {
            r"C:\Windows\System32\drivers\etc\hosts"
        } else {
            "/etc/hosts"
        });
        return match page::hosts_line(file, host) {
            Some((number, line)) => say!("   hosts file: {addresses}, by line {number} of {file}: {line}"),
            None => say!("   hosts file: {addresses}"),
        };
    }
    say!("   hosts file: nothing of {host}")?;
    let ttl = found.ttl().map_or(String::new(), |ttl| format!(", for {} s", ttl.as_secs_f64().ceil()));
    match found.source() {
        AnswerSource::Server(server) => {
            say!("   DNS: server {server} answered after {elapsed}: {addresses}{ttl}")
        }
        source => say!("   by {source}, after {elapsed}: {addresses}{ttl}"),
    }
}

fn at(began: Instant, address: SocketAddr, what: &str) -> std::io::Result<()> {
    say!("   {:>8}  {address}: {what}", millis(began.elapsed()))
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

fn show(response: &http::Response) -> Outcome {
    let (encoding, why) = page::encoding(response);
    say!("5. 浏览器接收到数据后显示这个网页")?;
    say!("   it is in {encoding}, {why}")?;
    // A page may have what its encoding does not: a browser shows `�` there.
    let text = encoding.decode_with(&response.body, socketry::text::OnInvalid::Replace)?;
    let lines = page::readable(&text);
    for line in lines.iter().take(LINES) {
        say!("   | {}", printable(line))?;
    }
    if lines.len() > LINES {
        say!("   | … and {} lines more", lines.len() - LINES)?;
    }
    Ok(())
}

/// Both say that they have said all, which is the four-way close.
fn close(connection: TcpConnection) -> Outcome {
    say!("6. 浏览器关闭 TCP 连接，即 4 次挥手")?;
    let began = Instant::now();
    connection.close()?;
    say!("   both ends have said that they have said all, after {}", millis(began.elapsed()))?;
    say!("完成整个访问过程")?;
    Ok(())
}

/// The encodings that the servers of this process speak.
pub(crate) const ENCODINGS: [Encoding; 2] = [Encoding::Utf8, Encoding::Gb2312];
