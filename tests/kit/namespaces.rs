//! Network namespaces of a test's own: a host with several interfaces, and a peer at the other end
//! of each. Where the process is not root, the test runs again in a user namespace, in which it has
//! root's rights over its own networks.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::children::{Running, has, report};
use super::skip::{Need, current_test, skip};

/// Bits of `CapEff` in proc(5).
const CAP_NET_ADMIN: u64 = 1 << 12;
const CAP_SYS_ADMIN: u64 = 1 << 21;

fn has_capabilities(wanted: u64) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap_or("0");
    u64::from_str_radix(effective.trim(), 16).is_ok_and(|all| all & wanted == wanted)
}

/// Whether this process may configure its network.
pub fn has_net_admin() -> bool {
    has_capabilities(CAP_NET_ADMIN)
}

/// Called first in a test that needs root's rights over the network: `true` if this process has
/// them. Otherwise the test runs again in a user namespace, or is recorded as skipped, and the
/// caller returns.
#[track_caller]
pub fn as_root() -> bool {
    if has_capabilities(CAP_NET_ADMIN | CAP_SYS_ADMIN) {
        return true;
    }
    if !has_user_namespaces() {
        return false;
    }
    let test = current_test().expect("called in the thread of a test");
    let mut command = in_user_namespace("exec \"$0\" \"$@\"");
    command.arg(std::env::current_exe().unwrap()).args(["--exact", &test, "--nocapture", "--test-threads=1"]);
    report(&test, Running::start(&mut command));
    false
}

/// Whether [`in_user_namespace`] works here; where not, the calling test is recorded as skipped.
#[track_caller]
pub fn has_user_namespaces() -> bool {
    let result = user_namespaces();
    if let Err(reason) = &result {
        skip(Need::NetAdmin, reason);
    }
    result.is_ok()
}

/// A shell script as root of a user namespace, in a network of its own that has the loopback
/// interface alone. `ip netns` keeps its names below `/run`.
pub fn in_user_namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "sh", "-c"]);
    command.arg(format!("mount -t tmpfs tmpfs /run && ip link set lo up && {script}"));
    command
}

fn user_namespaces() -> Result<(), String> {
    for program in ["unshare", "ip"] {
        if !has(program) {
            return Err(format!("{program} is not installed"));
        }
    }
    match in_user_namespace("true").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("unshare fails: {error}")),
    }
}

/// Puts a file at the place of `/etc/hosts` for the rest of a script that runs in a mount namespace
/// of its own.
pub const BIND_HOSTS: &str = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";

fn ip(arguments: &str) -> bool {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

/// A host with the interfaces `h1`, `h2`, … and for each a namespace with its other end, `p1`,
/// `p2`, …; deleted when dropped.
///
/// `10.77.LINK.1` is the host's address on a link and `10.77.LINK.2` the peer's, `fe80::1` and
/// `fe80::2` those of IPv6. There is no other route.
pub struct Network {
    name: String,
    links: u8,
}

impl Network {
    /// In a test that has begun with [`as_root`]. `None` where it cannot be made, which is recorded
    /// as a skip.
    #[track_caller]
    pub fn new(links: u8) -> Option<Network> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let network = Network { name: format!("socketry-{}-{number}", std::process::id()), links };
        if !network.make() {
            skip(Need::NetAdmin, "ip of iproute2 cannot make network namespaces");
            return None;
        }
        Some(network)
    }

    fn make(&self) -> bool {
        let host = self.host();
        let mut made = ip(&format!("netns add {host}")) && ip(&format!("-n {host} link set lo up"));
        for link in 1..=self.links {
            let peer = self.peer(link);
            made = made
                && ip(&format!("netns add {peer}"))
                && ip(&format!("-n {peer} link set lo up"))
                && ip(&format!("-n {host} link add h{link} type veth peer name p{link} netns {peer}"));
            for (namespace, end, number) in [(&host, 'h', 1), (&peer, 'p', 2)] {
                made = made
                    && ip(&format!("-n {namespace} link set {end}{link} addrgenmode none"))
                    && ip(&format!("-n {namespace} addr add 10.77.{link}.{number}/24 dev {end}{link}"))
                    && ip(&format!("-n {namespace} link set {end}{link} up"))
                    && ip(&format!("-n {namespace} addr add fe80::{number}/64 dev {end}{link} nodad"));
            }
        }
        made
    }

    pub fn host(&self) -> String {
        format!("{}-host", self.name)
    }

    pub fn peer(&self, link: u8) -> String {
        format!("{}-peer{link}", self.name)
    }

    /// Moves the ends of all links to the first peer.
    pub fn join_peers(&self) {
        let to = self.peer(1);
        for link in 2..=self.links {
            let from = self.peer(link);
            for arguments in [
                format!("-n {from} link set p{link} netns {to}"),
                format!("-n {to} link set p{link} addrgenmode none"),
                format!("-n {to} addr add 10.77.{link}.2/24 dev p{link}"),
                format!("-n {to} link set p{link} up"),
                format!("-n {to} addr add fe80::2/64 dev p{link} nodad"),
            ] {
                assert!(ip(&arguments), "ip {arguments}");
            }
        }
    }

    /// An `ip` command in the host's namespace.
    pub fn ip(&self, arguments: &str) {
        assert!(ip(&format!("-n {} {arguments}", self.host())), "ip {arguments}");
    }

    /// A program in a namespace.
    pub fn run(namespace: &str, program: &mut Command) -> Running {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Running::start(&mut command)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for link in 1..=self.links {
            ip(&format!("netns delete {}", self.peer(link)));
        }
        ip(&format!("netns delete {}", self.host()));
    }
}
