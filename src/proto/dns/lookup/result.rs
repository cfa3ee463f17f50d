//! What a lookup returns, and what it has found out about the servers.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Lookup, Question};
use crate::proto::dns::cache::{Bounds, CacheEntry};
use crate::proto::dns::failure::ServerError;
use crate::proto::dns::fault::ServerFault;
use crate::proto::dns::preference::{Experience, LAST};
use crate::proto::dns::records::Kind;

/// What the servers returned for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueryResult {
    /// `None` for a record type for which all servers failed.
    pub(crate) entries: Vec<(Kind, Option<CacheEntry>)>,
    /// The failures of servers, each once.
    pub(crate) errors: Vec<ServerError>,
    /// The server that answered.
    pub(crate) server: Option<SocketAddr>,
    /// Whether the limit of the caller ended the lookup before it was done. Another caller may wait
    /// for more.
    pub(crate) is_partial: bool,
}

impl Lookup {
    /// Returns the answers, for the list of servers whose places the plan has.
    pub(crate) fn result(&self, servers: &[SocketAddr], bounds: &Bounds, now: Instant) -> QueryResult {
        let has_records = self.has_records();
        let entry = |question: &Question| {
            let (mut answer, place) = question.answer.clone()?;
            // RFC 4074, section 4.2: some servers return NXDOMAIN for a name without IPv6 addresses.
            answer.exists |= has_records;
            if place > 0 && !self.plan.rotates {
                // An earlier server, which did not respond, may have the name.
                answer.negative_ttl = answer.negative_ttl.map(|ttl| ttl.min(LAST.as_secs() as u32));
            }
            Some(bounds.entry(&answer, now))
        };
        let error = |(place, fault): &(usize, ServerFault)| {
            Some(ServerError { server: *servers.get(*place)?, fault: *fault })
        };
        let place = self.all().flat_map(|question| &question.answer).map(|(_, place)| *place).last();
        QueryResult {
            entries: self.all().map(|question| (question.kind, entry(question))).collect(),
            errors: self.errors.iter().filter_map(error).collect(),
            server: place.and_then(|place| servers.get(place).copied()),
            is_partial: !self.is_done(),
        }
    }

    /// Returns the state of each server if the deadline has passed.
    pub(crate) fn state_of_servers(&self, servers: &[SocketAddr]) -> Vec<ServerError> {
        let fault = |place: usize| match self.current_errors.iter().rev().find(|(own, _)| *own == place) {
            Some((_, fault)) => *fault,
            None if place == self.server() => ServerFault::Timeout,
            None => ServerFault::NotQueried,
        };
        let state =
            |(place, server): (usize, &SocketAddr)| ServerError { server: *server, fault: fault(place) };
        servers.iter().enumerate().map(state).collect()
    }

    /// Returns the experience of this lookup with each server that was queried.
    pub(crate) fn experiences(&self) -> impl Iterator<Item = (usize, Experience)> {
        let is_silent =
            |place: usize| self.errors.iter().any(|(own, fault)| *own == place && fault.is_silence());
        self.servers.iter().enumerate().filter_map(move |(place, server)| {
            let experience = match server {
                server if !server.has_responded => {
                    return is_silent(place).then_some((place, Experience::Silent));
                }
                server if server.was_plain => Experience::Responded { to_edns: false },
                server if server.has_answered_edns || !server.has_answered_plain => {
                    Experience::Responded { to_edns: true }
                }
                server if server.has_refused_edns => Experience::RefusedEdns,
                // Another type had an error with EDNS and without.
                _ if self.all().any(|question| question.refused_by == Some(place)) => {
                    Experience::Responded { to_edns: true }
                }
                _ => Experience::RespondedPlain,
            };
            Some((place, experience))
        })
    }
}
