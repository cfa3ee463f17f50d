//! Processes of this program's own, and what they are given: a descriptor as their standard input, more over a connection
//! between the two. Unix.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::io::{Errno, FdFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

/// What a parent and a worker speak over.
pub(crate) use std::os::unix::net::UnixStream as ControlSocket;

/// The signals that are sent to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    /// To end (`SIGTERM`).
    Terminate,
    /// Nothing: it is ended (`SIGKILL`).
    Kill,
}

/// Has the child begin with this as its standard input, and lead a process group: what is typed at the terminal, such as
/// Ctrl-C, is for this process alone, and the child's own children can be told together with it.
pub(crate) fn prepare(command: &mut Command, stdin: impl Into<OwnedFd>) {
    command.stdin(Stdio::from(stdin.into())).process_group(0);
}

/// The same descriptor once more, for the child's standard output.
pub(crate) fn as_output(stream: impl Into<OwnedFd>) -> Stdio {
    Stdio::from(stream.into())
}

/// Waits until a child has ended, and leaves its status to be taken. At once if it is no child of this process any more.
pub(crate) fn wait_for_exit(child: u32) {
    let Some(pid) = pid(child) else { return };
    // waitid(2): what it ended with stays to be waited for, so its number cannot be given to another process before.
    while let Err(Errno::INTR) =
        rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
    {}
}

/// Sends `SIGTERM` to this process.
pub(crate) fn terminate_self() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::TERM);
}

/// Tells a child that leads a process group, and was not waited for yet, and its own children.
pub(crate) fn tell_group(child: u32, what: Tell) {
    let signal = match what {
        Tell::Terminate => Signal::TERM,
        Tell::Kill => Signal::KILL,
    };
    let Some(pid) = pid(child) else { return };
    // It may have ended already. A group of one's own is not there if the program has left it.
    let _ = rustix::process::kill_process_group(pid, signal);
    let _ = rustix::process::kill_process(pid, signal);
}

fn pid(child: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child).ok()?)
}

/// Sends bytes and, with them, a listener, which both processes have then.
pub(crate) fn send_listener(socket: &ControlSocket, bytes: &[u8], listener: &TcpListener) -> io::Result<()> {
    let descriptors = [listener.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let sent = rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::empty())?;
    if sent < bytes.len() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
}

/// Receives bytes and the listener that may come with them.
pub(crate) fn receive_listener(
    socket: &ControlSocket,
    buffer: &mut [u8],
) -> io::Result<(usize, Option<TcpListener>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message =
        rustix::net::recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::empty())?;
    let mut received = None;
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = part {
            received = descriptors.last().or(received);
        }
    }
    let listener = match received {
        Some(descriptor) => {
            keep_from_children(&descriptor)?;
            Some(TcpListener::from(descriptor))
        }
        None => None,
    };
    Ok((message.bytes, listener))
}

/// Not all systems can do so while they receive it.
fn keep_from_children(descriptor: impl AsFd) -> io::Result<()> {
    Ok(rustix::io::fcntl_setfd(descriptor, FdFlags::CLOEXEC)?)
}

/// A socket that this process was started with as its standard input.
#[derive(Debug)]
pub(crate) enum StandardInput {
    Control(ControlSocket),
    Connection(TcpStream),
}

/// Takes the socket that is the standard input, which is `/dev/null` from then on, so that no child of this process gets it;
/// `None` if it is something else.
pub(crate) fn take_standard_input() -> io::Result<Option<StandardInput>> {
    let stdin = io::stdin();
    let is_connected = rustix::net::getpeername(&stdin).is_ok();
    let family = rustix::net::getsockname(&stdin).map(|address| address.address_family());
    let Ok(family @ (AddressFamily::UNIX | AddressFamily::INET | AddressFamily::INET6)) = family else {
        return Ok(None);
    };
    if !is_connected {
        return Ok(None);
    }
    let descriptor = stdin.as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(Some(match family {
        AddressFamily::UNIX => StandardInput::Control(descriptor.into()),
        _ => StandardInput::Connection(descriptor.into()),
    }))
}

/// Who started this process, or whoever has taken it over since.
pub(crate) fn parent() -> u32 {
    std::os::unix::process::parent_id()
}
