use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// A TCP peer that accepts a connection and sends nothing.
#[derive(Debug)]
pub struct SilentPeer {
    listener: TcpListener,
}

impl SilentPeer {
    /// Binds a free port.
    pub fn bind() -> SilentPeer {
        SilentPeer { listener: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    /// Returns the address to connect to.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Ends the silence of the next connection: sends all bytes and the end of the stream.
    pub fn finish(&self, bytes: &[u8]) {
        let (mut stream, _) = self.listener.accept().unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// A UDP port that receives and never replies, such as that of a dead name server.
#[derive(Debug)]
pub struct SilentPort {
    socket: UdpSocket,
}

impl SilentPort {
    /// Binds a free port.
    pub fn bind() -> SilentPort {
        SilentPort { socket: UdpSocket::bind("127.0.0.1:0").unwrap() }
    }

    /// Returns the address to send to.
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// Returns another handle of the socket, to send from its address.
    pub fn socket(&self) -> UdpSocket {
        self.socket.try_clone().unwrap()
    }
}

/// A listener with a full backlog: it does not answer further handshakes, as a host that does not
/// exist.
#[derive(Debug)]
pub struct FullBacklog {
    listener: socket2::Socket,
    waiting: Vec<TcpStream>,
}

impl FullBacklog {
    /// Fills the backlog of a listener on a free port.
    pub fn fill() -> FullBacklog {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let mut full = FullBacklog { listener, waiting: Vec::new() };
        while let Ok(stream) = TcpStream::connect_timeout(&full.address(), Duration::from_millis(200)) {
            full.waiting.push(stream);
            assert!(full.waiting.len() < 100, "the backlog has no end");
        }
        full
    }

    /// Returns the address to connect to.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap().as_socket().unwrap()
    }
}
