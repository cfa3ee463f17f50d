//! How a TCP connection begins and how it ends, and what of it a program can see.
//!
//! From the notes, 网络编程, 004, section 10 (图示): the picture 三次握手、四次挥手.
//!
//! # Three to begin
//!
//! `connect` asks, the server's system agrees and asks back, and the client agrees. All of that is done by the two systems. The
//! server's program hears of it when it calls `accept`, which may be later:
//!
//! <svg viewBox="0 0 380 318" role="img" aria-label="The three-way handshake" style="width:100%;max-width:475px;height:auto;display:block;margin:1em auto" fill="none" stroke="currentColor" stroke-width="1.2">
//! <text x="112" y="18" text-anchor="middle" font-size="13" font-weight="bold" fill="currentColor" stroke="none">client 客户端</text>
//! <text x="268" y="18" text-anchor="middle" font-size="13" font-weight="bold" fill="currentColor" stroke="none">server 服务器</text>
//! <line x1="112" y1="26" x2="112" y2="314"></line>
//! <line x1="268" y1="26" x2="268" y2="314"></line>
//! <text x="105" y="44" text-anchor="end" font-size="12" fill="currentColor" stroke="none">CLOSED</text>
//! <text x="275" y="44" text-anchor="start" font-size="12" fill="currentColor" stroke="none">LISTEN</text>
//! <text x="105" y="62" text-anchor="end" font-size="12" fill="currentColor" stroke="none">connect()</text>
//! <text x="275" y="62" text-anchor="start" font-size="12" fill="currentColor" stroke="none">accept() waits</text>
//! <text x="190" y="83" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">SYN, seq x</text>
//! <line x1="112" y1="90" x2="268" y2="98"></line>
//! <polygon points="268,98 259.6,101.2 260.0,93.9" fill="currentColor"></polygon>
//! <text x="190" y="111" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">第一次握手</text>
//! <text x="105" y="128" text-anchor="end" font-size="12" fill="currentColor" stroke="none">SYN_SENT</text>
//! <text x="275" y="128" text-anchor="start" font-size="12" fill="currentColor" stroke="none">SYN_RECV</text>
//! <text x="190" y="149" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">SYN+ACK, seq y, ack x+1</text>
//! <line x1="268" y1="156" x2="112" y2="164"></line>
//! <polygon points="112,164 120.0,159.9 120.4,167.2" fill="currentColor"></polygon>
//! <text x="190" y="177" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">第二次握手</text>
//! <text x="105" y="194" text-anchor="end" font-size="12" fill="currentColor" stroke="none">ESTABLISHED</text>
//! <text x="105" y="212" text-anchor="end" font-size="12" fill="currentColor" stroke="none">connect() returns</text>
//! <text x="190" y="233" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">ACK, ack y+1</text>
//! <line x1="112" y1="240" x2="268" y2="248"></line>
//! <polygon points="268,248 259.6,251.2 260.0,243.9" fill="currentColor"></polygon>
//! <text x="190" y="261" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">第三次握手</text>
//! <text x="275" y="278" text-anchor="start" font-size="12" fill="currentColor" stroke="none">ESTABLISHED</text>
//! <text x="275" y="296" text-anchor="start" font-size="12" fill="currentColor" stroke="none">accept() returns</text>
//! </svg>
//!
//! It takes one round trip until the client may send. To a machine that does not answer, the system repeats the SYN for about two
//! minutes; a [`TcpClient`](crate::TcpClient) gives up after its [`timeout`](crate::tcp::TcpClientBuilder::connect_timeout).
//!
//! # Four to end
//!
//! Each side ends its own direction, by a FIN, and each FIN is acknowledged. Between the two a connection is half open: here the
//! client has said all, and the server may still answer. That is why there are four and not three:
//!
//! <svg viewBox="0 0 380 438" role="img" aria-label="The four-way close" style="width:100%;max-width:475px;height:auto;display:block;margin:1em auto" fill="none" stroke="currentColor" stroke-width="1.2">
//! <text x="112" y="18" text-anchor="middle" font-size="13" font-weight="bold" fill="currentColor" stroke="none">client 客户端</text>
//! <text x="268" y="18" text-anchor="middle" font-size="13" font-weight="bold" fill="currentColor" stroke="none">server 服务器</text>
//! <line x1="112" y1="26" x2="112" y2="434"></line>
//! <line x1="268" y1="26" x2="268" y2="434"></line>
//! <text x="105" y="44" text-anchor="end" font-size="12" fill="currentColor" stroke="none">ESTABLISHED</text>
//! <text x="275" y="44" text-anchor="start" font-size="12" fill="currentColor" stroke="none">ESTABLISHED</text>
//! <text x="105" y="62" text-anchor="end" font-size="12" fill="currentColor" stroke="none">half_close()</text>
//! <text x="190" y="83" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">FIN</text>
//! <line x1="112" y1="90" x2="268" y2="98"></line>
//! <polygon points="268,98 259.6,101.2 260.0,93.9" fill="currentColor"></polygon>
//! <text x="190" y="111" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">第一次挥手</text>
//! <text x="105" y="128" text-anchor="end" font-size="12" fill="currentColor" stroke="none">FIN_WAIT_1</text>
//! <text x="275" y="128" text-anchor="start" font-size="12" fill="currentColor" stroke="none">CLOSE_WAIT</text>
//! <text x="275" y="146" text-anchor="start" font-size="12" fill="currentColor" stroke="none">recv(): empty</text>
//! <text x="190" y="167" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">ACK</text>
//! <line x1="268" y1="174" x2="112" y2="182"></line>
//! <polygon points="112,182 120.0,177.9 120.4,185.2" fill="currentColor"></polygon>
//! <text x="190" y="195" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">第二次挥手</text>
//! <text x="105" y="212" text-anchor="end" font-size="12" fill="currentColor" stroke="none">FIN_WAIT_2</text>
//! <text x="275" y="212" text-anchor="start" font-size="12" fill="currentColor" stroke="none">may still send</text>
//! <text x="275" y="230" text-anchor="start" font-size="12" fill="currentColor" stroke="none">close()</text>
//! <text x="190" y="251" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">FIN</text>
//! <line x1="268" y1="258" x2="112" y2="266"></line>
//! <polygon points="112,266 120.0,261.9 120.4,269.2" fill="currentColor"></polygon>
//! <text x="190" y="279" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">第三次挥手</text>
//! <text x="105" y="296" text-anchor="end" font-size="12" fill="currentColor" stroke="none">TIME_WAIT</text>
//! <text x="275" y="296" text-anchor="start" font-size="12" fill="currentColor" stroke="none">LAST_ACK</text>
//! <text x="105" y="314" text-anchor="end" font-size="12" fill="currentColor" stroke="none">recv(): empty</text>
//! <text x="190" y="335" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">ACK</text>
//! <line x1="112" y1="342" x2="268" y2="350"></line>
//! <polygon points="268,350 259.6,353.2 260.0,345.9" fill="currentColor"></polygon>
//! <text x="190" y="363" text-anchor="middle" font-size="12" fill="currentColor" stroke="none">第四次挥手</text>
//! <text x="275" y="380" text-anchor="start" font-size="12" fill="currentColor" stroke="none">CLOSED</text>
//! <text x="105" y="398" text-anchor="end" font-size="12" fill="currentColor" stroke="none">after 2 MSL:</text>
//! <text x="105" y="416" text-anchor="end" font-size="12" fill="currentColor" stroke="none">CLOSED</text>
//! </svg>
//!
//! ```
//! use socketry::{TcpClient, TcpServer};
//!
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! let client = TcpClient::new().connect(server.local_addr())?;
//! let connection = server.accept()?;
//!
//! client.send("that is all")?;
//! client.half_close()?; // 第一次挥手
//! // The end is read after what was sent.
//! assert_eq!(connection.recv_to_end(1024)?, b"that is all");
//! connection.send("thanks")?; // the other direction is open
//! drop(connection); // 第三次挥手
//! assert_eq!(client.recv(1024)?, b"thanks");
//! assert!(client.recv(1024)?.is_empty());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! To see it happen, with the states of both ends as Linux has them: `cargo run --example tcp_handshake`.
//!
//! # Or none
//!
//! A connection can also be broken off by a reset (RST), which drops what is under way in both directions. It is what
//! [`abort`](crate::TcpConnection::abort) does, and what the system does for a program that is killed with unread input. The peer
//! gets an error of kind [`ConnectionReset`](crate::ErrorKind::ConnectionReset), and not the end.
//!
//! # What goes wrong
//!
//! **The answer is destroyed by the close.** Who closes while something that came is still unread sends a reset instead of a
//! FIN, and the peer's system throws away what was sent before: the client of a server that refuses a request without reading it all never
//! sees why. So connections of a [`TcpServer`](crate::TcpServer) end politely: half-close, read to the peer's end for a bounded
//! while, close. For others there is [`close`](crate::TcpConnection::close):
//!
//! ```
//! use socketry::{TcpClient, TcpServer};
//!
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! let client = TcpClient::new().connect(server.local_addr())?;
//! client.send([0; 5000])?;
//! let connection = server.accept()?;
//! connection.recv(10)?;
//! connection.send("too long")?;
//! drop(connection); // with 4,990 bytes unread
//! client.half_close()?;
//! assert_eq!(client.recv_text(1024)?, "too long");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! * **"Address already in use" after a restart.** Whoever closes first stays in TIME_WAIT for a minute, so that what comes late
//!   meets no new connection. A server that is restarted meets its own. The notes set `SO_REUSEADDR` for that in section 11;
//!   [`reuse_address`](crate::tcp::TcpServerBuilder::reuse_address) is on by default, and a port at which somebody listens is never taken.
//! * **CLOSE_WAIT that stays** is a connection whose peer has closed, and whose owner does not notice because it does not read.
//!   Dropping a connection closes it, so it needs a thread that waits for something else; give such waits a time.
//! * **The server closes its port while clients wait in the queue**: they were connected, and are reset.
//!   [`shutdown`](crate::tcp::ServerHandle::shutdown) accepts and serves them first.
//! * **A half-open connection to a machine that was switched off** lasts for ever when nobody sends:
//!   [`dead_peer_timeout`](crate::tcp::TcpClientBuilder::dead_peer_timeout).
//! * **A client that connects to itself.** To a free port of the own machine, one attempt in many thousands meets itself (a
//!   simultaneous open) and is connected. It is refused here.
//!
//! ---
//!
//! Before: [TCP, server and client](super::tcp). Next: [names and DNS](super::names).
