//! How to send single messages and receive them, and what UDP does not promise.
//!
//! From the notes, 网络编程, 004, sections 4 (socket-udp发送数据) and 5 (udp接收信息，绑定端口); and 网络编程 (复习), `sendto`,
//! `recvfrom`, `connect`, `send` and `recv`.
//!
//! # Sending
//!
//! The notes make a socket, ask for a line, and call `udpSocket.sendto(sendData.encode("utf-8"), sendAddr)`. Here:
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
//! It is closed at the end of its scope. Text is encoded in the endpoint's [encoding](crate::udp::UdpBuilder::encoding), UTF-8 if none
//! is set; bytes go as they are. The program is `cargo run --example udp_send`.
//!
//! # Receiving
//!
//! The notes bind to `("", 7788)` and unpack `content, destinfo = udpSocket.recvfrom(1024)`. A
//! [`Datagram`](crate::Datagram) has both, and more:
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
//! Both ends in a test, with an answer, which leaves for `datagram.source()` from the address that was asked:
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
//! # Connecting
//!
//! "在UDP下，主要指定向哪个地址发送数据": a connected endpoint needs no address to send to. It also hears nobody else, and it is
//! told when nobody listens at the other end:
//!
//! ```
//! use socketry::UdpEndpoint;
//!
//! let peer = UdpEndpoint::bind("127.0.0.1:0")?;
//! // No byte is sent for that.
//! let endpoint = UdpEndpoint::connect(peer.local_addr())?;
//! endpoint.send("你好")?;
//! assert_eq!(peer.recv()?.text()?, "你好");
//!
//! drop(peer); // the port is closed, and the peer's system says so
//! endpoint.send("still there?")?;
//! assert!(endpoint.recv().unwrap_err().is_refused());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! To see it step by step: `cargo run --example udp_connected`.
//!
//! # What goes wrong
//!
//! **The datagram is longer than the room.** Python's `recvfrom(1024)` drops the rest, and nobody knows. Here a call takes any
//! datagram, or the limit is said, and what exceeds it is an error that has the beginning, the sender and the true size:
//!
//! ```
//! use socketry::UdpEndpoint;
//!
//! let endpoint = UdpEndpoint::builder().max_datagram(1024).bind("127.0.0.1:0")?;
//! UdpEndpoint::bind(0)?.send_to([7; 3000], endpoint.local_addr())?;
//! let error = endpoint.recv().unwrap_err();
//! assert_eq!(error.truncated().map(|cut| (cut.length, cut.prefix.len())), Some((3000, 1024)));
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! **The datagram is lost**, and nobody says so: UDP has no receipt. A call that waits for an answer waits for ever, unless it
//! has a [timeout](crate::udp::UdpBuilder::read_timeout). [`request`](crate::UdpEndpoint::request) asks again, takes an answer from
//! the one that was asked alone, and gives up:
//!
//! ```
//! use socketry::{Retry, UdpEndpoint};
//! use std::time::Duration;
//!
//! let server = UdpEndpoint::bind("127.0.0.1:0")?;
//! let address = server.local_addr();
//! let serving = std::thread::spawn(move || {
//!     server.recv()?; // the first question is lost
//!     server.reply(&server.recv()?, "收到")
//! });
//! let retry = Retry::new().attempts(5).initial_delay(Duration::from_millis(20));
//! let client = UdpEndpoint::builder().retry(retry).bind(0)?;
//! assert_eq!(client.request("在吗？", address)?.text()?, "收到");
//! serving.join().unwrap()?;
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! * **Anybody may send** to a port that is bound. Look at [`from`](crate::Datagram::source) before you believe what you read.
//! * **The answer leaves from another address** than the question went to, on a machine with several, and the client does not
//!   take it for the answer. [`reply`](crate::UdpEndpoint::reply) leaves from the right one.
//! * **An error of an earlier datagram ends a later call** (10054 on Windows). Here an endpoint without a peer goes on.
//! * **The thread that receives cannot be ended** from outside, in Python. Give the endpoint a [`CancelToken`](crate::CancelToken).
//!
//! ---
//!
//! Before: [addresses and binding](super::addresses). Next: [text on the wire](super::text).
