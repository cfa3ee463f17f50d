//! One socket in the hands of several threads.

use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use socketry::{TcpClient, TcpServer, UdpEndpoint};

use super::rounds;
use super::stops::connection;
use crate::kit::PATIENCE;

/// A part of a character is given back, and two threads read: one gets it, and the other waits for
/// what comes next. Neither is told that the peer has ended.
pub fn pushed_back(count: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (connection, mut peer) = connection(&listener);
    rounds("two that read what was given back", count, |dice| {
        peer.write_all(b"a\xe4").unwrap();
        // The second byte may come a moment later, and is then what the two wait for.
        assert_eq!(connection.recv_text(8).unwrap(), "a");
        let (send, ready) = (dice.moment(), AtomicUsize::new(0));
        let mut read = std::thread::scope(|scope| {
            let reading: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        ready.fetch_add(1, Ordering::SeqCst);
                        // Woken one after the other they would not meet.
                        while ready.load(Ordering::SeqCst) < 2 {
                            std::hint::spin_loop();
                        }
                        connection.recv(1).unwrap()
                    })
                })
                .collect();
            send.wait();
            peer.write_all(b"z").unwrap();
            reading.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        read.sort();
        assert_eq!(read, [b"z", b"\xe4"], "one byte each, and no end");
    });
}

/// Eight threads send and receive on one endpoint: each datagram comes, and once.
pub fn datagrams(count: usize) {
    const THREADS: u32 = 8;
    const EACH: u32 = 12;
    let endpoint = UdpEndpoint::builder().read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let address = endpoint.local_addr();
    rounds("eight threads on one endpoint", count, |_| {
        let mut received: Vec<u32> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let endpoint = &endpoint;
                    scope.spawn(move || {
                        let own = (0..EACH).map(|number| {
                            endpoint.send_to((thread * EACH + number).to_be_bytes(), address).unwrap();
                            u32::from_be_bytes(endpoint.recv().unwrap().bytes().try_into().unwrap())
                        });
                        own.collect::<Vec<_>>()
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        received.sort_unstable();
        assert!(received.into_iter().eq(0..THREADS * EACH));
    });
}

/// Each end is written by one thread and read by another, through handles of their own, which then
/// go in any order.
pub fn full_duplex(count: usize) {
    const NUMBERS: u32 = 4_000;
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    rounds("both ends read and written at once", count, |_| {
        let client = TcpClient::new().connect(server.local_addr()).unwrap();
        let ends = [server.accept().unwrap(), client];
        std::thread::scope(|scope| {
            for end in ends {
                end.set_read_timeout(PATIENCE);
                let (reader, writer) = (end.clone(), end);
                scope.spawn(move || {
                    for chunk in (0..NUMBERS).collect::<Vec<_>>().chunks(100) {
                        let bytes: Vec<u8> = chunk.iter().flat_map(|number| number.to_be_bytes()).collect();
                        writer.send(bytes).unwrap();
                    }
                });
                scope.spawn(move || {
                    for number in 0..NUMBERS {
                        let mut bytes = [0; 4];
                        reader.recv_exact(&mut bytes).unwrap();
                        assert_eq!(u32::from_be_bytes(bytes), number);
                    }
                });
            }
        });
    });
}
