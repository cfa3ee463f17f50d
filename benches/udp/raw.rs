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
        let (received, from) = self.received(buffer, 0);
        assert!(received > 0);
        (received as usize, from)
    }

    /// Busy-polls until a datagram is available.
    pub(crate) fn recv_from_awake(&self, buffer: &mut [u8]) {
        let looks = std::iter::repeat_with(|| self.received(buffer, libc::MSG_DONTWAIT).0);
        assert!(looks.take(100_000_000).any(|received| received > 0));
    }

    fn received(&self, buffer: &mut [u8], flags: i32) -> (isize, libc::sockaddr_in) {
        // SAFETY: all zeros is a valid address.
        let mut from: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        let mut length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        let address = std::ptr::from_mut(&mut from).cast();
        // SAFETY: the pointers and lengths are of a live slice and a live address.
        let received = unsafe {
            let bytes = buffer.as_mut_ptr().cast();
            libc::recvfrom(self.descriptor, bytes, buffer.len(), flags, address, &mut length)
        };
        (received, from)
    }

    /// Like `recv_from`, with the control message that contains the destination, which must have been
    /// enabled.
    pub(crate) fn recv_msg(&self, buffer: &mut [u8]) -> (usize, libc::sockaddr_in, libc::in_pktinfo) {
        // SAFETY: all zeros is valid for each of these, and all that they point to lives during the
        // call; the control buffer is aligned as its headers must be, and they are followed by the
        // macros made for it.
        unsafe {
            let mut from: libc::sockaddr_in = std::mem::zeroed();
            let mut control = [0_u64; 8];
            let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_name = std::ptr::from_mut(&mut from).cast();
            message.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            message.msg_iov = &mut part;
            message.msg_iovlen = 1;
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = size_of_val(&control) as _;
            let received = libc::recvmsg(self.descriptor, &mut message, 0);
            assert!(received > 0);
            let mut info: libc::in_pktinfo = std::mem::zeroed();
            let mut header = libc::CMSG_FIRSTHDR(&message);
            while !header.is_null() {
                if (*header).cmsg_level == libc::IPPROTO_IP && (*header).cmsg_type == libc::IP_PKTINFO {
                    info = libc::CMSG_DATA(header).cast::<libc::in_pktinfo>().read_unaligned();
                }
                header = libc::CMSG_NXTHDR(&message, header);
            }
            (received as usize, from, info)
        }
    }

    /// Has the kernel report the destination that `recv_msg` returns.
    pub(crate) fn enable_packet_info(&self) {
        let on: libc::c_int = 1;
        let length = size_of_val(&on) as libc::socklen_t;
        let value = std::ptr::from_ref(&on).cast();
        // SAFETY: the pointer and length are of a live integer.
        let set =
            unsafe { libc::setsockopt(self.descriptor, libc::IPPROTO_IP, libc::IP_PKTINFO, value, length) };
        assert_eq!(set, 0);
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

/// Keeps the calling thread, and those it starts, on one processor; false if there is none of this
/// number.
pub(crate) fn pin_to_processor(number: usize) -> bool {
    // SAFETY: all zeros is a valid set, and the set is live during the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(number, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) == 0
    }
}
