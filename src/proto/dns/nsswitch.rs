//! The sources of host names on this host, their order, and the results that end a lookup:
//! nsswitch.conf(5).

use super::name::NameRef;
use super::sources::{Actions, Source, Sources};

/// The `hosts` line of an nsswitch.conf file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameServices(Vec<Entry>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    service: Service,
    actions: Actions,
    /// Whether a success does not end the lookup, which only the resolver of the OS follows.
    continues: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    /// A service without names, whose actions have no effect.
    Absent,
    Files,
    Dns,
    /// Names in `local` (RFC 6762).
    Mdns,
    /// The name of this host.
    MyHostName,
    /// Neighboring hosts on a virtual network.
    MyMachines,
    /// A directory service such as LDAP, or an unknown service.
    Other,
}

impl Entry {
    fn is_plain(&self) -> bool {
        self.actions == Actions::default() && !self.continues
    }
}

impl Default for NameServices {
    fn default() -> NameServices {
        let entry = |service| Entry { service, actions: Actions::default(), continues: false };
        NameServices(vec![entry(Service::Files), entry(Service::Dns)])
    }
}

impl NameServices {
    /// Parses a file. Without a `hosts` line, the sources are `files` and `dns`.
    pub(crate) fn read(bytes: &[u8]) -> NameServices {
        let mut services = NameServices::default();
        for line in String::from_utf8_lossy(bytes).lines() {
            let line = line.split('#').next().unwrap_or_default();
            if let Some(line) = line.trim().strip_prefix("hosts:") {
                services = NameServices::read_line(line);
            }
        }
        services
    }

    fn read_line(line: &str) -> NameServices {
        let mut entries: Vec<Entry> = Vec::new();
        let line = line.replace('[', " [ ").replace(']', " ] ").replace('=', " = ");
        let mut words = line.split_ascii_whitespace();
        while let Some(word) = words.next() {
            if word == "[" {
                let action: Vec<&str> = words.by_ref().take_while(|word| *word != "]").collect();
                // Actions apply to the preceding service.
                if let Some(entry) = entries.last_mut() {
                    read_actions(entry, &action);
                }
                continue;
            }
            let service = match word {
                "files" => Service::Files,
                // If systemd-resolved is used, resolv.conf lists it as a name server.
                "dns" | "resolve" => Service::Dns,
                // The FreeBSD cache daemon, and an old file format.
                "cache" | "db" => Service::Absent,
                "myhostname" => Service::MyHostName,
                "mymachines" => Service::MyMachines,
                word if word.starts_with("mdns") => Service::Mdns,
                _ => Service::Other,
            };
            entries.push(Entry { service, actions: Actions::default(), continues: false });
        }
        entries.retain(|entry| entry.service != Service::Absent);
        NameServices(entries)
    }

    /// Whether the sources are `files` and then `dns` for every name.
    pub(crate) fn is_files_dns(&self) -> bool {
        match &self.0[..] {
            [files, dns] => {
                (files.service, dns.service) == (Service::Files, Service::Dns)
                    && files.is_plain()
                    && dns.is_plain()
            }
            _ => false,
        }
    }

    /// Returns the sources of a name. `is_own` returns whether the name is that of this host. It is
    /// called only if the result depends on it.
    pub(crate) fn sources(&self, name: NameRef<'_>, is_own: impl Fn() -> bool) -> Sources {
        let applies = |entry: &&Entry| match entry.service {
            Service::Files | Service::Dns | Service::Other => true,
            Service::Absent => false,
            Service::Mdns => name.is_mdns(),
            Service::MyHostName => name.dots() == 0 || is_own(),
            Service::MyMachines => name.dots() == 0,
        };
        let is_own_source = |entry: &Entry| matches!(entry.service, Service::Files | Service::Dns);
        let needs_system = self.0.iter().filter(applies).any(|entry| !is_own_source(entry));
        let mut sources = Sources::none();
        for entry in self.0.iter().filter(applies) {
            let source = match entry.service {
                // The OS resolver also reads the files first, and follows the actions.
                Service::Files if needs_system && !entry.is_plain() => Source::System,
                Service::Files => Source::Files,
                _ if needs_system => Source::System,
                _ => Source::Dns,
            };
            let is_system = source == Source::System;
            sources.push(source, if is_system { Actions::default() } else { entry.actions });
            if is_system {
                break;
            }
        }
        sources
    }
}

