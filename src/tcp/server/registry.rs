//! Who is inside, to be found when a server ends.

use std::sync::{Arc, Weak};

use super::hooks::Terminate;
use crate::tcp::connection::Inner;

/// Somebody inside: a connection, or a process that serves one.
pub(super) trait Inside: Terminate + Send + Sync {
    /// The shutdown's time is over.
    fn cut(&self);
}

impl Terminate for Inner {}

impl Inside for Inner {
    fn cut(&self) {
        Inner::cut(self);
    }
}

/// A slot is used again.
#[derive(Default)]
pub(super) struct Registry {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

enum Slot {
    Free,
    /// Admitted, and about to be made.
    Expected,
    Inside(Weak<dyn Inside>),
    Cut,
}

impl Registry {
    pub(super) fn reserve(&mut self) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Slot::Expected;
            return slot;
        }
        self.slots.push(Slot::Expected);
        (self.slots.len() - 1) as u32
    }

    /// Who has the slot. False if it was cut before.
    pub(super) fn set(&mut self, slot: u32, inside: &Arc<dyn Inside>) -> bool {
        match &mut self.slots[slot as usize] {
            Slot::Cut => false,
            slot => {
                *slot = Slot::Inside(Arc::downgrade(inside));
                true
            }
        }
    }

    /// Whether the one that leaves was cut before.
    pub(super) fn release(&mut self, slot: u32) -> bool {
        let was = std::mem::replace(&mut self.slots[slot as usize], Slot::Free);
        self.free.push(slot);
        matches!(was, Slot::Cut)
    }

    pub(super) fn inside(&self) -> Vec<Arc<dyn Inside>> {
        let inside = self.slots.iter().filter_map(|slot| match slot {
            Slot::Inside(inside) => inside.upgrade(),
            Slot::Free | Slot::Expected | Slot::Cut => None,
        });
        inside.collect()
    }

    pub(super) fn cut(&mut self) -> (u64, Vec<Arc<dyn Inside>>) {
        // One that is just being dropped ends by the switch that it polls.
        let found = self.inside();
        let mut count = 0;
        for slot in &mut self.slots {
            if !matches!(slot, Slot::Free | Slot::Cut) {
                *slot = Slot::Cut;
                count += 1;
            }
        }
        (count, found)
    }
}
