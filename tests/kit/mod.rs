//! What the tests are written in: endpoints on free ports, children that cannot be left behind, tools that may be absent.
#![allow(dead_code, unreachable_pub, reason = "each test file is a crate that uses a part of the kit")]

pub mod cutting;
pub mod dns;
pub mod listening;
#[cfg(target_os = "linux")]
pub mod load;
pub mod lossy;
#[cfg(target_os = "linux")]
pub mod network;
#[cfg(target_os = "linux")]
pub mod processes;
pub mod python;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use socketry::{Encoding, Error, TcpClient, TcpConnection, TcpServer, UdpEndpoint};

/// No test waits longer than this for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A free port of the loopback interface. What should arrive there is waited for, but not for ever.
pub fn local() -> UdpEndpoint {
    local_in(Encoding::Utf8)
}

pub fn local_in(encoding: Encoding) -> UdpEndpoint {
    UdpEndpoint::builder().encoding(encoding).read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap()
}

/// An endpoint connected to `peer`.
pub fn connected_to(peer: &UdpEndpoint) -> UdpEndpoint {
    UdpEndpoint::builder().read_timeout(PATIENCE).connect(peer.local_addr()).unwrap()
}

/// A port of the loopback interface at which nobody listens: it was free a moment ago, and stays bound by nobody.
pub fn deserted() -> std::net::SocketAddr {
    UdpEndpoint::bind("127.0.0.1:0").unwrap().local_addr()
}

/// As [`deserted`], of TCP.
pub fn deserted_by_tcp() -> std::net::SocketAddr {
    TcpServer::bind("127.0.0.1:0").unwrap().local_addr()
}

/// A server at a free port of the loopback interface.
pub fn server() -> TcpServer {
    TcpServer::builder().read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap()
}

/// A client whose waits end.
pub fn client_of(address: std::net::SocketAddr) -> TcpConnection {
    TcpClient::builder().timeout(PATIENCE).read_timeout(PATIENCE).connect(address).unwrap()
}

/// Both ends of a connection: the client's, and the server's.
pub fn connection() -> (TcpConnection, TcpConnection) {
    let server = server();
    let client = client_of(server.local_addr());
    (client, server.accept_timeout(PATIENCE).unwrap())
}

/// Waits for something that must happen.
#[track_caller]
pub fn eventually(what: &str, mut happens: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !happens() {
        assert!(Instant::now() < end, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether this is Wine, which looks like Windows and is not: it binds addresses that it does not have, and hears the
/// multicast groups of other sockets as Linux does by itself.
pub fn is_wine() -> bool {
    // An address for documentation (RFC 5737), which belongs to no machine.
    cfg!(windows) && UdpEndpoint::bind("203.0.113.1:0").is_ok()
}

/// Whether a server can hold newcomers off while it ends, so that none is connected and then reset: on Linux, by root.
pub fn is_held_off() -> bool {
    #[cfg(target_os = "linux")]
    return rustix::process::geteuid().is_root();
    #[cfg(not(target_os = "linux"))]
    return false;
}

#[track_caller]
pub fn assert_timed_out<T: std::fmt::Debug>(result: Result<T, Error>) -> Error {
    let error = result.expect_err("nothing should have arrived");
    assert!(error.is_timeout(), "{error}");
    error
}

/// Says on the terminal, past the capture of the test runner, that a test did not run, and why.
pub fn skip(test: &str, why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// Whether a program can be run.
pub fn has(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    found.is_ok()
}

/// A child process that is ended, by its own id, when the test ends, however it ends.
pub struct Running(Option<Child>);

impl Running {
    pub fn start(command: &mut Command) -> Running {
        Running::start_with(command.stdin(Stdio::piped()))
    }

    /// With the standard input that the command has.
    pub fn start_with(command: &mut Command) -> Running {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Running(Some(child.unwrap_or_else(|error| panic!("{command:?}: {error}"))))
    }

    /// The system's number for it.
    pub fn id(&self) -> u32 {
        self.0.as_ref().expect("a running child").id()
    }

    pub fn stdin(&mut self) -> std::process::ChildStdin {
        self.child().stdin.take().expect("stdin is taken once")
    }

    pub fn stdout(&mut self) -> std::process::ChildStdout {
        self.child().stdout.take().expect("stdout is taken once")
    }

    pub fn stderr(&mut self) -> std::process::ChildStderr {
        self.child().stderr.take().expect("stderr is taken once")
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child().try_wait().unwrap().is_some()
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("a running child")
    }

    /// Waits for the end, no longer than the patience of a test, and gives what was printed.
    pub fn finish(mut self) -> Output {
        let end = Instant::now() + PATIENCE;
        while self.child().try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "the child does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.0.take().expect("a running child").wait_with_output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The lines that a child prints, each as soon as it is there.
pub struct Lines(Receiver<String>);

impl Lines {
    pub fn of(output: impl Read + Send + 'static) -> Lines {
        let (sender, receiver) = mpsc::channel();
        // It ends with the output, which ends with the child.
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines();
            lines.map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Lines(receiver)
    }

    /// The next line, waited for no longer than the patience of a test.
    #[track_caller]
    pub fn next(&self) -> String {
        self.0.recv_timeout(PATIENCE).expect("a line of the child's output")
    }

    /// All lines up to the end of the output.
    pub fn rest(self) -> Vec<String> {
        self.0.iter().collect()
    }
}

/// A built example of this project.
pub fn example(name: &str) -> Command {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.extend(["examples", name]);
    path.set_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{} is not built; `cargo test` builds it", path.display());
    Command::new(path)
}
