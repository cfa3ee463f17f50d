//! A cancel token is cancelled around a call that waits: the call ends with its result or as
//! stopped, and what it did not get is still there.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socketry::{Broadcaster, CancelToken, TcpClient, TcpConnection, TcpServer, UdpEndpoint};

use super::rounds;
use crate::kit::PATIENCE;

pub fn receive(count: usize) {
    let sender = UdpEndpoint::bind("127.0.0.1:0").unwrap();
    rounds("a token and a datagram", count, |dice| {
        let token = CancelToken::new().unwrap();
        let builder = UdpEndpoint::builder().cancel_token(&token);
        // Also where each of several waits ends by its own clock.
        let builder = if dice.roll(2) == 0 { builder } else { builder.read_timeout(PATIENCE) };
        let endpoint = builder.bind("127.0.0.1:0").unwrap();
        let address = endpoint.local_addr();
        let (stop, send) = (dice.moment(), dice.moment());
        let received = std::thread::scope(|scope| {
            let receiving = scope.spawn(|| endpoint.recv());
            let stopping = scope.spawn(|| {
                stop.wait();
                token.cancel();
            });
            send.wait();
            sender.send_to("x", address).unwrap();
            stopping.join().unwrap();
            receiving.join().unwrap()
        });
        let socket = UdpSocket::from(endpoint);
        socket.set_nonblocking(true).unwrap();
        let left = socket.recv_from(&mut [0; 8]).map(|(length, _)| length);
        match received {
            Ok(datagram) => assert!(datagram.bytes() == b"x" && left.is_err(), "it has come once"),
            Err(error) => {
                assert!(error.is_cancelled(), "{error}");
                assert_eq!(left.unwrap(), 1, "it is lost");
            }
        }
    });
}

/// Whom the server has in its hand is answered; whom it has not, finds the port closed, or its own
/// patience at an end.
pub fn accept(count: usize) {
    rounds("a token and a connection that comes", count, |dice| {
        let token = CancelToken::new().unwrap();
        let server =
            TcpServer::builder().cancel_token(&token).shutdown_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
        let (stop, come) = (dice.moment(), dice.moment());
        let address = server.local_addr();
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| {
                let mut taken = 0;
                loop {
                    match server.accept() {
                        Ok(connection) => {
                            connection.send("x").unwrap();
                            taken += 1;
                        }
                        Err(error) => {
                            assert!(error.is_cancelled(), "{error}");
                            return taken;
                        }
                    }
                }
            });
            let coming = scope.spawn(move || {
                come.wait();
                answered(address)
            });
            stop.wait();
            token.cancel();
            let (taken, answered) = (serving.join().unwrap(), coming.join().unwrap());
            super::ends::assert_accepted_is_answered(taken, answered);
        });
    });
}

/// Whether somebody who comes is connected, and answered.
pub fn answered(address: SocketAddr) -> Option<bool> {
    // Where newcomers are held off the system tries again after a second, which is not waited for.
    let client = TcpClient::builder().connect_timeout(Duration::from_millis(20)).read_timeout(PATIENCE);
    let connection = client.connect(address).ok()?;
    Some(connection.recv(1).is_ok_and(|bytes| bytes == b"x"))
}

