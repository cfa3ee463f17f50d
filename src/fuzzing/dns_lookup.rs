//! Lookups of one name with several servers and a simulated clock. The servers send arbitrary
//! responses at arbitrary times.

use std::net::SocketAddr;
use std::time::Duration;

use super::choices::{Choices, clock};
use super::dns_reply::{KINDS, any_reply};
use crate::proto::dns::cache::Bounds;
use crate::proto::dns::fault::ServerFault;
use crate::proto::dns::lookup::{Lookup, Plan, Step};
use crate::proto::dns::name::HostName;
use crate::proto::dns::preference::ServerOrder;
use crate::proto::dns::records::Kind;
use crate::proto::dns::wire::MAX_ALIASES;

/// The longest resolution delay.
const LONGEST_DELAY: Duration = Duration::from_millis(300);

const BOUNDS: Bounds =
    Bounds { names: 9, shortest: Duration::ZERO, longest: Duration::MAX, longest_negative: Duration::MAX };

/// A lookup ends within its limits of time and queries, never waits for an instant that has passed,
/// and queries only configured servers.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (count, first) = (choices.below(4), choices.below(7));
    let plan = Plan {
        servers: ServerOrder {
            places: (0..count).map(|place| (place + first) % count).collect(),
            plain: (0..count).map(|_| choices.is()).collect(),
        },
        attempts: choices.below(6) as u32,
        timeout: match choices.time() {
            long if long > Duration::from_secs(3_600) && choices.is() => long,
            time => time.min(Duration::from_secs(30)),
        },
        use_tcp: choices.byte() & 7 == 0,
        is_sequential: choices.byte() & 7 == 0,
        rotates: choices.byte() & 7 == 0,
        has_cached: choices.byte() & 7 == 0,
    };
    let kinds = choices.pick(&[&[Kind::Aaaa, Kind::A][..], &[Kind::A], &[Kind::Txt], &[Kind::Ptr]]);
    let name = HostName::found("www.example.com");
    let mut lookup = Lookup::new(plan.clone(), &name, kinds);
    let start = clock();
    let (mut now, mut number) = (start, 0_u16);
    let (mut sends, mut polls, mut events) = (0, 0, 0);
    let mut queries: Vec<Vec<u8>> = Vec::new();
    // Each server is queried once per attempt, plus once without EDNS, plus once for each alias.
    let rounds = count * plan.attempts.max(1) as usize;
    let most = if plan.is_sequential { kinds.len() } else { 1 }
        * (rounds + count + kinds.len() * usize::from(MAX_ALIASES));
    loop {
        polls += 1;
        assert!(polls <= 8 * (most + 1) + 2 * events, "the lookup does not end: {lookup:?}");
        let step = lookup.poll(now, || {
            number = number.wrapping_add(0x101);
            number
        });
        match step {
            Step::Done => break,
            Step::Send { server, queries: new } => {
                sends += 1;
                assert!(server < count && sends <= most && !new.is_empty() && new.len() <= kinds.len());
                queries = new;
                continue;
            }
            Step::SendTcp { server, query, until } => {
                assert!(server < count && until.saturating_duration_since(now) <= plan.timeout);
                events += 1;
                // A TCP query ends at its deadline, or before.
                now = if choices.byte() & 7 == 0 { now.max(until) } else { now };
                match choices.below(3) {
                    0 => {
                        let faults = [ServerFault::Unreachable, ServerFault::Closed, ServerFault::Timeout];
                        lookup.handle_tcp(Err(choices.pick(&faults)), now);
                    }
                    _ => {
                        let kind = choices.pick(kinds);
                        lookup.handle_tcp(Ok(&any_reply(&mut choices, &query, kind)), now);
                    }
                }
                queries.push(query);
                continue;
            }
            Step::Receive(until) => {
                assert!(until > now, "the lookup waits for an instant that has passed");
                assert!(until - now <= plan.timeout.max(LONGEST_DELAY));
                let left = until - now;
                // Without further choices, no server responds.
                if choices.is_over() {
                    now = until;
                    continue;
                }
                match choices.below(8) {
                    0 => now = until,
                    1 => now += left / 2,
                    2 => now = until + Duration::from_millis(choices.below(256) as u64),
                    3 if choices.byte() & 3 == 0 => lookup.handle_unreachable(),
                    _ => {
                        now += left / 16;
                        let query = choices.pick(&queries);
                        let kind = choices.pick(&KINDS);
                        lookup.handle_datagram(&any_reply(&mut choices, &query, kind), now);
                    }
                }
                events += 1;
            }
        }
    }
    assert!(lookup.errors().len() <= count * 20, "{:?}", lookup.errors());
    let servers: Vec<SocketAddr> = (0..count).map(|port| ([127, 0, 0, 1], port as u16).into()).collect();
    let result = lookup.result(&servers, &BOUNDS, now);
    assert_eq!(result.errors.len(), lookup.errors().len());
    assert!(result.server.is_none_or(|server| servers.contains(&server)));
    let answered: Vec<_> = result.entries.iter().map(|(kind, _)| *kind).collect();
    // A sequential lookup begins with the last type, and ends if the name does not exist.
    let expected: Vec<_> = match plan.is_sequential {
        true => kinds.iter().rev().take(answered.len()).copied().collect(),
        false => kinds.to_vec(),
    };
    assert_eq!(answered, expected);
    assert!(count == 0 || !answered.is_empty());
    assert_eq!(lookup.state_of_servers(&servers).len(), count);
    assert_eq!(lookup.poll(now, || 0), Step::Done, "a lookup that is done remains done");
    // The clock advances at most to the ends of waits, plus up to 255 ms for each late event.
    let late = Duration::from_millis(255) * events as u32;
    if plan.timeout <= Duration::from_secs(30) {
        let longest = plan.timeout.max(LONGEST_DELAY).saturating_mul(most as u32 + 1);
        assert!(now - start <= longest.saturating_add(late), "{:?} for {longest:?}", now - start);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn lookup_ends_within_time_and_query_limits() {
        crate::fuzzing::trial::holds("dns_lookup", super::property);
    }
}
