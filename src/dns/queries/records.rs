//! Records other than addresses.

use std::net::IpAddr;
use std::time::Instant;

use super::failed;
use crate::dns::failure::ResolveError;
use crate::dns::inner::{Inner, bad_name};
use crate::dns::resolver::Resolver;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::dns::host::{Host, Spelling};
use crate::proto::dns::name::HostName;
use crate::proto::dns::nsswitch::Source;
use crate::proto::dns::records::{Mx, RawRecord, RecordData, Srv, Txt};
use crate::proto::dns::wire::Kind;
use crate::wait::WaitLimit;

/// RFC 6891, 6.1.1: a record of a message, and of no name.
const OPT: u16 = 41;

#[derive(Debug, thiserror::Error)]
#[error("{0} is not the number of a record type")]
struct NotARecordType(u16);

/// Lookups of DNS records, which are available with the feature `dns`.
impl Resolver {
    /// Looks up the TXT records of a name
    /// ([RFC 1035, section 3.3.14](https://www.rfc-editor.org/rfc/rfc1035#section-3.3.14)), such as
    /// those that prove the ownership of a domain.
    ///
    /// This is available with the feature `dns`.
    ///
    /// Blocks until a server responds, or until the [timeout](crate::dns::ResolverBuilder::timeout)
    /// expires.
    ///
    /// # Errors
    ///
    /// This returns an error if the name has no TXT records, or for any reason listed under
    /// [`lookup`](Self::lookup).
    pub fn lookup_txt(&self, name: &str) -> Result<Vec<Txt>> {
        let records = self.inner.records(name, Kind::Txt, "text")?;
        let txt = |record| if let RecordData::Txt(txt) = record { Some(txt) } else { None };
        Ok(records.into_iter().filter_map(txt).collect())
    }

    /// Looks up the mail exchangers of a domain
    /// ([RFC 1035, section 3.3.9](https://www.rfc-editor.org/rfc/rfc1035#section-3.3.9)), sorted by
    /// preference. Those of the same preference stay in the order of the response.
    ///
    /// This is available with the feature `dns`.
    ///
    /// Blocks until a server responds, or until the [timeout](crate::dns::ResolverBuilder::timeout)
    /// expires.
    ///
    /// # Errors
    ///
    /// This returns an error if the domain has no MX records, or for any reason listed under
    /// [`lookup`](Self::lookup).
    pub fn lookup_mx(&self, domain: &str) -> Result<Vec<Mx>> {
        let records = self.inner.records(domain, Kind::Mx, "mail exchange")?;
        let mx = |record| if let RecordData::Mx(mx) = record { Some(mx) } else { None };
        let mut exchangers: Vec<Mx> = records.into_iter().filter_map(mx).collect();
        exchangers.sort_by_key(|mx| mx.preference);
        Ok(exchangers)
    }

    /// Looks up the hosts of a service ([RFC 2782](https://www.rfc-editor.org/rfc/rfc2782)), such
    /// as `_xmpp-client._tcp.example.com`, sorted by priority. Those of the same priority stay in
    /// the order of the response; choose among them by weight.
    ///
    /// This is available with the feature `dns`.
    ///
    /// Blocks until a server responds, or until the [timeout](crate::dns::ResolverBuilder::timeout)
    /// expires.
    ///
    /// # Errors
    ///
    /// This returns an error if the name has no SRV records, or for any reason listed under
    /// [`lookup`](Self::lookup).
    pub fn lookup_srv(&self, service: &str) -> Result<Vec<Srv>> {
        let records = self.inner.records(service, Kind::Srv, "service")?;
        let srv = |record| if let RecordData::Srv(srv) = record { Some(srv) } else { None };
        let mut hosts: Vec<Srv> = records.into_iter().filter_map(srv).collect();
        hosts.sort_by_key(|srv| srv.priority);
        Ok(hosts)
    }

