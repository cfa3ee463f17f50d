//! The files, the environment, and the servers of each scenario, and the names whose results differ
//! from those of glibc, with the reason.

use simple_dns::RCODE;

use super::servers::Behavior::{self, *};

pub struct Scenario {
    pub name: &'static str,
    pub nsswitch: &'static str,
    pub resolv: &'static str,
    pub host_name: &'static str,
    pub environment: &'static [(&'static str, &'static str)],
    pub servers: &'static [(&'static str, Behavior)],
    /// The names whose results differ, and the reason. `*` matches any name.
    pub differences: &'static [(&'static str, &'static str)],
}

pub const NAMES: [&str; 15] = [
    "db",
    "db.corp.test",
    "old.corp.test",
    "www.example.test",
    "www.example.test.",
    "v4.example.test",
    "v6.example.test",
    "alias.example.test",
    "chain.example.test",
    "bad.example.test",
    "under_score.example.test",
    "nosuch.example.test",
    "single",
    "printer.local",
    "127.0.0.1",
];

const A: &str = "127.77.0.1";
const B: &str = "127.77.0.2";
const C: &str = "127.77.0.3";
const D: &str = "127.77.0.4";

const FILES_DNS: &str = "hosts: files dns\n";

/// glibc 2.36 accepts the address of an alias target that contains a space.
const BAD_CNAME: &[(&str, &str)] = &[("bad.example.test", "a CNAME that is not a host name is refused")];

/// One server that serves the zone.
const PLAIN: Scenario = Scenario {
    name: "files dns",
    nsswitch: FILES_DNS,
    resolv: "nameserver 127.77.0.1\noptions timeout:1\n",
    host_name: "box",
    environment: &[],
    servers: &[(A, Normal)],
    differences: BAD_CNAME,
};

