//! How a server and a client speak over a stream of bytes, and how to find the messages in it.
//!
//! From the notes, 网络编程, 004, sections 7 (tcp服务器流程) and 8 (tcp客户端流程); and 网络编程 (复习), `listen`, `accept`,
//! `connect`, `recv` and `close`.
//!
//! # The server
//!
//! The notes' server is `socket`, `bind(("", 7788))`, `listen(5)` (改为被动接听模式), `accept()` (等待接电话), `recv(1024)`. Here the
//! first three are one call:
//!
//! ```no_run
//! use socketry::TcpServer;
//!
//! let server = TcpServer::builder().backlog(5).bind(":7788")?;
//! let connection = server.accept()?; // 此时堵塞
//! let data = connection.recv(1024)?;
//! println!("{}:{}", connection.peer_addr(), String::from_utf8_lossy(&data));
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! `accept` returns one value where Python returns the pair `(client, address)`: a connection knows its
//! [`peer_addr`](crate::TcpConnection::peer_addr). The program is `cargo run --example tcp_server`.
//!
//! # The client
//!
//! The notes' client is `connect`, `send("hahah".encode("gb2312"))`, `recv(1024)`. Here with a server that answers:
//!
//! ```
//! use socketry::{Encoding, TcpClient, TcpServer};
//!
//! let server = TcpServer::builder().encoding(Encoding::Gb2312).bind("127.0.0.1:0")?;
//! let client = TcpClient::builder().encoding(Encoding::Gb2312).connect(server.local_addr())?;
//! client.send("hahah")?;
//!
//! let connection = server.accept()?;
//! assert_eq!(connection.recv(1024)?, b"hahah");
//! connection.send("收到")?;
//!
//! println!("recvData:{}", client.recv_text(1024)?);
//! # connection.send("收到")?;
//! # assert_eq!(client.recv_text(1024)?, "收到");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! The program is `cargo run --example tcp_client`. It may be started against the notes' server, and the notes' client against
//! `tcp_server`.
//!
//! # The queue before `accept`
//!
//! The system shakes hands without the server: whoever connects is connected, and waits in a queue until it is accepted. `listen(5)`,
//! or [`backlog`](crate::tcp::TcpServerBuilder::backlog), is the length of that queue ("指定最大的等待连接的数量"), and not how many
//! clients a server may have; for that there is [`max_connections`](crate::tcp::TcpServerBuilder::max_connections).
//!
//! ```
//! use socketry::{TcpClient, TcpServer};
//!
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! // Nobody has called accept yet.
//! let first = TcpClient::new().connect(server.local_addr())?;
//! let second = TcpClient::new().connect(server.local_addr())?;
//! assert_eq!(server.accept()?.peer_addr(), first.local_addr()?);
//! assert_eq!(server.accept()?.peer_addr(), second.local_addr()?);
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! To see the queue, its limit and its end: `cargo run --example listen_accept`.
//!
//! # A stream has no messages
//!
//! What was sent by one call comes in pieces, or together with the next (半包, 粘包). It is the first thing that goes wrong, and only
//! with a real network between:
//!
//! <svg viewBox="0 0 280 122" role="img" aria-label="What three calls send may come in three other pieces, or in one" style="width:100%;max-width:350px;height:auto;display:block;margin:1em auto" fill="none" stroke="currentColor" stroke-width="1.2">
//! <text x="0" y="25" text-anchor="start" font-size="11" font-weight="bold" fill="currentColor" stroke="none">send</text>
//! <rect x="66" y="8" width="77" height="26" rx="3"></rect>
//! <text x="104.5" y="25" text-anchor="middle" font-size="12" font-family="monospace" fill="currentColor" stroke="none">hello</text>
//! <rect x="146" y="8" width="77" height="26" rx="3"></rect>
//! <text x="184.5" y="25" text-anchor="middle" font-size="12" font-family="monospace" fill="currentColor" stroke="none">world</text>
//! <rect x="226" y="8" width="37" height="26" rx="3"></rect>
//! <text x="244.5" y="25" text-anchor="middle" font-size="12" font-family="monospace" fill="currentColor" stroke="none">!</text>
//! <text x="0" y="65" text-anchor="start" font-size="11" font-weight="bold" fill="currentColor" stroke="none">recv</text>
//! <rect x="66" y="48" width="47" height="26" rx="3"></rect>
//! <text x="89.5" y="65" text-anchor="middle" font-size="12" font-family="monospace" fill="currentColor" stroke="none">hel</text>
//! <rect x="116" y="48" width="81" height="26" rx="3"></rect>
//! <text x="156.5" y="65" text-anchor="middle" font-size="12" font-family="monospace" fill="currentColor" stroke="none">lowor</text>
//! <rect x="200" y="48" width="63" height="26" rx="3"></rect>
//! <text x="231.5" y="65" text-anchor="middle" font-size="12" font-family="monospace" fill="currentColor" stroke="none">ld!</text>
//! <text x="0" y="105" text-anchor="start" font-size="11" font-weight="bold" fill="currentColor" stroke="none">or</text>
//! <rect x="66" y="88" width="197" height="26" rx="3"></rect>
//! <text x="164.5" y="105" text-anchor="middle" font-size="12" font-family="monospace" fill="currentColor" stroke="none">helloworld!</text>
//! </svg>
//!
//! So a protocol says where a message ends: at a line's end, after a length, after so many bytes. [`frame`](crate::frame) has
//! these. Here two lines in one piece, and one in two:
//!
//! ```
//! use socketry::{Encoding, TcpClient, TcpServer};
//!
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! let client = TcpClient::new().connect(server.local_addr())?;
//! let connection = server.accept()?;
//! let mut lines = connection.lines(Encoding::Gb2312);
//!
//! client.send(b"one\ntwo\n\xC4")?; // and half a character
//! assert_eq!(lines.recv()?.as_deref(), Some("one"));
//! assert_eq!(lines.recv()?.as_deref(), Some("two"));
//! client.send(b"\xE3\xBA\xC3\n")?;
//! assert_eq!(lines.recv()?.as_deref(), Some("你好"));
//! drop(client);
//! assert_eq!(lines.recv()?, None); // the client has closed
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # What goes wrong
//!
//! * **`recv(1024)` returns less**, as above. [`recv_exact`](crate::TcpConnection::recv_exact) gets all; when its time is over, what
//!   came is kept for the next call.
//! * **`send` sends less**, in Python; `sendall` does not. Here [`send`](crate::TcpConnection::send) is `sendall`, and says how
//!   much went out if it could not finish.
//! * **An empty result is the end**, not a pause: the peer has closed its side.
//! * **A peer that is silent, or sends one byte at a time**, blocks a thread indefinitely. Set a
//!   [`read_timeout`](crate::tcp::TcpServerBuilder::read_timeout), which limits each call as a whole (a line,
//!   a `recv_exact`), or a [`deadline`](crate::TcpConnection::set_deadline) for several calls together. With an
//!   [`idle_timeout`](crate::tcp::TcpServerBuilder::idle_timeout) the wait for the next line can take longer than
//!   the line: 60 s between two lines, 5 s for each.
//! * **A peer that does not read** blocks writes. The [`stall_timeout`](crate::tcp::TcpServerBuilder::stall_timeout)
//!   of servers, 30 s by default, ends them, and still serves a slow but steady reader of a large file.
//! * **A peer that vanished** says nothing, ever: [`dead_peer_timeout`](crate::tcp::TcpServerBuilder::dead_peer_timeout).
//! * **Nobody listens**: `connect` fails at once, with the address and the time. **Nobody is there**: after 10 s, unless another
//!   [`timeout`](crate::tcp::TcpClientBuilder::connect_timeout) is set, not after the system's two minutes.
//! * **A line without an end** fills the memory. Every framing has a limit, 64 KiB for lines.
//!
//! ---
//!
//! Before: [broadcast](super::broadcast). Next: [the handshake and the close](super::handshake).
