//! A scripted name server, with UDP and TCP on one port of the loopback interface.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use simple_dns::rdata::{A, AAAA, CNAME, MX, PTR, RData, SOA, SRV, TXT};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

/// A query that the server received.
#[derive(Clone, Debug)]
pub struct Asked {
    pub bytes: Vec<u8>,
    pub name: String,
    pub kind: String,
    pub by_tcp: bool,
    pub has_edns: bool,
    /// The source address of the query.
    pub from: SocketAddr,
    /// The number of the query, starting at 0.
    pub number: usize,
}

/// The bytes that the server sends, each after a delay. Over TCP, they include the length field,
/// which [`on`] adds.
pub type Replies = Vec<(Duration, Vec<u8>)>;

type Script = dyn Fn(&Asked) -> Replies + Send + Sync;

pub struct Server {
    pub address: SocketAddr,
    pub asked: Arc<Mutex<Vec<Asked>>>,
    is_over: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Server {
    pub fn start(script: impl Fn(&Asked) -> Replies + Send + Sync + 'static) -> Server {
        Server::on(bind_both(), script, false)
    }

    /// Starts a server at a fixed address. The test must run in its own network namespace, where
    /// the port is free. A TCP connection accepts queries until the script returns no response.
    pub fn start_at(
        address: SocketAddr,
        script: impl Fn(&Asked) -> Replies + Send + Sync + 'static,
    ) -> Server {
        let sockets = (UdpSocket::bind(address).unwrap(), TcpListener::bind(address).unwrap());
        Server::on(sockets, script, true)
    }

    fn on(
        (udp, tcp): (UdpSocket, TcpListener),
        script: impl Fn(&Asked) -> Replies + Send + Sync + 'static,
        keeps_open: bool,
    ) -> Server {
        let address = udp.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (script, count): (Arc<Script>, _) = (Arc::new(script), Arc::new(AtomicUsize::new(0)));
        let answer = {
            let asked = Arc::clone(&asked);
            move |bytes: &[u8], by_tcp: bool, from: SocketAddr| -> Replies {
                let Ok(packet) = Packet::parse(bytes) else { return Vec::new() };
                let question = &packet.questions[0];
                let kind = match question.qtype {
                    QTYPE::TYPE(kind) => format!("{kind:?}"),
                    other => format!("{other:?}"),
                };
                let query = Asked {
                    bytes: bytes.to_vec(),
                    name: question.qname.to_string(),
                    kind,
                    by_tcp,
                    has_edns: packet.opt().is_some(),
                    from,
                    number: count.fetch_add(1, Ordering::SeqCst),
                };
                asked.lock().unwrap().push(query.clone());
                script(&query)
            }
        };
        let mut threads = Vec::new();
        let (own, over) = (answer.clone(), Arc::clone(&is_over));
        udp.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        threads.push(std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while !over.load(Ordering::Relaxed) {
                let Ok((length, from)) = udp.recv_from(&mut buffer) else { continue };
                let replies = own(&buffer[..length], false, from);
                // Responses are sent by a separate thread, so their delays do not block other
                // queries.
                let socket = udp.try_clone().unwrap();
                std::thread::spawn(move || {
                    for (wait, bytes) in replies {
                        std::thread::sleep(wait);
                        let _ = socket.send_to(&bytes, from);
                    }
                });
            }
        }));
        let over = Arc::clone(&is_over);
        tcp.set_nonblocking(true).unwrap();
        threads.push(std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let Ok((mut stream, from)) = tcp.accept() else {
                    std::thread::sleep(Duration::from_millis(2));
                    continue;
                };
                let own = answer.clone();
                std::thread::spawn(move || {
                    stream.set_nonblocking(false).unwrap();
                    stream.set_nodelay(true).unwrap();
                    loop {
                        let mut length = [0; 2];
                        stream.read_exact(&mut length).ok()?;
                        let mut query = vec![0; u16::from_be_bytes(length).into()];
                        stream.read_exact(&mut query).ok()?;
                        let replies = own(&query, true, from);
                        let is_last = !keeps_open || replies.is_empty();
                        for (wait, bytes) in replies {
                            std::thread::sleep(wait);
                            stream.write_all(&bytes).ok()?;
                        }
                        if is_last {
                            return Some(());
                        }
                    }
                });
            }
        }));
        Server { address, asked, is_over, threads }
    }

    /// A server that receives queries and never responds.
    pub fn silent() -> Server {
        Server::start(|_| Vec::new())
    }

    pub fn queries(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

/// Binds UDP and TCP sockets to the same port.
pub fn bind_both() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
}

/// A builder for a response.
pub struct Reply<'a> {
    packet: Packet<'a>,
}

pub fn reply_to(asked: &Asked) -> Reply<'static> {
    let query = Packet::parse(&asked.bytes).unwrap();
    let mut packet = Packet::new_reply(query.id());
    packet.set_flags(PacketFlag::RECURSION_DESIRED | PacketFlag::RECURSION_AVAILABLE);
    packet.questions = query.questions.iter().cloned().map(simple_dns::Question::into_owned).collect();
    Reply { packet }
}

