//! The lookup of the name of an address: the sources in their order.

use std::net::IpAddr;

use super::walk::Walk;
use crate::error::Result;
#[cfg(not(feature = "dns"))]
use crate::error::{Error, ErrorKind, Operation};
use crate::proto::dns::failure::ResolveError;
use crate::proto::dns::sources::{Source, Sources};

/// What to do next in a lookup of a name.
#[derive(Debug)]
#[must_use]
pub(crate) enum ReverseAction {
    /// Look the address up in the hosts files, and call [`ReverseLookup::handle_name`].
    Hosts,
    /// Look up its PTR record with a [`RecordLookup`](super::RecordLookup), and call
    /// [`ReverseLookup::handle_name`].
    #[cfg(feature = "dns")]
    Ptr,
    Done(Result<String>),
}

/// The lookup of the name of an address. Call [`next`](Self::next) until it returns
/// [`ReverseAction::Done`].
#[derive(Debug)]
pub(crate) struct ReverseLookup {
    ip: IpAddr,
    walk: Walk,
    has_read_hosts: bool,
    /// Whether name servers, or the resolver of the OS, are next.
    is_system: bool,
    done: Option<Result<String>>,
}

#[cfg(not(feature = "dns"))]
#[derive(Debug, thiserror::Error)]
#[error("reverse lookup requires the feature `dns`")]
struct RequiresDns;

impl ReverseLookup {
    pub(crate) fn new(ip: IpAddr, sources: Sources) -> ReverseLookup {
        ReverseLookup { ip, walk: Walk::new(sources), has_read_hosts: false, is_system: false, done: None }
    }

    pub(crate) fn next(&mut self) -> ReverseAction {
        loop {
            if let Some(done) = self.done.take() {
                return ReverseAction::Done(done);
            }
            if std::mem::take(&mut self.is_system) {
                match self.system() {
                    Some(action) => return action,
                    None => continue,
                }
            }
            match self.walk.next() {
                Some(Source::Files) => {
                    self.has_read_hosts = true;
                    return ReverseAction::Hosts;
                }
                // The resolver of the OS reads the hosts files first.
                Some(Source::System) if !self.has_read_hosts => {
                    (self.has_read_hosts, self.is_system) = (true, true);
                    return ReverseAction::Hosts;
                }
                Some(_) => self.is_system = true,
                None => return ReverseAction::Done(self.failure()),
            }
        }
    }

    /// Name servers replace the resolver of the OS.
    fn system(&mut self) -> Option<ReverseAction> {
        if self.is_loopback() {
            return None;
        }
        #[cfg(feature = "dns")]
        return Some(ReverseAction::Ptr);
        #[cfg(not(feature = "dns"))]
        {
            let error = Error::detailed(Operation::Resolve, ErrorKind::Unsupported, RequiresDns);
            self.handle_name(Err(error.at(self.ip)));
            None
        }
    }

    fn is_loopback(&self) -> bool {
        self.ip.to_canonical().is_loopback()
    }

    /// Call this with the name that the source has, or with the reason why it has none.
    pub(crate) fn handle_name(&mut self, name: Result<Option<String>>) {
        match name {
            Ok(Some(name)) => self.done = Some(Ok(name)),
            Ok(None) if self.walk.not_found_ends() => self.done = Some(self.failure()),
            Ok(None) => {}
            Err(error) => {
                if self.walk.failed(error) {
                    self.done = Some(self.failure());
                }
            }
        }
    }

    fn failure(&mut self) -> Result<String> {
        if self.is_loopback() {
            return Ok("localhost".to_owned());
        }
        let failure = self.walk.take_failure();
        Err(failure.unwrap_or_else(|| ResolveError::NoRecords("name").into_error(&self.ip.to_string())))
    }
}
