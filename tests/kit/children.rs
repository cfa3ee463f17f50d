//! Child processes, which never outlive a test: examples, other programs, and this test program
//! again for a part of a test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use super::PATIENCE;
use super::skip::{Need, skip};

/// Whether a program is in the `PATH`.
pub fn has(program: &str) -> bool {
    let file = std::path::Path::new(program).with_extension(std::env::consts::EXE_EXTENSION);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(&file).is_file())
}

/// Whether a program is in the `PATH`; where not, the calling test is recorded as skipped.
#[track_caller]
pub fn needs(program: &'static str) -> bool {
    let found = has(program);
    if !found {
        skip(Need::Program(program), format!("{program} is not installed"));
    }
    found
}

/// A child process, killed with its process group when the test ends, however it ends.
pub struct Running(Option<Child>);

impl Running {
    pub fn start(command: &mut Command) -> Running {
        Running::start_with(command.stdin(Stdio::piped()))
    }

    /// With the standard input that the command has.
    pub fn start_with(command: &mut Command) -> Running {
        // Programs that it starts are in its group.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Running(Some(child.unwrap_or_else(|error| panic!("{command:?}: {error}"))))
    }

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

    pub fn has_exited(&mut self) -> bool {
        self.child().try_wait().unwrap().is_some()
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("a running child")
    }

    /// Waits until the child exits and returns its output. Panics after [`PATIENCE`].
    #[track_caller]
    pub fn finish(self) -> Output {
        self.finish_within(PATIENCE)
    }

    #[track_caller]
    pub fn finish_within(mut self, limit: Duration) -> Output {
        // Output is read meanwhile: a child that prints more than a pipe holds would not exit
        // otherwise.
        let read = |stream: Option<Box<dyn Read + Send>>| {
            let (sender, receiver) = mpsc::channel();
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
                let _ = sender.send(bytes);
            });
            receiver
        };
        let stdout = read(self.child().stdout.take().map(|stream| Box::new(stream) as _));
        let stderr = read(self.child().stderr.take().map(|stream| Box::new(stream) as _));
        let status = self.wait(limit);
        // A grandchild may have them open still.
        let bytes =
            |receiver: Receiver<Vec<u8>>| receiver.recv_timeout(PATIENCE).expect("the end of the output");
        Output { status, stdout: bytes(stdout), stderr: bytes(stderr) }
    }

    #[track_caller]
    fn wait(&mut self, limit: Duration) -> ExitStatus {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child().try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the child does not exit");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the child exits. Panics with its output if it failed.
    #[track_caller]
    pub fn assert_success(self, what: &str) -> String {
        let output = self.finish();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what}: {}: {text}", output.status);
        text.into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // While the child is not reaped, its number and that of its group are its own.
            #[cfg(unix)]
            if let Some(group) = rustix::process::Pid::from_raw(child.id() as i32) {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
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
        // It ends with the output, which ends with the child. It reads on where no one wants more
        // lines: a child that prints to a closed pipe fails.
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                let _ = sender.send(line.trim_end_matches('\r').to_owned());
            }
        });
        Lines(receiver)
    }

    /// The next line. Panics after [`PATIENCE`].
    #[track_caller]
    pub fn next(&self) -> String {
        self.0.recv_timeout(PATIENCE).expect("a line of the child's output")
    }

    /// What follows `prefix` in the next line that begins so; lines before it are dropped.
    #[track_caller]
    pub fn after(&self, prefix: &str) -> String {
        loop {
            if let Some(rest) = self.next().strip_prefix(prefix) {
                return rest.to_owned();
            }
        }
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

/// This test program again, for the ignored test `part` alone, which finds in [`kind`] what it is
/// to do.
pub fn this_test<F: Fn()>(_part: F, kind: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        &super::skip::path_of::<F>(),
        "--ignored",
        "--nocapture",
        "--test-threads=1",
        "--quiet",
    ]);
    command.env("SOCKETRY_KIND", kind).stdout(Stdio::null());
    command
}

/// What the part is to do.
pub fn kind() -> String {
    std::env::var("SOCKETRY_KIND").expect("this is a part of another test")
}

/// Runs a test in a process of its own, because it counts what the whole process has: it is called
/// first in that test, and returns `true` in the new process.
#[track_caller]
pub fn in_own_process() -> bool {
    const VARIABLE: &str = "SOCKETRY_OWN_PROCESS";
    let path = super::skip::current_test().expect("called in the thread of a test");
    if std::env::var(VARIABLE).is_ok_and(|own| own == path) {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &path, "--nocapture", "--test-threads=1"]).env(VARIABLE, &path);
    report(&path, Running::start(&mut command));
    false
}

/// Panics if a test that ran in another process failed, and records what it skipped.
#[track_caller]
pub fn report(test: &str, running: Running) {
    let text = running.assert_success(test);
    assert!(text.contains("1 passed"), "{test} is not a test: {text}");
    for line in text.lines() {
        super::skip::record_line(test, line);
    }
}
