//! Replies in batches, from the address of the request.

use std::net::SocketAddr;

use crate::kit::*;
use socketry::UdpEndpoint;
use socketry::udp::{RecvBatch, UdpBatchEndpoint};

/// A server at a wildcard address, and clients that accept replies of the address that they have
/// asked only. Some replies have the same size and client, so that the OS segments a message.
#[test]
fn batch_replies_are_sent_from_the_address_of_the_request() {
    for (wildcard, addresses) in
        [("0.0.0.0:0", &["127.0.0.1", "127.0.0.2", "127.0.0.3"][..]), ("[::]:0", &["::1"][..])]
    {
        if !cfg!(target_os = "linux") && wildcard.starts_with('0') {
            skip(Need::Platform, "only Linux has 127.0.0.2");
            continue;
        }
        let Ok(server) = UdpEndpoint::builder().read_timeout(PATIENCE).bind(wildcard) else {
            skip(Need::Ipv6, format!("{wildcard} cannot be bound"));
            continue;
        };
        let server = UdpBatchEndpoint::new(server);
        let port = server.local_addr().port();
        let clients: Vec<UdpEndpoint> = addresses
            .iter()
            .map(|ip| {
                let to = SocketAddr::new(ip.parse().unwrap(), port);
                UdpEndpoint::builder().read_timeout(PATIENCE).connect(to).unwrap()
            })
            .collect();
        for round in 0..3 {
            clients.iter().for_each(|client| client.send([round]).unwrap());
        }
        let (mut requests, mut replies) = (RecvBatch::new(), server.batch());
        let mut count = 0;
        while count < 3 * clients.len() {
            count += server.recv_batch(&mut requests).unwrap();
            for request in &requests {
                for size in [100, 100, 30] {
                    replies.push_reply(request.meta(), vec![request.bytes()[0]; size]).unwrap();
                }
            }
        }
        assert_eq!(server.send_batch(&mut replies).unwrap(), 9 * clients.len());
        for client in &clients {
            let sizes = (0..9).map(|_| {
                let reply = client.recv().unwrap();
                (reply.bytes()[0], reply.len())
            });
            let expected = (0..3).flat_map(|round| [100, 100, 30].map(|size| (round, size)));
            assert_eq!(sizes.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{wildcard}");
        }
    }
}

/// A connected endpoint, and one with a single address, have one source.
#[test]
fn batch_replies_of_an_endpoint_with_one_address() {
    let (server, client) = (local(), local());
    client.send_to("ping", server.local_addr()).unwrap();
    let request = server.recv().unwrap();
    let mut replies = server.batch();
    replies.push_reply(&request, "pong").unwrap();
    replies.push_reply(request.meta(), "pong").unwrap();
    assert_eq!(server.send_batch(&mut replies).unwrap(), 2);
    for _ in 0..2 {
        assert_eq!(client.recv_timeout(PATIENCE).unwrap().source(), server.local_addr());
    }
}
