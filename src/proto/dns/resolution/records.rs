//! The lookup of the records of a name, of one type. There is no search list.

use std::time::Instant;

use super::Query;
use crate::error::Result;
use crate::proto::dns::cache::{Cache, CacheEntry};
use crate::proto::dns::failure::{ResolveError, ServerError};
use crate::proto::dns::lookup::QueryResult;
use crate::proto::dns::name::HostName;
use crate::proto::dns::records::{Kind, RecordData};

/// The lookup of records. Call [`handle_cache`](Self::handle_cache). If it returns a query, send it
/// and call [`handle_result`](Self::handle_result). [`finish`](Self::finish) returns the records.
#[derive(Debug)]
pub(crate) struct RecordLookup {
    query: Query,
    /// The name of such a record in an error.
    record_name: &'static str,
    entry: Option<CacheEntry>,
    errors: Vec<ServerError>,
}

impl RecordLookup {
    pub(crate) fn new(name: HostName, kind: Kind, record_name: &'static str) -> RecordLookup {
        let query = Query { name, kinds: vec![kind], has_cached: false };
        RecordLookup { query, record_name, entry: None, errors: Vec::new() }
    }

    /// Returns the query to send, unless the answer is known.
    pub(crate) fn handle_cache(&mut self, cache: &Cache, now: Instant) -> Option<&Query> {
        let name = self.query.name.as_ref();
        if name.is_special_use() || name.is_localhost() {
            return None;
        }
        self.entry = self.query.kinds.first().and_then(|kind| cache.get(name, *kind, now)).cloned();
        self.entry.is_none().then_some(&self.query)
    }

    pub(crate) fn handle_result(&mut self, result: QueryResult) {
        self.entry = result.entries.into_iter().next().and_then(|(_, entry)| entry);
        self.errors = result.errors;
    }

    /// Returns the records. `host` is the name as given by the caller.
    pub(crate) fn finish(self, host: &str) -> Result<Vec<RecordData>> {
        let name = self.query.name.as_ref();
        let failure = match self.entry {
            Some(entry) if !entry.records.is_empty() => return Ok(entry.records.to_vec()),
            Some(entry) if entry.exists => ResolveError::NoRecords(self.record_name),
            None if name.is_localhost() => ResolveError::NoRecords(self.record_name),
            None if !name.is_special_use() => ResolveError::of_servers(self.errors),
            _ => ResolveError::NoSuchName,
        };
        Err(failure.into_error(host))
    }
}
