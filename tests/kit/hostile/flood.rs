use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Stoppable;

/// Datagrams without end, from one address.
#[derive(Debug)]
pub struct DatagramFlood {
    sent: Arc<AtomicU64>,
    _threads: Vec<Stoppable>,
}

impl DatagramFlood {
    /// Sends `bytes` to `target` from a free port, from two threads.
    pub fn start(target: SocketAddr, bytes: &[u8]) -> DatagramFlood {
        DatagramFlood::start_from(&UdpSocket::bind("127.0.0.1:0").unwrap(), target, bytes)
    }

    /// Sends `bytes` to `target` from the address of `source`, from two threads.
    pub fn start_from(source: &UdpSocket, target: SocketAddr, bytes: &[u8]) -> DatagramFlood {
        let sent = Arc::new(AtomicU64::new(0));
        let start = |_| {
            let (socket, bytes, sent) = (source.try_clone().unwrap(), bytes.to_vec(), sent.clone());
            Stoppable::start(move |is_stopped| {
                while !is_stopped.load(Ordering::Relaxed) {
                    if socket.send_to(&bytes, target).is_ok() {
                        sent.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        };
        let _threads = (0..2).map(start).collect();
        DatagramFlood { sent, _threads }
    }

    /// Returns how many datagrams were sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}
