//! Whether network interfaces or their addresses have changed.

/// Reports changes since it was created, and since it was asked last.
#[derive(Debug)]
pub(crate) struct InterfaceChanges(Option<platform::Socket>);

impl InterfaceChanges {
    pub(crate) fn new() -> InterfaceChanges {
        InterfaceChanges(platform::open())
    }

    /// Returns true if there was a change, or if the OS does not report changes.
    pub(crate) fn has_changed(&self) -> bool {
        self.0.as_ref().is_none_or(platform::take)
    }
}

/// A netlink socket, which the kernel notifies: rtnetlink(7).
#[cfg(any(target_os = "linux", target_os = "android"))]
mod platform {
    use std::os::fd::{AsRawFd, OwnedFd};

    use nix::libc;
    use nix::sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
    };

    pub(super) type Socket = OwnedFd;

    /// At most this many notifications are taken at a time.
    const MAX_TAKEN: usize = 256;

    pub(super) fn open() -> Option<OwnedFd> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let opened = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute).ok()?;
        let groups = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
        bind(opened.as_raw_fd(), &NetlinkAddr::new(0, groups as u32)).ok()?;
        Some(opened)
    }

    pub(super) fn take(socket: &OwnedFd) -> bool {
        let mut is_changed = false;
        for _ in 0..MAX_TAKEN {
            match recv(socket.as_raw_fd(), &mut [0; 1], MsgFlags::MSG_DONTWAIT) {
                Err(nix::errno::Errno::EAGAIN) => return is_changed,
                // ENOBUFS: notifications were lost.
                _ => is_changed = true,
            }
        }
        is_changed
    }
}

/// The list is read again instead.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod platform {
    pub(super) type Socket = ();

    pub(super) fn open() -> Option<()> {
        None
    }

    pub(super) fn take((): &()) -> bool {
        true
    }
}
