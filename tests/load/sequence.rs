//! Connections one after the other, and what the process of the server holds at the beginning, in the middle and at the end.
//!
//! A port of the client's end is taken for a minute after it has closed first, and a system gives out 28,000 of them for each
//! address. So the clients come from sixteen addresses of the loopback network, by turns, and close as clients do.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::client::{Account, Visit};
use super::held::Held;
use super::server::{Model, Server};
use super::soak::KEPT;

/// How many clients at a time: each one's connections are one after the other.
const AT_A_TIME: usize = 2;

const ADDRESSES: usize = 16;

pub fn run(count: usize) {
    let mut is_well = true;
    for model in Model::ALL {
        // A process for each connection costs a thousand times the connection.
        let count = if model == Model::Children { count / 20 } else { count };
        is_well &= of(model, count);
    }
    std::process::exit(i32::from(!is_well));
}

fn of(model: Model, count: usize) -> bool {
    let mut server = Server::new(model);
    let address = server.start("many");
    let account = Account::default();
    let visits = |first: usize, last: usize| {
        let (account, each) = (&account, (last - first) / AT_A_TIME);
        std::thread::scope(|scope| {
            for client in 0..AT_A_TIME {
                scope.spawn(move || {
                    for number in 0..each {
                        let host = 1 + (number % (ADDRESSES / AT_A_TIME) * AT_A_TIME + client) as u8;
                        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 3, host));
                        account.visit(address, Visit { from, requests: 1, half_closes: number % 2 == 0 });
                    }
                });
            }
        });
    };
    let began = Instant::now();
    // What is made once is there after the first twentieth.
    visits(0, count / 20);
    let settle = || std::thread::sleep(Duration::from_millis(300));
    settle();
    let (start, heap) = (Held::by(server.id()), server.heap());
    visits(count / 20, count / 2);
    settle();
    let middle = Held::as_before(server.id(), &start, Duration::from_secs(15));
    visits(count / 2, count);
    settle();
    let end = Held::as_before(server.id(), &start, Duration::from_secs(15));
    let (took, heap_after) = (began.elapsed(), server.heap());
    let failures = account.failures.lock().unwrap();
    let counters = server.stop(Duration::from_secs(5));
    let is_well = failures.is_empty()
        && end.descriptors <= start.descriptors
        && end.threads <= start.threads
        && end.zombies == 0
        && heap_after <= heap + KEPT
        && counters.add_up()
        && (model == Model::Workers || counters.get("accepted") >= count as u64 / 2 * 2);
    println!("{model}: {count} connections in {took:.0?}, {} failed; {counters}", failures.len());
    println!("{model}: at a twentieth {start}; in the middle {middle}; at the end {end}");
    println!("{model}: bytes of the heap in use at a twentieth {heap}, at the end {heap_after}");
    failures.iter().take(5).for_each(|failure| println!("{model}: {failure:?}"));
    println!("{model}: {}", if is_well { "nothing wrong" } else { "FAILED" });
    is_well
}
