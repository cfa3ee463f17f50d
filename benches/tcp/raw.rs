//! The system calls themselves, without the I/O types of `std`, and what all parts need of the
//! system.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use socket2::SockRef;
use socketry::TcpClient;
use socketry::tcp::TcpClientBuilder;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw(i32);

impl Raw {
    /// The stream must live as long.
    pub(crate) fn of(stream: &TcpStream) -> Raw {
        Raw(stream.as_raw_fd())
    }

    /// What is there; 0 at the end.
    #[inline]
    pub(crate) fn recv(self, buffer: &mut [u8]) -> usize {
        self.recv_with(buffer, 0)
    }

    #[inline]
    pub(crate) fn recv_with(self, buffer: &mut [u8], flags: i32) -> usize {
        // SAFETY: the pointer and length are of a live slice.
        let received = unsafe { libc::recv(self.0, buffer.as_mut_ptr().cast(), buffer.len(), flags) };
        assert!(received >= 0, "{}", std::io::Error::last_os_error());
        received as usize
    }

    #[inline]
    pub(crate) fn send(self, bytes: &[u8]) -> usize {
        // SAFETY: the pointer and length are of a live slice.
        let sent = unsafe { libc::send(self.0, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
        assert!(sent >= 0, "{}", std::io::Error::last_os_error());
        sent as usize
    }

    pub(crate) fn send_all(self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[self.send(bytes)..];
        }
    }

    pub(crate) fn send_file(self, file: &File, length: usize) {
        let mut left = length;
        while left > 0 {
            // SAFETY: both descriptors are open, and no offset is asked for.
            let sent = unsafe { libc::sendfile(self.0, file.as_raw_fd(), std::ptr::null_mut(), left) };
            assert!(sent > 0, "{}", std::io::Error::last_os_error());
            left -= sent as usize;
        }
    }
}

/// Both ends of a connection over the loopback interface. A congestion control that does not pace,
/// where there is one: it is set before the connection is made, and taken over by the other end.
pub(crate) fn pair() -> [TcpStream; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = connect(listener.local_addr().unwrap());
    let _ = SockRef::from(&listener).set_tcp_congestion(b"cubic");
    let server = listener.accept().unwrap().0;
    let _ = SockRef::from(&server).set_tcp_congestion(b"cubic");
    server.set_nodelay(true).unwrap();
    [client, server]
}

pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(to).unwrap();
    let _ = SockRef::from(&client).set_tcp_congestion(b"cubic");
    client.set_nodelay(true).unwrap();
    client
}

/// Our own way to choose what [`pair`] chooses, if this system has it.
pub(crate) fn client() -> TcpClientBuilder {
    let known = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control");
    match known.is_ok_and(|known| known.split_whitespace().any(|name| name == "cubic")) {
        true => TcpClient::builder().congestion_control("cubic"),
        false => TcpClient::builder(),
    }
}

/// A buffer that begins on a page boundary, or the given number of bytes after it: the alignment
/// matters much to large reads.
pub(crate) struct Aligned {
    memory: Vec<u8>,
    length: usize,
    behind: usize,
}

impl Aligned {
    pub(crate) fn new(length: usize) -> Aligned {
        Aligned::behind(0, length)
    }

    pub(crate) fn behind(behind: usize, length: usize) -> Aligned {
        Aligned { memory: vec![0; length + 2 * 4096], length, behind }
    }

    pub(crate) fn room(&mut self) -> &mut [u8] {
        let offset = self.memory.as_ptr().align_offset(4096) + self.behind;
        &mut self.memory[offset..offset + self.length]
    }
}

/// Keeps the calling thread, and those it starts, on one processor, until it is dropped.
pub(crate) struct Pinned(libc::cpu_set_t);

pub(crate) fn pin(processor: usize) -> Pinned {
    // SAFETY: all zeros is a valid set, and both sets are live during the calls. A processor that
    // is not there is refused.
    unsafe {
        let (mut before, mut set): (libc::cpu_set_t, libc::cpu_set_t) = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut before);
        libc::CPU_SET(processor, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
        Pinned(before)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: the set is live during the call.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &self.0) };
    }
}

/// Allows this process as many descriptors as it may have.
pub(crate) fn raise_descriptor_limit() {
    // SAFETY: the structure is live during the calls.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
    }
}

pub(crate) fn tokio_of_one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// To be called within a runtime.
pub(crate) fn tokio_stream(stream: TcpStream) -> tokio::net::TcpStream {
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream).unwrap()
}
