//! The servers, each a process that does what is written to its standard input, and says so on its standard output.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::str::FromStr;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use socketry::frame::{Framed, Lines};
use socketry::process::{self, Children, Workers};
use socketry::tcp::{HandlerResult, ServerCounters, TcpServerBuilder};
use socketry::{Encoding, ErrorKind, TcpConnection, TcpServer};

/// A way of serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    Turn,
    Threads,
    Requests,
    Workers,
    Children,
}

impl Model {
    pub const ALL: [Model; 5] =
        [Model::Turn, Model::Threads, Model::Requests, Model::Workers, Model::Children];

    /// Whether it has processes that can be killed.
    pub fn has_processes(self) -> bool {
        matches!(self, Model::Workers | Model::Children)
    }

    /// How long a client may take for a request.
    pub fn patience(self) -> Duration {
        // All others wait for it where one is served after the other.
        Duration::from_millis(if self == Model::Turn { 250 } else { 1_000 })
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(text: &str) -> Result<Model, String> {
        let found = Model::ALL.into_iter().find(|model| model.to_string() == text);
        found.ok_or_else(|| format!("{text}: no way of serving"))
    }
}

/// The limits of a server under attack.
pub const MOST: usize = 14;
pub const MOST_PER_PEER: usize = 8;
pub const BUSY: &str = "busy";
/// The longest line, in bytes.
pub const LONGEST_LINE: usize = 8 * 1024;
const WORKERS: usize = 3;

fn lines() -> Lines {
    Lines::new(Encoding::Utf8).max_length(LONGEST_LINE)
}

fn answer_to(question: &str) -> String {
    format!("{} {question}", std::process::id())
}

/// Answers each line with it, and the number of the process; a line has its time, however it drips.
fn answer(connection: TcpConnection, patience: Duration) -> HandlerResult {
    let mut framed = Framed::new(&connection, lines());
    loop {
        connection.set_deadline(Instant::now() + patience);
        let Some(line) = framed.recv()? else { return Ok(()) };
        framed.send(answer_to(&line))?;
    }
}

/// What a worker or a child does. False if this process is neither.
pub fn be_part() -> bool {
    let kind = std::env::var("SOCKETRY_LOAD").ok();
    if let Some(worker) = process::worker().expect("the role of a worker") {
        let server = worker.server(options(kind.as_deref() == Some("refuse"))).unwrap();
        let patience = Model::Workers.patience();
        server.serve(move |connection| answer(connection, patience)).unwrap();
        return true;
    }
    match process::connection() {
        Ok(Some(connection)) => {
            let result = answer(connection, Model::Children.patience());
            std::process::exit(i32::from(result.is_err()));
        }
        // Its client has gone meanwhile.
        Err(error) if error.kind() == ErrorKind::NotConnected => std::process::exit(1),
        other => other.expect("the role of a child").is_some(),
    }
}

fn options(refuses: bool) -> TcpServerBuilder {
    let builder = TcpServer::builder()
        .read_timeout(Duration::from_millis(900))
        .write_timeout(Duration::from_secs(1))
        .send_buffer_size(16 * 1024)
        .max_connections(MOST)
        .max_connections_per_peer(MOST_PER_PEER)
        .backlog(512);
    match refuses {
        true => builder.refuse_with(format!("{BUSY}\n")),
        false => builder,
    }
}

type Ended = socketry::Result<socketry::tcp::ShutdownReport>;

/// What the process of a server does until its standard input ends.
pub fn be_server(model: Model) {
    let mut address = "127.0.0.1:0".parse().unwrap();
    let mut serving: Option<(socketry::tcp::ServerHandle, std::thread::JoinHandle<Ended>)> = None;
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let said = match (&words[..], serving.take()) {
            (["start", how], None) => {
                let begun = start(model, address, how);
                address = begun.0.local_addr();
                serving = Some(begun);
                address.to_string()
            }
            (["restart", grace], Some(begun)) => {
                let result = begun.0.restart_workers(Duration::from_millis(grace.parse().unwrap()));
                serving = Some(begun);
                result.map_or_else(|error| error.to_string(), |()| "done".to_owned())
            }
            (["counters"], Some(begun)) => {
                let counters = begun.0.counters();
                serving = Some(begun);
                written(&counters)
            }
            (["stop", grace], Some((handle, thread))) => {
                let report = handle.shutdown(Duration::from_millis(grace.parse().unwrap()));
                let returned = thread.join().unwrap().expect("it ends well");
                assert_eq!(report, returned);
                written(&handle.counters())
            }
            (["heap"], begun) => {
                serving = begun;
                super::kit::allocations::in_use().to_string()
            }
            (words, _) => panic!("{words:?} at this time"),
        };
        println!("{said}");
        std::io::stdout().flush().unwrap();
    }
}

