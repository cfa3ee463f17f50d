//! Lookups of records other than addresses.

use super::resolver::Resolver;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::dns::records::{Kind, Mx, RawRecord, RecordData, Srv, Txt};

/// RFC 6891, section 6.1.1: a pseudo-record of a message.
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
        let records = self.inner.lookup_records(name, Kind::Txt, "text")?;
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
        let records = self.inner.lookup_records(domain, Kind::Mx, "mail exchange")?;
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
        let records = self.inner.lookup_records(service, Kind::Srv, "service")?;
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
        let records = self.inner.lookup_records(name, Kind::Other(record_type), "record of this type")?;
        let raw = |record| if let RecordData::Raw(raw) = record { Some(raw) } else { None };
        Ok(records.into_iter().filter_map(raw).collect())
    }

    /// Returns the number of cached names.
    ///
    /// This is available with the feature `dns`.
    pub fn cache_len(&self) -> usize {
        self.inner.cache_len()
    }
}
