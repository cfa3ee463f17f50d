//! Which Rust stands for which call of Python's `socket` and `socketserver`.
//!
//! From both notes, 网络编程 (复习) and 网络编程, 004: every call that they use is in the tables, and each group has a test. The
//! program of each of their sections:
//!
//! | notes | Python | example | chapter |
//! |---|---|---|---|
//! | 复习 | `socket.socket(family, type)` | `socket_kinds` | [sockets](super::sockets) |
//! | 复习 | `socket.bind(address)` | `bind_addresses` | [addresses](super::addresses) |
//! | 复习 | `sock.gethostbyname()`, hosts | `resolve_name`, `hosts_file` | [names](super::names) |
//! | 复习 | `socket.listen`, `socket.accept` | `listen_accept` | [TCP](super::tcp) |
//! | 复习 | `socket.connect` under UDP | `udp_connected` | [UDP](super::udp) |
//! | 004, 4 | `udpSocket.sendto` | `udp_send` | [UDP](super::udp) |
//! | 004, 5 | `udpSocket.recvfrom` | `udp_recv` | [UDP](super::udp) |
//! | 004, 6 | `SO_BROADCAST`, `<broadcast>` | `udp_broadcast`, `discover` | [broadcast](super::broadcast) |
//! | 004, 7 | `serverSocket.accept` | `tcp_server` | [TCP](super::tcp) |
//! | 004, 8 | `clientSocket.connect` | `tcp_client` | [TCP](super::tcp) |
//! | 004, 9 | 浏览器访问百度的过程 | `visit_website` | [a page](super::web_page) |
//! | 004, 10 | 三次握手、四次挥手 | `tcp_handshake` | [handshake](super::handshake) |
//! | 004, 11 | `Process(target=…)` | `process_server`, `threads_server` | [processes](super::processes_and_threads) |
//!
//! An example is run by `cargo run --example udp_send`, and so on.
//!
//! # Making sockets
//!
//! | Python | here |
//! |---|---|
//! | `socket(AF_INET, SOCK_DGRAM)` | [`UdpEndpoint::bind(0)`](crate::UdpEndpoint::bind) |
//! | … and `s.bind(("", 7788))` | `UdpEndpoint::bind(":7788")` |
//! | … and `s.connect(addr)` | [`UdpEndpoint::connect(addr)`](crate::UdpEndpoint::connect) |
//! | `socket()`, `bind`, `listen(5)` | [`TcpServer::builder().backlog(5).bind(":7788")`](crate::TcpServer::builder) |
//! | `create_server(("", 7788))` | [`TcpServer::bind(":7788")`](crate::TcpServer::bind) |
//! | … `dualstack_ipv6=True` | `.dual_stack(true)` |
//! | `socket()`, `connect(addr)` | [`TcpClient::new().connect(addr)`](crate::TcpClient::new) |
//! | `create_connection(addr, timeout=3)` | `TcpClient::builder().connect_timeout(…).connect(addr)` |
//! | `socket.AF_INET6` | an IPv6 address: `"[::]:7788"`, `"[::1]:80"` |
//! | `s.close()`, `with s:` | the end of the scope, or `drop(s)` |
//! | `socket.socket(fileno=fd)` | `TryFrom` the socket of `std` |
//! | `s.detach()`, `s.fileno()` | `From` to that of `std`; `AsFd` |
//!
//! ```
//! use socketry::{TcpClient, TcpServer, UdpEndpoint};
//! use std::time::Duration;
//!
//! let udp = UdpEndpoint::bind("127.0.0.1:0")?;
//! let server = TcpServer::builder().backlog(5).bind("127.0.0.1:0")?;
//! let three = Duration::from_secs(3);
//! let client = TcpClient::builder().connect_timeout(three).connect(server.local_addr())?;
//! assert_eq!(client.peer_addr(), server.local_addr());
//! let socket: std::net::UdpSocket = udp.into(); // and back:
//! let udp = UdpEndpoint::try_from(socket)?;
//! # drop(udp);
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # UDP
//!
//! | Python | here |
//! |---|---|
//! | `s.sendto(text.encode(e), addr)` | [`endpoint.send_to(text, addr)?`](crate::UdpEndpoint::send_to) |
//! | `s.sendto(data, addr)` | the same, with bytes |
//! | `data, addr = s.recvfrom(1024)` | [`let datagram = endpoint.recv()?`](crate::UdpEndpoint::recv) |
//! | `data.decode(e)` | [`datagram.text()?`](crate::Datagram::text), [`text_in(e)?`](crate::Datagram::text_in) |
//! | `data`, `addr` | `datagram.bytes()`, `datagram.source()` |
//! | `s.sendto(answer, addr)` | [`endpoint.reply(&datagram, answer)?`](crate::UdpEndpoint::reply) |
//! | `s.send(data)` after `connect` | [`endpoint.send(data)?`](crate::UdpEndpoint::send) |
//! | `s.recv(1024)` after `connect` | `endpoint.recv()?` |
//! | `s.recvfrom_into(buffer)` | [`endpoint.recv_into(&mut buffer)?`](crate::UdpEndpoint::recv_into) |
//! | `s.recvfrom(1024, MSG_PEEK)` | [`endpoint.peek()?`](crate::UdpEndpoint::peek) |
//! | `s.recvfrom(1024, MSG_DONTWAIT)` | [`endpoint.try_recv()?`](crate::UdpEndpoint::try_recv): `None` for nothing |
//! | `s.recvmsg(…)` for ancillary data | [`datagram.meta()`](crate::Datagram::meta): [`destination`](crate::udp::RecvMeta::destination), [`interface_index`](crate::udp::RecvMeta::interface_index), [`timestamp`](crate::udp::RecvMeta::timestamp), [`ttl`](crate::udp::RecvMeta::ttl), [`tos`](crate::udp::RecvMeta::tos) |
//! | a loop of `s.sendto(…)` | [`endpoint.send_batch(&mut batch)?`](crate::UdpEndpoint::send_batch): all in one call |
//! | a loop of `s.recvfrom_into(…)` | [`endpoint.recv_batch(&mut batch)?`](crate::udp::UdpBatchEndpoint::recv_batch) of a [`UdpBatchEndpoint`](crate::udp::UdpBatchEndpoint) |
//! | `socketserver.ThreadingUDPServer` | [`UdpServer`](crate::udp::UdpServer) |
//! | a loop of `MSG_DONTWAIT` before it blocks | [`busy_poll(…)`](crate::udp::UdpBuilder::busy_poll) of the builder |
//! | `SO_BROADCAST`, `"<broadcast>"` | [`Broadcaster`](crate::Broadcaster), or `.broadcast(true)` |
//! | `IP_ADD_MEMBERSHIP` | [`endpoint.join_multicast(group, …)?`](crate::UdpEndpoint::join_multicast) |
//!
//! ```
//! use socketry::{Encoding, UdpEndpoint};
//!
//! let gb2312 = UdpEndpoint::builder().encoding(Encoding::Gb2312);
//! let receiver = gb2312.clone().bind("127.0.0.1:0")?;
//! let sender = gb2312.bind(0)?;
//! sender.send_to("你好", receiver.local_addr())?;
//! let datagram = receiver.recv()?;
//! assert_eq!(datagram.text()?, "你好");
//! assert_eq!(datagram.bytes(), b"\xC4\xE3\xBA\xC3");
//! receiver.reply(&datagram, b"\x01\x02")?;
//! assert_eq!(sender.recv()?.bytes(), [1, 2]);
//! assert!(sender.try_recv()?.is_none());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! Python has neither `sendmmsg` nor `recvmmsg`, and no word for GSO and GRO (its `sendmsg` makes one datagram of several buffers):
//! there each datagram is a call of its own. Here a batch is one call, and what comes by it is told apart again:
//!
//! ```
//! use socketry::UdpEndpoint;
//! use socketry::udp::{RecvBatch, UdpBatchEndpoint};
//! use std::time::Duration;
//!
//! // Busy-polls for 50 µs before it blocks, and receives in batches.
//! let builder = UdpEndpoint::builder().busy_poll(Duration::from_micros(50));
//! let receiver = UdpBatchEndpoint::new(builder.bind("127.0.0.1:0")?);
//! let sender = UdpEndpoint::connect(receiver.local_addr())?;
//! let mut outgoing = sender.batch();
//! for text in ["一", "二", "三"] {
//!     outgoing.push(text)?;
//! }
//! assert_eq!(sender.send_batch(&mut outgoing)?, 3);
//!
//! let (mut incoming, mut texts) = (RecvBatch::new(), Vec::new());
//! while texts.len() < 3 {
//!     receiver.recv_batch(&mut incoming)?;
//!     for datagram in &incoming {
//!         texts.push(datagram.text()?.into_owned());
//!     }
//! }
//! assert_eq!(texts, ["一", "二", "三"]);
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # TCP
//!
//! | Python | here |
//! |---|---|
//! | `client, addr = s.accept()` | [`let connection = server.accept()?`](crate::TcpServer::accept) |
//! | `addr`, `c.getpeername()` | [`connection.peer_addr()`](crate::TcpConnection::peer_addr) |
//! | `c.getsockname()` | `connection.local_addr()?`, `server.local_addr()` |
//! | `c.recv(1024)` | [`connection.recv(1024)?`](crate::TcpConnection::recv): empty at the end |
//! | `c.recv(1024).decode(e)` | [`connection.recv_text(1024)?`](crate::TcpConnection::recv_text) |
//! | `c.send`, `c.sendall(data)` | [`connection.send(data)?`](crate::TcpConnection::send): all of it |
//! | `c.recv_into(buffer)` | [`connection.recv_into(&mut buffer)?`](crate::TcpConnection::recv_into): 0 at the end |
//! | `c.recv(n, MSG_WAITALL)` | [`connection.recv_exact(&mut buffer)?`](crate::TcpConnection::recv_exact) |
//! | `c.recv(n, MSG_PEEK)` | [`connection.peek(&mut buffer)?`](crate::TcpConnection::peek) |
//! | `c.shutdown(SHUT_WR)` | [`connection.half_close()?`](crate::TcpConnection::half_close) |
//! | `c.makefile()`, `readline()` | [`connection.lines(e)`](crate::TcpConnection::lines), `recv()?` |
//! | `c.sendfile(file)` | [`connection.send_file(&file)?`](crate::TcpConnection::send_file) |
//! | `SO_LINGER` of zero, `close()` | [`connection.abort()`](crate::TcpConnection::abort) |
//!
//! ```
//! use socketry::{Encoding, TcpClient, TcpServer};
//!
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! let client = TcpClient::new().connect(server.local_addr())?;
//! let connection = server.accept()?;
//! client.send("first\nsecond\n")?;
//! client.half_close()?;
//! let mut lines = connection.lines(Encoding::Utf8);
//! assert_eq!(lines.recv()?.as_deref(), Some("first"));
//! assert_eq!(lines.recv()?.as_deref(), Some("second"));
//! assert_eq!(lines.recv()?, None); // b"" in Python
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # Times and options
//!
//! | Python | here |
//! |---|---|
//! | `s.settimeout(3)` | [`set_read_timeout(Duration::from_secs(3))`](crate::TcpConnection::set_read_timeout), or the builder's |
//! | `s.settimeout(None)` | `set_read_timeout(None)` |
//! | a loop with a clock | [`set_deadline(Instant::now() + …)`](crate::TcpConnection::set_deadline) |
//! | `setdefaulttimeout` | none: each builder says its own |
//! | `s.setblocking(False)` | [`try_recv`](crate::UdpEndpoint::try_recv), or threads with a [`CancelToken`](crate::CancelToken) |
//! | `SO_REUSEADDR` | `TcpServer` sets it; [`reuse_address`](crate::tcp::TcpServerBuilder::reuse_address) |
//! | `SO_KEEPALIVE`, `TCP_KEEPIDLE` … | [`dead_peer_timeout(…)`](crate::tcp::TcpClientBuilder::dead_peer_timeout), [`keepalive(…)`](crate::tcp::TcpClientBuilder::keepalive) |
//! | `TCP_NODELAY` | on; [`nodelay(false)`](crate::tcp::TcpClientBuilder::nodelay) turns it off |
//! | `SO_RCVBUF`, `SO_SNDBUF` | `receive_buffer_size(…)`, `send_buffer_size(…)` |
//! | `IP_TTL`, `IP_TOS` | `ttl(…)`, `tos(…)` |
//! | `SO_BINDTODEVICE` | `device("eth0")` |
//! | any other `setsockopt` | `socket2::SockRef::from(&socket)`, as `AsFd` |
//!
//! | Python raises | here [`error.kind()`](crate::Error::kind) is |
//! |---|---|
//! | `TimeoutError`, `socket.timeout` | [`TimedOut`](crate::ErrorKind::TimedOut); `is_timeout()` |
//! | `ConnectionRefusedError` | `ConnectionRefused`; `is_refused()` |
//! | `ConnectionResetError`, `BrokenPipeError` | `ConnectionReset` |
//! | `OSError: Address already in use` | `AddressInUse`; `is_address_in_use()` |
//! | `socket.gaierror` | `NameNotFound`, or `NameResolution`, which may pass |
//! | `UnicodeEncodeError` | `UnencodableText` |
//! | `UnicodeDecodeError` | `InvalidText` |
//! | `PermissionError` | `PermissionDenied` |
//!
//! ```
//! use socketry::{TcpClient, TcpServer};
//! use std::time::Duration;
//!
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! let builder = TcpClient::builder().read_timeout(Duration::from_millis(20));
//! let client = builder.connect(server.local_addr())?;
//! assert!(socket2::SockRef::from(&client).tcp_nodelay()?); // any option, by `socket2`
//! let error = client.recv(1024).unwrap_err(); // TimeoutError
//! assert!(error.is_timeout());
//! client.set_read_timeout(None);
//!
//! let nobody = server.local_addr();
//! drop((client, server));
//! // ConnectionRefusedError
//! assert!(TcpClient::new().connect(nobody).unwrap_err().is_refused());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Names
//!
//! | Python | here, of [`Resolver::shared()`](crate::Resolver::shared) |
//! |---|---|
//! | `gethostbyname(name)` | [`gethostbyname(name)?`](crate::Resolver::gethostbyname) |
//! | `getaddrinfo(name, port)` | [`lookup_socket_addrs((name, port))?`](crate::Resolver::lookup_socket_addrs) |
//! | `gethostbyname_ex(name)` | [`lookup(name)?.addresses()`](crate::Resolver::lookup) |
//! | `gethostbyaddr(ip)`, `getnameinfo` | [`reverse(ip)?`](crate::Resolver::lookup_addr) |
//! | `if_nameindex()` | [`network_interfaces()?`](crate::interfaces::network_interfaces) |
//! | `inet_aton`, `inet_pton` | `"192.0.2.7".parse::<IpAddr>()` of `std` |
//! | `htons`, `ntohl` | `u16::to_be_bytes`, `u32::from_be_bytes` of `std` |
//!
//! ```
//! use socketry::Resolver;
//!
//! let resolver = Resolver::shared();
//! assert!(resolver.gethostbyname("localhost")?.starts_with("127."));
//! let addresses = resolver.lookup_socket_addrs(("localhost", 80))?;
//! assert!(addresses.iter().all(|address| address.port() == 80));
//! assert_eq!(resolver.gethostbyname("192.0.2.7")?, "192.0.2.7");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # Text
//!
//! | Python | here |
//! |---|---|
//! | `text.encode("gb2312")` | [`Encoding::Gb2312.encode(text)?`](crate::Encoding::encode) |
//! | `data.decode("gb2312")` | [`Encoding::Gb2312.decode(data)?`](crate::Encoding::decode) |
//! | `codecs.lookup(label)` | [`Encoding::for_label(label)?`](crate::Encoding::for_label), `label.parse()?` |
//! | `errors="replace"` | [`decode_with(data, OnInvalid::Replace)?`](crate::Encoding::decode_with) |
//! | `codecs.getincrementaldecoder(e)()` | [`e.decoder()`](crate::Encoding::decoder) |
//! | `input(…)`, `print(…)` | `std::io::stdin().read_line(…)`, `println!(…)` |
//!
//! ```
//! use socketry::text::OnInvalid;
//! use socketry::Encoding;
//!
//! let data = Encoding::Gb2312.encode("hahah，你好")?;
//! assert_eq!(Encoding::for_label("gb2312")?.decode(&data)?, "hahah，你好");
//! assert!(Encoding::Gb2312.encode("镕").is_err()); // UnicodeEncodeError
//! assert_eq!(*Encoding::Gb2312.encode_with("镕", OnInvalid::Replace)?, *b"?");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # `socketserver`
//!
//! | Python | here |
//! |---|---|
//! | `TCPServer(addr, Handler)` | `TcpServer::bind(addr)?`, [`serve_sequential(handler)`](crate::TcpServer::serve_sequential) |
//! | `ThreadingTCPServer` | [`serve(handler)`](crate::TcpServer::serve) |
//! | `ForkingTCPServer`, `Process(target=f)` | `serve_children(Children::self_exe()?)` (Unix) |
//! | `p.start()` | done for each connection |
//! | `UDPServer` | a loop of `recv` and [`reply`](crate::UdpEndpoint::reply) |
//! | `class Handler`, `handle()` | a closure that takes the connection |
//! | `self.request` | the closure's argument |
//! | `self.client_address` | `connection.peer_addr()` |
//! | `self.rfile.readline()` | `lines.recv()?` of [`lines`](crate::TcpConnection::lines) |
//! | `self.wfile.write(…)` | `lines.send(…)?`, `connection.send(…)?` |
//! | `server.serve_forever()` | `serve` itself, in this thread |
//! | `server.handle_request()` | `server.accept()?` |
//! | `server.shutdown()` | [`handle.shutdown(timeout)`](crate::tcp::ServerHandle::shutdown), from any thread |
//! | `server.server_close()` | part of it, or dropping the server |
//! | `server.server_address` | `server.local_addr()` |
//! | `block_on_close`, `daemon_threads` | the timeout of `shutdown` |
//! | `max_children` | [`max_connections(…)`](crate::tcp::TcpServerBuilder::max_connections), for threads, too |
//! | `request_queue_size` | [`backlog(…)`](crate::tcp::TcpServerBuilder::backlog) |
//! | `allow_reuse_address`, `allow_reuse_port` | on by default; [`reuse_port(true)`](crate::tcp::TcpServerBuilder::reuse_port) |
//! | `timeout` of `StreamRequestHandler` | [`read_timeout(…)`](crate::tcp::TcpServerBuilder::read_timeout) |
//! | `verify_request` | [`max_connections_per_peer(…)`](crate::tcp::TcpServerBuilder::max_connections_per_peer), or the handler |
//! | `handle_error` | [`on_event(…)`](crate::tcp::TcpServerBuilder::on_event) |
//!
//! ```
//! use socketry::frame::Lines;
//! use socketry::{Encoding, TcpClient, TcpServer};
//! use std::time::Duration;
//!
//! let server = TcpServer::builder().backlog(5).max_connections(40).bind("127.0.0.1:0")?;
//! let handle = server.handle();
//! let serving = std::thread::spawn(move || {
//!     server.serve(|connection| {
//!         let mut lines = connection.lines(Encoding::Utf8); // StreamRequestHandler
//!         while let Some(line) = lines.recv()? {
//!             lines.send(line.to_uppercase())?;
//!         }
//!         Ok(())
//!     })
//! });
//! let client = TcpClient::new().connect(handle.local_addr())?;
//! let mut lines = client.into_framed(Lines::new(Encoding::Utf8));
//! lines.send("hello")?;
//! assert_eq!(lines.recv()?.as_deref(), Some("HELLO"));
//! drop(lines);
//! // server.shutdown(); server.server_close()
//! let report = handle.shutdown(Duration::from_secs(5));
//! assert_eq!(report.aborted, 0);
//! serving.join().unwrap()?;
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # What goes wrong on the way over
//!
//! * **A result that is dropped** is a warning of the compiler: `endpoint.send_to(…)` without `?` or `match` says nothing when
//!   it fails.
//! * **A connection that is a temporary** is closed at the end of its statement: bind it to a name, `let connection = …`.
//! * **`recv(1024)` of UDP** takes no size here: a datagram of any size is taken, or
//!   [`max_datagram`](crate::udp::UdpBuilder::max_datagram) says how long it may be.
//! * **`"127.0.0.1"` and `7788` alone** are not an address to connect to: it is `("127.0.0.1", 7788)`, or one text.
//! * **What is not here**: `select` and `selectors` (a thread for each wait, or `tokio`), `asyncio` (`tokio`), `AF_UNIX` (`std`),
//!   `SOCK_RAW` (`socket2`), `ssl` (`rustls`, as in the example `https_get`).
//!
#![doc = include_str!("phone.html")]
//!
//! ---
//!
//! Before: [processes and threads](super::processes_and_threads). Next: [what differs between systems](super::platforms).
