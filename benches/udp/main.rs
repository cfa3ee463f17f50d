//! UDP, one datagram at a time, against the system calls themselves: `cargo bench --bench udp`.
//!
//! Every figure is a ratio to raw calls in the same run; 1.00 is as fast as they are, more is faster.

#[cfg(unix)]
#[path = "../kit/mod.rs"]
mod kit;
#[cfg(unix)]
mod one_way;
#[cfg(unix)]
mod ping_pong;
#[cfg(unix)]
mod precision;
#[cfg(unix)]
mod raw;

#[cfg(unix)]
fn main() {
    raw::pin_to_one_processor();
    one_way::run();
    ping_pong::run();
    precision::run();
}

#[cfg(not(unix))]
fn main() {
    println!("the raw calls to compare with are those of Unix");
}
