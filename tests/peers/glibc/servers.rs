//! Name servers on port 53 of loopback addresses, each with a behavior.

use std::net::SocketAddr;
use std::time::Duration;

use simple_dns::RCODE;

use crate::kit::dns::{Asked, Replies, Server, on, reply_to};

#[derive(Clone, Copy, Debug)]
pub enum Behavior {
    /// Serves the zone.
    Normal,
    /// Returns NXDOMAIN for each name.
    KnowsNothing,
    /// Responds to each query with this response code.
    Fails(RCODE),
    /// Responds to each query that has EDNS with this response code.
    FailsEdns(RCODE),
    /// Drops each query that has EDNS.
    DropsEdns,
    Silent,
    /// Drops the given number of queries for each name and type, then serves the zone.
    Loses(usize),
    /// Truncates each response over UDP.
    Truncates,
    /// Truncates each response over UDP, and closes TCP connections without a response.
    TruncatesAndCloses,
    /// Sends forged responses before the valid one: with another identifier, and to another
    /// question.
    Lies,
}

/// The names of the zone, and their addresses.
const ZONE: [(&str, &[&str]); 9] = [
    ("db.corp.test", &["10.1.1.1"]),
    ("old.corp.test", &["10.9.9.9"]),
    ("www.example.test", &["192.0.2.1", "2001:db8::1"]),
    ("v4.example.test", &["192.0.2.4"]),
    ("v6.example.test", &["2001:db8::6"]),
    ("single", &["10.4.4.4"]),
    ("printer.local", &["10.3.3.3"]),
    ("end.example.test", &["10.5.5.5"]),
    ("under_score.example.test", &["10.6.6.6"]),
];

/// The number of aliases from `chain.example.test` to `end.example.test`.
const CHAIN: usize = 11;

fn answer(query: &Asked) -> Replies {
    let name = query.name.to_ascii_lowercase();
    let (mut reply, mut owner) = (reply_to(query), name.clone());
    match name.as_str() {
        "alias.example.test" => {
            reply = reply.alias(&owner, 60, "www.example.test");
            owner = "www.example.test".to_owned();
        }
        "bad.example.test" => {
            reply = reply.alias(&owner, 60, "a b.example.test");
            return reply.address("a b.example.test", 60, "10.66.66.66").now(query);
        }
        "chain.example.test" => {
            for hop in 0..CHAIN {
                let next = if hop + 1 == CHAIN {
                    "end.example.test".to_owned()
                } else {
                    format!("c{hop}.example.test")
                };
                reply = reply.alias(&owner, 60, &next);
                owner = next;
            }
        }
        _ => {}
    }
    let Some((_, addresses)) = ZONE.iter().find(|(own, _)| *own == owner) else {
        return reply.authority(60, 60).code(RCODE::NameError).now(query);
    };
    let of_kind = addresses.iter().filter(|ip| ip.contains(':') == (query.kind == "AAAA"));
    let mut count = 0;
    for ip in of_kind {
        reply = reply.address(&owner, 60, ip);
        count += 1;
    }
    if count == 0 {
        reply = reply.authority(60, 60);
    }
    reply.now(query)
}

fn fails(query: &Asked, code: RCODE) -> Replies {
    reply_to(query).code(code).now(query)
}

impl Behavior {
    pub fn start(self, ip: &str) -> Server {
        let address = SocketAddr::new(ip.parse().unwrap(), 53);
        let seen = std::sync::Mutex::new(std::collections::HashMap::<(String, String), usize>::new());
        Server::start_at(address, move |query| match self {
            Behavior::Normal => answer(query),
            Behavior::KnowsNothing => reply_to(query).authority(60, 60).code(RCODE::NameError).now(query),
            Behavior::Fails(code) => fails(query, code),
            Behavior::FailsEdns(code) if query.has_edns => fails(query, code),
            Behavior::DropsEdns if query.has_edns => Vec::new(),
            Behavior::FailsEdns(_) | Behavior::DropsEdns => answer(query),
            Behavior::Silent => Vec::new(),
            Behavior::Loses(count) => {
                let mut seen = seen.lock().unwrap();
                let own = seen.entry((query.name.clone(), query.kind.clone())).or_default();
                *own += 1;
                if *own <= count { Vec::new() } else { answer(query) }
            }
            Behavior::Truncates | Behavior::TruncatesAndCloses if !query.by_tcp => {
                reply_to(query).with(simple_dns::PacketFlag::TRUNCATION).now(query)
            }
            Behavior::TruncatesAndCloses => Vec::new(),
            Behavior::Truncates => answer(query),
            Behavior::Lies => {
                let right = answer(query);
                let mut wrong = reply_to(query).address(&query.name, 60, "10.66.66.66").bytes();
                wrong[0] ^= 0x55;
                let mut other = reply_to(query).address(&query.name, 60, "10.66.66.66").bytes();
                // The name in the question.
                other[13] ^= 1;
                let lies = [wrong, other].map(|bytes| (Duration::ZERO, on(query, bytes)));
                lies.into_iter().chain(right).collect()
            }
        })
    }
}
