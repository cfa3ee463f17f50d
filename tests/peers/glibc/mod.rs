//! Compares lookups with those of glibc. The same names are looked up with the same files,
//! environment, and name servers, once with `getaddrinfo` (from Python) and once with `Resolver`.
//!
//! Each group of scenarios runs in its own namespace. The files of the scenario are mounted over
//! those in `/etc`, and the name servers listen on port 53.

mod scenarios;
mod servers;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use crate::kit::children::{Running, needs, report};
use crate::kit::namespaces::{has_user_namespaces, in_user_namespace};
use crate::kit::skip::current_test;
use crate::kit::temp_file::TempFile;
use scenarios::{NAMES, SCENARIOS, Scenario};

/// The environment variable that marks the process in the namespace.
const GROUP: &str = "SOCKETRY_GLIBC_GROUP";

/// The environment variable with the names that the process looks up.
const LOOKUPS: &str = "SOCKETRY_GLIBC_LOOKUPS";

/// The time limit of a process. It includes the timeouts of silent servers and several attempts.
const LIMIT: Duration = Duration::from_secs(60);

const GETADDRINFO: &str = "
import socket, sys, threading
def look_up(name):
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        result = ' '.join(sorted({address[4][0] for address in found}))
    except socket.gaierror as error:
        result = 'temporary' if error.errno == socket.EAI_AGAIN else 'none'
    results.append(f'RESULT {name}={result}')
results = []
threads = [threading.Thread(target=look_up, args=(name,)) for name in sys.argv[1:]]
for thread in threads: thread.start()
for thread in threads: thread.join()
print('\\n'.join(results))
";

/// Runs a program and returns its results by name.
fn results(command: &mut Command) -> BTreeMap<String, String> {
    let output = Running::start(command).finish_within(LIMIT);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    let lines = text.lines().filter_map(|line| line.split_once("RESULT ")?.1.split_once('='));
    lines.map(|(name, result)| (name.to_owned(), result.to_owned())).collect()
}

fn by_resolver(name: &str) -> String {
    let resolver = socketry::Resolver::builder().timeout(LIMIT / 2).build();
    match resolver.lookup(name) {
        Ok(found) => {
            let mut all: Vec<String> = found.addresses().iter().map(ToString::to_string).collect();
            all.sort();
            all.join(" ")
        }
        Err(error) if error.is_temporary() || error.is_timeout() => "temporary".to_owned(),
        Err(_) => "none".to_owned(),
    }
}

/// Prints the lookups of the process of a scenario. Does nothing if it is run as a normal test.
#[test]
fn lookups_of_the_environment_are_printed() {
    let Ok(names) = std::env::var(LOOKUPS) else { return };
    std::thread::scope(|scope| {
        for name in names.split(' ') {
            scope.spawn(move || println!("RESULT {name}={}", by_resolver(name)));
        }
    });
}

/// Temporary files that are mounted over those in `/etc`.
struct Etc {
    nsswitch: TempFile,
    resolv: TempFile,
    hosts: TempFile,
}

impl Etc {
    fn mounted() -> Etc {
        let etc =
            Etc { nsswitch: TempFile::with(b""), resolv: TempFile::with(b""), hosts: TempFile::with(b"") };
        for (file, place) in [
            (&etc.nsswitch, "/etc/nsswitch.conf"),
            (&etc.resolv, "/etc/resolv.conf"),
            (&etc.hosts, "/etc/hosts"),
        ] {
            let mounted = Command::new("mount").arg("--bind").arg(file.path()).arg(place).status();
            assert!(mounted.is_ok_and(|status| status.success()), "mount --bind at {place}");
        }
        etc
    }

    fn write(&self, scenario: &Scenario) {
        self.nsswitch.write(scenario.nsswitch);
        self.resolv.write(scenario.resolv);
        self.hosts.write("127.0.0.1 localhost\n192.0.2.9 old.corp.test\n");
        let named = Command::new("hostname").arg(scenario.host_name).status();
        assert!(named.is_ok_and(|status| status.success()), "hostname");
    }
}

/// The different results of a scenario: the name, the result of glibc, and the result of this
/// crate.
fn differences(scenario: &Scenario, etc: &Etc) -> Vec<(String, String, String)> {
    etc.write(scenario);
    let run = |mut command: Command| {
        command.envs(scenario.environment.iter().copied());
        // Each process has its own servers, because they count the queries.
        let _servers: Vec<_> = scenario.servers.iter().map(|(ip, behavior)| behavior.start(ip)).collect();
        results(&mut command)
    };
    let mut python = Command::new("python3");
    python.args(["-c", GETADDRINFO]).args(NAMES);
    let mut own = Command::new(std::env::current_exe().unwrap());
    own.args(["--exact", "glibc::lookups_of_the_environment_are_printed", "--nocapture", "--test-threads=1"]);
    own.env(LOOKUPS, NAMES.join(" "));
    let (theirs, ours) = (run(python), run(own));
    assert_eq!(
        (theirs.len(), ours.len()),
        (NAMES.len(), NAMES.len()),
        "{}: {theirs:?} {ours:?}",
        scenario.name
    );
    let pairs = theirs.into_iter().map(|(name, their)| {
        let our = ours[&name].clone();
        (name, their, our)
    });
    pairs.filter(|(_, their, our)| their != our).collect()
}

/// Runs the scenarios of a group in a namespace. Each difference must be listed in its scenario,
/// and each listed difference must occur.
fn check(group: usize) {
    if !needs("python3") || !needs("hostname") || !has_user_namespaces() {
        return;
    }
    let test = current_test().expect("called in the thread of a test");
    if std::env::var_os(GROUP).is_none() {
        let mut command = in_user_namespace("exec unshare --uts \"$0\" \"$@\"");
        command.arg(std::env::current_exe().unwrap());
        command.args(["--exact", &test, "--nocapture", "--test-threads=1"]).env(GROUP, "here");
        report(&test, Running::start(&mut command));
        return;
    }
    let etc = Etc::mounted();
    let mut wrong = Vec::new();
    for scenario in SCENARIOS.iter().skip(group).step_by(GROUPS) {
        let found = differences(scenario, &etc);
        for (name, their, our) in &found {
            if !scenario.differences.iter().any(|(own, _)| own == name || *own == "*") {
                wrong.push(format!("{}: {name}: glibc {their:?}, this crate {our:?}", scenario.name));
            }
        }
        for (name, _) in scenario.differences {
            if !found.iter().any(|(own, ..)| own == name || *name == "*") {
                wrong.push(format!(
                    "{}: {name} is listed as a difference, but the results are equal",
                    scenario.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const GROUPS: usize = 4;

#[test]
fn lookups_match_getaddrinfo_1() {
    check(0);
}

#[test]
fn lookups_match_getaddrinfo_2() {
    check(1);
}

#[test]
fn lookups_match_getaddrinfo_3() {
    check(2);
}

#[test]
fn lookups_match_getaddrinfo_4() {
    check(3);
}

#[test]
fn scenarios_have_at_least_300_cells() {
    assert!(SCENARIOS.len() * NAMES.len() >= 300, "{}", SCENARIOS.len() * NAMES.len());
    let names: std::collections::BTreeSet<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), SCENARIOS.len(), "each name is used once");
}
