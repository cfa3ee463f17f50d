//! What a socket (套接字) is, which kinds there are, and which type of this crate stands for each.
//!
//! From the notes, 网络编程 (复习), 套接字 and `socket.socket(family, type)`: "套接字用来在网络中负责接收和传输数据".
//!
//! # Four kinds
//!
//! A socket is an end of a conversation, which the system keeps for a program. Two questions make four kinds of it: which
//! version of IP (`family`), and which transport (`type`).
//!
//! | Python | is | here |
//! |---|---|---|
//! | `AF_INET`, `SOCK_STREAM` | IPv4, TCP | `TcpServer::bind("127.0.0.1:0")` |
//! | `AF_INET`, `SOCK_DGRAM` | IPv4, UDP | `UdpEndpoint::bind("127.0.0.1:0")` |
//! | `AF_INET6`, `SOCK_STREAM` | IPv6, TCP | `TcpServer::bind("[::1]:0")` |
//! | `AF_INET6`, `SOCK_DGRAM` | IPv6, UDP | `UdpEndpoint::bind("[::1]:0")` |
//!
//! The transport is chosen by the type, and the family by the address: there is no constant to remember, and no address of the
//! wrong family.
//!
//! | | TCP | UDP |
//! |---|---|---|
//! | carries | a stream of bytes, without borders | single messages (datagrams), each whole |
//! | arrives | all of it, in order, or the connection is broken | or does not; perhaps twice, perhaps in another order |
//! | between | two, who are connected | anybody and anybody |
//! | before the first byte | a [handshake](super::handshake) | nothing |
//! | for | whatever must arrive | questions, announcements, measurements; what is old when it is late |
//!
//! # One class in Python, a type for each state here
//!
//! Python's `sock = socket.socket()` makes a socket that can do nothing yet. `bind`, `listen`, `connect` and `accept` turn it
//! into something else, and a call at the wrong moment fails when the program runs. Here each of these states is a type, and
//! has the methods that work in it:
//!
//! | in Python, after | here it is |
//! |---|---|
//! | `socket(AF_INET, SOCK_DGRAM)`, `bind` | [`UdpEndpoint`](crate::UdpEndpoint) |
//! | `socket()`, `bind`, `listen` | [`TcpServer`](crate::TcpServer) |
//! | `socket()`, `connect` | [`TcpConnection`](crate::TcpConnection), made by a [`TcpClient`](crate::TcpClient) |
//! | `accept()` | [`TcpConnection`](crate::TcpConnection) |
//!
//! ```
//! use socketry::{TcpClient, TcpServer, UdpEndpoint};
//!
//! // 创建tcp的socket: one that listens, and one that is connected to it.
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! let client = TcpClient::new().connect(server.local_addr())?;
//! let connection = server.accept()?;
//! assert_eq!(connection.peer_addr(), client.local_addr()?);
//!
//! // 创建udp的socket
//! let endpoint = UdpEndpoint::bind("127.0.0.1:0")?;
//! assert_eq!(endpoint.peer_addr(), None); // nobody in particular
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! "必须将客户端和服务器的套接字相连" holds for TCP. A UDP socket can be connected, too; that sends nothing, and only says whom
//! it speaks with: see [the chapter on UDP](super::udp).
//!
//! # Closing
//!
//! There is no `close()` to forget: a socket is closed when its last owner is dropped. The peer of a connection then reads its
//! end, which is a receive of nothing:
//!
//! ```
//! use socketry::{TcpClient, TcpServer};
//!
//! let server = TcpServer::bind("127.0.0.1:0")?;
//! let client = TcpClient::new().connect(server.local_addr())?;
//! let connection = server.accept()?;
//! drop(client);
//! assert!(connection.recv(1024)?.is_empty());
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! What the two systems say to each other meanwhile: `cargo run --example tcp_handshake`.
//!
//! # What goes wrong
//!
//! * **A machine without IPv6**, as in many containers, refuses `"[::1]:0"` with an error of kind
//!   [`AddressNotAvailable`](crate::ErrorKind::AddressNotAvailable) or [`Unsupported`](crate::ErrorKind::Unsupported). Connecting
//!   by name passes over a family that is not there.
//! * **`[::]` is IPv6 alone on one system, and both on another.** Here it is IPv6 alone on all of them, and
//!   [`dual_stack`](crate::tcp::TcpServerBuilder::dual_stack) is both.
//! * **A call waits for ever**, because nobody sends. Every wait can have an end: a timeout, a deadline, or a
//!   [`CancelToken`](crate::CancelToken) in another thread's hand.
//! * **A socket from elsewhere** is no stranger: `TcpConnection::try_from(stream)` and `UdpEndpoint::try_from(socket)` take those
//!   of `std::net` over, and `From` gives them back.
//!
//! To see all four opened: `cargo run --example socket_kinds`.
//!
//! ---
//!
//! Before: [layers and ports](super::layers). Next: [addresses and binding](super::addresses).