    /// Looks up the records of any type, by its number
    /// ([IANA](https://www.iana.org/assignments/dns-parameters)), such as 2 for NS, 6 for SOA, 65 for
    /// HTTPS and 257 for CAA. Their order is that of the response.
    ///
    /// This is available with the feature `dns`.
    ///
    /// Blocks until a server responds, or until the [timeout](crate::dns::ResolverBuilder::timeout)
    /// expires.
    ///
    /// # Errors
    ///
    /// This returns an error if the number is not that of a record type, but of a query or a
    /// pseudo-record such as OPT ([`InvalidInput`](crate::ErrorKind::InvalidInput)), if the name has
    /// no such records, or for any reason listed under [`lookup`](Self::lookup).
    pub fn lookup_records(&self, name: &str, record_type: u16) -> Result<Vec<RawRecord>> {
        // RFC 6895, 3.1.
        if matches!(record_type, 0 | OPT | 128..=255) {
            let error =
                Error::detailed(Operation::Resolve, ErrorKind::InvalidInput, NotARecordType(record_type));
            return Err(error.at(name.escape_debug()));
        }
        let records = self.inner.records(name, Kind::Other(record_type), "record of this type")?;
        let raw = |record| if let RecordData::Raw(raw) = record { Some(raw) } else { None };
        Ok(records.into_iter().filter_map(raw).collect())
    }

    /// Returns the number of names of which answers are kept.
    ///
    /// This is available with the feature `dns`.
    pub fn cache_len(&self) -> usize {
        self.inner.queries.cache().len()
    }
}

impl Inner {
    /// Whether `nsswitch.conf` has hosts files for an address.
    pub(in crate::dns) fn reads_hosts_of(&self, ip: IpAddr, now: Instant) -> bool {
        let sources = self.sources(HostName::reverse(ip).as_ref(), now);
        sources.has(Source::Files) || sources.has(Source::System)
    }

    /// The name that servers have for an address.
    pub(in crate::dns) fn name_of(&self, ip: IpAddr, limit: &WaitLimit<'_>, now: Instant) -> Result<String> {
        let asked = ip.to_string();
        let sources = self.sources(HostName::reverse(ip).as_ref(), now);
        if !sources.has(Source::Dns) && !sources.has(Source::System) {
            return Err(ResolveError::NoRecords("name").into_error(&asked));
        }
        let records = self.ask(&HostName::reverse(ip), Kind::Ptr, "name", &asked, limit, now)?;
        let name = records.into_iter().find_map(|record| match record {
            RecordData::Name(name) => Some(name),
            _ => None,
        });
        name.ok_or_else(|| ResolveError::NoRecords("name").into_error(&asked))
    }

    fn records(&self, host: &str, kind: Kind, what: &'static str) -> Result<Vec<RecordData>> {
        match Host::read(host, &mut Spelling::new()) {
            Ok(Host::Name(name, _)) if name.cannot_exist() => Err(ResolveError::NoSuchName.into_error(host)),
            Ok(Host::Name(name, _)) if name.is_localhost() => {
                Err(ResolveError::NoRecords(what).into_error(host))
            }
            Ok(Host::Name(name, _)) => {
                let limit = &self.limit(&WaitLimit::started_now());
                self.ask(&name.to_owned(), kind, what, host, limit, limit.instant())
            }
            Ok(Host::Address(_)) => Err(ResolveError::NoRecords(what).into_error(host)),
            Err(bad) => Err(bad_name(bad, host)),
        }
    }

    fn ask(
        &self,
        name: &HostName,
        kind: Kind,
        what: &'static str,
        asked: &str,
        limit: &WaitLimit<'_>,
        started: Instant,
    ) -> Result<Vec<RecordData>> {
        let current = self.queries.current(started);
        let found = self.known_or_asked(name, &[kind], &current, limit, started);
        let servers = || self.servers(&current.conf);
        let found = found.map_err(|interrupted| self.interrupted(interrupted, &servers(), asked, limit))?;
        match found.answers.first() {
            Some((_, Some(kept))) if !kept.records.is_empty() => Ok(kept.records.to_vec()),
            Some((_, Some(kept))) if kept.exists => Err(ResolveError::NoRecords(what).into_error(asked)),
            Some((_, Some(_))) => Err(ResolveError::NoSuchName.into_error(asked)),
            _ => Err(failed(&found.troubles, asked, limit)),
        }
    }
}
