//! Ways to send and to receive many datagrams, each with a name, which selects it in a child
//! process.

use std::hint::black_box;
use std::io::{ErrorKind, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rustix::event::{PollFd, PollFlags, poll};
use socketry::UdpEndpoint;
use socketry::udp::{RecvBatch, UdpBatchEndpoint};

use super::raw::{Raw, sockaddr};
use super::raw_gso::{self, Size};
use super::raw_many::Many;

/// What a system grants without being asked for more, so that a burst has room.
const RECEIVE_BUFFER: usize = 212_992;

/// The number of datagrams of a burst, which is sent as a whole: about as many single datagrams as
/// the receive buffer has space for.
pub(crate) fn burst(size: usize) -> usize {
    match size {
        0..=100 => 384,
        101..=600 => 240,
        601..=2_000 => 136,
        _ => 24,
    }
}

/// The sizes of the datagrams of a burst: all `size`, or for 0 mixed ones.
pub(crate) fn sizes(size: usize) -> Vec<usize> {
    // Numbers of no pattern (a linear congruence, as in POSIX rand), so that few neighbours are of
    // one size.
    let mut number = 1_u32;
    let mut mixed = || {
        number = number.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        64 + (number >> 16) as usize % 1_137
    };
    let count = if size == 0 { 136 } else { burst(size) };
    (0..count).map(|_| if size == 0 { mixed() } else { size }).collect()
}

/// The name in a table of a way of sending and a way of receiving.
pub(crate) fn name(to: &str, from: &str) -> String {
    if to == from { to.to_owned() } else { format!("{to}, received by {from}") }
}

fn std_socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    socket
}

fn connected(to: SocketAddr) -> UdpSocket {
    let socket = std_socket();
    socket.connect(to).unwrap();
    socket
}

/// Sends a burst each time it is called.
pub(crate) type Sending = Box<dyn FnMut()>;

/// Receives at least one datagram each time it is called, and says how many these were.
pub(crate) type Receiving = Box<dyn FnMut() -> usize>;

pub(crate) fn sending(name: &str, size: usize, to: SocketAddr) -> Sending {
    let sizes = sizes(size);
    let message = vec![b'x'; *sizes.iter().max().unwrap()];
    match name {
        "raw" => {
            let (raw, to) = (Raw::new(UdpSocket::bind("127.0.0.1:0").unwrap()), sockaddr(to));
            Box::new(move || sizes.iter().for_each(|size| raw.send_to(&message[..*size], &to)))
        }
        "raw connected" => {
            let raw = Raw::new(connected(to));
            Box::new(move || sizes.iter().for_each(|size| raw.send(&message[..*size])))
        }
        "raw mmsg" => {
            let mut many = Many::new(connected(to), 64, 0);
            Box::new(move || many.send(&message, &sizes))
        }
        "quinn-udp" => quinn_sending(message, sizes, to),
        "single" => {
            let endpoint = UdpEndpoint::bind("127.0.0.1:0").unwrap();
            Box::new(move || sizes.iter().for_each(|size| endpoint.send_to(&message[..*size], to).unwrap()))
        }
        "batch" => {
            let endpoint = UdpEndpoint::bind("127.0.0.1:0").unwrap();
            let mut batch = endpoint.batch();
            Box::new(move || {
                sizes.iter().for_each(|size| batch.push_to(&message[..*size], to).unwrap());
                assert_eq!(endpoint.send_batch(&mut batch).unwrap(), sizes.len());
            })
        }
        "batch connected" => {
            let endpoint = UdpEndpoint::connect(to).unwrap();
            let mut batch = endpoint.batch();
            Box::new(move || {
                sizes.iter().for_each(|size| batch.push(&message[..*size]).unwrap());
                assert_eq!(endpoint.send_batch(&mut batch).unwrap(), sizes.len());
            })
        }
        "segments connected" => {
            let endpoint = UdpEndpoint::connect(to).unwrap();
            // As for quinn-udp, the datagrams are copied into one buffer.
            let mut contents = Vec::with_capacity(65_536);
            Box::new(move || {
                let mut left = &sizes[..];
                while let Some(size) = left.first() {
                    let count = left.iter().take(65_536 / size).take_while(|next| *next == size).count();
                    contents.clear();
                    (0..count).for_each(|_| contents.extend_from_slice(&message[..*size]));
                    assert_eq!(endpoint.send_segments(&contents, *size).unwrap(), count);
                    left = &left[count..];
                }
            })
        }
        "segments, no copy" => {
            let endpoint = UdpEndpoint::connect(to).unwrap();
            let contents = message.repeat(sizes.len());
            Box::new(move || assert_eq!(endpoint.send_segments(&contents, size).unwrap(), sizes.len()))
        }
        "raw GSO" | "raw GSO, one buffer" | "raw GSO, control message" => {
            let by = if name.ends_with("message") { Size::Control } else { Size::Option };
            let repeats = name.ends_with("one buffer");
            Box::new(raw_gso::sending(connected(to), &message, sizes.len(), by, repeats))
        }
        other => unreachable!("{other}"),
    }
}

