//! The three-way handshake and the four-way close of TCP: the states of both ends, read from the
//! system as they happen. Server and client are in this process, on the loopback interface.
//!
//! From the notes, 网络编程, 004, section 10: the picture 三次握手、四次挥手.
//!
//! ```text
//! cargo run --example tcp_handshake
//! ```
//!
//! It prints, on Linux, with other ports and times:
//!
//! ```text
//!    ms   client :34519                             server :42249
//!     4   CLOSED      |                           |  LISTEN
//!                     |---------- SYN ----------->|  第一次握手: the client asks to speak
//!                     |x-------- SYN+ACK ---------|  held back at the client
//!    10   SYN_SENT    |                           |  SYN_RECV
//!                     |<-------- SYN+ACK ---------|  第二次握手: the server agrees, and asks as well
//!                     |---------- ACK -----------x|  held back at the server
//!  1043   ESTABLISHED |                           |  SYN_RECV
//!                     |------- ACK, data -------->|  第三次握手: the client agrees
//!  1070   ESTABLISHED |                           |  ESTABLISHED
//!         16 times the server got "你好" and the client got "收到"
//!                     |---------- FIN -----------x|  held back at the server
//!  1075   FIN_WAIT1   |                           |  ESTABLISHED
//!                     |---------- FIN ----------->|  第一次挥手: the client has said all
//!  1527   FIN_WAIT1   |                           |  CLOSE_WAIT
//!                     |<---------- ACK -----------|  第二次挥手: the server has heard it, and may still send
//!  1566   FIN_WAIT2   |                           |  CLOSE_WAIT
//!                     |x---------- FIN -----------|  held back at the client
//!  1571   FIN_WAIT2   |                           |  LAST_ACK
//!                     |<---------- FIN -----------|  第三次挥手: the server has said all
//!                     |---------- ACK -----------x|  held back at the server
//!  1907   TIME_WAIT   |                           |  LAST_ACK
//!                     |<---------- FIN -----------|  unanswered, and so repeated
//!                     |---------- ACK ----------->|  第四次挥手: the client has heard it
//!  2448   TIME_WAIT   |                           |  CLOSED
//!         TIME_WAIT stays for 2MSL with whoever closed first: what comes late meets no new connection
//! ```
//!
//! No state is drawn that was not read. Most last for microseconds, and so they are held: a socket
//! is made deaf, and what comes to it is lost (`x`), until whoever sent it does so again. That is
//! where the time goes. The segments are concluded from the states. Where a system cannot do this,
//! the states are missing, or some, and it says so: on some kernels it takes root, or a network
//! namespace of one's own, in which anybody may do it:
//!
//! ```text
//! unshare -Urn sh -c 'ip link set lo up && cargo run --example tcp_handshake'
//! ```
//!
//! `picture.rs` draws and waits; `kernel.rs` reads the states, and holds segments back.

#[path = "../cli/mod.rs"]
mod cli;
mod kernel;
mod picture;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use cli::{Outcome, say};
use picture::{Fate, Picture, To};
use socket2::{Domain, Socket, Type};
use socketry::{Encoding, TcpClient, TcpConnection, TcpServer};

/// Draws the handshake and the close of a TCP connection, with the states of both ends as the
/// system has them.
#[derive(Parser)]
struct Args {}

/// No wait is without an end. The picture's own end before, and say what is missing.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The client's system has measured the handshake, a second, and expects every answer to take as
/// long. So a FIN that is lost would be repeated after two. With each round trip it expects less,
/// and after these it repeats in half a second.
const ROUNDS: u32 = 16;

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn main() -> ExitCode {
    let Args {} = cli::parse();
    cli::run("tcp_handshake", || {
        let listener = TcpListener::bind(LOCAL)?;
        // It is bound first, so that its place in the table is known.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from(LOCAL).into())?;
        let address = socket.local_addr()?.as_socket().ok_or("a socket of IPv4 has an address of IPv4")?;

        let mut picture = Picture::of(address, listener.local_addr()?)?;
        picture.step(&[], ["CLOSED", "LISTEN"])?;
        let (client, server) = open(&mut picture, &listener, socket)?;
        close(&mut picture, &client, &server)?;
        say!(
            "        TIME_WAIT stays for 2MSL with whoever closed first: what comes late meets no new connection"
        )?;
        Ok(())
    })
}

