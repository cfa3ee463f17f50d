//! Who answers for hosts on this machine besides files and name servers: nsswitch.conf(5).

use super::name::NameRef;

/// What is known to others than a hosts file and name servers, and so must be asked of the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameServices {
    /// Every name that is in no hosts file: a directory, or a service that this library does not know.
    others: bool,
    /// Names of the local link (RFC 6762).
    local: bool,
    /// The name of this machine, and those of its neighbours on a virtual network.
    own: bool,
}

impl NameServices {
    /// Reads a file; without one there are files and name servers.
    pub(crate) fn read(bytes: &[u8]) -> NameServices {
        let mut services = NameServices::default();
        for line in String::from_utf8_lossy(bytes).lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some(sources) = line.trim().strip_prefix("hosts:") else { continue };
            services = NameServices::default();
            // What stands in brackets says what a result leads to, and is no source.
            let sources = sources.replace('[', " [ ").replace(']', " ] ");
            let mut is_action = false;
            for word in sources.split_ascii_whitespace() {
                match word {
                    "[" => is_action = true,
                    "]" => is_action = false,
                    _ if is_action => {}
                    // systemd-resolved is the server of resolv.conf where it is used, and some systems keep answers of all sources.
                    "files" | "dns" | "resolve" | "cache" | "db" => {}
                    word if word.starts_with("mdns") => services.local = true,
                    "myhostname" | "mymachines" => services.own = true,
                    _ => services.others = true,
                }
            }
        }
        services
    }

    /// Whether a name has to be asked of the system.
    pub(crate) fn has(self, name: NameRef<'_>) -> bool {
        self.others || self.local && name.is_of_the_link() || self.own && name.dots() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::dns::name::HostName;
    use proptest::prelude::*;

    /// Of a name of the net, of the link, of one label: which are the system's.
    fn asked(file: &str) -> [bool; 3] {
        let services = NameServices::read(file.as_bytes());
        ["host.example", "printer.local", "host"].map(|name| services.has(HostName::found(name).as_ref()))
    }

    #[test]
    fn names_needing_system_services_are_detected() {
        let table: [(&str, [bool; 3]); 12] = [
            ("", [false; 3]),
            ("passwd: files ldap\n", [false; 3]),
            ("hosts: files dns\n", [false; 3]),
            ("hosts:files dns # ldap\n", [false; 3]),
            ("# hosts: ldap\n", [false; 3]),
            ("hosts: files mdns4_minimal [NOTFOUND=return] dns\n", [false, true, false]),
            ("hosts: files myhostname resolve [!UNAVAIL=return] dns\n", [false, false, true]),
            ("hosts: mymachines resolve[!UNAVAIL=return]files myhostname dns\n", [false, false, true]),
            ("hosts: files dns ldap\n", [true; 3]),
            ("hosts: files sss dns\n", [true; 3]),
            ("hosts: files wins [ NOTFOUND = return ] dns\n", [true; 3]),
            ("hosts: ldap\nhosts: files dns\n", [false; 3]),
        ];
        for (file, expected) in table {
            assert_eq!(asked(file), expected, "{file:?}");
        }
    }

    #[test]
    fn is_mdns_matches_only_local_domain() {
        let is_of_the_link = |name| HostName::found(name).as_ref().is_of_the_link();
        assert!(is_of_the_link("printer.local") && is_of_the_link("a.b.LOCAL."));
        assert!(!is_of_the_link("notlocal") && !is_of_the_link("local.example"));
    }

    proptest! {
        #[test]
        fn any_file_is_parsed(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            NameServices::read(&bytes);
        }
    }
}
