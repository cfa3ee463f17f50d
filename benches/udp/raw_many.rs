//! `sendmmsg` and `recvmmsg` themselves.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// The headers of so many messages, each with room of its own.
pub(crate) struct Many {
    pub(crate) socket: UdpSocket,
    rooms: Vec<Vec<u8>>,
    parts: Vec<libc::iovec>,
    names: Vec<libc::sockaddr_in>,
    headers: Vec<libc::mmsghdr>,
}

impl Many {
    pub(crate) fn new(socket: UdpSocket, count: usize, room: usize) -> Many {
        // SAFETY: all zeros is valid for each of these.
        let (part, name, header) = unsafe { (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        Many {
            socket,
            rooms: vec![vec![0; room]; count],
            parts: vec![part; count],
            names: vec![name; count],
            headers: vec![header; count],
        }
    }

    pub(crate) fn send(&mut self, message: &[u8], sizes: &[usize]) {
        for sizes in sizes.chunks(self.headers.len()) {
            for ((part, header), size) in self.parts.iter_mut().zip(&mut self.headers).zip(sizes) {
                part.iov_base = message.as_ptr().cast_mut().cast();
                part.iov_len = *size;
                header.msg_hdr.msg_iov = part;
                header.msg_hdr.msg_iovlen = 1;
            }
            let (headers, count) = (self.headers.as_mut_ptr(), sizes.len());
            // SAFETY: so many headers were filled in, and what they point to lives during the call.
            let sent = unsafe { libc::sendmmsg(self.socket.as_raw_fd(), headers, count as u32, 0) };
            assert_eq!(usize::try_from(sent), Ok(count));
        }
    }

    /// Waits for the first and takes what is there.
    pub(crate) fn receive(&mut self) -> usize {
        let rooms = self.rooms.iter_mut().zip(&mut self.parts);
        for (((room, part), name), header) in rooms.zip(&mut self.names).zip(&mut self.headers) {
            part.iov_base = room.as_mut_ptr().cast();
            part.iov_len = room.len();
            header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
        }
        let (headers, count) = (self.headers.as_mut_ptr(), self.headers.len());
        // SAFETY: all headers were filled in, and what they point to lives during the call.
        let received = unsafe {
            let nothing = std::ptr::null_mut();
            libc::recvmmsg(self.socket.as_raw_fd(), headers, count as u32, libc::MSG_WAITFORONE, nothing)
        };
        assert!(received > 0);
        received as usize
    }
}
