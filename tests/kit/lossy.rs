//! A network that loses, doubles, delays and so reorders datagrams: a thread between whoever asks
//! and whoever answers, on the loopback interface. What it does is chance, and the same again for
//! the same seed and the same arrivals.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Numbers by chance: SplitMix64.
pub struct Chance(u64);

impl Chance {
    /// Of the seed in `SOCKETRY_SEED`, or of one that nobody has chosen; printed, for whoever reads
    /// of a test that failed.
    pub fn new(test: &str) -> Chance {
        use std::hash::{BuildHasher, Hasher};
        let given = std::env::var("SOCKETRY_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
        println!("{test}: SOCKETRY_SEED={seed}");
        Chance(seed)
    }

    pub fn of(seed: u64) -> Chance {
        Chance(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `end` - 1.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// True in so many of a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What becomes of a datagram, each in so many of a hundred; what is delayed is overtaken by
/// others.
#[derive(Clone, Copy)]
pub struct Weather {
    pub lost: u64,
    pub doubled: u64,
    pub delayed: u64,
    pub longest: Duration,
}

impl Weather {
    pub const BAD: Weather =
        Weather { lost: 30, doubled: 20, delayed: 40, longest: Duration::from_millis(40) };
}

/// The network; gone when this is.
pub struct Lossy {
    pub address: SocketAddr,
    lost: Arc<AtomicU64>,
    doubled: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A datagram under way: when it arrives, by which socket of whoever asks (none is from it), to
/// whom.
type Flying = (Instant, Option<SocketAddr>, SocketAddr, Vec<u8>);

impl Lossy {
    /// Whoever sends to its address is heard by all of `answerers`, and has their answers from it.
    pub fn before(answerers: &[SocketAddr], weather: Weather, chance: Chance) -> Lossy {
        Lossy::at(Ipv4Addr::LOCALHOST, answerers, weather, chance)
    }

    /// The same, for what is sent to everybody as well.
    pub fn before_broadcasts(answerers: &[SocketAddr], weather: Weather, chance: Chance) -> Lossy {
        Lossy::at(Ipv4Addr::UNSPECIFIED, answerers, weather, chance)
    }

    fn at(ip: Ipv4Addr, answerers: &[SocketAddr], weather: Weather, mut chance: Chance) -> Lossy {
        let front = UdpSocket::bind((ip, 0)).unwrap();
        // It looks at its own sockets once in this time.
        front.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let address = (Ipv4Addr::LOCALHOST, front.local_addr().unwrap().port()).into();
        let (lost, doubled) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let is_over = Arc::new(AtomicBool::new(false));
        let counts = (Arc::clone(&lost), Arc::clone(&doubled), Arc::clone(&is_over));
        let answerers = answerers.to_vec();
        let thread = std::thread::spawn(move || {
            let (lost, doubled, is_over) = counts;
            let mut backs: HashMap<SocketAddr, UdpSocket> = HashMap::new();
            let mut flying: Vec<Flying> = Vec::new();
            let mut buffer = vec![0; 65_536];
            while !is_over.load(Ordering::Relaxed) {
                let mut arrived: Vec<(Option<SocketAddr>, SocketAddr, Vec<u8>)> = Vec::new();
                if let Ok((length, asker)) = front.recv_from(&mut buffer) {
                    backs.entry(asker).or_insert_with(|| {
                        let back = UdpSocket::bind("127.0.0.1:0").unwrap();
                        back.set_nonblocking(true).unwrap();
                        back
                    });
                    let each = answerers.iter().map(|to| (Some(asker), *to, buffer[..length].to_vec()));
                    arrived.extend(each);
                }
                for (asker, back) in &backs {
                    while let Ok((length, _)) = back.recv_from(&mut buffer) {
                        arrived.push((None, *asker, buffer[..length].to_vec()));
                    }
                }
                let now = Instant::now();
                for (by, to, bytes) in arrived {
                    let copies = match () {
                        () if chance.percent(weather.lost) => 0,
                        () if chance.percent(weather.doubled) => 2,
                        () => 1,
                    };
                    lost.fetch_add(u64::from(copies == 0), Ordering::Relaxed);
                    doubled.fetch_add(u64::from(copies == 2), Ordering::Relaxed);
                    for _ in 0..copies {
                        let longest = weather.longest.as_micros() as u64;
                        let wait = if chance.percent(weather.delayed) { chance.below(longest) } else { 0 };
                        flying.push((now + Duration::from_micros(wait), by, to, bytes.clone()));
                    }
                }
                flying.retain(|(when, by, to, bytes)| {
                    if *when <= now {
                        let socket = by.map_or(&front, |by| &backs[&by]);
                        // Whoever is not there any more misses it, as on any network.
                        let _ = socket.send_to(bytes, to);
                    }
                    *when > now
                });
            }
        });
        Lossy { address, lost, doubled, is_over, thread: Some(thread) }
    }

    /// How many were lost, and how many doubled.
    pub fn counts(&self) -> (u64, u64) {
        (self.lost.load(Ordering::Relaxed), self.doubled.load(Ordering::Relaxed))
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
