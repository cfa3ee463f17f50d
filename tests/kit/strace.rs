//! This test program under strace, for a part of a test: with a trace of its system calls, and with
//! faults injected into them.

use std::process::Command;
use std::sync::OnceLock;

use super::children::{Running, has, this_test};
use super::skip::{Need, skip};

/// What strace is to do.
#[derive(Clone, Debug, Default)]
pub struct Strace {
    traced: Option<String>,
    faults: Vec<String>,
    environment: Vec<(String, String)>,
}

/// A part that runs under strace.
pub struct Traced {
    pub running: Running,
    pub file: TraceFile,
}

/// The system calls that were traced, a line each.
pub struct Trace(String);

/// What is traced, deleted when dropped.
pub struct TraceFile(std::path::PathBuf);

impl Strace {
    pub fn new() -> Strace {
        Strace::default()
    }

    /// Traces these system calls, in the syntax of `strace -e trace=`.
    pub fn calls(mut self, calls: &str) -> Strace {
        self.traced = Some(calls.to_owned());
        self
    }

    /// Adds a fault, in the syntax of `strace -e inject=`.
    pub fn inject(mut self, fault: impl Into<String>) -> Strace {
        self.faults.push(fault.into());
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<String>) -> Strace {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Starts this program again, for the ignored test `part`; `None` where that is impossible,
    /// which is recorded as a skip.
    #[track_caller]
    pub fn start<F: Fn()>(&self, part: F, kind: &str) -> Option<Traced> {
        if let Err(reason) = works() {
            skip(Need::Strace, *reason);
            return None;
        }
        let file = TraceFile::new();
        let mut command = Command::new("strace");
        command.args(["-f", "-o"]).arg(&file.0);
        let traced = self.traced.iter().map(|calls| format!("trace={calls}"));
        for expression in traced.chain(self.faults.iter().map(|fault| format!("inject={fault}"))) {
            command.args(["-e", &expression]);
        }
        let program = this_test(part, kind);
        command.arg(program.get_program()).args(program.get_args()).env("SOCKETRY_KIND", kind);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Some(Traced { running: Running::start(&mut command), file })
    }
}

impl Traced {
    /// Waits until the part exits. Panics with its output if it failed.
    #[track_caller]
    pub fn assert_success(self, what: &str) -> (String, Trace) {
        let text = self.running.assert_success(what);
        (text, Trace(std::fs::read_to_string(&self.file.0).unwrap()))
    }
}

impl Trace {
    /// How often a system call was made.
    pub fn count(&self, call: &str) -> usize {
        self.0.matches(&format!(" {call}(")).count()
    }

    /// The lines that contain a text.
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        self.0.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    /// From the first to the last line that contains a text.
    pub fn between(&self, text: &str) -> Trace {
        let (first, last) = (self.0.find(text).expect(text), self.0.rfind(text).expect(text));
        Trace(self.0[first..last].to_owned())
    }

    /// What follows the last place of a text.
    pub fn after_last(&self, text: &str) -> Trace {
        Trace(self.0.rsplit(text).next().unwrap_or_default().to_owned())
    }
}

impl TraceFile {
    /// What was traced so far.
    pub fn so_far(&self) -> Trace {
        Trace(std::fs::read_to_string(&self.0).unwrap())
    }

    fn new() -> TraceFile {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        TraceFile(std::env::temp_dir().join(format!("socketry-{}-{number}.strace", std::process::id())))
    }
}

impl Drop for TraceFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Whether strace can trace and inject here; else why not.
fn works() -> &'static Result<(), &'static str> {
    static WORKS: OnceLock<Result<(), &str>> = OnceLock::new();
    WORKS.get_or_init(|| {
        if !cfg!(target_os = "linux") || !has("strace") {
            return Err("strace is not installed");
        }
        let arguments = ["-f", "-o", "/dev/null", "-e", "inject=sendto:error=EIO", "strace", "-V"];
        match Command::new("strace").args(arguments).output() {
            Ok(output) if output.status.success() => Ok(()),
            _ => Err("strace must not trace here"),
        }
    })
}
