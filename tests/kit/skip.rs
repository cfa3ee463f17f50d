//! Tests that cannot run here: each is listed and counted when the test program ends, and is a
//! failure where its need is required.
//!
//! `SOCKETRY_REQUIRE` names the needs that this machine must meet, such as `strace ipv6`, or `all`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// What a test needs beyond Rust and a loopback interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A program in the `PATH`.
    Program(&'static str),
    /// `strace`, and the permission to trace.
    Strace,
    /// The rights of root over the network and over mounts, if only in a user namespace.
    NetAdmin,
    /// An IPv6 loopback address.
    Ipv6,
    /// A host name in `/etc/hosts` beside localhost.
    HostsEntry,
    /// An OS on which the tested behavior exists. `all` does not include it.
    Platform,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Program(name) => name,
            Need::Strace => "strace",
            Need::NetAdmin => "net-admin",
            Need::Ipv6 => "ipv6",
            Need::HostsEntry => "hosts-entry",
            Need::Platform => "platform",
        })
    }
}

impl Need {
    fn is_required(self) -> bool {
        let required = std::env::var("SOCKETRY_REQUIRE").unwrap_or_default();
        let name = self.to_string();
        required.split([' ', ',']).any(|word| word == name || (word == "all" && self != Need::Platform))
    }
}

/// The names of skipped tests, with the first reason of each.
static SKIPPED: Mutex<BTreeMap<String, (String, String)>> = Mutex::new(BTreeMap::new());

/// The path of the running test, which the test runner has given to its thread as a name.
pub fn current_test() -> Option<String> {
    std::thread::current().name().filter(|name| name.contains("::")).map(str::to_owned)
}

/// The path of a function in its test program.
pub fn path_of<T>() -> String {
    let path = std::any::type_name::<T>();
    path.split_once("::").map_or(path, |(_, path)| path).to_owned()
}

/// Records that the running test, or a part of it, does not run. Panics where the need is required.
#[track_caller]
pub fn skip(need: Need, reason: impl Into<String>) {
    let reason = reason.into();
    assert!(!need.is_required(), "SOCKETRY_REQUIRE contains {need}, but {reason}");
    let caller = std::panic::Location::caller();
    let test = current_test().unwrap_or_else(|| format!("{}:{}", caller.file(), caller.line()));
    record(test, need.to_string(), reason);
}

/// Records a skip that another process has reported as a line of its summary.
pub fn record_line(test: &str, line: &str) -> bool {
    let Some((_, rest)) = line.split_once(SEPARATOR) else { return false };
    let Some((need, reason)) = rest.split_once(": ") else { return false };
    record(test.to_owned(), need.to_owned(), reason.to_owned());
    true
}

const SEPARATOR: &str = " skipped, needs ";

fn record(test: String, need: String, reason: String) {
    let mut skipped = SKIPPED.lock().unwrap_or_else(PoisonError::into_inner);
    if skipped.is_empty() {
        // SAFETY: the function takes nothing, does not unwind, and is in this program until it
        // ends.
        unsafe { atexit(summarize) };
    }
    skipped.entry(test).or_insert((need, reason));
}

unsafe extern "C" {
    /// Of the C library on every system: the test runner prints its result and calls `exit`.
    fn atexit(function: extern "C" fn()) -> std::ffi::c_int;
}

/// Prints every skipped test, and in the last line how many there were and why.
extern "C" fn summarize() {
    use std::io::Write;
    let skipped = SKIPPED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut text = String::new();
    for (test, (need, reason)) in &*skipped {
        *counts.entry(need).or_default() += 1;
        text += &format!("{test}{SEPARATOR}{need}: {reason}\n");
    }
    let counts: Vec<String> = counts.iter().map(|(need, count)| format!("{need} {count}")).collect();
    let (count, plural) = (skipped.len(), if skipped.len() == 1 { "" } else { "s" });
    text += &format!("skipped {count} test{plural}: {}\n", counts.join(", "));
    let _ = std::io::stdout().write_all(text.as_bytes());
}
