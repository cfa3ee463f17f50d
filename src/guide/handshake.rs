//! How a TCP connection begins and how it ends, and what of it a program can see.
//!
//! From the notes, 网络编程, 004, section 10 (图示): the picture 三次握手、四次挥手.
//!
//! # Three to begin
//!
//! `connect` asks, the server's system agrees and asks back, and the client agrees. All of that is done by the two systems. The
//! server's program hears of it when it calls `accept`, which may be later:
//!
//! <svg viewBox="0 0 430 318" role="img" aria-label="The three-way handshake" style="width:100%;max-width:538px;height:auto;display:block;margin:1em auto" fill="none" stroke="currentColor" stroke-width="1.2">
//! <text x="128" y="18" text-anchor="middle" font-size="12" font-weight="bold" fill="currentColor" stroke="none">client 客户端</text>
//! <text x="302" y="18" text-anchor="middle" font-size="12" font-weight="bold" fill="currentColor" stroke="none">server 服务器</text>
//! <line x1="128" y1="26" x2="128" y2="314"></line>
//! <line x1="302" y1="26" x2="302" y2="314"></line>
//! <text x="120" y="44" text-anchor="end" font-size="11" fill="currentColor" stroke="none">CLOSED</text>
//! <text x="310" y="44" text-anchor="start" font-size="11" fill="currentColor" stroke="none">LISTEN</text>
//! <text x="120" y="62" text-anchor="end" font-size="11" fill="currentColor" stroke="none">connect()</text>
//! <text x="310" y="62" text-anchor="start" font-size="11" fill="currentColor" stroke="none">accept() waits</text>
//! <text x="215" y="83" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">SYN, seq x</text>
//! <line x1="128" y1="90" x2="302" y2="98"></line>
//! <polygon points="302,98 293.6,101.3 294.0,94.0" fill="currentColor"></polygon>
//! <text x="215" y="110" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">第一次握手</text>
//! <text x="120" y="128" text-anchor="end" font-size="11" fill="currentColor" stroke="none">SYN_SENT</text>
//! <text x="310" y="128" text-anchor="start" font-size="11" fill="currentColor" stroke="none">SYN_RECV</text>
//! <text x="215" y="149" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">SYN + ACK, seq y, ack x+1</text>
//! <line x1="302" y1="156" x2="128" y2="164"></line>
//! <polygon points="128,164 136.0,160.0 136.4,167.3" fill="currentColor"></polygon>
//! <text x="215" y="176" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">第二次握手</text>
//! <text x="120" y="194" text-anchor="end" font-size="11" fill="currentColor" stroke="none">ESTABLISHED</text>
//! <text x="120" y="212" text-anchor="end" font-size="11" fill="currentColor" stroke="none">connect() returns</text>
//! <text x="215" y="233" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">ACK, ack y+1</text>
//! <line x1="128" y1="240" x2="302" y2="248"></line>
//! <polygon points="302,248 293.6,251.3 294.0,244.0" fill="currentColor"></polygon>
//! <text x="215" y="260" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">第三次握手</text>
//! <text x="310" y="278" text-anchor="start" font-size="11" fill="currentColor" stroke="none">ESTABLISHED</text>
//! <text x="310" y="296" text-anchor="start" font-size="11" fill="currentColor" stroke="none">accept() returns</text>
//! </svg>
//!
//! It takes one round trip until the client may send. To a machine that does not answer, the system repeats the SYN for about two
//! minutes; a [`TcpClient`](crate::TcpClient) gives up after its [`timeout`](crate::TcpClientBuilder::timeout).
//!
//! # Four to end
//!
//! Each side ends its own direction, by a FIN, and each FIN is acknowledged. Between the two a connection is half open: here the
//! client has said all, and the server may still answer. That is why there are four and not three:
//!
//! <svg viewBox="0 0 430 438" role="img" aria-label="The four-way close" style="width:100%;max-width:538px;height:auto;display:block;margin:1em auto" fill="none" stroke="currentColor" stroke-width="1.2">
//! <text x="128" y="18" text-anchor="middle" font-size="12" font-weight="bold" fill="currentColor" stroke="none">client 客户端</text>
//! <text x="302" y="18" text-anchor="middle" font-size="12" font-weight="bold" fill="currentColor" stroke="none">server 服务器</text>
//! <line x1="128" y1="26" x2="128" y2="434"></line>
//! <line x1="302" y1="26" x2="302" y2="434"></line>
//! <text x="120" y="44" text-anchor="end" font-size="11" fill="currentColor" stroke="none">ESTABLISHED</text>
//! <text x="310" y="44" text-anchor="start" font-size="11" fill="currentColor" stroke="none">ESTABLISHED</text>
//! <text x="120" y="62" text-anchor="end" font-size="11" fill="currentColor" stroke="none">half_close()</text>
//! <text x="215" y="83" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">FIN</text>
//! <line x1="128" y1="90" x2="302" y2="98"></line>
//! <polygon points="302,98 293.6,101.3 294.0,94.0" fill="currentColor"></polygon>
//! <text x="215" y="110" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">第一次挥手</text>
//! <text x="120" y="128" text-anchor="end" font-size="11" fill="currentColor" stroke="none">FIN_WAIT_1</text>
//! <text x="310" y="128" text-anchor="start" font-size="11" fill="currentColor" stroke="none">CLOSE_WAIT</text>
//! <text x="310" y="146" text-anchor="start" font-size="11" fill="currentColor" stroke="none">recv(): empty</text>
//! <text x="215" y="167" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">ACK</text>
//! <line x1="302" y1="174" x2="128" y2="182"></line>
//! <polygon points="128,182 136.0,178.0 136.4,185.3" fill="currentColor"></polygon>
//! <text x="215" y="194" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">第二次挥手</text>
//! <text x="120" y="212" text-anchor="end" font-size="11" fill="currentColor" stroke="none">FIN_WAIT_2</text>
//! <text x="310" y="212" text-anchor="start" font-size="11" fill="currentColor" stroke="none">may still send</text>
//! <text x="310" y="230" text-anchor="start" font-size="11" fill="currentColor" stroke="none">close()</text>
//! <text x="215" y="251" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">FIN</text>
//! <line x1="302" y1="258" x2="128" y2="266"></line>
//! <polygon points="128,266 136.0,262.0 136.4,269.3" fill="currentColor"></polygon>
//! <text x="215" y="278" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">第三次挥手</text>
//! <text x="120" y="296" text-anchor="end" font-size="11" fill="currentColor" stroke="none">TIME_WAIT</text>
//! <text x="310" y="296" text-anchor="start" font-size="11" fill="currentColor" stroke="none">LAST_ACK</text>
//! <text x="120" y="314" text-anchor="end" font-size="11" fill="currentColor" stroke="none">recv(): empty</text>
//! <text x="215" y="335" text-anchor="middle" font-size="11.5" fill="currentColor" stroke="none">ACK</text>
//! <line x1="128" y1="342" x2="302" y2="350"></line>
//! <polygon points="302,350 293.6,353.3 294.0,346.0" fill="currentColor"></polygon>
//! <text x="215" y="362" text-anchor="middle" font-size="11" fill="currentColor" stroke="none">第四次挥手</text>
//! <text x="310" y="380" text-anchor="start" font-size="11" fill="currentColor" stroke="none">CLOSED</text>
//! <text x="120" y="398" text-anchor="end" font-size="11" fill="currentColor" stroke="none">after 2 MSL:</text>
//! <text x="120" y="416" text-anchor="end" font-size="11" fill="currentColor" stroke="none">CLOSED</text>
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
//!   [`reuse_address`](crate::TcpServerBuilder::reuse_address) is on by default, and a port at which somebody listens is never taken.
//! * **CLOSE_WAIT that stays** is a connection whose peer has closed, and whose owner does not notice because it does not read.
//!   Dropping a connection closes it, so it needs a thread that waits for something else; give such waits a time.
//! * **The server closes its port while clients wait in the queue**: they were connected, and are reset.
//!   [`shutdown`](crate::ServerHandle::shutdown) accepts and serves them first.
//! * **A half-open connection to a machine that was switched off** lasts for ever when nobody sends:
//!   [`peer_timeout`](crate::TcpClientBuilder::peer_timeout).
//! * **A client that connects to itself.** To a free port of the own machine, one attempt in many thousands meets itself (a
//!   simultaneous open) and is connected. It is refused here.
//!
//! ---
//!
//! Before: [TCP, server and client](super::tcp). Next: [names and DNS](super::names).