/// Parses the words between brackets: `NOTFOUND=return`, or `!UNAVAIL=return` for all statuses
/// except `UNAVAIL`.
fn read_actions(entry: &mut Entry, words: &[&str]) {
    let Entry { actions, continues, .. } = entry;
    let mut rest = words;
    while let [status, "=", action, after @ ..] = rest {
        rest = after;
        let (is_other, status) = match status.strip_prefix('!') {
            Some(status) => (true, status),
            None => (false, *status),
        };
        // `merge` applies only to the group database.
        let ends = action.eq_ignore_ascii_case("return");
        let each = [
            ("notfound", &mut actions.not_found),
            ("unavail", &mut actions.unavailable),
            ("tryagain", &mut actions.try_again),
        ];
        if status.eq_ignore_ascii_case("success") != is_other {
            *continues = !ends;
        }
        for (name, own) in each {
            if status.eq_ignore_ascii_case(name) != is_other {
                *own = ends;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::dns::name::HostName;
    use proptest::prelude::*;

    /// The sources of a name, with the statuses other than success that end the lookup: `N`
    /// (NOTFOUND), `U` (UNAVAIL), `T` (TRYAGAIN).
    fn sources(file: &str, name: &str) -> String {
        let services = NameServices::read(file.as_bytes());
        let sources = services.sources(HostName::found(name).as_ref(), || name == "box.corp.test");
        let step = |(source, actions): (Source, Actions)| {
            let marks = [(actions.not_found, "N"), (actions.unavailable, "U"), (actions.try_again, "T")];
            let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
            format!("{source:?}{marks}")
        };
        sources.iter().map(step).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sources_follow_order_and_actions_of_file() {
        let table: [(&str, &str); 16] = [
            ("", "Files Dns"),
            ("passwd: files ldap\n", "Files Dns"),
            ("hosts: files dns\n", "Files Dns"),
            ("hosts:files dns # ldap\n", "Files Dns"),
            ("# hosts: ldap\n", "Files Dns"),
            ("hosts: dns files\n", "Dns Files"),
            ("hosts: files\n", "Files"),
            ("hosts: dns\n", "Dns"),
            ("hosts: files [NOTFOUND=return] dns\n", "FilesN Dns"),
            ("hosts: dns [!UNAVAIL=return] files\n", "DnsNT Files"),
            ("hosts: dns [ NotFound = continue UNAVAIL=return ] files\n", "DnsU Files"),
            ("hosts: ldap\nhosts: files resolve dns\n", "Files Dns"),
            ("hosts: resolve dns [NOTFOUND=return] files\n", "DnsN Files"),
            ("hosts: files db [NOTFOUND=return] dns\n", "Files Dns"),
            ("hosts: files cache [NOTFOUND=return] dns\n", "Files Dns"),
            ("hosts: files [SUCCESS=continue] dns\n", "Files Dns"),
        ];
        for (file, expected) in table {
            assert_eq!(sources(file, "host.example"), expected, "{file:?}");
        }
    }

    /// The sources of four names: with dots, in `local`, without dots, and of this host.
    #[test]
    fn unsupported_services_use_system_source() {
        let table: [(&str, [&str; 4]); 9] = [
            (
                "hosts: files mdns4_minimal [NOTFOUND=return] dns\n",
                ["Files Dns", "Files System", "Files Dns", "Files Dns"],
            ),
            (
                "hosts: files myhostname resolve [!UNAVAIL=return] dns\n",
                ["Files DnsNT", "Files DnsNT", "Files System", "Files System"],
            ),
            (
                "hosts: mymachines resolve[!UNAVAIL=return]files myhostname dns\n",
                ["DnsNT Files Dns", "DnsNT Files Dns", "System", "System"],
            ),
            ("hosts: files dns ldap\n", ["Files System"; 4]),
            ("hosts: files sss dns\n", ["Files System"; 4]),
            ("hosts: files wins [ NOTFOUND = return ] dns\n", ["Files System"; 4]),
            ("hosts: files [NOTFOUND=return] ldap\n", ["System"; 4]),
            ("hosts: files [SUCCESS=merge] ldap\n", ["System"; 4]),
            ("hosts: files [SUCCESS=continue] ldap\n", ["System"; 4]),
        ];
        for (file, expected) in table {
            let of = |name| sources(file, name);
            assert_eq!(
                ["host.example", "printer.local", "host", "box.corp.test"].map(of),
                expected,
                "{file:?}"
            );
        }
    }

    #[test]
    fn long_line_ends_with_system_source() {
        let line = format!("hosts:{}", " files dns".repeat(5));
        assert_eq!(sources(&line, "host.example"), "Files Dns Files System");
    }

    #[test]
    fn is_mdns_matches_only_local_domain() {
        let is_mdns = |name| HostName::found(name).as_ref().is_mdns();
        assert!(is_mdns("printer.local") && is_mdns("a.b.LOCAL."));
        assert!(!is_mdns("notlocal") && !is_mdns("local.example"));
    }

    proptest! {
        #[test]
        fn any_file_is_parsed(bytes in proptest::collection::vec(any::<u8>(), 0..500), line in ".{0,60}") {
            NameServices::read(&bytes);
            sources(&format!("hosts: {line}"), "host");
        }
    }
}
