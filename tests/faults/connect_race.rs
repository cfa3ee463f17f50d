//! The race of addresses between two hosts of this test's own, which drop packets or refuse them by family; beside it Python and
//! Node.js in the same place.

#![cfg(target_os = "linux")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::kit::namespaces::{BIND_HOSTS, Network, as_root};
use crate::kit::*;
use socketry::tcp::{ConnectEvent, ConnectFailures};
use socketry::{ErrorKind, TcpClient, TcpServer};

/// From the block for documentation (RFC 3849).
const V6: &str = "2001:db8:77::";

/// A host with a name for each case, and a peer with three addresses of each family.
struct Hosts {
    network: Network,
    hosts: PathBuf,
}

impl Hosts {
    fn lay(test: &str) -> Option<Hosts> {
        if !needs("nft") || !as_root() {
            return None;
        }
        let network = Network::new(1)?;
        network.ip(&format!("addr add {V6}1/64 dev h1 nodad"));
        for number in [2, 3, 4] {
            let peer = network.peer(1);
            assert!(succeeds(&format!("ip -n {peer} addr add {V6}{number}/64 dev p1 nodad")));
            let v4 = format!("ip -n {peer} addr add 10.77.1.{number}/24 dev p1");
            assert!(number == 2 || succeeds(&v4));
        }
        let hosts = std::env::temp_dir().join(format!("socketry-hosts-{test}-{}", std::process::id()));
        let text = format!(
            "127.0.0.1 localhost\n{V6}2 both\n10.77.1.2 both\n::1 self\n10.77.1.2 self\n\
             {V6}2 many\n{V6}3 many\n{V6}4 many\n10.77.1.2 many\n10.77.1.3 many\n10.77.1.4 many\n"
        );
        std::fs::write(&hosts, text).unwrap();
        let hosts = Hosts { network, hosts };
        if !hosts.filter("accept") {
            skip(Need::NetAdmin, "nft must not filter here");
            return None;
        }
        Some(hosts)
    }

    /// What the peer does with packets, in the words of nft.
    fn rule(&self, rule: &str) {
        assert!(self.filter(rule), "{rule}");
    }

    fn filter(&self, rule: &str) -> bool {
        let rules = format!(
            "flush ruleset\ntable inet t {{\n chain c {{\n type filter hook input priority 0\n {rule}\n }}\n}}"
        );
        let mut nft = Command::new("ip");
        nft.args(["netns", "exec", &self.network.peer(1), "nft", &rules]);
        nft.output().is_ok_and(|output| output.status.success())
    }

    /// A program on the host, which has names of its own there; what it prints.
    fn run_on_host(&self, program: &mut Command) -> String {
        let mut command = Command::new("sh");
        // A namespace entered by `ip` has mounts of its own.
        command.args(["-c", BIND_HOSTS]).arg(&self.hosts);
        command.arg(program.get_program()).args(program.get_args());
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Network::run(&self.network.host(), &mut command).assert_success("the host")
    }

    /// The ignored test below, on the host.
    fn connect(&self, kind: &str, port: u16) -> String {
        let text = self.run_on_host(this_test(host, kind).env("SOCKETRY_PORT", port.to_string()));
        let told = text.lines().filter_map(|line| line.strip_prefix("told: "));
        told.collect::<Vec<_>>().join("; ")
    }

    /// What others take for the same.
    fn others(&self, port: u16) -> String {
        let python = format!(
            "import socket,time\ns=time.monotonic()\ntry: r=socket.create_connection(('both',{port}),timeout=1)\
             .getpeername()[0]\nexcept OSError as e: r=e\nprint(f'{{(time.monotonic()-s)*1e3:.1f}} ms, {{r}}')"
        );
        let node = format!(
            "const s=performance.now();const n=require('net').connect({{host:'both',port:{port}}});\
             const end=r=>{{console.log((performance.now()-s).toFixed(1)+' ms, '+r);process.exit()}};\
             n.on('connect',()=>end(n.remoteAddress)).on('error',e=>end(e.code));setTimeout(()=>end('gave up'),3000)"
        );
        let mut lines = Vec::new();
        for (program, flag, code) in [("python3", "-c", python), ("node", "-e", node)] {
            if has(program) {
                let text = self.run_on_host(Command::new(program).args([flag, &code]));
                lines.push(format!("{program} {}", text.trim()));
            }
        }
        lines.join("; ")
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.hosts);
    }
}

fn succeeds(command: &str) -> bool {
    let mut words = command.split(' ');
    Command::new(words.next().unwrap()).args(words).status().unwrap().success()
}

/// A listener of the peer: for one family or for both.
fn listen(hosts: &Hosts, address: &str) -> (Running, u16) {
    let mut running = Network::run(&hosts.network.peer(1), &mut this_test(peer, address));
    let port = Lines::of(running.stdout()).after("at port ").parse().unwrap();
    (running, port)
}

