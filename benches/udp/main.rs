//! UDP, one datagram at a time, against the system calls themselves: `cargo bench --bench udp`.
//!
//! Every figure is a ratio to raw calls in the same run; 1.00 is as fast as they are, more is faster.

#[cfg(target_os = "linux")]
mod instructions;
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
    let words: Vec<String> = std::env::args().skip(1).collect();
    // This program again, for valgrind.
    if let [word, kind, count] = &words[..] {
        if word == "as-counted" {
            return instructions::be(kind, count.parse().expect("a number"));
        }
    }
    raw::pin_to_one_processor();
    instructions::run();
    one_way::run();
    ping_pong::run();
    precision::run();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the raw calls to compare with are those of Linux");
}
