//! The internet in a process: a name server, and two web servers with a page each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::Duration;

use socketry::tcp::HandlerResult;
use socketry::{CancelToken, Encoding, Resolver, TcpConnection, TcpServer};
use url::Url;

use crate::cli::name_server::{Stop, with_name_server};
use crate::cli::{Outcome, say};
use crate::{ENCODINGS, http, visit};

/// The name that the name server knows, with an address at which nobody listens before the one of
/// the web server.
const ASKED: &str = "www.baidu.example";
/// The name that stands in the hosts file.
const WRITTEN: &str = "gb.baidu.example";

pub(crate) fn visit_both(time: Duration) -> Outcome {
    let known = [(ASKED, IpAddr::V6(Ipv6Addr::LOCALHOST)), (ASKED, IpAddr::V4(Ipv4Addr::LOCALHOST))];
    let hosts = std::env::temp_dir().join(format!("socketry-visit-{}", std::process::id()));
    std::fs::write(&hosts, format!("# for a visit without a network\n127.0.0.1 {WRITTEN}\n"))?;
    let file = hosts.to_string_lossy();
    let visited = with_name_server(&known, |names| {
        with_web_servers(|ports| {
            let resolver = Resolver::builder().server(&names.to_string())?.hosts(&*hosts).build();
            visit(&page(ASKED, ports[0])?, resolver.clone(), Some(&file), time)?;
            say!("")?;
            visit(&page(WRITTEN, ports[1])?, resolver, Some(&file), time)
        })
    });
    std::fs::remove_file(&*hosts)?;
    visited
}

fn page(host: &str, port: u16) -> Result<Url, url::ParseError> {
    Url::parse(&format!("http://{host}:{port}/"))
}

/// Does some work while two servers have a page in each encoding at these ports.
fn with_web_servers(work: impl FnOnce([u16; 2]) -> Outcome) -> Outcome {
    let token = CancelToken::new()?;
    let server = |encoding: Encoding| {
        let builder = TcpServer::builder().cancel_token(&token).shutdown_timeout(Duration::from_secs(1));
        builder.encoding(encoding).read_timeout(Duration::from_secs(5)).bind("127.0.0.1:0")
    };
    let servers = [server(ENCODINGS[0])?, server(ENCODINGS[1])?];
    let ports = servers.each_ref().map(|server| server.local_addr().port());
    thread::scope(|scope| {
        let _stop = Stop(&token);
        for server in servers {
            scope.spawn(|| server.serve(answer));
        }
        work(ports)
    })
}

/// One request, one page, in the encoding of the connection.
fn answer(connection: TcpConnection) -> HandlerResult {
    http::read_request(&connection)?;
    let encoding = connection.encoding();
    let (header, declared) = match encoding {
        Encoding::Utf8 => ("; charset=utf-8", String::new()),
        // As old pages do: the page says itself what it is in.
        other => ("", format!("<meta charset=\"{other}\">")),
    };
    let page = format!(
        "<html><head>{declared}<title>百度一下，你就知道</title></head>\n\
         <body><h1>你好，世界</h1><p>这一页是 {encoding} 编码的。</p></body></html>\n"
    );
    let page = encoding.encode(&page)?;
    connection.send(
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html{header}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            page.len()
        )
        .as_bytes(),
    )?;
    connection.send(&page[..])?;
    Ok(())
}
