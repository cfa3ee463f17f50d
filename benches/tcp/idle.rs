//! The memory of connections that have asked one line and are silent since. Each server is a
//! process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::process::{Child, ChildStdin, Command, Stdio};

use futures_util::{SinkExt, StreamExt};
use socketry::frame::{FixedLength, Framed, Lines};
use socketry::{Encoding, TcpServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::{Framed as TokioFramed, LinesCodec};

use super::kit::{is_smoke_run, record};
use super::raw;
use super::servers::{ANYWHERE, MESSAGE};

const LINE: &[u8] = b"one line of an idle connection\n";

/// What the system takes for each thread, besides what counts as the process's memory.
const KERNEL_STACK: i64 = 16;

/// A name, its title, and how many connections are tried at most.
const MODELS: [(&str, &str, usize); 5] = [
    ("epoll", "epoll itself, no state", 9_000),
    ("requests", "socketry serve_requests(Lines)", 9_000),
    ("threads", "socketry serve, stacks of 64 KiB", 5_000),
    ("tokio", "tokio, a task with 64 bytes", 9_000),
    ("codec", "tokio, a task with a LinesCodec", 9_000),
];

/// In KiB, but for the threads.
#[derive(Clone, Copy, Debug)]
struct Memory {
    resident: i64,
    page_tables: i64,
    threads: i64,
}

pub(crate) struct Server {
    child: Child,
    input: Option<ChildStdin>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(model: &str) -> Server {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let command = command.args(["as-idle-server", model]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Server { input: child.stdin.take(), child, address: line.trim().parse().unwrap() }
    }

    fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let of = |name: &str| -> i64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        Memory { resident: of("VmRSS:"), page_tables: of("VmPTE:"), threads: of("Threads:") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

fn ask(mut stream: &TcpStream) {
    stream.write_all(LINE).unwrap();
}

fn hear(mut stream: &TcpStream) {
    let mut answer = [0; LINE.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, LINE);
}

pub(crate) fn run() {
    raw::raise_descriptor_limit();
    let counts = if is_smoke_run() { [3, 5, 9] } else { [1_000, 5_000, 9_000] };
    println!("\nmemory of each idle connection, in KiB");
    println!(
        "  {:<34} {:>12} {:>9} {:>9} {:>13} {:>8} {:>11}",
        "", "connections", "resident", "to epoll", "page tables", "kernel", "in all"
    );
    let mut least = Vec::new();
    for (model, title, most) in MODELS {
        let server = Server::start(model);
        // What is made once is not counted.
        for _ in 0..20 {
            let stream = TcpStream::connect(server.address).unwrap();
            ask(&stream);
            hear(&stream);
        }
        let before = server.memory();
        let (mut streams, mut first) = (Vec::new(), None);
        let report = |step: usize, count: usize, note: &str, least: &mut Vec<f64>| {
            let now = server.memory();
            let each = |figure: fn(&Memory) -> i64| (figure(&now) - figure(&before)) as f64 / count as f64;
            let resident = each(|memory| memory.resident);
            if model == "epoll" {
                least.push(resident);
            }
            let (tables, kernel) =
                (each(|memory| memory.page_tables), each(|memory| memory.threads * KERNEL_STACK));
            println!(
                "  {title:<34} {count:>12} {resident:>9.2} {:>9.2} {tables:>13.2} {kernel:>8.2} {:>11.2}{note}",
                resident - least[step],
                resident + tables + kernel,
            );
            resident + tables + kernel
        };
        for (step, &count) in counts.iter().enumerate().filter(|&(_, &count)| count <= most) {
            while streams.len() < count {
                let stream = TcpStream::connect(server.address).unwrap();
                ask(&stream);
                hear(&stream);
                streams.push(stream);
            }
            let each = report(step, count, "", &mut least) * 1024.0;
            let first = *first.get_or_insert(each);
            record(&format!("bytes of an idle connection, {title}"), &count.to_string(), each, first / each);
        }
        streams.iter().for_each(ask);
        streams.iter().for_each(hear);
        report(counts.len(), streams.len(), "  after all asked at once", &mut least);
    }
}

/// What the other process does: it serves until nobody holds the other end of its input.
pub(crate) fn be_server(model: &str) {
    raw::raise_descriptor_limit();
    match model {
        "epoll" => epoll(),
        "requests" => {
            let server = TcpServer::builder().max_connections(10_000).bind("127.0.0.1:0").unwrap();
            println!("{}", server.local_addr());
            std::thread::spawn(move || {
                server.serve_requests(Lines::new(Encoding::Utf8), |request| {
                    let line = request.frame().to_owned();
                    Ok(request.reply(line)?)
                })
            });
        }
        "threads" => {
            let builder = TcpServer::builder().max_connections(10_000).thread_stack_size(64 * 1024);
            let server = builder.bind("127.0.0.1:0").unwrap();
            println!("{}", server.local_addr());
            std::thread::spawn(move || {
                server.serve(|connection| {
                    let mut lines = Framed::new(connection, Lines::new(Encoding::Utf8));
                    while let Some((line, mut reply)) = lines.recv_with_reply()? {
                        reply.send(line)?;
                    }
                    Ok(())
                })
            });
        }
        "fixed" => {
            let server = TcpServer::builder().max_connections(10_000).bind(ANYWHERE).unwrap();
            println!("{}", server.local_addr());
            std::thread::spawn(move || {
                server.serve_requests(FixedLength::new(MESSAGE), |request| {
                    let message: [u8; MESSAGE] = request.frame().try_into()?;
                    Ok(request.reply(message)?)
                })
            });
        }
        model => with_tokio(model == "codec"),
    }
    // Until whoever started it ends.
    let _ = std::io::stdin().read(&mut [0]);
}

fn with_tokio(has_codec: bool) {
    async fn plain(mut stream: tokio::net::TcpStream) {
        let mut buffer = [0; 64];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            stream.write_all(&buffer[..length]).await.unwrap();
        }
    }
    async fn coded(stream: tokio::net::TcpStream) {
        let mut lines = TokioFramed::new(stream, LinesCodec::new());
        while let Some(Ok(line)) = lines.next().await {
            lines.send(line).await.unwrap();
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(2).enable_all().build().unwrap().block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let stream = listener.accept().await.unwrap().0;
                match has_codec {
                    true => drop(tokio::spawn(coded(stream))),
                    false => drop(tokio::spawn(plain(stream))),
                }
            }
        });
    });
}

