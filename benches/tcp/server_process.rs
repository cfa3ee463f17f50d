//! A server in a process of its own, and what the kernel counts for it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// `USER_HZ`, the unit of the times in `/proc/PID/stat`.
const TICKS_PER_SECOND: f64 = 100.0;

/// The variable that names another build of this program to compare with.
const OTHER_BUILD: &str = "SOCKETRY_OTHER_BUILD";

/// What a server is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    /// This program again: a model of [`line_servers`](super::line_servers), its backlog, and how
    /// many milliseconds its handlers sleep.
    Own(&'static str, u32, u32),
    /// The same of another build of this program, such as one of an earlier commit, whose path is
    /// the value of [`OTHER_BUILD`].
    OtherBuild(&'static str, u32, u32),
    Go,
    Python,
}

impl Program {
    fn command(self) -> Command {
        match self {
            Program::Own(model, backlog, sleep) | Program::OtherBuild(model, backlog, sleep) => {
                let other = std::env::var_os(OTHER_BUILD).map(PathBuf::from);
                let program = other.filter(|_| matches!(self, Program::OtherBuild(..)));
                let mut command = Command::new(program.unwrap_or_else(|| std::env::current_exe().unwrap()));
                command.args(["as-line-server", model, &backlog.to_string(), &sleep.to_string()]);
                command
            }
            Program::Go => {
                let mut command = Command::new(go_program());
                command.arg("lines");
                command
            }
            Program::Python => {
                let mut command = Command::new("python3");
                command.arg(peer("lines.py"));
                command
            }
        }
    }

    /// Whether it runs on this machine. If a tool is missing, this is printed.
    pub(crate) fn is_available(self) -> bool {
        match self {
            Program::Own(..) => true,
            Program::OtherBuild(..) => std::env::var_os(OTHER_BUILD).is_some(),
            Program::Go => has_go(),
            Program::Python => has_python(),
        }
    }
}

fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(name)
}

fn go_program() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("lines-go")
}

/// Builds the Go server.
pub(crate) fn has_go() -> bool {
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(go_program()).arg(peer("lines.go")).env("GOFLAGS", "-mod=mod");
    let is_built = build.status().is_ok_and(|status| status.success());
    if !is_built {
        println!("Go is left out: go is not installed or does not build lines.go");
    }
    is_built
}

pub(crate) fn has_python() -> bool {
    let mut command = Command::new("python3");
    let has_python = command.args(["-c", ""]).status().is_ok_and(|status| status.success());
    if !has_python {
        println!("Python is left out: python3 is not installed");
    }
    has_python
}

/// The Go server that sends 16 bytes back once. It ends with this process.
pub(crate) fn start_go_fixed() -> u16 {
    let mut command = Command::new(go_program());
    let server = Server::start_command(command.arg("fixed"));
    let port = server.port;
    std::mem::forget(server);
    port
}

/// What a server has used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// In user mode and in the kernel.
    pub(crate) processor: Duration,
    pub(crate) threads: usize,
}

/// Killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start(program: Program) -> Server {
        Server::start_command(&mut program.command())
    }

    fn start_command(command: &mut Command) -> Server {
        // The servers that are not this program end when their input ends.
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("{command:?} printed {line:?}"));
        Server { child, port }
    }

    pub(crate) fn usage(&self) -> Usage {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name, in parentheses, may contain spaces; the fields after it are counted from 3.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |number: usize| -> u64 { fields[number - 3].parse().unwrap() };
        let ticks = field(14) + field(15);
        Usage {
            processor: Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND),
            threads: field(20) as usize,
        }
    }

    /// In MiB.
    pub(crate) fn peak_memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the server still runs");
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