#[test]
#[ignore = "a part of the tests here, which run it in a namespace"]
fn peer() {
    let address = kind();
    let server = TcpServer::builder().dual_stack(address.starts_with('[')).bind(address.as_str()).unwrap();
    println!("\nat port {}", server.local_addr().port());
    // Until the test ends it.
    for connection in server.incoming() {
        drop(connection);
    }
}

#[test]
#[ignore = "a part of the tests here, which run it in a namespace"]
fn host() {
    let kind = kind();
    let port: u16 = std::env::var("SOCKETRY_PORT").unwrap().parse().unwrap();
    let builder = match kind.as_str() {
        // Where nobody is waited for, such a delay would be seen.
        "works" | "refused" | "self" => {
            TcpClient::builder().connect_timeout(PATIENCE).attempt_delay(Duration::from_secs(2))
        }
        "dropped" => TcpClient::builder().connect_timeout(PATIENCE),
        _ => TcpClient::builder().connect_timeout(Duration::from_secs(1)),
    };
    let name = match kind.as_str() {
        "self" | "many" => kind.as_str(),
        _ => "both",
    };
    let mut addresses = Vec::new();
    let mut observer = |event: &ConnectEvent<'_>| {
        if let ConnectEvent::Addresses { addresses: all, .. } = event {
            addresses = all.to_vec();
        }
    };
    let start = Instant::now();
    let result = builder.build().connect_with((name, port), &mut observer);
    let elapsed = start.elapsed();
    assert!(addresses[0].is_ipv6() && addresses[1].is_ipv4(), "{addresses:?}");
    let within = |least: u64, most: u64| {
        assert!(elapsed >= Duration::from_millis(least), "{kind}: {elapsed:?}");
        assert!(elapsed < Duration::from_millis(most), "{kind}: {elapsed:?}");
    };
    // The upper bounds are generous, for machines that have other things to do.
    let outcome = match kind.as_str() {
        "works" => {
            within(0, 2_000);
            assert!(result.as_ref().unwrap().peer_addr().is_ipv6());
            result.unwrap().peer_addr().ip().to_string()
        }
        "dropped" => {
            within(250, 250 + SLACK.as_millis() as u64);
            assert!(result.as_ref().unwrap().peer_addr().is_ipv4());
            result.unwrap().peer_addr().ip().to_string()
        }
        "refused" | "self" => {
            within(0, 2_000);
            assert!(result.as_ref().unwrap().peer_addr().is_ipv4());
            result.unwrap().peer_addr().ip().to_string()
        }
        _ => {
            within(1_000, 1_000 + SLACK.as_millis() as u64);
            let error = result.unwrap_err();
            let failures = error.detail::<ConnectFailures>().unwrap();
            let all: Vec<SocketAddr> = failures.attempts().iter().map(|attempt| attempt.address).collect();
            assert_eq!(all, addresses, "all, in the order of preference");
            assert!(failures.attempts().iter().all(|attempt| attempt.kind == ErrorKind::TimedOut));
            error.to_string()
        }
    };
    println!("\ntold: socketry {:.1} ms, {outcome}", elapsed.as_secs_f64() * 1e3);
}

#[test]
fn connect_falls_back_to_ipv4_when_ipv6_fails() {
    let Some(hosts) = Hosts::lay("family") else { return };
    let (_both, port) = listen(&hosts, "[::]:0");
    let (_v4, v4_port) = listen(&hosts, "0.0.0.0:0");
    for (kind, rule, port) in [
        ("works", "accept", port),
        ("dropped", "meta nfproto ipv6 tcp flags syn drop", port),
        ("refused", "accept", v4_port),
    ] {
        hosts.rule(rule);
        println!("IPv6 {kind}: {}; {}", hosts.connect(kind, port), hosts.others(port));
    }
}

#[test]
fn connect_timeout_lists_every_failed_address() {
    let Some(hosts) = Hosts::lay("deadline") else { return };
    let (_both, port) = listen(&hosts, "[::]:0");
    hosts.rule("tcp flags syn drop");
    println!("all dropped: {}; {}", hosts.connect("none", port), hosts.others(port));
    println!("six dropped: {}", hosts.connect("many", port));
}

/// With one local port for all, the socket that goes to that port of its own host finds itself.
#[test]
fn connect_race_continues_after_self_connection() {
    let Some(hosts) = Hosts::lay("itself") else { return };
    let (_v4, port) = listen(&hosts, "0.0.0.0:0");
    let range = format!("ip netns exec {} sysctl -q -w net.ipv4.ip_local_port_range", hosts.network.host());
    let mut words = range.split(' ').map(str::to_owned).collect::<Vec<_>>();
    *words.last_mut().unwrap() += &format!("={port} {port}");
    assert!(Command::new(&words[0]).args(&words[1..]).status().unwrap().success());
    println!("itself: {}", hosts.connect("self", port));
}
