//! How late a timeout expires: there is no sender, and the time after the timeout is measured.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use socketry::{CancelToken, UdpEndpoint};

use super::kit::{is_smoke_run, median};

pub(crate) fn run() {
    println!("\nhow late a wait without a datagram ends, in ms: median, and the worst of the run");
    println!("  {:<10} {:>16} {:>22} {:>22}", "asked", "std", "socketry", "socketry, token");
    let token = CancelToken::new().unwrap();
    let plain = UdpEndpoint::bind("127.0.0.1:0").unwrap();
    let stoppable = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0").unwrap();
    let std = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (milliseconds, rounds) in [(1, 50), (10, 20), (50, 10), (200, 5), (1000, 2)] {
        let asked = Duration::from_millis(milliseconds);
        let rounds = if is_smoke_run() { 1 } else { rounds };
        let late = |wait: &dyn Fn()| {
            let late = (0..rounds).map(|_| {
                let start = Instant::now();
                wait();
                (start.elapsed().as_secs_f64() - asked.as_secs_f64()) * 1e3
            });
            let late: Vec<f64> = late.collect();
            let worst = late.iter().copied().fold(f64::MIN, f64::max);
            format!("{:.2} ({worst:.2})", median(late))
        };
        let by_std = late(&|| {
            std.set_read_timeout(Some(asked)).unwrap();
            assert!(std.recv(&mut [0; 8]).is_err());
        });
        let by_plain = late(&|| assert!(plain.recv_timeout(asked).is_err()));
        let by_stoppable = late(&|| assert!(stoppable.recv_timeout(asked).is_err()));
        println!("  {:<10} {by_std:>16} {by_plain:>22} {by_stoppable:>22}", format!("{asked:?}"));
    }
}
