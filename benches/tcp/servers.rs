//! The servers whose connections per second are compared. Each reads 16 bytes, writes them back,
//! and reads to the end.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use socketry::frame::FixedLength;
use socketry::tcp::{HandlerResult, TcpServerBuilder};
use socketry::{TcpConnection, TcpServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::epoll_server;

pub(crate) const MESSAGE: usize = 16;

/// The system chooses the port; every address of the loopback interface leads to it.
pub(crate) const ANYWHERE: &str = "0.0.0.0:0";

/// Starts one, which runs until the process ends, and gives where it listens.
pub(crate) type Start = fn() -> SocketAddr;

/// The first is what the others are compared with, and [`TOKIO`] the other one.
pub(crate) const SERVERS: [(&str, Start); 10] = [
    ("std, a thread for each", std_thread_for_each),
    ("std, 8 threads over a queue", std_queue),
    ("std, 8 threads in accept", std_in_accept),
    ("tokio, 2 workers, a task for each", tokio_tasks),
    ("socketry serve", || serve(TcpServer::builder())),
    ("socketry serve, 8 threads", || serve(TcpServer::builder().threads(8))),
    ("socketry serve, 32 threads", || serve(TcpServer::builder().threads(32))),
    ("socketry serve_requests", serve_requests),
    ("socketry, 8 threads in accept", in_accept),
    ("raw epoll, a thread in accept and two", raw_epoll),
];

pub(crate) const TOKIO: usize = 3;

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(ANYWHERE).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A client may vanish; that is no failure of the server.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut message = [0; MESSAGE];
    stream.read_exact(&mut message)?;
    stream.write_all(&message)?;
    while stream.read(&mut message)? > 0 {}
    Ok(())
}

fn std_thread_for_each() -> SocketAddr {
    let (listener, address) = listen();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || echo(stream));
        }
    });
    address
}

fn raw_epoll() -> SocketAddr {
    let (listener, address) = listen();
    thread::spawn(move || epoll_server::serve(&listener));
    address
}

fn std_queue() -> SocketAddr {
    let (listener, address) = listen();
    let (sender, receiver) = mpsc::channel();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..8 {
        let receiver = Arc::clone(&receiver);
        thread::spawn(move || {
            loop {
                let next = receiver.lock().unwrap().recv();
                let Ok(stream) = next else { return };
                let _ = echo(stream);
            }
        });
    }
    thread::spawn(move || listener.incoming().for_each(|stream| sender.send(stream.unwrap()).unwrap()));
    address
}

fn std_in_accept() -> SocketAddr {
    let (listener, address) = listen();
    accept_with_std(listener);
    address
}

pub(crate) fn accept_with_std(listener: TcpListener) {
    let listener = Arc::new(listener);
    for _ in 0..8 {
        let listener = Arc::clone(&listener);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = echo(stream.unwrap());
            }
        });
    }
}

fn tokio_tasks() -> SocketAddr {
    async fn echo(mut stream: tokio::net::TcpStream) -> io::Result<()> {
        let mut message = [0; MESSAGE];
        stream.read_exact(&mut message).await?;
        stream.write_all(&message).await?;
        while stream.read(&mut message).await? > 0 {}
        Ok(())
    }
    let (listener, address) = listen();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        // The accept loop is a task as well, so that it runs on a worker.
        let accepting = runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                tokio::spawn(echo(listener.accept().await.unwrap().0));
            }
        });
        let _: Result<(), _> = runtime.block_on(accepting);
    });
    address
}

pub(crate) fn serve(builder: TcpServerBuilder) -> SocketAddr {
    let server = builder.bind(ANYWHERE).unwrap();
    let address = server.local_addr();
    thread::spawn(move || server.serve(answer));
    address
}

pub(crate) fn answer(mut connection: TcpConnection) -> HandlerResult {
    let mut message = [0; MESSAGE];
    connection.recv_exact(&mut message)?;
    connection.send(&message[..])?;
    while connection.read(&mut message)? > 0 {}
    Ok(())
}

fn in_accept() -> SocketAddr {
    let server = Arc::new(TcpServer::bind(ANYWHERE).unwrap());
    let address = server.local_addr();
    for _ in 0..8 {
        let server = Arc::clone(&server);
        thread::spawn(move || {
            for connection in &*server {
                let _ = answer(connection.unwrap());
            }
        });
    }
    address
}

fn serve_requests() -> SocketAddr {
    let server = TcpServer::bind(ANYWHERE).unwrap();
    let address = server.local_addr();
    thread::spawn(move || {
        server.serve_requests(FixedLength::new(MESSAGE), |request| {
            let message: [u8; MESSAGE] = request.frame().try_into()?;
            Ok(request.reply(message)?)
        })
    });
    address
}
