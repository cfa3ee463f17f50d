//! The smallest buffers that the system gives: everything goes in many pieces, and arrives.

use std::io::{IoSlice, Write};
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::{Encoding, TcpClient, TcpServer, UdpEndpoint};

const LENGTH: usize = 300_000;

fn bytes() -> Vec<u8> {
    (0..LENGTH).map(|place| (place % 251) as u8).collect()
}

#[test]
fn minimal_tcp_buffers_transfer_everything() {
    let path = std::env::temp_dir().join(format!("socketry-{}-buffers", std::process::id()));
    std::fs::write(&path, bytes()).unwrap();
    let server = TcpServer::builder()
        .send_buffer_size(1)
        .receive_buffer_size(1)
        .read_timeout(PATIENCE)
        .bind("127.0.0.1:0")
        .unwrap();
    for limited in [false, true] {
        let client = TcpClient::builder().send_buffer_size(1).receive_buffer_size(1).read_timeout(PATIENCE);
        let client = client.connect(server.local_addr()).unwrap();
        let peer = server.accept_timeout(PATIENCE).unwrap();
        client.set_write_timeout(limited.then_some(PATIENCE));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                client.send(bytes()).unwrap();
                let (bytes, mut done) = (bytes(), 0);
                while done < LENGTH {
                    let (one, two) = bytes[done..].split_at((LENGTH - done) / 2);
                    done += (&client).write_vectored(&[IoSlice::new(one), IoSlice::new(two)]).unwrap();
                }
                assert_eq!(client.send_file(&std::fs::File::open(&path).unwrap()).unwrap(), LENGTH as u64);
                client.lines(Encoding::Utf8).send("x".repeat(60_000)).unwrap();
                client.half_close().unwrap();
            });
            let mut buffer = vec![0; LENGTH];
            for _ in 0..3 {
                peer.recv_exact(&mut buffer).unwrap();
                assert!(buffer == bytes());
            }
            let mut lines = peer.lines(Encoding::Utf8);
            assert_eq!(lines.recv().unwrap().unwrap().len(), 60_000);
            assert_eq!(lines.recv().unwrap(), None);
        });
    }
    let _ = std::fs::remove_file(&path);
}

/// What does not fit is gone, as datagrams are; what is there is whole and in order, and no call is longer than its time.
#[test]
fn full_udp_queue_drops_only_excess_datagrams() {
    let receiver = UdpEndpoint::builder().receive_buffer_size(1).bind("127.0.0.1:0").unwrap();
    let sender =
        UdpEndpoint::builder().send_buffer_size(1).write_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let began = Instant::now();
    for round in 0..3_u8 {
        for number in 0..100_u8 {
            sender.send_to([round, number], receiver.local_addr()).unwrap();
        }
        let mut last = None;
        while let Ok(datagram) = receiver.recv_timeout(Duration::ZERO) {
            let [of, number] = datagram.bytes() else { panic!("{datagram:?}") };
            assert!(*of == round && last.is_none_or(|last| last < *number), "{of} {number} after {last:?}");
            last = Some(*number);
        }
        assert!(last.is_some(), "none fits");
        // One that finds room is there.
        sender.send_to([round, 255], receiver.local_addr()).unwrap();
        assert_eq!(receiver.recv_timeout(PATIENCE).unwrap().bytes(), [round, 255]);
    }
    assert!(began.elapsed() < PATIENCE);
}
