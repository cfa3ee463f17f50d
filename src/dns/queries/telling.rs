//! What servers say of a name: known already, told by one who asks for it now, or asked for.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Current;
use super::exchange::run;
use super::options::PORT;
use crate::dns::failure::Interrupted;
use crate::dns::failure::ServerError;
use crate::dns::inner::{Inner, scope};
use crate::proto::dns::cache::Kept;
use crate::proto::dns::fault::ServerFault;
use crate::proto::dns::lookup::{Lookup, Plan};
use crate::proto::dns::name::HostName;
use crate::proto::dns::preference::LAST;
use crate::proto::dns::resolv_conf::ResolvConf;
use crate::proto::dns::wire::{Answer, Kind};
use crate::wait::WaitLimit;

/// What servers said of a name.
#[derive(Clone)]
pub(super) struct Outcome {
    answers: Vec<(Kind, Option<Answer>)>,
    troubles: Arc<[ServerError]>,
    server: Option<SocketAddr>,
}

impl Outcome {
    fn has_records(&self) -> bool {
        self.answers.iter().flat_map(|(_, answer)| answer).any(|answer| !answer.records.is_empty())
    }
}

/// How long the addresses of one family wait for those of the other: RFC 8305, 3.
const SETTLE: Duration = Duration::from_millis(50);

/// The same where those of one family are in the cache: a server that takes longer than the other delay
/// would never be waited for.
const SETTLE_KNOWN: Duration = Duration::from_millis(300);

/// What is known of a name, of each kind that was asked for.
pub(super) struct Found {
    pub(super) answers: Vec<(Kind, Option<Kept>)>,
    pub(super) troubles: Arc<[ServerError]>,
    /// `None` if nobody had to be asked.
    pub(super) server: Option<SocketAddr>,
}

impl Inner {
    pub(super) fn servers(&self, conf: &ResolvConf) -> Vec<SocketAddr> {
        if !self.options.queries.servers.is_empty() {
            return self.options.queries.servers.clone();
        }
        let servers = conf.servers.iter().filter_map(|server| match (server.ip, &server.zone) {
            (IpAddr::V6(ip), Some(zone)) => Some(SocketAddrV6::new(ip, PORT, 0, scope(zone)?).into()),
            (ip, _) => Some((ip, PORT).into()),
        });
        servers.collect()
    }

    fn known(&self, name: &HostName, kind: Kind, now: Instant) -> Option<Kept> {
        self.queries.cache().get(name.as_ref(), kind, now).cloned()
    }

    pub(super) fn known_or_asked(
        &self,
        name: &HostName,
        kinds: &[Kind],
        current: &Current,
        limit: &WaitLimit<'_>,
        now: Instant,
    ) -> std::result::Result<Found, Interrupted> {
        let mut answers: Vec<(Kind, Option<Kept>)> =
            kinds.iter().map(|kind| (*kind, self.known(name, *kind, now))).collect();
        // RFC 2308, 5: that there is no such host is so for every kind.
        let is_missing = answers.iter().flat_map(|(_, kept)| kept).any(|kept| !kept.exists);
        let missing: Vec<Kind> =
            answers.iter().filter(|(_, kept)| kept.is_none()).map(|(kind, _)| *kind).collect();
        if missing.is_empty() || is_missing {
            return Ok(Found { answers, troubles: Arc::default(), server: None });
        }
        let is_settled = answers.iter().flat_map(|(_, kept)| kept).any(|kept| !kept.records.is_empty());
        let wanted = (name.clone(), missing.clone(), current.version);
        let outcome = self.queries.flights.fly(&wanted, limit, || match current.conf.single_request {
            true => self.ask_one_at_a_time(name, &missing, current, limit),
            false => self.ask_servers(name, &missing, current, is_settled, limit),
        })?;
        let now = Instant::now();
        for (kind, answer) in &outcome.answers {
            let kept = answer.as_ref().map(|answer| {
                // As long as the cache would keep it.
                let ttl = self.options.queries.bounds.ttl(answer);
                let until = now.checked_add(ttl).unwrap_or(now);
                Kept { records: answer.records.clone().into(), exists: answer.exists, until }
            });
            if let (Some(kept), Some(own)) = (kept, answers.iter_mut().find(|(own, _)| own == kind)) {
                own.1 = Some(kept);
            }
        }
        Ok(Found { answers, troubles: outcome.troubles, server: outcome.server })
    }

