//! The hosts files of a resolver. A lookup reads them within its limit.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::interrupted::Interrupted;
use super::watched_file::{Unread, WatchedFile};
use crate::proto::dns::families::IpFamilies;
use crate::proto::dns::hosts::{self, Hosts};
use crate::proto::dns::name::NameRef;
use crate::proto::dns::resolved::Resolved;
use crate::sys;
use crate::wait::{Moment, WaitError, WaitLimit};

/// The number of lines between two checks of the limit.
const LINES_PER_CHECK: usize = 1_024;

pub(super) struct HostsFiles(Vec<WatchedFile<Hosts>>);

/// Why a search of a file ended early.
enum Stop {
    /// There are more lines than may be inspected while the file is locked.
    Locked,
    Interrupted(Interrupted),
}

/// Checks the limit once for every 1,024 lines. `None` while the file is locked.
fn check(lines: usize, limit: Option<&WaitLimit<'_>>) -> Result<(), Stop> {
    if lines % LINES_PER_CHECK != LINES_PER_CHECK - 1 {
        return Ok(());
    }
    limit.ok_or(Stop::Locked)?.check().map_err(|error| match error {
        WaitError::Cancelled => Stop::Interrupted(Interrupted::Cancelled),
        _ => Stop::Interrupted(Interrupted::TimedOut(Arc::default())),
    })
}

impl HostsFiles {
    pub(super) fn new(paths: Vec<PathBuf>) -> HostsFiles {
        let watched = |path| WatchedFile::new(path, hosts::MAX_BYTES as u64, Hosts::read);
        HostsFiles(paths.into_iter().map(watched).collect())
    }

    /// Replaces the addresses in `found` with those of a name in the first file that has it, which are
    /// none if they are all of another family. Returns whether a file has the name.
    pub(super) fn addresses(
        &self,
        name: NameRef<'_>,
        families: IpFamilies,
        limit: &WaitLimit<'_>,
        now: Moment,
        found: &mut Resolved,
    ) -> Result<bool, Unread> {
        let index = |zone: &str| sys::index_of(zone).ok();
        let is_there = self.find_in_first(limit, now, |hosts, limit| {
            let is_there = hosts.addresses(name, families, |lines| check(lines, limit), index, found)?;
            Ok(is_there.then_some(()))
        })?;
        Ok(is_there.is_some())
    }

    /// The first name of an address in the first file that has it.
    pub(super) fn name(
        &self,
        ip: IpAddr,
        limit: &WaitLimit<'_>,
        now: Moment,
    ) -> Result<Option<String>, Unread> {
        self.find_in_first(limit, now, |hosts, limit| hosts.name(ip, |lines| check(lines, limit)))
    }

    fn find_in_first<R>(
        &self,
        limit: &WaitLimit<'_>,
        now: Moment,
        mut find: impl FnMut(&Hosts, Option<&WaitLimit<'_>>) -> Result<Option<R>, Stop>,
    ) -> Result<Option<R>, Unread> {
        for hosts in &self.0 {
            hosts.wait_until_read(limit)?;
            let found = match hosts.with(now, |hosts| find(hosts, None)) {
                Err(Stop::Locked) => find(&hosts.contents(), Some(limit)),
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

    pub(super) fn read_again(&self) {
        self.0.iter().for_each(WatchedFile::read_again);
    }
}
