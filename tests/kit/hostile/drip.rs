use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Stoppable, accept_unless};

/// A TCP peer that sends its content one byte at a time to the first connection, as slowloris does.
#[derive(Debug)]
pub struct DrippingPeer {
    address: SocketAddr,
    is_hurried: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    _thread: Stoppable,
}

impl DrippingPeer {
    /// Binds a free port, and sends a byte of `content` each `pause` to the first connection.
    pub fn start(content: Vec<u8>, pause: Duration) -> DrippingPeer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (is_hurried, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (hurry, count) = (is_hurried.clone(), sent.clone());
        let _thread = Stoppable::start(move |is_stopped| {
            let is_over = || is_stopped.load(Ordering::Relaxed);
            let Some(mut stream) = accept_unless(is_stopped, &listener) else { return };
            let _ = stream.set_nodelay(true);
            let mut rest = content.as_slice();
            while let [byte, after @ ..] = rest {
                if hurry.load(Ordering::Relaxed) {
                    break;
                }
                if is_over() || stream.write_all(&[*byte]).is_err() {
                    return;
                }
                count.fetch_add(1, Ordering::Relaxed);
                rest = after;
                let next = Instant::now() + pause;
                while Instant::now() < next && !is_over() && !hurry.load(Ordering::Relaxed) {
                    std::thread::sleep(pause.min(Duration::from_millis(2)));
                }
            }
            let _ = stream.write_all(rest);
            count.fetch_add(rest.len(), Ordering::Relaxed);
            let _ = stream.shutdown(Shutdown::Write);
            // An early close with unread input would reset the connection.
            while !is_over() {
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        DrippingPeer { address, is_hurried, sent, _thread }
    }

    /// Returns the address to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many bytes were sent so far.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends the rest of the content at full speed, and the end of the stream.
    pub fn finish(&self) {
        self.is_hurried.store(true, Ordering::Relaxed);
    }
}
