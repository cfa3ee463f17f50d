//! The interfaces of this machine as a responder last read them: a lookup for each datagram, and a list
//! only after a change.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::links::network_interfaces;
use crate::error::Result;
use crate::options::NetworkInterface;
use crate::sys::{InterfaceChanges, name_of};
use crate::udp::RecvMeta;

/// How often the OS is asked for changes, at most.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// How often the list is read because of an interface that is not in it.
const UNKNOWN_INTERVAL: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct InterfaceTable {
    changes: InterfaceChanges,
    /// By index.
    interfaces: Vec<NetworkInterface>,
    checked: Instant,
    listed: Instant,
    /// Counts the times that the list was read.
    generation: u64,
}

impl InterfaceTable {
    pub(super) fn new(now: Instant) -> Result<InterfaceTable> {
        // First, so that a change after the list is seen.
        let changes = InterfaceChanges::new();
        let mut table =
            InterfaceTable { changes, interfaces: Vec::new(), checked: now, listed: now, generation: 0 };
        table.list(now)?;
        Ok(table)
    }

    fn list(&mut self, now: Instant) -> Result<()> {
        self.interfaces = network_interfaces()?;
        self.interfaces.sort_by_key(|interface| interface.index);
        self.listed = now;
        self.generation += 1;
        Ok(())
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn all(&self) -> &[NetworkInterface] {
        &self.interfaces
    }

    /// Reads the list if it has changed. Returns its generation.
    pub(super) fn refresh(&mut self, now: Instant) -> Result<u64> {
        if now.saturating_duration_since(self.checked) >= CHECK_INTERVAL {
            self.checked = now;
            if self.changes.has_changed() {
                self.list(now)?;
            }
        }
        Ok(self.generation)
    }

    fn by_index(&self, index: u32) -> Option<&NetworkInterface> {
        let found = self.interfaces.binary_search_by_key(&index, |interface| interface.index);
        found.ok().and_then(|place| self.interfaces.get(place))
    }

    /// Returns the interface on which a datagram arrived, or if the OS does not report it, the one in
    /// whose network the sender is.
    pub(super) fn of(&mut self, meta: &RecvMeta, now: Instant) -> Result<Option<&NetworkInterface>> {
        let Some(index) = meta.interface_index() else { return Ok(self.reaching(meta.source().ip())) };
        let may_list = now.saturating_duration_since(self.listed) >= UNKNOWN_INTERVAL;
        if self.by_index(index).is_none() && may_list {
            self.list(now)?;
        }
        Ok(self.by_index(index))
    }

    fn reaching(&self, ip: IpAddr) -> Option<&NetworkInterface> {
        self.interfaces.iter().find(|interface| interface.reaches(ip))
    }
}

/// Returns the name of an interface that is not in the table.
pub(super) fn unlisted_name(meta: &RecvMeta) -> Box<str> {
    let name = meta.interface_index().and_then(|index| name_of(index).ok());
    name.map(String::into_boxed_str).unwrap_or_default()
}

/// Returns the name of the interface on which a datagram arrived, if it is known.
pub(super) fn name_in(interfaces: &[NetworkInterface], meta: &RecvMeta) -> Box<str> {
    let found = match meta.interface_index() {
        Some(index) => interfaces.iter().find(|interface| interface.index == index),
        None => interfaces.iter().find(|interface| interface.reaches(meta.source().ip())),
    };
    found.map_or_else(|| unlisted_name(meta), |interface| interface.name.clone())
}
