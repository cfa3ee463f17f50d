//! A name server of an example's own, on the loopback interface: it knows a few names, and is
//! silent on those that begin with `silent.`.

use std::net::{IpAddr, SocketAddr};
use std::thread;

use simple_dns::rdata::{A, AAAA, RData, SOA};
use simple_dns::{CLASS, Name, Packet, QTYPE, RCODE, ResourceRecord, TYPE};
use socketry::{CancelToken, UdpEndpoint};

use super::Outcome;

/// A name and one of its addresses.
pub(crate) type Known<'a> = (&'a str, IpAddr);

/// For how many seconds its answers hold.
const TTL: u32 = 3_600;

/// Ends a server with its work, also if that panics.
pub(crate) struct Stop<'a>(pub(crate) &'a CancelToken);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Does some work while a server at that address knows these names.
pub(crate) fn with_name_server(known: &[Known<'_>], work: impl FnOnce(SocketAddr) -> Outcome) -> Outcome {
    let token = CancelToken::new()?;
    let endpoint = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0")?;
    let address = endpoint.local_addr();
    thread::scope(|scope| {
        let _stop = Stop(&token);
        scope.spawn(|| serve(&endpoint, known));
        work(address)
    })
}

fn serve(endpoint: &UdpEndpoint, known: &[Known<'_>]) {
    loop {
        match endpoint.recv() {
            // A datagram that is no query gets no answer.
            Ok(query) => {
                let _ = answer(query.bytes(), known).map(|answer| endpoint.send_to(answer, query.source()));
            }
            Err(error) if error.is_cancelled() => return,
            Err(error) => super::note(format_args!("name server: {error}")),
        }
    }
}

fn answer(query: &[u8], known: &[Known<'_>]) -> Option<Vec<u8>> {
    let query = Packet::parse(query).ok()?;
    let question = query.questions.first()?.clone();
    let name = question.qname.to_string();
    if name.starts_with("silent.") {
        return None;
    }
    let mut reply = Packet::new_reply(query.id());
    let own: Vec<IpAddr> = known.iter().filter(|(known, _)| *known == name).map(|(_, ip)| *ip).collect();
    let records = own.iter().filter_map(|ip| match (ip, question.qtype) {
        (IpAddr::V4(ip), QTYPE::TYPE(TYPE::A)) => Some(RData::A(A { address: (*ip).into() })),
        (IpAddr::V6(ip), QTYPE::TYPE(TYPE::AAAA)) => Some(RData::AAAA(AAAA { address: (*ip).into() })),
        _ => None,
    });
    let record = |data| ResourceRecord::new(question.qname.clone(), CLASS::IN, TTL, data);
    reply.answers = records.map(record).collect();
    if reply.answers.is_empty() {
        // That there is nothing holds as long as the zone says.
        let zone = Name::new_unchecked("example");
        let authority = SOA {
            mname: zone.clone(),
            rname: zone.clone(),
            serial: 1,
            refresh: 1,
            retry: 1,
            expire: 1,
            minimum: TTL,
        };
        reply.name_servers.push(ResourceRecord::new(zone, CLASS::IN, TTL, RData::SOA(authority)));
    }
    if own.is_empty() {
        *reply.rcode_mut() = RCODE::NameError;
    }
    reply.questions.push(question.clone());
    reply.build_bytes_vec().ok()
}
