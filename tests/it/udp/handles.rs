//! The socket below: options, devices, handles of the system, threads.

use crate::kit::*;
use socketry::UdpEndpoint;
use std::net::UdpSocket;

#[test]
fn builder_options_are_set_on_socket() {
    let endpoint = UdpEndpoint::builder()
        .ttl(7)
        .tos(0x10)
        .broadcast(true)
        .receive_buffer_size(100_000)
        .send_buffer_size(90_000)
        .multicast_ttl(3)
        .multicast_loopback(false)
        .bind("127.0.0.1:0")
        .unwrap();
    let socket = socket2::SockRef::from(&endpoint);
    assert_eq!(socket.ttl_v4().unwrap(), 7);
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 3);
    assert!(!socket.multicast_loop_v4().unwrap());
    assert!(socket.broadcast().unwrap());
    assert!(endpoint.receive_buffer_size().unwrap() >= 100_000);
    assert!(endpoint.send_buffer_size().unwrap() >= 90_000);
    #[cfg(unix)]
    assert_eq!(socket.tos_v4().unwrap(), 0x10);
}

#[cfg(unix)]
#[test]
fn builder_options_are_set_on_ipv6_socket() {
    let builder = UdpEndpoint::builder().ttl(7).tos(0x10).multicast_ttl(3).multicast_loopback(false);
    if !has_ipv6() {
        return;
    }
    let endpoint = builder.bind("[::1]:0").unwrap();
    let socket = socket2::SockRef::from(&endpoint);
    assert_eq!(socket.unicast_hops_v6().unwrap(), 7);
    assert_eq!(socket.tclass_v6().unwrap(), 0x10);
    assert_eq!(socket.multicast_hops_v6().unwrap(), 3);
    assert!(!socket.multicast_loop_v6().unwrap());
}

#[cfg(unix)]
#[test]
fn reuse_port_is_required_on_every_socket() {
    let first = UdpEndpoint::builder().reuse_port(true).bind("127.0.0.1:0").unwrap();
    let address = first.local_addr();
    UdpEndpoint::builder().reuse_port(true).bind(address).unwrap();
    assert!(UdpEndpoint::bind(address).unwrap_err().is_address_in_use());
}

#[test]
fn bind_error_names_unknown_device() {
    let error = UdpEndpoint::builder().device("no-such-dev0").bind("127.0.0.1:0").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("configure device"), "{text}");
    #[cfg(target_os = "linux")]
    assert!(text.contains("no-such-dev0"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn device_bound_endpoint_receives_on_interface() {
    let endpoint = UdpEndpoint::builder().device("lo").read_timeout(PATIENCE).bind(":0").unwrap();
    local().send_to("x", ("127.0.0.1", endpoint.local_addr().port())).unwrap();
    assert_eq!(endpoint.recv().unwrap().bytes(), b"x");
}

#[test]
fn std_udp_socket_converts_both_ways() {
    let server = local();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let endpoint = UdpEndpoint::try_from(socket).unwrap();
    assert_eq!(endpoint.local_addr(), address);
    endpoint.send_to("hello", server.local_addr()).unwrap();
    server.reply(server.recv().unwrap(), "back").unwrap();
    assert_eq!(endpoint.recv().unwrap().bytes(), b"back");
    #[cfg(unix)]
    assert!(!socket2::SockRef::from(&endpoint).nonblocking().unwrap());

    endpoint.set_read_timeout(std::time::Duration::from_millis(40));
    let socket = UdpSocket::from(endpoint);
    assert_eq!(socket.local_addr().unwrap(), address);
    assert_eq!(socket.read_timeout().unwrap(), Some(std::time::Duration::from_millis(40)));
    assert!(socket.recv_from(&mut [0; 8]).is_err());
}

/// A program can do so with the handle of the socket. Then every wait is a poll, and the CPU time
/// shows that none of them spins.
#[cfg(target_os = "linux")]
#[test]
fn recv_blocks_without_spinning_on_nonblocking_socket() {
    let cpu = || {
        std::fs::read_to_string("/proc/thread-self/schedstat")
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse::<u64>()
    };
    let endpoint = local();
    socket2::SockRef::from(&endpoint).set_nonblocking(true).unwrap();
    let wait = std::time::Duration::from_millis(200);
    let before = cpu().unwrap();
    assert_timed_out(endpoint.recv_timeout(wait));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(wait);
            connected_to(&endpoint).send("late").unwrap();
        });
        endpoint.set_read_timeout(None);
        assert_eq!(endpoint.recv().unwrap().bytes(), b"late");
    });
    let spent = std::time::Duration::from_nanos(cpu().unwrap() - before);
    assert!(spent < wait / 2, "{spent:?} of processor time for waiting");
}

#[cfg(unix)]
#[test]
fn owned_fd_converts_both_ways() {
    use std::os::fd::{AsFd, OwnedFd};
    let connected = connected_to(&local());
    let (address, peer) = (connected.local_addr(), connected.peer_addr());
    let descriptor = OwnedFd::from(connected);
    let endpoint = UdpEndpoint::builder().encoding(socketry::Encoding::Gbk).adopt(descriptor.into()).unwrap();
    assert_eq!((endpoint.local_addr(), endpoint.peer_addr()), (address, peer));
    assert_eq!(endpoint.encoding(), socketry::Encoding::Gbk);
    assert!(endpoint.as_fd().try_clone_to_owned().is_ok());
}

#[test]
fn endpoint_receives_from_several_threads() {
    fn assert_send_sync<T: Send + Sync + 'static>() {}
    assert_send_sync::<UdpEndpoint>();
    const PER_THREAD: usize = 50;
    let server = local();
    let address = server.local_addr();
    let total: usize = std::thread::scope(|scope| {
        let receivers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..PER_THREAD).filter(|_| server.recv().is_ok()).count()))
            .collect();
        for _ in 0..4 {
            scope.spawn(move || {
                let client = local();
                for _ in 0..PER_THREAD {
                    client.send_to("x", address).unwrap();
                    std::thread::yield_now();
                }
            });
        }
        receivers.into_iter().map(|receiver| receiver.join().unwrap()).sum()
    });
    assert_eq!(total, 4 * PER_THREAD);
}
