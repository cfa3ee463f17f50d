//! One resolver in the hands of several threads.

use socketry::dns::IpFamilies;
use socketry::{CancelToken, TcpClient};

use super::rounds;
use crate::kit::{PATIENCE, dns};

/// Of those who want the same name one asks for all; whoever is stopped ends, and the others are
/// answered.
pub fn lookup(count: usize) {
    let server = dns::Server::start(|asked| dns::usual(asked).now(asked));
    let resolver = dns::of(&[server.address]).families(IpFamilies::Ipv4).build();
    rounds("a token and look-ups of one name", count, |dice| {
        resolver.flush();
        let token = CancelToken::new().unwrap();
        let stoppable =
            TcpClient::builder().cancel_token(&token).resolver(&resolver).connect_timeout(PATIENCE).build();
        let (stop, first) = (dice.moment(), dice.moment());
        std::thread::scope(|scope| {
            // It connects nowhere: an address for documentation.
            let connecting: Vec<_> =
                (0..2).map(|_| scope.spawn(|| stoppable.connect("host.test:9"))).collect();
            let others: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        first.wait();
                        resolver.lookup("host.test")
                    })
                })
                .collect();
            stop.wait();
            token.cancel();
            for connecting in connecting {
                let error = connecting.join().unwrap().unwrap_err();
                // Without a way to anywhere the system has said so before.
                let is_refused = error.kind() != socketry::ErrorKind::TimedOut;
                assert!(error.is_cancelled() || is_refused, "{error}");
            }
            for other in others {
                assert_eq!(other.join().unwrap().unwrap().addresses().len(), 1);
            }
        });
    });
}

/// Eight threads look three names up, of which the cache is emptied meanwhile.
pub fn names(count: usize) {
    let server = dns::Server::start(|asked| dns::usual(asked).now(asked));
    let resolver = dns::of(&[server.address]).families(IpFamilies::Ipv4).build();
    rounds("eight threads of one resolver", count, |_| {
        resolver.flush();
        let before = server.queries().len();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let resolver = resolver.clone();
                scope.spawn(move || {
                    for number in 0..6 {
                        let found =
                            resolver.lookup(["one.test", "two.test", "three.test"][(thread + number) % 3]);
                        assert_eq!(found.unwrap().addresses().len(), 1);
                        if (thread, number) == (0, 2) {
                            resolver.flush();
                        }
                    }
                });
            }
        });
        // A query is sent again when its answer takes long.
        let asked = server.queries().len() - before;
        assert!((3..=24).contains(&asked), "{asked} queries for three names, forgotten once");
    });
}
