//! Servers of processes: a child for each connection, worker processes, and listeners that a service manager passes.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, reason = "the modules of one test program")]

mod children;
#[cfg(feature = "listen-fds")]
mod inherited;
#[path = "../kit/mod.rs"]
mod kit;
mod kit_output;
mod leaks;
mod orphans;
mod sigchld;
mod workers;
