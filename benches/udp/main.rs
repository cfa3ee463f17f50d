//! UDP, one datagram at a time and in batches, against the system calls themselves:
//! `cargo bench --bench udp`, or a part of it by name: `cargo bench --bench udp -- batches`.
//!
//! Every figure is a ratio to raw calls in the same run; 1.00 is as fast as they are, more is
//! faster.

#[cfg(target_os = "linux")]
mod batches;
#[cfg(target_os = "linux")]
mod flood;
#[cfg(target_os = "linux")]
mod instructions;
#[cfg(target_os = "linux")]
#[path = "../kit/mod.rs"]
mod kit;
#[cfg(target_os = "linux")]
mod one_way;
#[cfg(target_os = "linux")]
mod others;
#[cfg(target_os = "linux")]
mod ping_pong;
#[cfg(target_os = "linux")]
mod precision;
#[cfg(target_os = "linux")]
mod raw;
#[cfg(target_os = "linux")]
mod raw_gso;
#[cfg(target_os = "linux")]
mod raw_many;
#[cfg(target_os = "linux")]
mod ways;

#[cfg(target_os = "linux")]
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // This program again, for valgrind.
    if let [word, kind, count, receives] = &words[..] {
        if word == "as-counted" {
            let (count, receives) = (count.parse().expect("a number"), receives.parse().expect("a bool"));
            return instructions::be(kind, count, receives);
        }
    }
    if flood::run_as_child() {
        return;
    }
    raw::pin_to_processor(0);
    let asked_for: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let parts: [(&str, fn()); 6] = [
        ("instructions", instructions::run),
        ("one_way", one_way::run),
        ("ping_pong", ping_pong::run),
        ("precision", precision::run),
        ("batches", batches::run),
        ("flood", flood::run),
    ];
    for (name, run) in parts {
        if asked_for.is_empty() || asked_for.iter().any(|part| part == name) {
            run();
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the raw calls to compare with are those of Linux");
}