impl Reply<'static> {
    fn record(mut self, name: &str, ttl: u32, data: RData<'static>) -> Self {
        let name = Name::new_unchecked(name).into_owned();
        self.packet.answers.push(ResourceRecord::new(name, CLASS::IN, ttl, data));
        self
    }

    pub fn address(self, name: &str, ttl: u32, ip: &str) -> Self {
        let data = match ip.parse().unwrap() {
            IpAddr::V4(ip) => RData::A(A { address: ip.to_bits() }),
            IpAddr::V6(ip) => RData::AAAA(AAAA { address: ip.to_bits() }),
        };
        self.record(name, ttl, data)
    }

    pub fn alias(self, name: &str, ttl: u32, to: &str) -> Self {
        self.record(name, ttl, RData::CNAME(CNAME(Name::new_unchecked(to).into_owned())))
    }

    pub fn pointer(self, name: &str, to: &str) -> Self {
        self.record(name, 60, RData::PTR(PTR(Name::new_unchecked(to).into_owned())))
    }

    pub fn mail(self, name: &str, preference: u16, to: &str) -> Self {
        let exchange = Name::new_unchecked(to).into_owned();
        self.record(name, 60, RData::MX(MX { preference, exchange }))
    }

    pub fn service(self, name: &str, priority: u16, port: u16, to: &str) -> Self {
        let target = Name::new_unchecked(to).into_owned();
        self.record(name, 60, RData::SRV(SRV { priority, weight: 5, port, target }))
    }

    pub fn text(self, name: &str, parts: &[&'static str]) -> Self {
        let text = parts.iter().fold(TXT::new(), |text, part| text.with_string(part).unwrap());
        self.record(name, 60, RData::TXT(text))
    }

    pub fn authority(mut self, ttl: u32, minimum: u32) -> Self {
        let name = || Name::new_unchecked("test").into_owned();
        let soa = SOA { mname: name(), rname: name(), serial: 1, refresh: 1, retry: 1, expire: 1, minimum };
        self.packet.name_servers.push(ResourceRecord::new(name(), CLASS::IN, ttl, RData::SOA(soa)));
        self
    }

    pub fn code(mut self, code: RCODE) -> Self {
        *self.packet.rcode_mut() = code;
        self
    }

    pub fn without(mut self, flags: PacketFlag) -> Self {
        self.packet.remove_flags(flags);
        self
    }

    pub fn with(mut self, flags: PacketFlag) -> Self {
        self.packet.set_flags(flags);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.packet.build_bytes_vec_compressed().unwrap()
    }

    /// Sends the response immediately, over the protocol of the query.
    pub fn now(self, asked: &Asked) -> Replies {
        vec![(Duration::ZERO, on(asked, self.bytes()))]
    }

    pub fn after(self, asked: &Asked, millis: u64) -> Replies {
        vec![(Duration::from_millis(millis), on(asked, self.bytes()))]
    }
}

/// Adds the length field if the query was received over TCP.
pub fn on(asked: &Asked, bytes: Vec<u8>) -> Vec<u8> {
    if asked.by_tcp { [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat() } else { bytes }
}

/// A response with the address of the queried type: 192.0.2.1 or 2001:db8::1.
pub fn usual(asked: &Asked) -> Reply<'static> {
    let reply = reply_to(asked);
    let name = asked.name.clone();
    match asked.kind.as_str() {
        "A" => reply.address(&name, 60, "192.0.2.1"),
        "AAAA" => reply.address(&name, 60, "2001:db8::1"),
        _ => reply,
    }
}

pub fn is_type(asked: &Asked, kind: TYPE) -> bool {
    asked.kind == format!("{kind:?}")
}

/// A builder for a resolver that uses these servers and no configuration of this host.
pub fn of(servers: &[SocketAddr]) -> socketry::dns::ResolverBuilder {
    let builder = socketry::Resolver::builder()
        .use_hosts(false)
        .resolv_conf("/nowhere/resolv.conf")
        .query_timeout(Duration::from_millis(400));
    servers.iter().fold(builder.timeout(super::PATIENCE), |builder, server| {
        builder.server(&server.to_string()).unwrap()
    })
}

pub fn only_v4(server: &Server) -> socketry::dns::ResolverBuilder {
    of(&[server.address]).families(socketry::dns::IpFamilies::Ipv4)
}

pub fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Looks up `host.test`, which must have the [`usual`] IPv4 address. Returns the duration of the
/// lookup.
#[track_caller]
pub fn assert_found(server: &Server) -> Duration {
    let began = Instant::now();
    let found = only_v4(server).build().lookup("host.test").unwrap();
    assert_eq!(found.addresses(), ips(&["192.0.2.1"]));
    began.elapsed()
}
