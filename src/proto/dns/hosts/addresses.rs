//! The addresses of a name in a hosts file, within limits.

use super::{Hosts, Line};
use crate::proto::dns::families::IpFamilies;
use crate::proto::dns::name::NameRef;
use crate::proto::dns::resolved::{AnswerSource, Distinct, Resolved};

/// The most addresses of one name.
const MAX_ADDRESSES: usize = 1_000;

/// The most lines of one name.
const MAX_LINES: usize = 10_000;

/// The most interface names that are looked up in one lookup.
const MAX_ZONES: usize = 64;

/// The longest interface name. It is longer than that of any OS.
const MAX_ZONE: usize = 256;

/// The interface indexes of the zones of one lookup.
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

impl Hosts {
    /// Replaces the addresses in `found` with those of a name, which are none if they are all of another
    /// family. Returns whether the name is in the file.
    ///
    /// `check` is called with the number of each inspected line, and ends the search with its error.
    /// `index` returns the index of an interface.
    pub(crate) fn addresses<E>(
        &self,
        name: NameRef<'_>,
        families: IpFamilies,
        check: impl Fn(usize) -> Result<(), E>,
        index: impl Fn(&str) -> Option<u32>,
        found: &mut Resolved,
    ) -> Result<bool, E> {
        let mut found = Distinct::new(found, AnswerSource::Hosts);
        let (mut lines, mut zones) = (0, Zones::default());
        for (count, candidate) in self.candidates(name).enumerate() {
            check(count)?;
            let Some((ip, zone)) = candidate.and_then(Line::address) else { continue };
            lines += 1;
            if families.includes(ip) {
                match zone.map(|zone| zones.scope(zone, &index)) {
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
        Ok(lines > 0)
    }

    /// Returns the first name of an address. `check` is as for [`addresses`](Self::addresses).
    pub(crate) fn name<E>(
        &self,
        ip: std::net::IpAddr,
        check: impl Fn(usize) -> Result<(), E>,
    ) -> Result<Option<String>, E> {
        for (count, candidate) in self.names_of(ip).enumerate() {
            check(count)?;
            if candidate.is_some() {
                return Ok(candidate);
            }
        }
        Ok(None)
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
        assert_eq!(zones.scope("77", |_| None), Some(77), "a number is not looked up");
        assert_eq!(Zones::default().scope(&"x".repeat(MAX_ZONE + 1), |_| Some(1)), None);
    }
}
