//! Processes as /proc shows them, and the events of a server.

use std::sync::{Arc, Mutex};

use socketry::tcp::ServerEvent;

/// What a server has told.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<String>>>);

impl Events {
    pub fn observer(&self) -> impl Fn(&ServerEvent<'_>) + Send + Sync + 'static {
        let own = self.clone();
        move |event| own.0.lock().unwrap().push(event.to_string())
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// The children of a process, zombies included, as /proc(5) has them.
pub fn children_of(process: u32) -> Vec<u32> {
    let numbers = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    numbers.filter(|&number| status(number).is_some_and(|(parent, _, _)| parent == process)).collect()
}

pub fn children_of_this_process() -> Vec<u32> {
    children_of(std::process::id())
}

/// The parent, the group and the state of a process.
fn status(process: u32) -> Option<(u32, u32, char)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in parentheses, and may have some itself.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?, state))
}

/// Whether a process is there and is no zombie.
pub fn is_alive(process: u32) -> bool {
    status(process).is_some_and(|(_, _, state)| state != 'Z')
}

/// The process group of a process.
pub fn group_of(process: u32) -> Option<u32> {
    status(process).map(|(_, group, _)| group)
}

/// Whether somebody is in a process group.
pub fn group_exists(group: u32) -> bool {
    let numbers = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let mut all = numbers.filter_map(status);
    all.any(|(_, own, state)| own == group && state != 'Z')
}

/// How many descriptors a process has.
pub fn descriptors_of(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}
