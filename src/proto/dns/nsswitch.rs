//! Who answers for hosts on this machine, in what order, and what a result leads to: nsswitch.conf(5).

use super::name::NameRef;

/// The `hosts` line of such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameServices(Vec<Entry>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    service: Service,
    actions: Actions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Files,
    Dns,
    /// Names of the local link (RFC 6762).
    Mdns,
    /// The name of this machine.
    MyHostName,
    /// Those of its neighbors on a virtual network.
    MyMachines,
    /// A directory, or a service that this library does not know.
    Other,
}

/// What a result of a service leads to: whether the lookup ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Actions {
    pub(crate) success: bool,
    pub(crate) not_found: bool,
    pub(crate) unavailable: bool,
    pub(crate) try_again: bool,
}

/// Nothing but a success ends a lookup, unless the file says so.
const DEFAULT_ACTIONS: Actions =
    Actions { success: true, not_found: false, unavailable: false, try_again: false };

/// A step of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The hosts files.
    Files,
    /// The name servers.
    Dns,
    /// The resolver of the OS, for this and all that follows.
    System,
}

/// The steps of the lookup of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sources {
    steps: [(Source, Actions); MAX_STEPS],
    len: usize,
}

/// Each source once or twice; the OS follows a longer line.
const MAX_STEPS: usize = 4;

impl Default for NameServices {
    fn default() -> NameServices {
        let entry = |service| Entry { service, actions: DEFAULT_ACTIONS };
        NameServices(vec![entry(Service::Files), entry(Service::Dns)])
    }
}

impl Sources {
    const NONE: Sources = Sources { steps: [(Source::System, DEFAULT_ACTIONS); MAX_STEPS], len: 0 };

    pub(crate) const FILES_DNS: Sources = Sources::files_and(Source::Dns);
    pub(crate) const FILES_SYSTEM: Sources = Sources::files_and(Source::System);

    const fn files_and(source: Source) -> Sources {
        let mut sources = Sources::NONE;
        sources.steps[0] = (Source::Files, DEFAULT_ACTIONS);
        sources.steps[1] = (source, DEFAULT_ACTIONS);
        sources.len = 2;
        sources
    }

    fn push(&mut self, source: Source, actions: Actions) -> bool {
        let has_room = self.len < MAX_STEPS;
        if has_room {
            self.steps[self.len] = (source, actions);
            self.len += 1;
        }
        has_room
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Source, Actions)> + '_ {
        self.steps[..self.len].iter().copied()
    }

    pub(crate) fn has(&self, source: Source) -> bool {
        self.iter().any(|(own, _)| own == source)
    }
}

impl NameServices {
    /// Reads a file; without one, and without such a line, there are files and name servers.
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
                // It belongs to the service before.
                if let Some(entry) = entries.last_mut() {
                    entry.actions.read(&action);
                }
                continue;
            }
            let service = match word {
                "files" => Service::Files,
                // systemd-resolved is the server of resolv.conf where it is used, and some systems keep answers of all
                // sources.
                "dns" | "resolve" => Service::Dns,
                "cache" | "db" => continue,
                "myhostname" => Service::MyHostName,
                "mymachines" => Service::MyMachines,
                word if word.starts_with("mdns") => Service::Mdns,
                _ => Service::Other,
            };
            entries.push(Entry { service, actions: DEFAULT_ACTIONS });
        }
        NameServices(entries)
    }

    /// The steps of the lookup of a name. `is_own` returns whether it is that of this host, and is called only if that matters.
    pub(crate) fn sources(&self, name: NameRef<'_>, is_own: impl Fn() -> bool) -> Sources {
        let concerns = |entry: &&Entry| match entry.service {
            Service::Files | Service::Dns | Service::Other => true,
            Service::Mdns => name.is_of_the_link(),
            Service::MyHostName => name.dots() == 0 || is_own(),
            Service::MyMachines => name.dots() == 0,
        };
        let mut sources = Sources::NONE;
        let needs_system = self
            .0
            .iter()
            .filter(concerns)
            .any(|entry| !matches!(entry.service, Service::Files | Service::Dns));
        for entry in self.0.iter().filter(concerns) {
            let source = match entry.service {
                Service::Files => Source::Files,
                _ if needs_system => Source::System,
                _ => Source::Dns,
            };
            // The system begins with the files again, which takes nothing away.
            let is_plain = entry.actions == DEFAULT_ACTIONS;
            let source = if needs_system && !is_plain { Source::System } else { source };
            // `resolve` and `dns` in a row are one, which ends the lookup if either does.
            let last = sources.len.checked_sub(1).map(|last| &mut sources.steps[last]);
            if let Some((Source::Dns, actions)) = last.filter(|_| source == Source::Dns) {
                actions.also(entry.actions);
                continue;
            }
            if source == Source::System || !sources.push(source, entry.actions) {
                sources.len = sources.len.min(MAX_STEPS - 1);
                sources.push(Source::System, DEFAULT_ACTIONS);
                break;
            }
        }
        sources
    }
}