    /// The last kind, which is A, first: if the time is over before the other is answered, it is
    /// enough.
    fn ask_one_at_a_time(
        &self,
        name: &HostName,
        kinds: &[Kind],
        current: &Current,
        limit: &WaitLimit<'_>,
    ) -> std::result::Result<Outcome, Interrupted> {
        let mut all: Option<Outcome> = None;
        for kind in kinds.iter().rev() {
            let outcome = match (self.ask_servers(name, &[*kind], current, false, limit), &all) {
                (Ok(outcome), _) => outcome,
                // The addresses of one family are an answer.
                (Err(Interrupted::TimedOut(_)), Some(before)) if before.has_records() => break,
                (Err(interrupted), _) => return Err(interrupted),
            };
            // RFC 2308, 5: that there is no such host is so for every kind.
            let is_missing =
                outcome.answers.iter().flat_map(|(_, answer)| answer).any(|answer| !answer.exists);
            all = Some(match all {
                None => outcome,
                Some(before) => Outcome {
                    answers: [before.answers, outcome.answers].concat(),
                    troubles: before.troubles.iter().chain(outcome.troubles.iter()).cloned().collect(),
                    server: before.server.or(outcome.server),
                },
            });
            if is_missing {
                break;
            }
        }
        Ok(all.unwrap_or(Outcome { answers: Vec::new(), troubles: Arc::default(), server: None }))
    }

    fn ask_servers(
        &self,
        name: &HostName,
        kinds: &[Kind],
        current: &Current,
        is_settled: bool,
        limit: &WaitLimit<'_>,
    ) -> std::result::Result<Outcome, Interrupted> {
        let Current { conf, version } = current;
        let servers = self.servers(conf);
        let order = self.queries.preferences().order(servers.len(), conf.rotate, Instant::now());
        let plan = Plan {
            servers: order,
            attempts: conf.attempts,
            timeout: conf.timeout,
            use_tcp: conf.use_tcp,
            settle: if is_settled { SETTLE_KNOWN } else { SETTLE },
            is_settled,
        };
        let mut lookup = Lookup::new(plan, name, kinds);
        let ended = run(&mut lookup, &servers, limit);
        self.queries.learn(&lookup, *version);
        match ended {
            Err(Interrupted::TimedOut(_)) => {
                let of = |(place, server)| ServerError { server, fault: lookup.fault_of(place) };
                let troubles = servers.iter().copied().enumerate().map(of);
                return Err(Interrupted::TimedOut(troubles.collect()));
            }
            ended => ended?,
        }
        let mut answers: Vec<_> = lookup.answers().map(|(kind, answer)| (kind, answer.cloned())).collect();
        if lookup.has_something() {
            // RFC 4074, 4.2: some servers say of a name that has no IPv6 address that there is no
            // such host.
            answers.iter_mut().flat_map(|(_, answer)| answer).for_each(|answer| answer.exists = true);
        }
        if lookup.answered_by().is_some_and(|place| place > 0) && !conf.rotate {
            // An earlier server, which did not respond, may know more names.
            for answer in answers.iter_mut().flat_map(|(_, answer)| answer) {
                answer.negative_ttl = answer.negative_ttl.map(|ttl| ttl.min(LAST.as_secs() as u32));
            }
        }
        self.queries.keep(name, &answers, *version);
        let trouble =
            |(server, fault): &(usize, ServerFault)| ServerError { server: servers[*server], fault: *fault };
        let troubles = lookup.troubles().iter().map(trouble);
        let server = lookup.answered_by().map(|server| servers[server]);
        Ok(Outcome { answers, troubles: troubles.collect(), server })
    }
}
