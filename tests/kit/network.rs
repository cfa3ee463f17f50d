//! Network namespaces of a test's own: a host with several links, and a peer at the other end of each.

use std::process::Command;

use super::{Running, skip};

fn ip(arguments: &str) -> bool {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

/// A host with the links `h1`, `h2`, … and for each a namespace with its other end, `p1`, `p2`, …; gone when this is.
///
/// `10.77.LINK.1` is the host's address on a link and `10.77.LINK.2` the peer's, `fe80::1` and `fe80::2` those of IPv6. No
/// route leads to anywhere else.
pub struct Network {
    name: String,
    links: u8,
}

impl Network {
    /// `None`, said aloud, where they cannot be made.
    pub fn lay(test: &str, links: u8) -> Option<Network> {
        // Of the process and of the test, because tests of one process run at the same time.
        let hash = test.bytes().fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        let network = Network { name: format!("socketry-{}-{hash:x}", std::process::id()), links };
        let host = network.host();
        let mut laid = ip(&format!("netns add {host}")) && ip(&format!("-n {host} link set lo up"));
        for link in 1..=links {
            let peer = network.peer(link);
            laid = laid
                && ip(&format!("netns add {peer}"))
                && ip(&format!("-n {peer} link set lo up"))
                && ip(&format!("-n {host} link add h{link} type veth peer name p{link} netns {peer}"));
            for (namespace, end, number) in [(&host, 'h', 1), (&peer, 'p', 2)] {
                laid = laid
                    && ip(&format!("-n {namespace} link set {end}{link} addrgenmode none"))
                    && ip(&format!("-n {namespace} addr add 10.77.{link}.{number}/24 dev {end}{link}"))
                    && ip(&format!("-n {namespace} link set {end}{link} up"))
                    && ip(&format!("-n {namespace} addr add fe80::{number}/64 dev {end}{link} nodad"));
            }
        }
        if !laid {
            skip(test, "network namespaces need root, and `ip` of iproute2");
            return None;
        }
        Some(network)
    }

    pub fn host(&self) -> String {
        format!("{}-host", self.name)
    }

    pub fn peer(&self, link: u8) -> String {
        format!("{}-peer{link}", self.name)
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