pub const SCENARIOS: [Scenario; 42] = [
    PLAIN,
    Scenario { name: "dns files", nsswitch: "hosts: dns files\n", ..PLAIN },
    Scenario { name: "files", nsswitch: "hosts: files\n", differences: &[], ..PLAIN },
    Scenario { name: "dns", nsswitch: "hosts: dns\n", ..PLAIN },
    Scenario {
        name: "files, not found returns",
        nsswitch: "hosts: files [NOTFOUND=return] dns\n",
        differences: &[],
        ..PLAIN
    },
    Scenario {
        name: "dns returns unless unavailable",
        nsswitch: "hosts: dns [!UNAVAIL=return] files\n",
        ..PLAIN
    },
    Scenario {
        name: "dns unavailable, files",
        nsswitch: "hosts: dns [!UNAVAIL=return] files\n",
        resolv: "nameserver 127.77.0.1\noptions timeout:1 attempts:1\n",
        servers: &[(A, Silent)],
        differences: &[("*", "a name is not known not to exist while no server responds")],
        ..PLAIN
    },
    Scenario { name: "no hosts line", nsswitch: "passwd: files\n", ..PLAIN },
    Scenario { name: "myhostname", nsswitch: "hosts: files myhostname dns\n", ..PLAIN },
    Scenario {
        name: "unknown service",
        nsswitch: "hosts: files nosuchservice dns\n",
        differences: &[],
        ..PLAIN
    },
    Scenario { name: "domain of the host", host_name: "box.corp.test", ..PLAIN },
    Scenario { name: "search", resolv: "nameserver 127.77.0.1\nsearch corp.test\n", ..PLAIN },
    Scenario {
        name: "search the root",
        resolv: "nameserver 127.77.0.1\nsearch .\n",
        host_name: "box.corp.test",
        ..PLAIN
    },
    Scenario {
        name: "search without a domain",
        resolv: "nameserver 127.77.0.1\nsearch\n",
        host_name: "box.corp.test",
        ..PLAIN
    },
    Scenario { name: "domain", resolv: "nameserver 127.77.0.1\ndomain corp.test\n", ..PLAIN },
    Scenario {
        name: "the last of search and domain",
        resolv: "search corp.test\nnameserver 127.77.0.1\ndomain example.test\n",
        ..PLAIN
    },
    Scenario {
        name: "two domains",
        resolv: "nameserver 127.77.0.1\nsearch nosuch.test corp.test example.test\n",
        ..PLAIN
    },
    Scenario {
        name: "ndots 3",
        resolv: "nameserver 127.77.0.1\nsearch corp.test\noptions ndots:3\n",
        ..PLAIN
    },
    Scenario {
        name: "ndots 0",
        resolv: "nameserver 127.77.0.1\nsearch corp.test\noptions ndots:0\n",
        ..PLAIN
    },
    Scenario { name: "LOCALDOMAIN", environment: &[("LOCALDOMAIN", "corp.test")], ..PLAIN },
    Scenario {
        name: "LOCALDOMAIN over search",
        resolv: "nameserver 127.77.0.1\nsearch nosuch.test\n",
        environment: &[("LOCALDOMAIN", "nosuch.test corp.test")],
        ..PLAIN
    },
    Scenario {
        name: "RES_OPTIONS",
        resolv: "nameserver 127.77.0.1\nsearch corp.test\noptions ndots:1\n",
        environment: &[("RES_OPTIONS", "ndots:4")],
        ..PLAIN
    },
    Scenario {
        name: "rotate",
        resolv: "nameserver 127.77.0.1\nnameserver 127.77.0.2\noptions rotate\n",
        servers: &[(A, Normal), (B, Normal)],
        ..PLAIN
    },
    Scenario { name: "use-vc", resolv: "nameserver 127.77.0.1\noptions use-vc\n", ..PLAIN },
    Scenario { name: "single-request", resolv: "nameserver 127.77.0.1\noptions single-request\n", ..PLAIN },
    Scenario {
        name: "single-request-reopen, trust-ad, unknown options",
        resolv: "; comment\n# comment\nnameserver 127.77.0.1\noptions single-request-reopen trust-ad no-tld-query x:y\nfoo bar\n",
        ..PLAIN
    },
    Scenario {
        name: "first server SERVFAIL",
        resolv: "nameserver 127.77.0.1\nnameserver 127.77.0.2\n",
        servers: &[(A, Fails(RCODE::ServerFailure)), (B, Normal)],
        ..PLAIN
    },
    Scenario {
        name: "first server REFUSED",
        resolv: "nameserver 127.77.0.1\nnameserver 127.77.0.2\n",
        servers: &[(A, Fails(RCODE::Refused)), (B, Normal)],
        ..PLAIN
    },
    Scenario {
        name: "first server NOTIMP",
        resolv: "nameserver 127.77.0.1\nnameserver 127.77.0.2\n",
        servers: &[(A, Fails(RCODE::NotImplemented)), (B, Normal)],
        ..PLAIN
    },
    Scenario {
        name: "first server FORMERR",
        resolv: "nameserver 127.77.0.1\nnameserver 127.77.0.2\n",
        servers: &[(A, Fails(RCODE::FormatError)), (B, Normal)],
        differences: &[("*", "the next server is queried, as after every other failure")],
        ..PLAIN
    },
    Scenario {
        name: "first server silent",
        resolv: "nameserver 127.77.0.1\nnameserver 127.77.0.2\noptions timeout:1\n",
        servers: &[(A, Silent), (B, Normal)],
        ..PLAIN
    },
    Scenario {
        name: "first server closed",
        resolv: "nameserver 127.77.0.1\nnameserver 127.77.0.2\n",
        servers: &[(B, Normal)],
        ..PLAIN
    },
    Scenario {
        name: "first server knows nothing",
        resolv: "nameserver 127.77.0.1\nnameserver 127.77.0.2\n",
        servers: &[(A, KnowsNothing), (B, Normal)],
        differences: &[],
        ..PLAIN
    },
    Scenario {
        name: "third server",
        resolv: "nameserver 127.77.0.1\nnameserver 127.77.0.2\nnameserver 127.77.0.3\n",
        servers: &[(A, Fails(RCODE::Refused)), (B, Fails(RCODE::ServerFailure)), (C, Normal)],
        ..PLAIN
    },
    Scenario {
        name: "fourth server",
        resolv: "nameserver 127.77.0.1\nnameserver 127.77.0.2\nnameserver 127.77.0.3\nnameserver 127.77.0.4\n",
        servers: &[
            (A, Fails(RCODE::Refused)),
            (B, Fails(RCODE::Refused)),
            (C, Fails(RCODE::Refused)),
            (D, Normal),
        ],
        differences: &[],
        ..PLAIN
    },
    Scenario { name: "server loses a query", servers: &[(A, Loses(1))], ..PLAIN },
    Scenario { name: "server drops EDNS", servers: &[(A, DropsEdns)], ..PLAIN },
    Scenario { name: "server FORMERR to EDNS", servers: &[(A, FailsEdns(RCODE::FormatError))], ..PLAIN },
    Scenario { name: "server NOTIMP to EDNS", servers: &[(A, FailsEdns(RCODE::NotImplemented))], ..PLAIN },
    Scenario { name: "server truncates", servers: &[(A, Truncates)], ..PLAIN },
    Scenario {
        name: "server truncates and closes",
        servers: &[(A, TruncatesAndCloses)],
        differences: &[],
        ..PLAIN
    },
    Scenario { name: "server lies first", servers: &[(A, Lies)], ..PLAIN },
];
