//! What happens between the Enter key and the page: all chapters so far, in one story.
//!
//! From the notes, 网络编程, 004, section 9 (浏览器访问百度的过程).
//!
//! | the notes say | who does it | here |
//! |---|---|---|
//! | 1. 先要解析出baidu.com对应的ip地址 | the program, by its system or itself | [`Resolver`](crate::Resolver): [names](super::names) |
//! | 1.1 使用arp获取默认网关的mac地址 | the system, below sockets | `visit_website` shows what it has found |
//! | 1.2 to 1.5 网关转发, 路由协议 | the routers on the way | not to be seen from here |
//! | 1.6 dns服务器查询解析 | the name server | [`Resolved::source`](crate::dns::Resolved::source) says which one |
//! | 2. tcp的3次握手 | the two systems | [`TcpClient::connect`](crate::TcpClient::connect): [handshake](super::handshake) |
//! | 3. 使用http协议发送请求数据 | the program | [`send`](crate::TcpConnection::send) |
//! | 4. web服务器…原路返回 | the server | [`recv_to_end`](crate::TcpConnection::recv_to_end) |
//! | 5. 渲染 | the browser | [`Encoding`](crate::Encoding): [text](super::text) |
//! | 6. 关闭tcp连接，既4次挥手 | the two systems | dropping, or [`close`](crate::TcpConnection::close) |
//!
//! The whole story, with what really came of each step, the gateway and its MAC included:
//! `cargo run --example visit_website -- --offline`, which plays the name server and the web servers itself; or with a URL.
//!
//! # All of it in one test
//!
//! Server and client are in one process. The page is in GB 2312, as many were, and says so in its header:
//!
//! ```
//! use socketry::{Encoding, Resolver, TcpClient, TcpServer};
//! use std::time::{Duration, Instant};
//!
//! // The web server: reads a request to its empty line, answers, closes.
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! let port = server.local_addr().port();
//! let serving = std::thread::spawn(move || {
//!     let connection = server.accept()?;
//!     let mut request = connection.lines(Encoding::Utf8);
//!     assert_eq!(request.recv()?.as_deref(), Some("GET / HTTP/1.1"));
//!     while request.recv()?.is_some_and(|line| !line.is_empty()) {}
//!     connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=gb2312\r\n\r\n")?;
//!     connection.send(Encoding::Gb2312.encode("<title>百度一下，你就知道</title>")?)
//! });
//!
//! // 1. The name. (A hosts file of the test's own stands for the name server.)
//! let path = std::env::temp_dir().join(format!("hosts-page-{}", std::process::id()));
//! std::fs::write(&path, "127.0.0.1 www.baidu.example\n")?;
//! let resolver = Resolver::builder().hosts(&path).build();
//! let found = resolver.lookup("www.baidu.example")?;
//! println!("{:?} from {}", found.addresses(), found.source());
//!
//! // 2. The handshake, with every address of the name, within three seconds.
//! let client = TcpClient::builder().resolver(&resolver).connect_timeout(Duration::from_secs(3));
//! let connection = client.connect(("www.baidu.example", port))?;
//! // For all that follows.
//! connection.set_deadline(Instant::now() + Duration::from_secs(10));
//!
//! // 3. The request, and 4. the answer.
//! connection.send("GET / HTTP/1.1\r\nHost: www.baidu.example\r\nConnection: close\r\n\r\n")?;
//! let answer = connection.recv_to_end(1 << 20)?; // a megabyte at most
//!
//! // 5. The page, by the encoding that the header names.
//! let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a header") + 4;
//! let header = std::str::from_utf8(&answer[..end])?;
//! let after = header.split("charset=").nth(1);
//! let charset = after.and_then(|rest| rest.lines().next()).unwrap_or("utf-8");
//! let page = Encoding::for_whatwg_label(charset)?.decode(&answer[end..])?.into_owned();
//! assert_eq!(page, "<title>百度一下，你就知道</title>");
//!
//! // 6. The close.
//! drop(connection);
//! serving.join().unwrap()?;
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What goes wrong
//!
//! * **The server never ends its answer**, or drips it. The [deadline](crate::TcpConnection::set_deadline) holds over all calls.
//! * **The answer is endless.** `recv_to_end` has a limit that the caller says.
//! * **The page is not in UTF-8.** [`for_whatwg_label`](crate::Encoding::for_whatwg_label) takes the name as browsers do, for whom
//!   `gb2312` is GBK.
//! * **HTTP is more than this**: lengths, chunks, redirects, compression. The example does lengths and chunks. A program that fetches
//!   pages uses `ureq`; this is to show what is below it.
//! * **"https协议的默认端口 443"**: TLS goes between 2 and 3. A connection is [`Read`](std::io::Read) and
//!   [`Write`](std::io::Write), which is all that `rustls` asks for, and its deadline holds for the handshake of TLS as well:
//!   `cargo run --example https_get`.
//!
//! ---
//!
//! Before: [names and DNS](super::names). Next: [processes and threads](super::processes_and_threads).
