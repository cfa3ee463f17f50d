//! What only shows under load and over time. It is not run with the other tests: without the word `run` it says how to.
//!
//! ```text
//! cargo test --release --test load -- run idle            9,000 connections that are silent beside 100 that ask
//! cargo test --release --test load -- run sequence        100,000 connections, one after the other
//! cargo test --release --test load -- run races 52        100,000 times two things at the same moment
//! cargo test --release --test load -- run soak MODEL 10   ten minutes of clients of all kinds, for one way of serving
//! ```
//!
//! Each server is a process of its own, this program again, so that what it holds can be read from `/proc`. All is bounded in
//! number and time, and a part that finds something wrong ends with code 1.
#![allow(unreachable_pub, reason = "its parts are modules of one program")]

#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
mod held;
#[cfg(target_os = "linux")]
mod idle;
#[cfg(target_os = "linux")]
#[path = "../kit/mod.rs"]
mod kit;
#[cfg(target_os = "linux")]
mod races;
#[cfg(target_os = "linux")]
mod sequence;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(target_os = "linux")]
mod unkind;

#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: kit::allocations::CountingAllocator = kit::allocations::CountingAllocator;

#[cfg(target_os = "linux")]
fn main() {
    // A worker or a child begins here.
    if server::be_part() {
        return;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // This program again, as another process.
        ["as-server", model] => server::be_server(model.parse().unwrap()),
        ["run", "idle"] => idle::run(),
        ["run", "sequence"] => sequence::run(100_000),
        ["run", "sequence", count] => sequence::run(count.parse().expect("a number of connections")),
        ["run", "races", times] => races::run(times.parse().expect("how many times as many as in the tests")),
        ["run", "soak", model, minutes] => {
            soak::run(model.parse().unwrap(), minutes.parse().expect("a number of minutes"));
        }
        _ => say_how(),
    }
}

#[cfg(target_os = "linux")]
fn say_how() {
    println!("not run: what it does takes minutes. One part of it by");
    println!(
        "  cargo test --release --test load -- run idle | sequence [COUNT] | races TIMES | soak MODEL MINUTES"
    );
    println!("where MODEL is one of {}", server::Model::ALL.map(|model| model.to_string()).join(", "));
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: what a process holds is read from the /proc of Linux");
}
