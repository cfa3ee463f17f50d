//! Forged responses of an off-path attacker, and the randomness that such an attacker must guess.

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::kit::PATIENCE;
use crate::kit::dns::*;
use socketry::Resolver;

const FORGED: &str = "203.0.113.66";

/// A server socket. The test receives each query from it and sends the responses.
struct Wire {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Wire {
    fn new() -> Wire {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Wire { address: socket.local_addr().unwrap(), socket }
    }

    fn resolver(&self) -> Resolver {
        of(&[self.address])
            .families(socketry::dns::IpFamilies::Ipv4)
            .query_timeout(PATIENCE)
            .timeout(PATIENCE)
            .cache_size(0)
            .build()
    }

    fn query(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 512];
        let (length, from) = self.socket.recv_from(&mut buffer).unwrap();
        (buffer[..length].to_vec(), from)
    }
}

fn response(query: &[u8], ip: &str) -> Vec<u8> {
    let received = Asked {
        bytes: query.to_vec(),
        name: "host.test".to_owned(),
        kind: "A".to_owned(),
        by_tcp: false,
        has_edns: true,
        from: ([127, 0, 0, 1], 0).into(),
        number: 0,
    };
    reply_to(&received).address("host.test", 60, ip).bytes()
}

/// 20,000 responses, most of them from the address of the server. Each is wrong in one way: the
/// identifier, the name, the type, or the header. Some are valid but sent from another port.
#[test]
fn twenty_thousand_forged_responses_are_not_accepted() {
    const WRONG: usize = 20_000;
    let wire = Wire::new();
    let resolver = wire.resolver();
    let (is_done, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let lookup = scope.spawn(|| {
            let found = resolver.lookup("host.test");
            is_done.store(true, Ordering::SeqCst);
            found
        });
        let (query, from) = wire.query();
        let forged = response(&query, FORGED);
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let id = u16::from_be_bytes([query[0], query[1]]);
        for number in 0..WRONG {
            let mut bytes = forged.clone();
            match number % 16 {
                0 => bytes[13] ^= 0x01,  // name
                1 => bytes[24] ^= 0x10,  // type
                2 => bytes[2] &= 0x7f,   // a query
                3 => bytes[5] = 2,       // two questions
                4 => bytes.truncate(11), // no header
                5 => {
                    // A valid response from another port, which the OS drops.
                    let _ = other.send_to(&bytes, from);
                }
                _ => {
                    // A wrong identifier.
                    let wrong = id.wrapping_add(1 + (number % 65_535) as u16);
                    bytes[..2].copy_from_slice(&wrong.to_be_bytes());
                }
            }
            if number % 16 != 5 {
                wire.socket.send_to(&bytes, from).unwrap();
                sent.fetch_add(1, Ordering::SeqCst);
            }
            assert!(!is_done.load(Ordering::SeqCst), "a forged response was accepted, or ended the lookup");
        }
        // The receive buffer of the resolver may be full of forged responses.
        let right = response(&query, "192.0.2.1");
        while !is_done.load(Ordering::SeqCst) && wire.socket.send_to(&right, from).is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(lookup.join().unwrap().unwrap().addresses(), ips(&["192.0.2.1"]));
    });
    assert!(sent.load(Ordering::SeqCst) > WRONG * 9 / 10);
}

/// For each query, an attacker must guess the 16 bits of the identifier and the bits of the port.
#[test]
fn identifiers_and_ports_are_not_predictable() {
    const QUERIES: usize = 2_000;
    let wire = Wire::new();
    let resolver = wire.resolver();
    let (mut ids, mut ports) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| (0..QUERIES).for_each(|_| drop(resolver.lookup("host.test").unwrap())));
        for _ in 0..QUERIES {
            let (query, from) = wire.query();
            ids.push(u16::from_be_bytes([query[0], query[1]]));
            ports.push(from.port());
            wire.socket.send_to(&response(&query, "192.0.2.1"), from).unwrap();
        }
    });
    let distinct = |values: &[u16]| values.iter().collect::<HashSet<_>>().len();
    let steps = |values: &[u16]| -> Vec<u16> {
        values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect()
    };
    // Among 2,000 random 16-bit values, 1,970 ± 6 are distinct.
    for values in [ids.clone(), steps(&ids)] {
        assert!(distinct(&values) > 1_900, "{} of {QUERIES} are distinct", distinct(&values));
    }
    // Each bit is set in half of them (± 22), and is a copy neither of the same bit of the
    // identifier before nor of the adjacent bit.
    let half = QUERIES / 2 - 150..QUERIES / 2 + 150;
    for bit in 0..16 {
        let is_set = |id: &&u16| **id >> bit & 1 == 1;
        let count = ids.iter().filter(is_set).count();
        assert!(half.contains(&count), "bit {bit} is set in {count} of {QUERIES}");
        let changes = ids.windows(2).filter(|pair| (pair[0] ^ pair[1]) >> bit & 1 == 1).count();
        assert!(half.contains(&changes), "bit {bit} changes {changes} times");
        let same = ids.iter().filter(|id| (**id >> bit ^ **id >> ((bit + 1) % 16)) & 1 == 0).count();
        assert!(half.contains(&same), "bits {bit} and {} are the same in {same}", (bit + 1) % 16);
    }
    // The OS chooses the ports from a range of about 28,000, and may skip every other one.
    assert!(distinct(&ports) > QUERIES / 2, "{} ports", distinct(&ports));
    assert!(distinct(&steps(&ports)) > QUERIES / 2, "the steps between ports repeat");
    let rises = ports.windows(2).filter(|pair| pair[1] > pair[0]).count();
    assert!(
        (QUERIES * 2 / 5..QUERIES * 3 / 5).contains(&rises),
        "{rises} of {QUERIES} ports are higher than the one before"
    );
}
