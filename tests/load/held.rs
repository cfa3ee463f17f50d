//! What a process holds, as /proc(5) tells it.

use std::fmt;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub descriptors: usize,
    pub threads: u64,
    /// Memory of its own, in KiB: not that of the program's file.
    pub memory: u64,
    /// Those that have ended and were not waited for are `zombies`.
    pub children: usize,
    pub zombies: usize,
}

impl Held {
    /// What the process holds now.
    pub fn by(process: u32) -> Held {
        let status =
            std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process is there");
        let of = |name: &str| -> u64 {
            let line = status.lines().find(|line| line.starts_with(name)).expect("a line of status");
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let children = children_of(process);
        Held {
            descriptors: std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count(),
            threads: of("Threads:"),
            memory: of("RssAnon:"),
            zombies: children.iter().filter(|(_, state)| *state == 'Z').count(),
            children: children.len(),
        }
    }

    pub fn by_this_process() -> Held {
        Held::by(std::process::id())
    }

    /// Waits until descriptors, threads and children are as they were; what they are then, or at the end of the patience.
    pub fn as_before(process: u32, before: &Held, patience: Duration) -> Held {
        let end = Instant::now() + patience;
        loop {
            let now = Held::by(process);
            if now.is_as(before) || Instant::now() >= end {
                return now;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether nothing is there that was not there before, but for memory.
    pub fn is_as(&self, before: &Held) -> bool {
        let counts = |held: &Held| (held.descriptors, held.threads, held.children, held.zombies);
        counts(self) == counts(before)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Held { descriptors, threads, memory, children, zombies } = self;
        write!(f, "{descriptors} descriptors, {threads} threads, {memory} KiB")?;
        match (children, zombies) {
            (0, 0) => Ok(()),
            _ => write!(f, ", {children} children, {zombies} zombies"),
        }
    }
}

/// The children of a process and their states. The kernel keeps the list for each thread.
pub fn children_of(process: u32) -> Vec<(u32, char)> {
    let numbers = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let children = numbers.filter_map(|number: u32| {
        let text = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        // The name stands in parentheses, and may have some itself.
        let mut fields = text.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?.chars().next()?;
        (fields.next()?.parse() == Ok(process)).then_some((number, state))
    });
    children.collect()
}
