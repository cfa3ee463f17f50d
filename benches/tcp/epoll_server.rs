//! A server of epoll alone, with two threads: the least that a program can do for each request. It
//! sends back what it receives and looks at nothing.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

const THREADS: usize = 2;

/// An epoll instance and its connections, which one thread serves.
struct Worker {
    epoll: OwnedFd,
    /// By descriptor. The accepting thread inserts, so that it is locked once for a batch of events.
    streams: Mutex<Vec<Option<TcpStream>>>,
}

/// Serves until the process ends; connections are assigned to the threads alternately.
pub(crate) fn serve(listener: &TcpListener) {
    let workers: Vec<_> = (0..THREADS)
        .map(|_| {
            let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
            let worker = Arc::new(Worker { epoll, streams: Mutex::default() });
            thread::spawn({
                let worker = Arc::clone(&worker);
                move || worker.run()
            });
            worker
        })
        .collect();
    for (stream, worker) in listener.incoming().zip(workers.iter().cycle()) {
        worker.insert(stream.unwrap());
    }
}

impl Worker {
    fn insert(&self, stream: TcpStream) {
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        let descriptor = stream.as_raw_fd() as usize;
        let mut streams = self.streams.lock().unwrap();
        if streams.len() <= descriptor {
            streams.resize_with(descriptor + 1, || None);
        }
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.epoll, &stream, EventData::new_u64(descriptor as u64), flags).unwrap();
        streams[descriptor] = Some(stream);
    }

    fn run(&self) {
        let mut events = Vec::with_capacity(256);
        let mut buffer = [0; 4096];
        loop {
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Err(rustix::io::Errno::INTR) => continue,
                waited => waited.unwrap(),
            };
            let mut streams = self.streams.lock().unwrap();
            for event in events.drain(..) {
                let slot = &mut streams[event.data.u64() as usize];
                if !slot.as_ref().is_some_and(|stream| echo(stream, &mut buffer)) {
                    *slot = None;
                }
            }
        }
    }
}

/// Sends back what is available; returns whether the connection remains open. After a read that does
/// not fill the buffer, the next data is another event.
fn echo(mut stream: &TcpStream, buffer: &mut [u8]) -> bool {
    loop {
        match stream.read(buffer) {
            Ok(0) => return false,
            Ok(length) => {
                // An echo of this size fits the OS send buffer.
                if stream.write_all(&buffer[..length]).is_err() {
                    return false;
                }
                if length < buffer.len() {
                    return true;
                }
            }
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}
