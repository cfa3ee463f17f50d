//! What a resolver keeps has an end, however many names it is asked for: counted by the allocator.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::kit::allocations::{KIB, allocated};
use socketry::Resolver;
use socketry::dns::{AnswerSource, IpFamilies};

const MIB: isize = 1024 * KIB;

/// A name server in a thread, which answers whatever it is asked with 192.0.2.1 for an hour, and ends when nobody asks any more.
fn server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1_500];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let mut end = 12;
            while buffer[end] > 0 {
                end += 1 + usize::from(buffer[end]);
            }
            let mut reply = buffer[..end + 5].to_vec();
            (reply[2], reply[3], reply[7], reply[11]) = (0x81, 0x80, 1, 0);
            reply.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\xc0\x00\x02\x01");
            socket.send_to(&reply, from).unwrap();
        }
    });
    address
}

fn assert_cache_is_bounded(names: usize) {
    const CACHE_SIZE: usize = 1_000;
    let builder = Resolver::builder().server(&server().to_string()).unwrap();
    let resolver = builder.use_hosts(false).families(IpFamilies::Ipv4).cache_size(CACHE_SIZE).build();
    let ask = |number: usize| {
        let found = resolver.lookup(&format!("host{number}.example.test")).unwrap();
        assert!(matches!(found.source(), AnswerSource::Server(_)));
    };
    let first = allocated(|| (0..10 * CACHE_SIZE).for_each(ask));
    let others = allocated(|| (10 * CACHE_SIZE..names).for_each(ask));
    println!("{CACHE_SIZE} names of {}: {first:?}; of {names}: {others:?}", 10 * CACHE_SIZE);
    assert_eq!(resolver.cache_len(), CACHE_SIZE);
    assert!(first.held < CACHE_SIZE as isize * KIB, "{first:?}");
    // The table of the cache may double once, because of the places of those that are gone.
    assert!(others.held < 200 * KIB && others.most < 400 * KIB, "{others:?}");
}

#[test]
fn cache_memory_stays_bounded_over_20_000_names() {
    assert_cache_is_bounded(20_000);
}

#[test]
#[ignore = "a minute: the test before with fifty times as many names"]
fn cache_memory_stays_bounded_over_a_million_names() {
    assert_cache_is_bounded(1_000_000);
}

#[test]
fn hosts_file_of_150_000_lines_stays_below_9_mib() {
    let path = std::env::temp_dir().join(format!("socketry-memory-{}", std::process::id()));
    let own = |n: usize| format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
    // As blocklists are, and, at its worst, with another address on each line.
    for line in [|_| "0.0.0.0".to_owned(), own] {
        let text: String = (0..150_000).map(|n| format!("{} host{n}.blocked.example\n", line(n))).collect();
        // The file is short at first, so that it is this thread that reads the long one.
        std::fs::write(&path, "").unwrap();
        let resolver = Resolver::builder().hosts(&path).build();
        std::fs::write(&path, &text).unwrap();
        let read = allocated(|| resolver.flush());
        println!("a file of {} bytes: {read:?}", text.len());
        assert!(read.held < 9 * MIB && read.most < 9 * MIB, "{read:?}");
        let found = resolver.lookup("host149999.blocked.example").unwrap();
        assert_eq!((found.addresses()[0].to_string(), found.source()), (line(149_999), AnswerSource::Hosts));
        let answer = allocated(|| drop(resolver.lookup("host77.blocked.example")));
        assert!(answer.calls <= 1, "its answer: {answer:?}");
    }
    std::fs::remove_file(&path).unwrap();
}
