//! Hostile peers, as small types: each binds a free port of the loopback interface, works in threads
//! of its own, and stops them when it is dropped.
//!
//! | type | what it does |
//! |---|---|
//! | [`SilentPeer`] | accepts a connection and sends nothing |
//! | [`SilentPort`] | a UDP port that receives and never replies |
//! | [`FullBacklog`] | a listener that does not complete handshakes |
//! | [`DrippingPeer`] | sends one byte at a time |
//! | [`SlowReader`] | reads a little, then pauses |
//! | [`FullBuffers`] | reads nothing, so that a send buffer fills |
//! | [`DatagramFlood`] | sends datagrams without end |
//! | [`SignalStorm`] | interrupts system calls without end |

mod drip;
mod flood;
mod full_buffers;
#[cfg(unix)]
mod signals;
mod silent;
mod slow_reader;

pub use drip::DrippingPeer;
pub use flood::DatagramFlood;
pub use full_buffers::FullBuffers;
#[cfg(unix)]
pub use signals::SignalStorm;
pub use silent::{FullBacklog, SilentPeer, SilentPort};
pub use slow_reader::SlowReader;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A thread that is stopped and joined when this is dropped.
#[derive(Debug)]
struct Stoppable {
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stoppable {
    /// Runs `work`, which must look often at the flag that it is given.
    fn start(work: impl FnOnce(&AtomicBool) + Send + 'static) -> Stoppable {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let flag = is_stopped.clone();
        Stoppable { is_stopped, thread: Some(std::thread::spawn(move || work(&flag))) }
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Accepts the first connection, which then blocks. Returns `None` if the flag is set before.
fn accept_unless(is_stopped: &AtomicBool, listener: &TcpListener) -> Option<TcpStream> {
    listener.set_nonblocking(true).unwrap();
    let stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(_) if is_stopped.load(Ordering::Relaxed) => return None,
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(1)),
        }
    };
    stream.set_nonblocking(false).unwrap();
    Some(stream)
}

/// A listener whose connections have the smallest receive buffer.
fn listener_with_small_buffers() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Accepted connections inherit it.
    socket2::SockRef::from(&listener).set_recv_buffer_size(4_096).unwrap();
    listener
}

/// Reads to the end of the stream, or to a reset, and returns how many bytes there were.
fn read_to_end(mut stream: &TcpStream) -> usize {
    let mut buffer = vec![0; 64 * 1024];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return total,
            Ok(count) => total += count,
        }
    }
}
