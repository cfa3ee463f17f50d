//! Segmentation and joining by the kernel themselves (udp(7), `UDP_SEGMENT`, `UDP_GRO`), without a
//! copy by this process.

use std::hint::black_box;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

fn set(socket: &UdpSocket, option: libc::c_int, value: libc::c_int) {
    let length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointer and length are of a live integer.
    let set = unsafe {
        let value = std::ptr::from_ref(&value).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, option, value, length)
    };
    assert_eq!(set, 0);
}

/// How the kernel is given the size of a segment: by an option of the socket, which applies to all
/// that is sent on it, or by a control message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Option,
    Control,
}

/// Sends a burst of datagrams of one size on a connected socket. The messages of a burst are
/// different parts of a buffer, or one part repeatedly.
pub(crate) fn sending(
    socket: UdpSocket,
    message: &[u8],
    count: usize,
    by: Size,
    repeats: bool,
) -> impl FnMut() + use<> {
    let size = message.len();
    let most = 128.min(65_507 / size);
    let contents = message.repeat(if repeats { most } else { count });
    if by == Size::Option {
        set(&socket, libc::UDP_SEGMENT, size as libc::c_int);
    }
    move || {
        let mut left = count;
        while left > 0 {
            let start = if repeats { 0 } else { (count - left) * size };
            let bytes = &contents[start..][..size * left.min(most)];
            let sent = match by {
                // SAFETY: the pointer and length are of a live slice.
                Size::Option => unsafe {
                    libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0)
                },
                Size::Control => send_with_control(&socket, bytes, size as u16),
            };
            assert_eq!(sent, bytes.len() as isize);
            left -= left.min(most);
        }
    }
}

fn send_with_control(socket: &UdpSocket, bytes: &[u8], size: u16) -> isize {
    // SAFETY: all zeros is valid for each of these, and all that they point to lives during the call;
    // the control buffer is aligned as its header must be, and has space for it.
    unsafe {
        let mut control = [0_u64; 4];
        let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(size_of::<u16>() as u32) as _;
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_UDP;
        (*header).cmsg_type = libc::UDP_SEGMENT;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as _;
        libc::CMSG_DATA(header).cast::<u16>().write_unaligned(size);
        libc::sendmsg(socket.as_raw_fd(), &message, 0)
    }
}

/// Receives joined datagrams, and returns how many these were.
pub(crate) fn receiving(socket: UdpSocket) -> impl FnMut() -> usize {
    set(&socket, libc::UDP_GRO, 1);
    let mut buffer = vec![0_u8; 65_535];
    move || {
        // SAFETY: all zeros is valid for each of these, and all that they point to lives during the
        // call; the control buffer is aligned as its headers must be.
        let (received, segment, from) = unsafe {
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
            let received = libc::recvmsg(socket.as_raw_fd(), &mut message, 0);
            assert!(received > 0);
            let header = libc::CMSG_FIRSTHDR(&message);
            let segment = if header.is_null() {
                received as libc::c_int
            } else {
                libc::CMSG_DATA(header).cast::<libc::c_int>().read_unaligned()
            };
            (received as usize, segment as usize, from)
        };
        let datagrams = buffer[..received].chunks(segment).map(|bytes| black_box((bytes, from)));
        datagrams.count()
    }
}
