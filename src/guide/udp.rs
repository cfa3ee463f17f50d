//! Sending and receiving datagrams, and the limits of UDP.
//!
//! Source: 网络编程, 004, sections 4 (socket-udp发送数据) and 5 (udp接收信息，绑定端口); 网络编程 (复习), `sendto`,
//! `recvfrom`, `connect`, `send` and `recv`.
//!
//! # Send
//!
//! In Python, `udpSocket.sendto(sendData.encode("utf-8"), sendAddr)` sends a line of text. In Rust:
//!
//! ```no_run
//! use socketry::UdpEndpoint;
//! use std::io::Write;
//!
//! let endpoint = UdpEndpoint::bind(0)?; // 创建套接字UDP
//! print!("请输入要发送的数据：");
//! std::io::stdout().flush()?;
//! let mut line = String::new();
//! std::io::stdin().read_line(&mut line)?;
//! endpoint.send_to(line.trim_end(), ("192.168.1.103", 8080))?; // 发送数据到指定电脑上
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The socket is closed at the end of its scope. Text is encoded in the endpoint's
//! [encoding](crate::udp::UdpBuilder::encoding), UTF-8 by default. Bytes are sent as they are. The
//! program is `cargo run --example udp_send`.
//!
//! # Receive
//!
//! In Python, `content, destinfo = udpSocket.recvfrom(1024)` returns the bytes and the sender,
//! after `bind(("", 7788))`. A [`Datagram`](crate::Datagram) has both, and the text:
//!
//! ```no_run
//! use socketry::{Encoding, UdpEndpoint};
//!
//! let builder = UdpEndpoint::builder().encoding(Encoding::Gb2312);
//! let endpoint = builder.bind(":7788")?; // 绑定本地相关信息
//! let datagram = endpoint.recv()?; // 等待接收对方发送的数据
//! println!("content is {}", datagram.text()?);
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! [`recv`](crate::UdpEndpoint::recv) blocks until a datagram arrives. The next program has both
//! ends. [`reply`](crate::UdpEndpoint::reply) sends to `datagram.source()`, from the address that
//! the request was sent to:
//!
//! ```
//! use socketry::{Encoding, UdpEndpoint};
//!
//! let gb2312 = UdpEndpoint::builder().encoding(Encoding::Gb2312);
//! let receiver = gb2312.clone().bind("127.0.0.1:0")?;
//! let sender = gb2312.bind("127.0.0.1:0")?;
//! sender.send_to("你好", receiver.local_addr())?;
//!
//! let datagram = receiver.recv()?;
//! assert_eq!(datagram.text()?, "你好");
//! assert_eq!(datagram.bytes(), b"\xC4\xE3\xBA\xC3");
//! assert_eq!(datagram.source(), sender.local_addr());
//! receiver.reply(&datagram, "收到")?;
//! assert_eq!(sender.recv()?.text()?, "收到");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! The program is `cargo run --example udp_recv`.
//!
//! # Connect
//!
//! "在UDP下，主要指定向哪个地址发送数据": a connected endpoint sends to its peer without an address. It also
//! receives datagrams of the peer only, and its calls return an error if the port of the peer is
//! closed:
//!
//! ```
//! use socketry::UdpEndpoint;
//!
//! let peer = UdpEndpoint::bind("127.0.0.1:0")?;
//! // This sends no datagram.
//! let endpoint = UdpEndpoint::connect(peer.local_addr())?;
//! endpoint.send("你好")?;
//! assert_eq!(peer.recv()?.text()?, "你好");
//!
//! drop(peer); // closes the port; the peer's OS replies with an ICMP error
//! endpoint.send("still there?")?;
//! assert!(endpoint.recv().unwrap_err().is_refused());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! `cargo run --example udp_connected` shows each step.
//!
//! # Serve
//!
//! A loop of `recv` and `reply` serves one request at a time. In Python,
//! `socketserver.ThreadingUDPServer` starts a thread for each datagram. A
//! [`UdpServer`](crate::udp::UdpServer) calls a handler on a fixed number of threads, continues after
//! errors and panics of the handler, and can be shut down from another thread:
//!
//! ```
//! use socketry::udp::UdpServer;
//! use socketry::{Encoding, UdpEndpoint};
//! use std::time::Duration;
//!
//! let gb2312 = UdpEndpoint::builder().encoding(Encoding::Gb2312);
//! let server = UdpServer::new(gb2312.clone().bind("127.0.0.1:0")?)?.threads(4);
//! let handle = server.handle();
//! let serving = std::thread::spawn(move || {
//!     server.serve(|request| {
//!         let text = request.text()?;
//!         Ok(request.reply(format!("{text}，收到"))?)
//!     })
//! });
//!
//! let client = gb2312.connect(handle.local_addr())?;
//! assert_eq!(client.request("你好")?.text()?, "你好，收到");
//! let report = handle.shutdown(Duration::from_secs(5));
//! assert_eq!(report.counters.requests, 1);
//! serving.join().unwrap()?;
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! The program is `cargo run --example udp_server`.
//!
//! # What goes wrong
//!
//! **A datagram is larger than the buffer.** Python's `recvfrom(1024)` discards the rest without an
//! error. An endpoint accepts a datagram of any size by default. If you set a limit, a larger
//! datagram is an error with its first bytes, its sender and its size:
//!
//! ```
//! use socketry::UdpEndpoint;
//!
//! let endpoint = UdpEndpoint::builder().max_datagram(1024).bind("127.0.0.1:0")?;
//! UdpEndpoint::bind(0)?.send_to([7; 3000], endpoint.local_addr())?;
//! let error = endpoint.recv().unwrap_err();
//! let truncated = error.truncated().unwrap();
//! assert_eq!((truncated.length, truncated.prefix.len()), (3000, 1024));
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! **A datagram is lost.** UDP does not confirm delivery, so a call that waits for a reply blocks
//! indefinitely, unless it has a [timeout](crate::udp::UdpBuilder::read_timeout).
//! [`request_to`](crate::UdpEndpoint::request_to) resends the message, also after temporary errors
//! such as a missing route, accepts a reply of the peer only, and times out:
//!
//! ```
//! use socketry::{Retry, UdpEndpoint};
//! use std::time::Duration;
//!
//! let server = UdpEndpoint::bind("127.0.0.1:0")?;
//! let address = server.local_addr();
//! let serving = std::thread::spawn(move || {
//!     server.recv()?; // the first request is lost
//!     server.reply(&server.recv()?, "收到")
//! });
//! let retry = Retry::new().attempts(5).initial_delay(Duration::from_millis(20));
//! let client = UdpEndpoint::builder().retry(retry).bind(0)?;
//! assert_eq!(client.request_to("在吗？", address)?.text()?, "收到");
//! serving.join().unwrap()?;
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! * **The sender is unknown.** Any host can send to a bound port. Check
//!   [`source`](crate::Datagram::source) before you trust the data.
//! * **The reply has the wrong source address.** On a machine with several addresses, the OS
//!   chooses one by its route, and the client discards the reply.
//!   [`reply`](crate::UdpEndpoint::reply) sends from the address that the request was sent to.
//! * **An error belongs to an earlier datagram**, such as 10054 (`WSAECONNRESET`) on Windows. An
//!   endpoint that is not connected ignores it and remains usable.
//! * **A blocked thread cannot be stopped** in Python. Pass a [`CancelToken`](crate::CancelToken)
//!   to the builder of the endpoint.
//!
//! ---
//!
//! Before: [addresses and binding](super::addresses). Next: [text on the wire](super::text).
