//! Servers from and to the listeners of `std` and the handles of the OS.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::kit::*;
use socketry::{ErrorKind, TcpServer};

#[test]
fn server_converts_to_std_listener_with_its_queue() {
    let timeout = Duration::from_millis(150);
    let server = TcpServer::builder().read_timeout(timeout).bind("127.0.0.1:0").unwrap();
    let (address, handle) = (server.local_addr(), server.handle());
    let client = client_of(address);
    let connection = server.accept().unwrap();
    let mut waiting = TcpStream::connect(address).unwrap();
    waiting.write_all(b"x").unwrap();

    let listener = TcpListener::try_from(server).unwrap();
    assert_eq!(listener.local_addr().unwrap(), address);
    assert_eq!(listener.accept().unwrap().1, waiting.local_addr().unwrap());
    connection.send("still open").unwrap();
    assert_eq!(client.recv(100).unwrap(), b"still open");
    drop(connection);
    assert_eq!(handle.shutdown(PATIENCE).aborted, 0);

    // It blocks, also for longer than the timeout that connections had from it.
    std::thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept());
        std::thread::sleep(2 * timeout);
        let _late = TcpStream::connect(address).unwrap();
        accepting.join().unwrap().unwrap();
    });
    let server = TcpServer::try_from(listener).unwrap();
    let _client = client_of(address);
    server.accept().unwrap();
}

#[test]
fn conversion_fails_once_shutdown_has_begun() {
    let server = server();
    let address = server.local_addr();
    server.handle().begin_shutdown(PATIENCE);
    let error = TcpListener::try_from(server).unwrap_err();
    assert_eq!((error.kind(), error.local_addr()), (ErrorKind::Cancelled, Some(address)));
    assert!(TcpListener::bind(address).is_ok(), "the port is free");
}

/// An event loop that has borrowed the handle still has that file, and no other, after the server
/// has ended.
#[cfg(unix)]
#[test]
fn lent_handle_stays_open_until_server_is_dropped() {
    use std::os::fd::AsFd;
    let server = server();
    let address = server.local_addr();
    let lent = server.as_fd();
    server.handle().begin_shutdown(PATIENCE);
    assert!(server.accept().unwrap_err().is_cancelled());
    let listener = socket2::SockRef::from(&lent);
    assert_eq!(listener.local_addr().unwrap().as_socket(), Some(address));
    if cfg!(target_os = "linux") {
        let error = TcpStream::connect(address).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "it no longer listens");
    }
    drop(server);
    assert!(TcpListener::bind(address).is_ok(), "the port is free");
}

#[test]
fn server_that_lent_no_handle_closes_port_at_its_end() {
    let server = server();
    let address = server.local_addr();
    server.handle().begin_shutdown(PATIENCE);
    assert!(server.accept().unwrap_err().is_cancelled());
    assert!(TcpListener::bind(address).is_ok(), "the port is free while the server is there");
    // An event loop that borrows a handle only now is woken by it.
    #[cfg(unix)]
    {
        let mut handles = [rustix::event::PollFd::new(&server, rustix::event::PollFlags::IN)];
        assert_eq!(rustix::event::poll(&mut handles, None).unwrap(), 1);
        assert!(server.try_accept().unwrap_err().is_cancelled());
    }
}

#[cfg(unix)]
#[test]
fn server_converts_from_and_to_owned_fd() {
    use std::os::fd::OwnedFd;
    let server = server();
    let address = server.local_addr();
    let server = TcpServer::try_from(OwnedFd::try_from(server).unwrap()).unwrap();
    assert_eq!(server.local_addr(), address);
    let _client = client_of(address);
    server.accept().unwrap();
}