pub fn connect(count: usize) {
    let server = TcpServer::builder().max_connections(10_000).bind("127.0.0.1:0").unwrap();
    let (address, handle) = (server.local_addr(), server.handle());
    let serving = std::thread::spawn(move || server.serve_sequential(|_| Ok(())));
    rounds("a token and a connect", count, |dice| {
        let token = CancelToken::new().unwrap();
        let client = TcpClient::builder().cancel_token(&token).connect_timeout(PATIENCE).build();
        let stop = dice.moment();
        std::thread::scope(|scope| {
            let connecting = scope.spawn(|| client.connect(address));
            stop.wait();
            token.cancel();
            if let Err(error) = connecting.join().unwrap() {
                assert!(error.is_cancelled(), "{error}");
            }
        });
    });
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

/// To a port whose queue is full, so that the system tries again and again.
pub fn connect_blocked(count: usize) {
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let mut inside = Vec::new();
    let short = TcpClient::builder().connect_timeout(Duration::from_millis(200)).build();
    while let Ok(connection) = short.connect(address) {
        inside.push(connection);
        assert!(inside.len() < 10, "a queue without an end");
    }
    rounds("a token and a connect that waits", count, |dice| {
        let token = CancelToken::new().unwrap();
        let client = TcpClient::builder().cancel_token(&token).connect_timeout(PATIENCE).build();
        let stop = dice.moment();
        std::thread::scope(|scope| {
            let connecting = scope.spawn(|| client.connect(address));
            stop.wait();
            token.cancel();
            let error = connecting.join().unwrap().unwrap_err();
            assert!(error.is_cancelled(), "{error}");
        });
    });
}

pub fn send(count: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let bytes = vec![7; 1 << 20];
    rounds("a token and a send that waits", count, |dice| {
        let token = CancelToken::new().unwrap();
        let client =
            TcpClient::builder().cancel_token(&token).send_buffer_size(4096).receive_buffer_size(4096);
        let connection = client.connect(address).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let (stop, reads) = (dice.moment(), dice.roll(2) == 0);
        let mut room = vec![0; 64 * 1024];
        let mut read = 0;
        let result = std::thread::scope(|scope| {
            let sending = scope.spawn(|| connection.send(&bytes));
            stop.wait();
            if reads {
                read += peer.read(&mut room).unwrap();
            }
            token.cancel();
            sending.join().unwrap()
        });
        drop(connection);
        while let Ok(more @ 1..) = peer.read(&mut room) {
            read += more;
        }
        match result {
            Ok(()) => assert_eq!(read, bytes.len()),
            Err(error) => {
                assert!(error.is_cancelled(), "{error}");
                let done = error
                    .detail::<socketry::error::PartialTransfer>()
                    .map_or(0, |partial| partial.transferred);
                assert_eq!(read, done, "what was sent has arrived: {error}");
            }
        }
    });
}

pub fn discover(count: usize) {
    let responder = Broadcaster::builder().loopback(true).interface(std::net::Ipv4Addr::LOCALHOST).port(0);
    let responder = responder.responder().unwrap();
    let port = responder.local_addr().port();
    rounds("a token and a discovery", count, |dice| {
        let token = CancelToken::new().unwrap();
        let asking =
            Broadcaster::builder().loopback(true).interface(std::net::Ipv4Addr::LOCALHOST).port(port);
        let broadcaster = asking.cancel_token(&token).build().unwrap();
        let stop = dice.moment();
        std::thread::scope(|scope| {
            let discovering = scope.spawn(|| match broadcaster.discover("hi", PATIENCE) {
                Ok(replies) => replies.filter_map(Result::err).all(|error| error.is_cancelled()),
                Err(error) => error.is_cancelled(),
            });
            stop.wait();
            token.cancel();
            assert!(discovering.join().unwrap());
        });
    });
}

/// Eight threads wait, are woken, and wait again, when it is cancelled; none waits any longer.
pub fn recv_from_threads(count: usize) {
    const THREADS: usize = 8;
    rounds("a token and threads that come and go", count, |dice| {
        let token = CancelToken::new().unwrap();
        let endpoint = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0").unwrap();
        let sender = UdpEndpoint::connect(endpoint.local_addr()).unwrap();
        let received = AtomicUsize::new(0);
        let stop = dice.moment();
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..THREADS)
                .map(|number| {
                    let (endpoint, received) = (&endpoint, &received);
                    scope.spawn(move || {
                        loop {
                            let result = match number % 2 {
                                0 => endpoint.recv(),
                                _ => endpoint.recv_timeout(Duration::from_micros(50)),
                            };
                            match result {
                                Ok(_) => drop(received.fetch_add(1, Ordering::Relaxed)),
                                Err(error) if error.is_timeout() => {}
                                Err(error) => return error.is_cancelled(),
                            }
                        }
                    })
                })
                .collect();
            (0..4).for_each(|_| sender.send("x").unwrap());
            stop.wait();
            token.cancel();
            assert!(waiting.into_iter().all(|thread| thread.join().unwrap()));
        });
        let socket = UdpSocket::from(endpoint);
        socket.set_nonblocking(true).unwrap();
        let left = std::iter::from_fn(|| socket.recv_from(&mut [0; 8]).ok()).count();
        assert_eq!(received.into_inner() + left, 4, "none is lost, and none had twice");
    });
}

/// A connection and its peer.
pub fn connection(listener: &TcpListener) -> (TcpConnection, std::net::TcpStream) {
    let connection = TcpClient::new().connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    (connection, peer)
}
