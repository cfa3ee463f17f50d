//! What the hosts files have of a name or an address, within the limit of the lookup.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::answer::{AnswerSource, Distinct, Resolved};
use super::failure::{Interrupted, ResolveError};
use super::files::Unread;
use super::inner::Inner;
use crate::error::{Error, Operation, Result};
use crate::proto::dns::hosts::{Hosts, Line};
use crate::proto::dns::name::NameRef;
use crate::sys;
use crate::wait::{WaitError, WaitLimit};

/// More addresses of one name in a file are a mistake.
const MAX_ADDRESSES: usize = 1_000;

/// The lines of one name that count.
const MAX_LINES: usize = 10_000;

/// The interfaces whose index is looked up in one lookup.
const MAX_ZONES: usize = 64;

/// No name of an interface is longer on any OS.
const MAX_ZONE: usize = 256;

/// How many lines are inspected between two looks at the limit.
const LINES_PER_CHECK: usize = 1_024;

/// The indexes of the interfaces that a lookup has met by name.
#[derive(Default)]
struct Zones<'a>(Vec<(&'a str, Option<u32>)>);

impl<'a> Zones<'a> {
    /// The index of an interface by its name or number. `find` is called once for each name.
    fn scope(&mut self, zone: &'a str, find: impl FnOnce(&str) -> Option<u32>) -> Option<u32> {
        if let Ok(index) = zone.parse() {
            return Some(index);
        }
        if let Some((_, scope)) = self.0.iter().find(|(known, _)| *known == zone) {
            return *scope;
        }
        if self.0.len() >= MAX_ZONES || zone.len() > MAX_ZONE {
            return None;
        }
        let scope = find(zone);
        self.0.push((zone, scope));
        scope
    }
}

/// Why a search of a file ended early.
enum Stop {
    /// There are more lines than may be inspected while the file is locked.
    Locked,
    Interrupted(Interrupted),
}

/// Checks the limit once for every 1,024 lines. `None` while the file is locked.
fn check(lines: usize, limit: Option<&WaitLimit<'_>>) -> std::result::Result<(), Stop> {
    if lines % LINES_PER_CHECK != LINES_PER_CHECK - 1 {
        return Ok(());
    }
    limit.ok_or(Stop::Locked)?.check().map_err(|error| match error {
        WaitError::Cancelled => Stop::Interrupted(Interrupted::Cancelled),
        _ => Stop::Interrupted(Interrupted::TimedOut(Arc::default())),
    })
}

impl Inner {
    /// The addresses of a name that is in a file. It is an error if they are of the other family.
    pub(super) fn found_in_hosts(
        &self,
        host: &str,
        name: NameRef<'_>,
        limit: &WaitLimit<'_>,
        now: Instant,
    ) -> Result<Option<Resolved>> {
        match self.in_hosts(host, name, limit, now)? {
            Some(found) if found.is_empty() => {
                Err(ResolveError::NoRecords(self.kind_name()).into_error(host))
            }
            found => Ok(found),
        }
    }

    /// What the first file that has the name contains, which may be nothing that is wanted.
    fn in_hosts(
        &self,
        host: &str,
        name: NameRef<'_>,
        limit: &WaitLimit<'_>,
        now: Instant,
    ) -> Result<Option<Resolved>> {
        let find = |hosts: &Hosts, limit: Option<&WaitLimit<'_>>| self.in_file(hosts, name, limit);
        self.in_first_file(limit, now, find).map_err(|unread| self.unread(unread, host, limit))
    }

    /// The first name of an address in the first file that has it.
    pub(super) fn name_in_hosts(
        &self,
        ip: IpAddr,
        limit: &WaitLimit<'_>,
        now: Instant,
    ) -> Result<Option<String>> {
        let find = |hosts: &Hosts, limit: Option<&WaitLimit<'_>>| {
            for (count, candidate) in hosts.names_of(ip).enumerate() {
                check(count, limit)?;
                if let Some(name) = candidate {
                    return Ok(Some(name));
                }
            }
            Ok(None)
        };
        self.in_first_file(limit, now, find).map_err(|unread| self.unread(unread, &ip.to_string(), limit))
    }

    fn in_first_file<R>(
        &self,
        limit: &WaitLimit<'_>,
        now: Instant,
        find: impl Fn(&Hosts, Option<&WaitLimit<'_>>) -> std::result::Result<Option<R>, Stop>,
    ) -> std::result::Result<Option<R>, Unread> {
        for hosts in &self.hosts {
            hosts.wait_until_read(limit)?;
            let found = match hosts.with(now, |hosts| find(hosts, None)) {
                Err(Stop::Locked) => find(&hosts.contents(now), Some(limit)),
                found => found,
            };
            match found {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(Stop::Interrupted(why)) => return Err(Unread::Interrupted(why)),
                Err(Stop::Locked) => unreachable!("the limit is checked"),
            }
        }
        Ok(None)
    }

    fn in_file(
        &self,
        hosts: &Hosts,
        name: NameRef<'_>,
        limit: Option<&WaitLimit<'_>>,
    ) -> std::result::Result<Option<Resolved>, Stop> {
        let mut found = Distinct::default();
        let (mut lines, mut zones) = (0, Zones::default());
        for (count, candidate) in hosts.candidates(name).enumerate() {
            check(count, limit)?;
            let Some((ip, zone)) = candidate.and_then(Line::address) else { continue };
            lines += 1;
            if self.wants(ip) {
                match zone.map(|zone| zones.scope(zone, |name| sys::index_of(name).ok())) {
                    None => found.push(ip, 0),
                    Some(Some(scope)) => found.push(ip, scope),
                    // An address on an interface that does not exist is unreachable.
                    Some(None) => {}
                }
            }
            if lines == MAX_LINES || found.len() == MAX_ADDRESSES {
                break;
            }
        }
        Ok((lines > 0).then(|| found.into_resolved(AnswerSource::Hosts)))
    }

    fn unread(&self, unread: Unread, host: &str, limit: &WaitLimit<'_>) -> Error {
        match unread {
            Unread::Interrupted(why) => self.interrupted(why, &[], host, limit),
            Unread::NoThread(error) => {
                limit.timed(sys::thread_failure(Operation::Resolve, error).at(host.escape_debug()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_name_is_looked_up_once_and_zones_are_limited() {
        let names: Vec<String> = (0..2 * MAX_ZONES).map(|n| format!("eth{n}")).collect();
        let (mut zones, calls) = (Zones::default(), std::cell::Cell::new(0));
        for _ in 0..3 {
            for (number, name) in names.iter().enumerate() {
                let scope = zones.scope(name, |_| Some(calls.replace(calls.get() + 1)));
                assert_eq!(scope, (number < MAX_ZONES).then_some(number as u32));
            }
        }
        assert_eq!(calls.get() as usize, MAX_ZONES);
        assert_eq!(zones.scope("77", |_| None), Some(77), "a number is no interface to look up");
        assert_eq!(Zones::default().scope(&"x".repeat(MAX_ZONE + 1), |_| Some(1)), None);
    }
}
