//! The guide: network programming from its beginning, in the order of the notes that the examples follow.
//!
//! The notes are two, on Python's `socket`: 网络编程 (复习), and 网络编程, 004. Each chapter names the section that it follows,
//! shows its Rust counterpart, says what goes wrong in practice and what the crate does about it, and leads to an example.
//! Who knows Python's calls and wants the Rust for each begins with [`from_python`].
//!
//! | | chapter | answers | notes |
//! |---|---|---|---|
//! | 1 | [`layers`] | what carries a message, and what address and port are for | 004, 1–3 |
//! | 2 | [`sockets`] | what a socket (套接字) is, and which kinds there are | 复习, `socket` |
//! | 3 | [`addresses`] | how to say where, and where to listen | 复习, `bind` |
//! | 4 | [`udp`] | how to send and receive single messages | 004, 4 and 5 |
//! | 5 | [`text`] | why a character breaks on the wire | 004, 4, 5 and 8 |
//! | 6 | [`broadcast`] | how to reach everybody on a network | 004, 6 |
//! | 7 | [`tcp`] | how a server and a client speak over a stream | 004, 7 and 8 |
//! | 8 | [`handshake`] | how a connection begins and ends (三次握手, 四次挥手) | 004, 10 |
//! | 9 | [`names`] | how a name becomes an address | 复习, `gethostbyname` |
//! | 10 | [`web_page`] | what happens when a browser visits a page | 004, 9 |
//! | 11 | [`processes_and_threads`] | how to serve many clients at a time | 004, 11 |
//! | 12 | [`from_python`] | which Rust stands for which call of Python | all |
//!
//! Two more are not from the notes: [`platforms`] has what differs between systems, and [`comparison`] when to use something
//! else.
#![doc = include_str!("phone.html")]

pub mod addresses;
pub mod broadcast;
pub mod comparison;
pub mod from_python;
pub mod handshake;
pub mod layers;
pub mod names;
pub mod platforms;
pub mod processes_and_threads;
pub mod sockets;
pub mod tcp;
pub mod text;
pub mod udp;
pub mod web_page;