/// `how` is `wait`, `refuse` or `many`: what happens at the limit, or that there is almost none.
fn start(
    model: Model,
    address: SocketAddr,
    how: &str,
) -> (socketry::tcp::ServerHandle, std::thread::JoinHandle<Ended>) {
    let builder = match how {
        "many" => TcpServer::builder().max_connections(10_000).thread_stack_size(64 * 1024),
        how => options(how == "refuse"),
    };
    let server = builder.bind(address).unwrap();
    let handle = server.handle();
    let patience = if how == "many" { Duration::from_secs(600) } else { model.patience() };
    let how = how.to_owned();
    let again = move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env("SOCKETRY_LOAD", &how).stdout(Stdio::null());
        command
    };
    let thread = std::thread::spawn(move || match model {
        Model::Turn => server.serve_sequential(|connection| answer(connection, patience)),
        Model::Threads => server.serve(move |connection| answer(connection, patience)),
        Model::Requests => server.serve_requests(lines(), |request| {
            let answer = answer_to(request.frame());
            Ok(request.reply(answer)?)
        }),
        Model::Workers => {
            let workers = Workers::with_command(WORKERS, move |_| again());
            let workers = workers.backoff(Duration::from_millis(20), Duration::from_millis(100));
            server.serve_workers(workers.max_failed_starts(u32::MAX))
        }
        Model::Children => server.serve_children(Children::with_socket(move |_| again())),
    });
    (handle, thread)
}

/// The counters, as they are read again by [`Counters`].
fn written(counters: &ServerCounters) -> String {
    let ServerCounters { accepted, active, served, drained, aborted, refused, failed, .. } = counters;
    let ServerCounters { panicked, crashed, accept_errors, requests, expired, .. } = counters;
    format!(
        "accepted={accepted} active={active} served={served} drained={drained} aborted={aborted} refused={refused} \
         failed={failed} panicked={panicked} crashed={crashed} accept_errors={accept_errors} requests={requests} \
         expired={expired}"
    )
}

/// What a server has told of itself.
#[derive(Clone, Debug, Default)]
pub struct Counters(HashMap<String, u64>);

impl Counters {
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    pub fn add(&mut self, other: &Counters) {
        other.0.iter().for_each(|(name, more)| *self.0.entry(name.clone()).or_default() += more);
    }

    /// Whether each one that was admitted is in one of the others.
    pub fn add_up(&self) -> bool {
        let ends = ["active", "served", "drained", "aborted"].map(|name| self.get(name));
        self.get("accepted") == ends.iter().sum::<u64>()
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all: Vec<_> = self.0.iter().filter(|(_, count)| **count > 0).collect();
        all.sort();
        let all: Vec<_> = all.iter().map(|(name, count)| format!("{name} {count}")).collect();
        f.write_str(&all.join(", "))
    }
}

/// Another process that serves. It ends with whoever holds it.
pub struct Server {
    child: Child,
    input: Option<ChildStdin>,
    said: Receiver<String>,
}

impl Server {
    pub fn new(model: Model) -> Server {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["as-server", &model.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, said) = mpsc::channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Server { input: child.stdin.take(), child, said }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has it do something, and waits a minute at most until it has.
    fn order(&mut self, words: &str) -> String {
        writeln!(self.input.as_mut().unwrap(), "{words}").unwrap();
        self.said.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|error| panic!("{words}: {error}"))
    }

    pub fn start(&mut self, how: &str) -> SocketAddr {
        self.order(&format!("start {how}")).parse().unwrap()
    }

    pub fn restart(&mut self, grace: Duration) -> String {
        self.order(&format!("restart {}", grace.as_millis()))
    }

    fn count(said: &str) -> Counters {
        let pairs = said.split(' ').map(|pair| pair.split_once('=').unwrap());
        Counters(pairs.map(|(name, count)| (name.to_owned(), count.parse().unwrap())).collect())
    }

    pub fn counters(&mut self) -> Counters {
        Server::count(&self.order("counters"))
    }

    /// Bytes of its heap that are in use.
    pub fn heap(&mut self) -> i64 {
        self.order("heap").parse().unwrap()
    }

    pub fn stop(&mut self, grace: Duration) -> Counters {
        Server::count(&self.order(&format!("stop {}", grace.as_millis())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input = None;
        // A server that hangs has been told of by whoever waited for it.
        if std::thread::panicking() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
