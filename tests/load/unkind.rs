//! Clients that do not do as they should. Each visit is bounded in time, and opens what it opens from an address of its own.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::server::{LONGEST_LINE, MOST_PER_PEER};

/// What one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Asks half a question and resets the connection.
    Reset,
    /// Says nothing, and waits.
    Stall,
    /// Says that nothing follows, and nothing before; then waits.
    HalfClose,
    /// A byte now and then, and never a whole line.
    Drip,
    /// Is gone, and no packet says so.
    Vanish,
    /// Asks, and is gone before the answer.
    VanishAsking,
    /// Comes more often at the same time than one may.
    Crowd,
    /// A line longer than any may be.
    Overlong,
    /// What is no text.
    Nonsense,
    /// Asks and asks, and reads nothing.
    Deaf,
}

impl Manner {
    pub const ALL: [Manner; 10] = [
        Manner::Reset,
        Manner::Stall,
        Manner::HalfClose,
        Manner::Drip,
        Manner::Vanish,
        Manner::VanishAsking,
        Manner::Crowd,
        Manner::Overlong,
        Manner::Nonsense,
        Manner::Deaf,
    ];

    /// Visits once. How long the server has let it stay, if it has waited for the server to end it.
    pub fn visit(self, address: SocketAddr, from: IpAddr) -> std::io::Result<Option<Duration>> {
        let began = Instant::now();
        let mut stream = connect(address, from)?;
        match self {
            Manner::Reset => {
                stream.write_all(b"half a ques")?;
                Socket::from(stream).set_linger(Some(Duration::ZERO))?;
                Ok(None)
            }
            Manner::Stall => wait_for_end(stream, began),
            Manner::HalfClose => {
                stream.shutdown(std::net::Shutdown::Write)?;
                wait_for_end(stream, began)
            }
            Manner::Drip => {
                stream.set_read_timeout(Some(Duration::from_millis(50)))?;
                while began.elapsed() < LONGEST_STAY {
                    let is_gone = stream.write_all(b"x").is_err();
                    if is_gone || !matches!(stream.read(&mut [0]), Err(error) if is_timeout(&error)) {
                        return Ok(Some(began.elapsed()));
                    }
                }
                Ok(Some(began.elapsed()))
            }
            Manner::Vanish | Manner::VanishAsking => {
                if self == Manner::VanishAsking {
                    stream.write_all(b"who is there\n")?;
                }
                vanish(stream);
                Ok(None)
            }
            Manner::Crowd => {
                let others = (0..2 * MOST_PER_PEER).map(|_| connect(address, from));
                let others: Vec<_> = others.filter_map(Result::ok).collect();
                let mut answered = 0;
                for mut one in others.iter().chain([&stream]) {
                    // Those who are refused may have been told so by a reset.
                    let _ = one.write_all(b"me too\n");
                    one.set_read_timeout(Some(Duration::from_millis(100)))?;
                    let mut beginning = [0; 1];
                    answered += usize::from(
                        matches!(one.read(&mut beginning), Ok(1) if beginning[0].is_ascii_digit()),
                    );
                }
                // Those of a worker's peers are its own; whoever shares a limit is held to it.
                assert!(answered <= 3 * MOST_PER_PEER, "{answered} of one peer were served at a time");
                Ok(None)
            }
            Manner::Overlong => {
                // The server may end it in the middle.
                let _ = stream.write_all(&vec![b'x'; 4 * LONGEST_LINE]);
                wait_for_end(stream, began)
            }
            Manner::Nonsense => {
                stream.write_all(b"\xff\xfe\x80\n\xc3(\n")?;
                wait_for_end(stream, began)
            }
            Manner::Deaf => {
                stream.set_write_timeout(Some(Duration::from_secs(5)))?;
                let question = b"and what about this\n".repeat(512);
                while began.elapsed() < LONGEST_STAY {
                    if stream.write_all(&question).is_err() {
                        break;
                    }
                }
                Ok(Some(began.elapsed()))
            }
        }
    }
}

/// Nobody stays longer, whatever the server does.
pub const LONGEST_STAY: Duration = Duration::from_secs(20);

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn connect(address: SocketAddr, from: IpAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_recv_buffer_size(8 * 1024)?;
    socket.bind(&SockAddr::from(SocketAddr::new(from, 0)))?;
    socket.connect_timeout(&address.into(), Duration::from_secs(5))?;
    Ok(socket.into())
}

fn wait_for_end(mut stream: TcpStream, began: Instant) -> std::io::Result<Option<Duration>> {
    let mut buffer = [0; 1024];
    while let Some(left) = LONGEST_STAY.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(1..) => {}
            Ok(0) => break,
            Err(error) if is_timeout(&error) => {}
            Err(_) => break,
        }
    }
    Ok(Some(began.elapsed()))
}

/// Ends a connection of which the other side hears nothing: the kernel forgets a socket that is being repaired without a
/// word. It needs root; without it this is an end like any other.
fn vanish(stream: TcpStream) {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open, and pointer and size are those of a live value.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_REPAIR,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
}
