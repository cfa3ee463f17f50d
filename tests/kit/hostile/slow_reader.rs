use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::{Stoppable, accept_unless, listener_with_small_buffers, read_to_end};

/// A TCP peer that reads a little of the first connection, then pauses, and so on.
#[derive(Debug)]
pub struct SlowReader {
    address: SocketAddr,
    is_hurried: Arc<AtomicBool>,
    total: Receiver<usize>,
    _thread: Stoppable,
}

impl SlowReader {
    /// Binds a free port, and reads at most `part` bytes of the first connection after each `pause`.
    /// The receive buffer is as small as the OS allows.
    pub fn start(part: usize, pause: Duration) -> SlowReader {
        let listener = listener_with_small_buffers();
        let address = listener.local_addr().unwrap();
        let is_hurried = Arc::new(AtomicBool::new(false));
        let hurry = is_hurried.clone();
        let (sender, total) = channel();
        let _thread = Stoppable::start(move |is_stopped| {
            let is_over = || is_stopped.load(Ordering::Relaxed);
            let Some(mut stream) = accept_unless(is_stopped, &listener) else { return };
            let mut buffer = vec![0; part];
            let mut count = 0;
            while !is_over() && !hurry.load(Ordering::Relaxed) {
                stream.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
                count += stream.read(&mut buffer).unwrap_or(0);
                let next = Instant::now() + pause;
                while Instant::now() < next && !is_over() && !hurry.load(Ordering::Relaxed) {
                    std::thread::sleep(pause.min(Duration::from_millis(2)));
                }
            }
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            if !is_over() {
                let _ = sender.send(count + read_to_end(&stream));
            }
        });
        SlowReader { address, is_hurried, total, _thread }
    }

    /// Returns the address to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads without pauses from now on.
    pub fn hurry(&self) {
        self.is_hurried.store(true, Ordering::Relaxed);
    }

    /// Reads to the end of the stream, and returns how many bytes the connection carried.
    pub fn finish(self) -> usize {
        self.hurry();
        self.total.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}
