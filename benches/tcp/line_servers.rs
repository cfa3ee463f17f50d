//! The servers that send each line back, each in a process of its own.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustix::process::{Signal, set_parent_process_death_signal};
use socket2::{Domain, Socket, Type};
use socketry::frame::Lines;
use socketry::tcp::TcpServerBuilder;
use socketry::{Encoding, TcpServer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio_util::codec::{Framed as TokioFramed, LinesCodec};

use super::servers::ANYWHERE;
use super::{epoll_server, raw};

pub(crate) const MAX_CONNECTIONS: usize = 10_000;

/// How a handler blocks before it replies.
#[derive(Clone, Copy, Debug)]
enum Pause {
    None,
    Sleep(Duration),
    /// On a thread for blocking work.
    Blocking(Duration),
}

/// Serves in this process until its parent ends. A backlog of 0 is the default of the library.
pub(crate) fn be_server(model: &str, backlog: &str, sleep_millis: &str) {
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    raw::raise_descriptor_limit();
    let backlog = backlog.parse().unwrap();
    let sleep = Duration::from_millis(sleep_millis.parse().unwrap());
    let pause = match sleep.is_zero() {
        true => Pause::None,
        false => Pause::Sleep(sleep),
    };
    match model {
        "epoll" => epoll_server::serve(&listen(backlog)),
        "std" => threads(&listen(backlog), sleep),
        "tokio" => tokio(backlog, move |stream| read_until(stream, pause)),
        "tokio-blocking" => tokio(backlog, move |stream| read_until(stream, Pause::Blocking(sleep))),
        "codec" => tokio(backlog, codec),
        "serve" => serve(builder(backlog), sleep),
        "requests" => serve_requests(builder(backlog), sleep),
        "requests2" => serve_requests(builder(backlog).threads(2), sleep),
        _ => panic!("there is no server {model}"),
    }
}

fn announce(address: SocketAddr) {
    println!("{}", address.port());
}

fn listen(backlog: i32) -> TcpListener {
    let listener = match backlog {
        0 => TcpListener::bind(ANYWHERE).unwrap(),
        backlog => {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into()).unwrap();
            socket.listen(backlog).unwrap();
            socket.into()
        }
    };
    announce(listener.local_addr().unwrap());
    listener
}

fn threads(listener: &TcpListener, sleep: Duration) {
    fn echo(stream: &TcpStream, sleep: Duration) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (mut reader, mut writer) = (BufReader::new(stream), stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            if !sleep.is_zero() {
                thread::sleep(sleep);
            }
            writer.write_all(&line)?;
            line.clear();
        }
        Ok(())
    }
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        thread::spawn(move || echo(&stream, sleep));
    }
}

fn tokio<F: Future<Output = ()> + Send + 'static>(
    backlog: i32,
    serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    // The accept loop is a task as well, so that it runs on a worker.
    let accepting = runtime.spawn(async move {
        let listener = match backlog {
            0 => {
                let listener = tokio::net::TcpListener::bind(ANYWHERE).await.unwrap();
                announce(listener.local_addr().unwrap());
                listener
            }
            backlog => {
                let listener = listen(backlog);
                listener.set_nonblocking(true).unwrap();
                tokio::net::TcpListener::from_std(listener).unwrap()
            }
        };
        loop {
            let stream = listener.accept().await.unwrap().0;
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream));
        }
    });
    let _: Result<(), _> = runtime.block_on(accepting);
}

async fn read_until(mut stream: tokio::net::TcpStream, pause: Pause) {
    let (reader, mut writer) = stream.split();
    let mut reader = tokio::io::BufReader::new(reader);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        match pause {
            Pause::None => {}
            Pause::Sleep(time) => tokio::time::sleep(time).await,
            Pause::Blocking(time) => {
                tokio::task::spawn_blocking(move || thread::sleep(time)).await.unwrap();
            }
        }
        if writer.write_all(&line).await.is_err() {
            return;
        }
        line.clear();
    }
}

async fn codec(stream: tokio::net::TcpStream) {
    let mut lines = TokioFramed::new(stream, LinesCodec::new());
    while let Some(Ok(line)) = lines.next().await {
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

fn builder(backlog: i32) -> TcpServerBuilder {
    let builder = TcpServer::builder().max_connections(MAX_CONNECTIONS);
    match backlog {
        0 => builder,
        backlog => builder.backlog(backlog as u32),
    }
}

fn serve(builder: TcpServerBuilder, sleep: Duration) {
    let server = builder.bind(ANYWHERE).unwrap();
    announce(server.local_addr());
    let served = server.serve(move |connection| {
        let mut lines = connection.lines(Encoding::Utf8);
        while let Some(line) = lines.recv()? {
            if !sleep.is_zero() {
                thread::sleep(sleep);
            }
            lines.send(line)?;
        }
        Ok(())
    });
    served.unwrap();
}

fn serve_requests(builder: TcpServerBuilder, sleep: Duration) {
    let server = builder.bind(ANYWHERE).unwrap();
    announce(server.local_addr());
    let served = server.serve_requests(Lines::new(Encoding::Utf8), move |request| {
        if !sleep.is_zero() {
            thread::sleep(sleep);
        }
        let line = request.frame().to_owned();
        Ok(request.reply(line)?)
    });
    served.unwrap();
}
