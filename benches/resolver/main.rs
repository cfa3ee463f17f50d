//! Compares lookups with those of the OS: `cargo bench --bench resolver`. Figures are speed ratios
//! to `getaddrinfo` in the same run. Higher is faster.

#[path = "../kit/mod.rs"]
mod kit;

use std::net::{ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use kit::{compare, is_smoke_run, variant};
use socketry::Resolver;
use socketry::dns::IpFamilies;

fn timed(times: u32, mut work: impl FnMut()) -> Duration {
    let times = if is_smoke_run() { 1 } else { times };
    let start = Instant::now();
    (0..times).for_each(|_| work());
    start.elapsed() / times
}

/// A name server in a thread. It answers each query with 192.0.2.1 and a TTL of one hour.
fn server() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
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
            let _ = socket.send_to(&reply, from);
        }
    });
    address
}

fn print(title: &str, rows: &[kit::Row]) {
    println!("\n{title}");
    for row in rows {
        let kit::Row { name, median, ratio, lowest, highest } = row;
        kit::record(title, name, median.as_secs_f64() * 1e9, *ratio);
        println!("  {name:<44} {median:>10.1?} {ratio:>8.1}×   {lowest:.1}–{highest:.1}");
    }
}

fn main() {
    let server = server();
    let lines = if is_smoke_run() { 100 } else { 150_000 };
    let path: PathBuf = std::env::temp_dir().join(format!("socketry-bench-{}", std::process::id()));
    let text: String = (0..lines).map(|n| format!("0.0.0.0 host{n}.blocked.example\n")).collect();
    std::fs::write(&path, text).unwrap();
    let of = || Resolver::builder().server(&server).unwrap().families(IpFamilies::Ipv4);
    let (long, cached) = (of().hosts(&path).build(), of().use_hosts(false).build());
    let fresh = of().use_hosts(false).cache_size(0).build();
    cached.lookup("host.test").unwrap();
    let system = || assert!(("localhost", 0).to_socket_addrs().unwrap().next().is_some());
    let rows = compare(
        15,
        vec![
            variant("getaddrinfo, localhost", || timed(200, system)),
            variant("from the cache", || timed(20_000, || drop(cached.lookup("host.test").unwrap()))),
            variant("from a hosts file of 150,000 lines", || {
                timed(20_000, || drop(long.lookup("host77777.blocked.example").unwrap()))
            }),
            variant("asked of a server in this process", || {
                timed(200, || drop(fresh.lookup("host.test").unwrap()))
            }),
        ],
    );
    print("a look-up, to the system's of localhost", &rows);
    let rows = compare(
        9,
        vec![
            variant("read alone", || timed(1, || drop(std::fs::read(&path).unwrap()))),
            variant("read and indexed", || {
                timed(1, || drop(of().hosts(&path).build().lookup("host7.blocked.example").unwrap()))
            }),
        ],
    );
    print("a hosts file of 150,000 lines, to reading its bytes", &rows);
    let _ = std::fs::remove_file(&path);
    by_lines();
    by_names(&server);
}

/// Measures how the time of a lookup depends on the length of the hosts file.
fn by_lines() {
    let counts = if is_smoke_run() { [1, 10, 100] } else { [1_000, 10_000, 150_000] };
    let resolvers = counts.map(|count| {
        let path = std::env::temp_dir().join(format!("socketry-bench-{}-{count}", std::process::id()));
        let text: String = (0..count).map(|n| format!("0.0.0.0 host{n}.blocked.example\n")).collect();
        std::fs::write(&path, text).unwrap();
        let resolver = Resolver::builder().hosts(&path).build();
        resolver.lookup("host0.blocked.example").unwrap();
        (resolver, path)
    });
    let rows = compare(15, grown(&counts, |index, name| drop(resolvers[index].0.lookup(name).unwrap())));
    print("a look-up in a hosts file, by its lines", &rows);
    resolvers.iter().for_each(|(_, path)| drop(std::fs::remove_file(path)));
}

/// Measures how the time of a lookup depends on the number of cached names.
fn by_names(server: &str) {
    let counts = if is_smoke_run() { [1, 10, 20] } else { [10, 1_000, 10_000] };
    let resolvers = counts.map(|count| {
        let builder = Resolver::builder().server(server).unwrap().use_hosts(false).families(IpFamilies::Ipv4);
        let resolver = builder.cache_size(count).build();
        (0..count).for_each(|n| drop(resolver.lookup(&format!("host{n}.blocked.example")).unwrap()));
        resolver
    });
    let rows = compare(15, grown(&counts, |index, name| drop(resolvers[index].lookup(name).unwrap())));
    print("a look-up in the cache, by its names", &rows);
}

/// A variant for each number of names. It looks up all of them sequentially, so that a large table
/// does not stay in the CPU cache.
fn grown<'a>(counts: &[usize], look_up: impl Fn(usize, &str) + Copy + 'a) -> Vec<kit::Variant<'a>> {
    let variants = counts.iter().enumerate().map(|(index, &count)| {
        let used = count.min(1_000);
        let names: Vec<String> =
            (0..used).map(|n| format!("host{}.blocked.example", n * (count / used))).collect();
        let times = 20_000 / used as u32;
        variant(count.to_string(), move || {
            timed(times, || names.iter().for_each(|name| look_up(index, name))) / used as u32
        })
    });
    variants.collect()
}
