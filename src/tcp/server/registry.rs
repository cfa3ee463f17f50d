//! The open connections of a server, to be found when it ends.

use std::fmt;
use std::sync::{Arc, Weak};

/// A connection, or a process that serves one.
pub(super) trait ActiveConnection: Send + Sync {
    /// The timeout of the shutdown has expired.
    fn abort(&self);

    /// The shutdown asks a process to exit.
    fn terminate(&self) {}

    /// The shutdown closes the connection if it waits for a request.
    fn close_if_idle(&self) {}
}

/// Slots are used again.
#[derive(Default)]
pub(super) struct Registry {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

enum Slot {
    Free,
    /// Admitted, and about to be created.
    Reserved,
    Active(Weak<dyn ActiveConnection>),
    Aborted,
}

impl Registry {
    /// Takes a slot; `is_aborted` if all connections were aborted before.
    pub(super) fn reserve(&mut self, is_aborted: bool) -> u32 {
        let own = if is_aborted { Slot::Aborted } else { Slot::Reserved };
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = own;
            return slot;
        }
        self.slots.push(own);
        (self.slots.len() - 1) as u32
    }

    /// Sets what is in the slot. Returns `false` if it was aborted before.
    pub(super) fn set(&mut self, slot: u32, connection: &Arc<dyn ActiveConnection>) -> bool {
        match &mut self.slots[slot as usize] {
            Slot::Aborted => false,
            slot => {
                *slot = Slot::Active(Arc::downgrade(connection));
                true
            }
        }
    }

    /// Frees the slot. Returns `true` if it was aborted before.
    pub(super) fn release(&mut self, slot: u32) -> bool {
        let was = std::mem::replace(&mut self.slots[slot as usize], Slot::Free);
        self.free.push(slot);
        matches!(was, Slot::Aborted)
    }

    pub(super) fn active(&self) -> Vec<Arc<dyn ActiveConnection>> {
        let active = self.slots.iter().filter_map(|slot| match slot {
            Slot::Active(connection) => connection.upgrade(),
            Slot::Free | Slot::Reserved | Slot::Aborted => None,
        });
        active.collect()
    }

    /// Marks all as aborted, and returns those that are not being dropped.
    pub(super) fn abort_all(&mut self) -> Vec<Arc<dyn ActiveConnection>> {
        let found = self.active();
        for slot in &mut self.slots {
            if !matches!(slot, Slot::Free) {
                *slot = Slot::Aborted;
            }
        }
        found
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}