/// Three segments. The first is not held back: to repeat it takes a second, as it does with the
/// second, which is.
fn open(
    picture: &mut Picture,
    listener: &TcpListener,
    socket: Socket,
) -> Result<(TcpConnection, TcpConnection), Box<dyn Error>> {
    let server = TcpServer::builder().encoding(Encoding::Gb2312).read_timeout(LONGEST_WAIT);
    // The same socket: the other descriptor of it is there to be held.
    let server = server.adopt(listener.try_clone()?)?;
    let address = server.local_addr().into();

    let at_client = picture.hold(&socket)?;
    let at_server = thread::scope(|scope| {
        // It blocks until the handshake is over for the client.
        let connecting = scope.spawn(|| socket.connect_timeout(&address, LONGEST_WAIT));
        picture.step(
            &[
                (To::Server, Fate::Comes, "SYN", "第一次握手: the client asks to speak"),
                (To::Client, Fate::Held, "SYN+ACK", "held back at the client"),
            ],
            ["SYN_SENT", "SYN_RECV"],
        )?;
        let at_server = picture.hold(listener)?;
        drop(at_client);
        picture.step(
            &[
                (To::Client, Fate::Comes, "SYN+ACK", "第二次握手: the server agrees, and asks as well"),
                (To::Server, Fate::Held, "ACK", "held back at the server"),
            ],
            ["ESTABLISHED", "SYN_RECV"],
        )?;
        connecting.join().expect("connect does not panic")?;
        Ok::<_, Box<dyn Error>>(at_server)
    })?;
    drop(at_server);

    let client = TcpClient::builder().encoding(Encoding::Gb2312).read_timeout(LONGEST_WAIT).build();
    let client = client.adopt(socket.into())?;
    client.send("你好")?;
    // Every segment but the first has the ACK in it: it comes with the data if it did not come
    // alone.
    let third = if picture.can_hold() { "ACK, data" } else { "ACK" };
    picture.step(&[(To::Server, Fate::Comes, third, "第三次握手: the client agrees")], ["ESTABLISHED"; 2])?;

    let server = server.accept_timeout(LONGEST_WAIT)?;
    for round in 1..=ROUNDS {
        let question = server.recv_text(1024)?;
        server.send("收到")?;
        let answer = client.recv_text(1024)?;
        if round == ROUNDS {
            say!("        {ROUNDS} times the server got {question:?} and the client got {answer:?}")?;
        } else {
            client.send("你好")?;
        }
    }
    Ok((client, server))
}

/// Four segments: each side says for itself that it has nothing more to send.
fn close(picture: &mut Picture, client: &TcpConnection, server: &TcpConnection) -> Outcome {
    let (at_client, at_server) = (picture.hold(client)?, picture.hold(server)?);
    client.half_close()?;
    picture
        .step(&[(To::Server, Fate::Held, "FIN", "held back at the server")], ["FIN_WAIT1", "ESTABLISHED"])?;
    drop(at_server);
    picture.step(
        &[(To::Server, Fate::Comes, "FIN", "第一次挥手: the client has said all")],
        ["FIN_WAIT1", "CLOSE_WAIT"],
    )?;
    expect_end(server)?;
    drop(at_client);
    picture.step(
        &[(To::Client, Fate::Comes, "ACK", "第二次挥手: the server has heard it, and may still send")],
        ["FIN_WAIT2", "CLOSE_WAIT"],
    )?;

    let (at_client, at_server) = (picture.hold(client)?, picture.hold(server)?);
    server.half_close()?;
    picture.step(&[(To::Client, Fate::Held, "FIN", "held back at the client")], ["FIN_WAIT2", "LAST_ACK"])?;
    drop(at_client);
    picture.step(
        &[
            (To::Client, Fate::Comes, "FIN", "第三次挥手: the server has said all"),
            (To::Server, Fate::Held, "ACK", "held back at the server"),
        ],
        ["TIME_WAIT", "LAST_ACK"],
    )?;
    expect_end(client)?;
    drop(at_server);
    picture.step(
        &[
            (To::Client, Fate::Again, "FIN", "unanswered, and so repeated"),
            (To::Server, Fate::Comes, "ACK", "第四次挥手: the client has heard it"),
        ],
        ["TIME_WAIT", "CLOSED"],
    )
}

/// What the other side's FIN is to whoever reads: the end of the stream.
fn expect_end(connection: &TcpConnection) -> Outcome {
    if connection.recv(1)?.is_empty() { Ok(()) } else { Err("data came instead of the end".into()) }
}
