//! UDP, one datagram at a time, against the system calls themselves: `cargo bench --bench udp`.
//!
//! Every figure is a ratio to raw calls in the same run; 1.00 is as fast as they are, more is faster.

#[cfg(target_os = "linux")]
#[path = "../kit/mod.rs"]
mod kit;
#[cfg(target_os = "linux")]
mod one_way;
#[cfg(target_os = "linux")]
mod ping_pong;
#[cfg(target_os = "linux")]
mod precision;
#[cfg(target_os = "linux")]
mod raw;

#[cfg(target_os = "linux")]
fn main() {
    raw::pin_to_one_processor();
    one_way::run();
    ping_pong::run();
    precision::run();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the raw calls to compare with are those of Linux");
}