/// Connections of which nothing is kept but their descriptors.
fn epoll() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        // SAFETY: no pointer is passed.
        let poller = unsafe { libc::epoll_create1(0) };
        let add = |descriptor: i32| {
            let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: descriptor as u64 };
            // SAFETY: the event is live during the call.
            assert_eq!(unsafe { libc::epoll_ctl(poller, libc::EPOLL_CTL_ADD, descriptor, &mut event) }, 0);
        };
        add(listener.as_raw_fd());
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        loop {
            // SAFETY: the pointer and the number are of a live array.
            let count = unsafe { libc::epoll_wait(poller, events.as_mut_ptr(), 64, -1) };
            for event in &events[..count.max(0) as usize] {
                let descriptor = event.u64 as i32;
                if descriptor == listener.as_raw_fd() {
                    add(listener.accept().unwrap().0.into_raw_fd());
                    continue;
                }
                let mut buffer = [0_u8; 64];
                // SAFETY: the pointers and lengths are of a live array, and the descriptor is ours.
                unsafe {
                    let length = libc::recv(descriptor, buffer.as_mut_ptr().cast(), buffer.len(), 0);
                    match usize::try_from(length) {
                        Ok(length @ 1..) => {
                            libc::send(descriptor, buffer.as_ptr().cast(), length, libc::MSG_NOSIGNAL);
                        }
                        _ => {
                            libc::close(descriptor);
                        }
                    }
                }
            }
        }
    });
}
