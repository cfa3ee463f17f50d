//! `listen` and `accept`: who waits where, in what order they are let in, and how the waiting ends.
//! Server and clients are in this process, on the loopback interface.
//!
//! From the notes, 网络编程 (复习), `listen([backlog])` ("指定最大的等待连接的数量") and `accept()`
//! ("返回一个对(client,address)").
//!
//! ```text
//! cargo run --example listen_accept
//! ```
//!
//! It prints, on Linux, with other ports:
//!
//! ```text
//! listen:   127.0.0.1:39705 listens with a backlog of 2; nobody accepts
//!           client 1 at 127.0.0.1:33282 is connected, and has sent
//!           client 2 at 127.0.0.1:33292 is connected, and has sent
//!           client 3 at 127.0.0.1:33296 is connected, and has sent
//!           client 4 is not: connect to 127.0.0.1:39705: timed out after 300.1ms
//!           the system has connected 3, without the server's doing
//! accept:   (connection, 127.0.0.1:33282), which sent "我是1号"
//! accept:   (connection, 127.0.0.1:33292), which sent "我是2号"
//! accept:   (connection, 127.0.0.1:33296), which sent "我是3号"
//!           as they came; each has a connection of its own, and the port goes on listening
//! wake:     accept at 127.0.0.1:39705: cancelled, by a handle, 100ms after it began to wait
//! shutdown: it begins at 127.0.0.1:38651, where two clients are in the queue
//!           (connection, 127.0.0.1:60404), which sent "我是1号"
//!           (connection, 127.0.0.1:60416), which sent "我是2号"
//!           the client at 127.0.0.1:60404 got "收到"
//!           the client at 127.0.0.1:60416 got "收到"
//!           served 0, drained 2, aborted 0, refused 0
//!           too late: connect to 127.0.0.1:38651: connection refused after 59.53µs
//! ```
//!
//! The backlog is a hint. Linux lets one more wait than it says, and drops the attempts of the
//! next, whose system repeats them after 1 s, 3 s and so on; other systems round it up, or refuse.

mod cli;

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use cli::{Outcome, say};
use socketry::{Encoding, TcpClient, TcpConnection, TcpServer};

/// Shows what listen's backlog is, in what order accept lets clients in, and how a blocked accept
/// ends.
#[derive(Parser)]
struct Args {}

const BACKLOG: u32 = 2;

/// How long a client tries to get into the queue.
const PATIENCE: Duration = Duration::from_millis(300);

/// No wait is without an end.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let Args {} = cli::parse();
    cli::run("listen_accept", || {
        let server = server()?;
        let waiting = listening(&server)?;
        accepting(&server, waiting)?;
        waking(&server)?;
        draining(&self::server()?)
    })
}

fn server() -> socketry::Result<TcpServer> {
    let server = TcpServer::builder().backlog(BACKLOG).encoding(Encoding::Gb2312).read_timeout(LONGEST_WAIT);
    server.bind("127.0.0.1:0")
}

/// A client that has connected and said who it is.
fn client(server: &TcpServer, number: u32) -> socketry::Result<TcpConnection> {
    let client =
        TcpClient::builder().encoding(Encoding::Gb2312).connect_timeout(PATIENCE).read_timeout(LONGEST_WAIT);
    let client = client.connect(server.local_addr())?;
    client.send(format!("我是{number}号"))?;
    Ok(client)
}

/// Clients that come until the queue is full; nobody accepts.
fn listening(server: &TcpServer) -> Result<Vec<TcpConnection>, Box<dyn Error>> {
    say!("listen:   {} listens with a backlog of {BACKLOG}; nobody accepts", server.local_addr())?;
    let mut waiting = Vec::new();
    for number in 1..=BACKLOG + 2 {
        match client(server, number) {
            Ok(client) => {
                say!("          client {number} at {} is connected, and has sent", client.local_addr()?)?;
                waiting.push(client);
            }
            Err(error) => {
                say!("          client {number} is not: {error}")?;
                break;
            }
        }
    }
    say!("          the system has connected {}, without the server's doing", waiting.len())?;
    Ok(waiting)
}

fn accepting(server: &TcpServer, waiting: Vec<TcpConnection>) -> Outcome {
    for client in &waiting {
        let connection = server.accept_timeout(LONGEST_WAIT)?;
        let text = connection.recv_text(1024)?;
        say!("accept:   (connection, {}), which sent {text:?}", connection.peer_addr())?;
        if connection.peer_addr() != client.local_addr()? {
            say!("          this system does not let them in as they came")?;
        }
    }
    say!("          as they came; each has a connection of its own, and the port goes on listening")?;
    Ok(())
}

/// A server that waits for nobody, and is told to end.
fn waking(server: &TcpServer) -> Outcome {
    let handle = server.handle();
    let (accepted, waited) = thread::scope(|scope| {
        let accepting = scope.spawn(|| {
            let began = Instant::now();
            (server.accept(), began.elapsed())
        });
        // For the show: the call is to be blocked for a while. Nothing depends on it.
        thread::sleep(Duration::from_millis(100));
        handle.shutdown(LONGEST_WAIT);
        accepting.join().expect("accept does not panic")
    });
    match accepted {
        Err(error) => say!("wake:     {error}, by a handle, {waited:.0?} after it began to wait")?,
        Ok(connection) => say!("wake:     somebody came before that: {}", connection.peer_addr())?,
    }
    Ok(())
}

/// A server that is told to end while clients are in its queue.
fn draining(server: &TcpServer) -> Outcome {
    let clients = [client(server, 1)?, client(server, 2)?];
    let handle = server.handle();
    handle.begin_shutdown(LONGEST_WAIT);
    say!("shutdown: it begins at {}, where two clients are in the queue", server.local_addr())?;
    for connection in server.incoming() {
        let connection = connection?;
        say!(
            "          (connection, {}), which sent {:?}",
            connection.peer_addr(),
            connection.recv_text(1024)?
        )?;
        connection.send("收到")?;
    }
    for client in clients {
        say!("          the client at {} got {:?}", client.local_addr()?, client.recv_text(1024)?)?;
    }
    say!("          {}", handle.wait())?;
    match client(server, 3) {
        Err(error) => say!("          too late: {error}")?,
        Ok(_) => say!("          the port belongs to somebody else by now")?,
    }
    Ok(())
}
