//! The sources of a lookup, in their order, and the results that end it.

/// A source of the addresses of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The hosts files.
    Files,
    /// The name servers.
    #[cfg(feature = "dns")]
    Dns,
    /// The resolver of the OS, for this source and all that follow.
    System,
}

/// The results of a source that end a lookup, besides success: nsswitch.conf(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Actions {
    /// The name does not exist, or has no such address.
    pub(crate) not_found: bool,
    /// The source did not respond.
    pub(crate) unavailable: bool,
    /// The source failed in another way.
    pub(crate) try_again: bool,
}

/// The sources of the lookup of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sources {
    steps: [(Source, Actions); MAX_STEPS],
    len: usize,
}

/// Each source once or twice. A longer list is left to the resolver of the OS.
#[cfg(feature = "dns")]
pub(super) const MAX_STEPS: usize = 4;
#[cfg(not(feature = "dns"))]
const MAX_STEPS: usize = 2;

const NO_ACTIONS: Actions = Actions { not_found: false, unavailable: false, try_again: false };

impl Sources {
    const NONE: Sources = Sources { steps: [(Source::System, NO_ACTIONS); MAX_STEPS], len: 0 };

    #[cfg(feature = "dns")]
    pub(crate) const FILES_DNS: Sources = Sources::files_and(Source::Dns);
    pub(crate) const FILES_SYSTEM: Sources = Sources::files_and(Source::System);

    const fn files_and(source: Source) -> Sources {
        let mut sources = Sources::NONE;
        sources.steps[0] = (Source::Files, NO_ACTIONS);
        sources.steps[1] = (source, NO_ACTIONS);
        sources.len = 2;
        sources
    }

    /// The source at a position.
    #[inline]
    pub(crate) fn get(&self, position: usize) -> Option<(Source, Actions)> {
        self.steps[..self.len].get(position).copied()
    }
}

#[cfg(feature = "dns")]
impl Sources {
    pub(super) fn none() -> Sources {
        Sources::NONE
    }

    /// Adds a source. One that is the same as the last is merged with it: either ends the lookup.
    /// Where there is no room for it, the OS has the rest.
    pub(super) fn push(&mut self, source: Source, actions: Actions) {
        if let Some((last, own)) = self.steps[..self.len].last_mut() {
            if *last == source && source == Source::Dns {
                own.not_found |= actions.not_found;
                own.unavailable |= actions.unavailable;
                own.try_again |= actions.try_again;
                return;
            }
        }
        let has_room = self.len < MAX_STEPS;
        let step = if has_room { (source, actions) } else { (Source::System, NO_ACTIONS) };
        let position = self.len.min(MAX_STEPS - 1);
        self.steps[position] = step;
        self.len = position + 1;
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Source, Actions)> + '_ {
        self.steps[..self.len].iter().copied()
    }
}