/// What its users do: put datagrams of one size behind each other, as many as it says, and hand
/// them over.
fn quinn_sending(message: Vec<u8>, sizes: Vec<usize>, to: SocketAddr) -> Sending {
    let socket = std_socket();
    let state = UdpSocketState::new((&socket).into()).unwrap();
    let mut contents = Vec::with_capacity(65_536);
    Box::new(move || {
        let mut left = &sizes[..];
        while let Some(size) = left.first() {
            let most = state.max_gso_segments().min(65_507 / size);
            let count = left.iter().take(most).take_while(|next| *next == size).count();
            contents.clear();
            (0..count).for_each(|_| contents.extend_from_slice(&message[..*size]));
            let segment_size = (count > 1).then_some(*size);
            let transmit =
                Transmit { destination: to, ecn: None, contents: &contents, segment_size, src_ip: None };
            while let Err(error) = state.try_send((&socket).into(), &transmit) {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                wait(&socket, PollFlags::OUT);
            }
            left = &left[count..];
        }
    })
}

fn wait(socket: &UdpSocket, interest: PollFlags) {
    poll(&mut [PollFd::new(socket, interest)], None).unwrap();
}

/// A receiver of the kind, and where it is.
pub(crate) fn receiving(name: &str) -> (SocketAddr, Receiving) {
    match name {
        "raw" | "raw connected" => {
            let raw = Raw::new(std_socket());
            let (at, mut buffer) = (raw.socket.local_addr().unwrap(), vec![0; 65_535]);
            // Each burst is a multiple of this.
            (at, Box::new(move || (0..8).map(|_| black_box(raw.recv_from(&mut buffer))).count()))
        }
        "raw mmsg" => {
            let mut many = Many::new(std_socket(), 64, 9_000);
            (many.socket.local_addr().unwrap(), Box::new(move || many.receive()))
        }
        "quinn-udp" => quinn_receiving(),
        "single" => {
            let endpoint = endpoint();
            let (at, mut buffer) = (endpoint.local_addr(), vec![0; 65_535]);
            (
                at,
                Box::new(move || {
                    (0..8).map(|_| black_box(endpoint.recv_into(&mut buffer).unwrap().len())).count()
                }),
            )
        }
        "raw GSO" => {
            let socket = std_socket();
            (socket.local_addr().unwrap(), Box::new(raw_gso::receiving(socket)))
        }
        "batch" | "batch connected" => batches(endpoint()),
        other => unreachable!("{other}"),
    }
}

fn endpoint() -> UdpEndpoint {
    UdpEndpoint::builder().receive_buffer_size(RECEIVE_BUFFER).bind("127.0.0.1:0").unwrap()
}

fn batches(endpoint: UdpEndpoint) -> (SocketAddr, Receiving) {
    let endpoint = UdpBatchEndpoint::new(endpoint);
    let (at, mut batch) = (endpoint.local_addr(), RecvBatch::new());
    let receive = move || {
        let count = endpoint.recv_batch(&mut batch).unwrap();
        for datagram in &batch {
            black_box((datagram.bytes(), datagram.source()));
        }
        count
    };
    (at, Box::new(receive))
}

fn quinn_receiving() -> (SocketAddr, Receiving) {
    let socket = std_socket();
    let state = UdpSocketState::new((&socket).into()).unwrap();
    let at = socket.local_addr().unwrap();
    let mut rooms = vec![vec![0; 65_536]; 4];
    let receive = move || {
        let mut meta = [RecvMeta::default(); 4];
        let mut parts = rooms.iter_mut().map(|room| IoSliceMut::new(room));
        let mut parts = [(); 4].map(|()| parts.next().unwrap());
        let count = loop {
            match state.recv((&socket).into(), &mut parts, &mut meta) {
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait(&socket, PollFlags::IN),
                Err(error) => panic!("{error}"),
            }
        };
        let mut datagrams = 0;
        for (room, meta) in parts.iter().zip(&meta[..count]) {
            for bytes in room[..meta.len].chunks(meta.stride) {
                black_box((bytes, meta.addr));
                datagrams += 1;
            }
        }
        datagrams
    };
    (at, Box::new(receive))
}
