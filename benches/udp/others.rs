//! Single datagrams by `tokio`, on a runtime of one thread that is entered once for all of them.

use std::hint::black_box;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::raw::pin_to_processor;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(work)
}

fn adopted(socket: &UdpSocket) -> tokio::net::UdpSocket {
    let socket = socket.try_clone().unwrap();
    socket.set_nonblocking(true).unwrap();
    tokio::net::UdpSocket::from_std(socket).unwrap()
}

/// Times the sends of so many bursts; `drain` takes one datagram out again.
pub(crate) fn sends(
    socket: &UdpSocket,
    message: &[u8],
    to: SocketAddr,
    (bursts, burst): (usize, usize),
    mut drain: impl FnMut(),
) -> Duration {
    block_on(async {
        let (socket, mut time) = (adopted(socket), Duration::ZERO);
        for _ in 0..bursts {
            let began = Instant::now();
            for _ in 0..burst {
                assert_eq!(socket.send_to(message, to).await.unwrap(), message.len());
            }
            time += began.elapsed();
            (0..burst).for_each(|_| drain());
        }
        time
    })
}

/// Times the receives of so many bursts; `fill` puts one datagram in before.
pub(crate) fn receives(
    socket: &UdpSocket,
    room: &mut [u8],
    (bursts, burst): (usize, usize),
    mut fill: impl FnMut(),
) -> Duration {
    block_on(async {
        let (socket, mut time) = (adopted(socket), Duration::ZERO);
        for _ in 0..bursts {
            (0..burst).for_each(|_| fill());
            let began = Instant::now();
            for _ in 0..burst {
                black_box(socket.recv_from(room).await.unwrap());
            }
            time += began.elapsed();
        }
        time
    })
}

/// 64 bytes there and back, so many times, with the one who answers on this processor.
pub(crate) fn ping_pong(rounds: usize, echo_on: usize) -> Duration {
    let ends = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let [a, b] = ends.each_ref().map(|end| end.local_addr().unwrap());
    let [one, two] = &ends;
    std::thread::scope(|scope| {
        let echo = scope.spawn(move || {
            pin_to_processor(echo_on);
            block_on(async {
                let (two, mut bytes) = (adopted(two), [0; 64]);
                for _ in 0..rounds {
                    two.recv_from(&mut bytes).await.unwrap();
                    two.send_to(&bytes, a).await.unwrap();
                }
            });
        });
        let time = block_on(async {
            let (one, mut bytes) = (adopted(one), [0; 64]);
            let began = Instant::now();
            for _ in 0..rounds {
                one.send_to(&bytes, b).await.unwrap();
                one.recv_from(&mut bytes).await.unwrap();
            }
            began.elapsed()
        });
        echo.join().unwrap();
        time
    })
}