impl Actions {
    fn also(&mut self, other: Actions) {
        self.success |= other.success;
        self.not_found |= other.not_found;
        self.unavailable |= other.unavailable;
        self.try_again |= other.try_again;
    }

    /// Reads the words between brackets: `NOTFOUND = return`, or `!UNAVAIL = return` for all others.
    fn read(&mut self, words: &[&str]) {
        let mut rest = words;
        while let [status, "=", action, behind @ ..] = rest {
            rest = behind;
            let (is_other, status) = match status.strip_prefix('!') {
                Some(status) => (true, status),
                None => (false, *status),
            };
            // `merge` is for groups.
            let ends = action.eq_ignore_ascii_case("return");
            let each = [
                ("success", &mut self.success),
                ("notfound", &mut self.not_found),
                ("unavail", &mut self.unavailable),
                ("tryagain", &mut self.try_again),
            ];
            for (name, own) in each {
                if status.eq_ignore_ascii_case(name) != is_other {
                    *own = ends;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::dns::name::HostName;
    use proptest::prelude::*;

    /// The sources of a name, with the results that end the lookup besides success: `N`, `U`, `T`, and `-S` if it does not.
    fn sources(file: &str, name: &str) -> String {
        let services = NameServices::read(file.as_bytes());
        let sources = services.sources(HostName::found(name).as_ref(), || name == "box.corp.test");
        let step = |(source, actions): (Source, Actions)| {
            let marks = [
                (actions.not_found, "N"),
                (actions.unavailable, "U"),
                (actions.try_again, "T"),
                (!actions.success, "-S"),
            ];
            let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
            format!("{source:?}{marks}")
        };
        sources.iter().map(step).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sources_follow_order_and_actions_of_file() {
        let table: [(&str, &str); 13] = [
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
        ];
        for (file, expected) in table {
            assert_eq!(sources(file, "host.example"), expected, "{file:?}");
        }
    }

    /// Of a name of the net, of the link, of one label, of this host.
    #[test]
    fn names_of_other_services_are_the_systems() {
        let table: [(&str, [&str; 4]); 7] = [
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
    fn long_line_ends_with_the_system() {
        let line = format!("hosts:{}", " files dns".repeat(5));
        assert_eq!(sources(&line, "host.example"), "Files Dns Files System");
    }

    #[test]
    fn is_mdns_matches_only_local_domain() {
        let is_of_the_link = |name| HostName::found(name).as_ref().is_of_the_link();
        assert!(is_of_the_link("printer.local") && is_of_the_link("a.b.LOCAL."));
        assert!(!is_of_the_link("notlocal") && !is_of_the_link("local.example"));
    }

    proptest! {
        #[test]
        fn any_file_is_parsed(bytes in proptest::collection::vec(any::<u8>(), 0..500), line in ".{0,60}") {
            NameServices::read(&bytes);
            sources(&format!("hosts: {line}"), "host");
        }
    }
}
