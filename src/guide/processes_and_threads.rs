//! How to serve many clients at a time: by threads, by requests, or by processes.
//!
//! From the notes, 网络编程, 004, section 11 (多进程服务器).
//!
//! # One client holds up all others
//!
//! The server of section 7 serves one client, and the next one waits. So the notes' section 11 starts a process for each:
//! `Process(target=dealWithClient, args=(newSocket, destAddr))`, `client.start()`, and closes its own copy of the socket. A
//! [`TcpServer`](crate::TcpServer) has six ways:
//!
//! | by | a client costs | for |
//! |---|---|---|
//! | [`accept`](crate::TcpServer::accept), [`incoming`](crate::TcpServer::incoming) | what you make of it | threads of your own |
//! | [`serve_sequential`](crate::TcpServer::serve_sequential) | nothing; the others wait | short answers |
//! | [`serve`](crate::TcpServer::serve) | a thread | conversations |
//! | [`serve_requests`](crate::TcpServer::serve_requests) | a thread while it is answered | thousands, idle or busy |
//! | [`serve_children`](crate::TcpServer#method.serve_children) (Unix) | a process | isolation, any program |
//! | [`serve_workers`](crate::TcpServer#method.serve_workers) (Unix) | a thread in one of a few processes | a crash that does not end all |
//!
//! # The notes' server, by threads
//!
//! What the notes' `dealWithClient` does, in a closure. The threads are the server's own, and bounded:
//!
//! ```
//! use socketry::{TcpClient, TcpServer};
//! use std::time::Duration;
//!
//! let server = TcpServer::builder().max_connections(100).bind("127.0.0.1:0")?;
//! let handle = server.handle();
//! let serving = std::thread::spawn(move || {
//!     server.serve(|connection| {
//!         loop {
//!             let data = connection.recv(1024)?;
//!             if data.is_empty() {
//!                 println!("[{}]客户端已关闭", connection.peer_addr());
//!                 return Ok(());
//!             }
//!             println!("revv[{}]:[{}]", connection.peer_addr(), String::from_utf8_lossy(&data));
//!         }
//!     })
//! });
//!
//! let clients = [(); 3].map(|()| TcpClient::new().connect(handle.local_addr()));
//! for client in clients {
//!     client?.send("hahah")?; // all three are served at once
//! }
//! let report = handle.shutdown(Duration::from_secs(5));
//! assert_eq!(report.served + report.drained, 3);
//! serving.join().unwrap()?;
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! The program is `cargo run --example threads_server`.
//!
//! # The notes' server, by processes
//!
//! `fork` copies a process. In a program with threads the copy has one thread and the locks of all the others, so this crate
//! starts the program again instead; a child begins at the top of `main`, and finds its connection there. Unix:
//!
//! ```no_run
//! # #[cfg(all(unix, feature = "process"))] {
//! use socketry::TcpServer;
//! use socketry::process::{self, Children};
//!
//! if let Some(connection) = process::connection()? {
//!     let data = connection.recv(1024)?; // 多进程函数: this is the child
//!     println!("revv[{}]:[{}]", connection.peer_addr(), String::from_utf8_lossy(&data));
//!     return Ok(());
//! }
//! let server = TcpServer::builder().max_connections(100).bind(":7788")?;
//! println!("{}", server.serve_children(Children::self_exe()?)?);
//! # }
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! The notes remark: "进程可以关闭这个新客户端，但是线程不可以关闭这个套接字，因为线程共享数据". With processes each has a copy of the
//! socket, and the parent's must be closed, or the client never sees the end. With threads there is one, and who closes it takes it from
//! the other. Here neither is to be remembered: a connection is owned, and is closed when the last owner drops it.
//!
//! The program is `cargo run --example process_server`. Any other program can serve as well, on its standard input and output:
//! `Children::inetd_style(|_| Command::new("cat"))`. A few processes for many clients, which are restarted when they crash:
//! `cargo run --example prefork_server`.
//!
//! # Requests
//!
//! Where clients are connected for hours and ask now and then, a thread for each is waste. With a framing the server waits for
//! all of them at once, and a thread is busy only while a request is in hand:
//!
//! ```
//! use socketry::frame::Lines;
//! use socketry::{Encoding, TcpClient, TcpServer};
//! use std::time::Duration;
//!
//! let server = TcpServer::builder().max_connections(10_000).bind("127.0.0.1:0")?;
//! let handle = server.handle();
//! let serving = std::thread::spawn(move || {
//!     server.serve_requests(Lines::new(Encoding::Utf8), |request| {
//!         let answer = format!("{}，收到", request.frame());
//!         Ok(request.reply(answer)?)
//!     })
//! });
//! let client = TcpClient::new().connect(handle.local_addr())?;
//! let mut lines = client.into_framed(Lines::new(Encoding::Utf8));
//! lines.send("在吗？")?;
//! assert_eq!(lines.recv()?.as_deref(), Some("在吗？，收到"));
//! drop(lines);
//! handle.shutdown(Duration::from_secs(5));
//! serving.join().unwrap()?;
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # What goes wrong
//!
//! * **As many threads or processes as clients come**, until the machine is full. Here there are
//!   [1,024 connections](crate::tcp::TcpServerBuilder::max_connections) at most unless you say otherwise, and as many from
//!   [one peer](crate::tcp::TcpServerBuilder::max_connections_per_peer) as you say.
//! * **Processes that have ended stay as zombies**, in the notes until the next client comes. Here each is waited for.
//! * **One bad client ends all.** A handler's error or panic ends its connection, is counted, and is told to
//!   [`on_event`](crate::tcp::TcpServerBuilder::on_event).
//! * **Ctrl-C is a traceback**, and the clients are cut. [`shutdown`](crate::tcp::ServerHandle::shutdown) lets those finish who are
//!   inside, serves the queue, and reports. Every thread that waits is woken.
//! * **Descriptors are used up**, and a loop around `accept` spins. The server waits until one is free.
//!
//! ---
//!
//! Before: [a visit to a web page](super::web_page). Next: [from Python's `socket`](super::from_python).
