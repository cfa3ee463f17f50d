//! TCP against the system calls themselves and against tokio: `cargo bench --bench tcp`, or one
//! part of it, such as `cargo bench --bench tcp -- connections`.
//!
//! Every figure is a ratio to something in the same run; 1.00 is as fast as that, more is faster.

#[cfg(target_os = "linux")]
mod active;
#[cfg(target_os = "linux")]
mod beside_idle;
#[cfg(target_os = "linux")]
mod bulk;
#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod connections;
#[cfg(target_os = "linux")]
mod connects;
#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod epoll_server;
#[cfg(target_os = "linux")]
mod file;
#[cfg(target_os = "linux")]
mod idle;
#[cfg(target_os = "linux")]
#[path = "../kit/mod.rs"]
mod kit;
#[cfg(target_os = "linux")]
mod line_servers;
#[cfg(target_os = "linux")]
mod lines;
#[cfg(target_os = "linux")]
mod ping_pong;
#[cfg(target_os = "linux")]
mod pipelined;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod raw;
#[cfg(target_os = "linux")]
mod server_process;
#[cfg(target_os = "linux")]
mod servers;
#[cfg(target_os = "linux")]
mod sleeping;
#[cfg(target_os = "linux")]
mod turns;

#[cfg(target_os = "linux")]
fn main() {
    // A worker or a child begins here, for the part that compares servers made of processes.
    if processes::is_one() {
        return processes::be_one();
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // This program again, as another process.
        ["as-clients"] => return connections::be_clients(),
        ["as-idle-server", model] => return idle::be_server(model),
        ["as-line-server", model, backlog, sleep] => return line_servers::be_server(model, backlog, sleep),
        _ => {}
    }
    let parts: [(&str, fn()); 13] = [
        ("ping_pong", ping_pong::run),
        ("bulk", bulk::run),
        ("file", file::run),
        ("lines", lines::run),
        ("connections", connections::run),
        ("connects", connects::run),
        ("processes", processes::run),
        ("idle", idle::run),
        ("beside_idle", beside_idle::run),
        ("active", active::run),
        ("sleeping", sleeping::run),
        ("crowd", crowd::run),
        ("pipelined", pipelined::run),
    ];
    let wanted = words.iter().find(|word| !word.starts_with('-'));
    for (_, run) in parts.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == name)) {
        run();
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the raw calls to compare with are those of Linux");
}
