//! The system calls themselves, without the I/O types of `std`: what everything is compared with.

use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

pub(crate) struct Raw {
    descriptor: i32,
    pub(crate) socket: UdpSocket,
}

impl Raw {
    pub(crate) fn new(socket: UdpSocket) -> Raw {
        Raw { descriptor: socket.as_raw_fd(), socket }
    }

    pub(crate) fn send_to(&self, bytes: &[u8], to: &libc::sockaddr_in) {
        let length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        let to = std::ptr::from_ref(to).cast();
        // SAFETY: the pointers and lengths are of a live slice and a live address.
        let sent =
            unsafe { libc::sendto(self.descriptor, bytes.as_ptr().cast(), bytes.len(), 0, to, length) };
        assert_eq!(sent, bytes.len() as isize);
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        // SAFETY: the pointer and length are of a live slice.
        let sent = unsafe { libc::send(self.descriptor, bytes.as_ptr().cast(), bytes.len(), 0) };
        assert_eq!(sent, bytes.len() as isize);
    }

    pub(crate) fn recv_from(&self, buffer: &mut [u8]) -> (usize, libc::sockaddr_in) {
        // SAFETY: all zeros is a valid address.
        let mut from: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        let mut length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        let address = std::ptr::from_mut(&mut from).cast();
        // SAFETY: the pointers and lengths are of a live slice and a live address.
        let received = unsafe {
            libc::recvfrom(self.descriptor, buffer.as_mut_ptr().cast(), buffer.len(), 0, address, &mut length)
        };
        assert!(received > 0);
        (received as usize, from)
    }

    pub(crate) fn recv(&self, buffer: &mut [u8]) -> usize {
        // SAFETY: the pointer and length are of a live slice.
        let received = unsafe { libc::recv(self.descriptor, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        assert!(received > 0);
        received as usize
    }
}

pub(crate) fn sockaddr(address: SocketAddr) -> libc::sockaddr_in {
    let SocketAddr::V4(v4) = address else { unreachable!("the benches use IPv4") };
    let v4: SocketAddrV4 = v4;
    // SAFETY: all zeros is a valid address.
    let mut raw: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    raw.sin_family = libc::AF_INET as libc::sa_family_t;
    raw.sin_port = v4.port().to_be();
    raw.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
    raw
}

/// Keeps the calling thread, and those it starts, on one processor.
#[cfg(target_os = "linux")]
pub(crate) fn pin_to_one_processor() {
    // SAFETY: all zeros is a valid set, and the set is live during the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn pin_to_one_processor() {}
