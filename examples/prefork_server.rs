//! An echo of lines by worker processes that accept from one listener: one that crashes takes only
//! its own clients along, and all of them are replaced while the server goes on. Unix.
//!
//! From the notes, 网络编程, 004, section 11 (多进程服务器), which starts a process when a client
//! comes. Here the processes are there before.
//!
//! ```text
//! cargo run --example prefork_server -- [ADDR] [--workers N] [--encoding E] [--seconds S]
//! ```
//!
//! Each worker prints its clients' lines, and sends them back. What becomes of the workers is said
//! on standard error. Here a client is connected from the beginning, a worker is killed from
//! elsewhere, and `s`, `r` and Ctrl-C are typed in:
//!
//! ```text
//! $ cargo run --example prefork_server -- --workers 2
//! listening on 127.0.0.1:7788 (gb2312)
//! r restarts the workers, s shows them, Ctrl-C ends it
//! worker 0, process 2918, accepts connections
//! worker 1, process 2919, accepts connections
//! worker 1, 127.0.0.1:52406: 你好
//! s
//! worker  process  state         age  accepted  open
//!      0     2918  serving      1.9s         0     0
//!      1     2919  serving      1.9s         1     1
//!    all                                     1     1
//! worker 0, process 2918, ended with signal: 9 (SIGKILL), and is started again in 100ms
//! worker 0, process 2925, accepts connections
//! r
//! worker 0, process 2929, accepts connections
//! worker 0, process 2925: served 0, drained 0, aborted 0, refused 0
//! worker 0, process 2925, ended with exit status: 0 (requested)
//! worker 1, process 2932, accepts connections
//! s
//! worker  process  state         age  accepted  open
//!      0     2929  serving      0.8s         0     0
//!      1     2919  ending       3.6s         1     1
//!      1     2932  serving      0.8s         0     0
//!    all                                     1     1
//! worker 1, 127.0.0.1:52406: 再见
//! worker 1, process 2919: served 0, drained 1, aborted 0, refused 0
//! worker 1, process 2919, ended with exit status: 0 (requested)
//! every worker has been restarted
//! worker 1, 127.0.0.1:52408: 最后
//! ^Cending: those inside have 5s
//! worker 0, process 2929: served 0, drained 0, aborted 0, refused 0
//! worker 0, process 2929, ended with exit status: 0 (requested)
//! worker 1, process 2932: served 0, drained 1, aborted 0, refused 0
//! worker 1, process 2932, ended with exit status: 0 (requested)
//! served 0, drained 2, aborted 0, refused 0, crashed 1
//! ```
//!
//! The table has what the workers told last, up to a second ago; `age` is that of the process. Its
//! last row is the sum over all workers that there were.
//!
//! `r` starts another process for each worker, one after the other, from what is in the program's
//! file by now. When it accepts connections, the one before accepts no more, and those that it has
//! may go on for 5 s. No connection that waits is lost. The end of the input ends nothing. A server
//! in the background of a terminal needs `</dev/null`, or the terminal stops it.
//!
//! Ctrl-C, or `--seconds`, ends it: nobody new is let in, and those inside have 5 s to finish. Each
//! worker says what became of its connections, and the parent, at last, what became of all. A
//! second Ctrl-C cuts those inside at once. If the parent is killed its workers notice, and end as
//! well.
//!
//! The client of the example `line_chat` is one for this as well.
#![cfg_attr(
    not(unix),
    allow(dead_code, unused_imports, reason = "elsewhere it only says that it needs Unix")
)]

mod cli;

use std::io;
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use cli::{Outcome, say};
#[cfg(unix)]
use socketry::process::{self, Worker, WorkerState, WorkerStatus, Workers};
use socketry::tcp::{HandlerResult, ServerCounters, ServerHandle};
use socketry::{BindAddress, Encoding, TcpConnection, TcpServer};

/// Echoes lines to many clients by worker processes, until Ctrl-C.
#[derive(Parser)]
#[command(after_help = TYPED)]
struct Args {
    /// Where to listen: HOST:PORT, or :PORT for every local IPv4 address; port 0 is any free port
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:7788")]
    on: BindAddress,
    /// How many processes serve [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = cli::count::<usize>)]
    workers: Option<usize>,
    /// The encoding of the lines: utf-8, gb2312, gbk, gb18030 or any label of the Web
    #[arg(long, value_name = "E", default_value_t = Encoding::Gb2312)]
    encoding: Encoding,
    /// Ends the server by itself after so long
    #[arg(long, value_name = "S", value_parser = cli::seconds)]
    seconds: Option<Duration>,
}

/// What can be typed in, for the help.
const TYPED: &str = "Typed in while it runs:
  r, restart  replaces the workers one after the other
  s, status   shows them
The end of the input ends nothing.";

/// How many clients a worker may have, and how long one may be silent.
const MOST_CLIENTS: usize = 100;
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

#[cfg(unix)]
fn main() -> ExitCode {
    cli::run("prefork_server", || {
        // A WORKER BEGINS HERE: this program, started again by the parent below, with the same
        // arguments.
        if let Some(worker) = process::worker()? {
            return work(worker, &cli::parse());
        }
        // Whoever comes here is the parent.
        watch(cli::parse())
    })
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    let Args { .. } = cli::parse();
    cli::run("prefork_server", || {
        Err("it needs Unix: on this system a listener cannot be handed to a new process".into())
    })
}

/// A worker: accepts and serves, until the parent says that it should end, or is gone.
#[cfg(unix)]
fn work(worker: Worker, args: &Args) -> Outcome {
    let (number, encoding) = (worker.index(), args.encoding);
    let options = TcpServer::builder()
        .max_connections(MOST_CLIENTS)
        .read_timeout(LONGEST_SILENCE)
        .on_event(cli::note_event);
    let report = worker.server(options)?.serve(move |connection| echo(&connection, number, encoding))?;
    say!("worker {number}, process {}: {report}", std::process::id())?;
    Ok(())
}

fn echo(connection: &TcpConnection, worker: usize, encoding: Encoding) -> HandlerResult {
    let peer = connection.peer_addr();
    let mut lines = connection.lines(encoding);
    loop {
        let error = match lines.recv() {
            Ok(None) => return Ok(()),
            Ok(Some(line)) => {
                say!("worker {worker}, {peer}: {}", cli::printable(&line))?;
                match lines.send(&line) {
                    Ok(()) => continue,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        let Some(fault) = cli::fault_of_a_line(&error) else { return Err(error.into()) };
        cli::note(format_args!("worker {worker}, {peer}: {fault}"));
        lines.send(format!("error: {fault}"))?;
    }
}

/// The parent: listens, accepts nothing, and watches the workers.
#[cfg(unix)]
fn watch(args: Args) -> Outcome {
    let count = match args.workers {
        Some(count) => count,
        None => thread::available_parallelism().map_or(1, NonZero::get),
    };
    let server = TcpServer::builder().on_event(cli::note_event).bind(args.on)?;

    let handle = server.handle();
    cli::end_by_ctrl_c(move |timeout| handle.begin_shutdown(timeout), args.seconds)?;
    cli::note(format_args!("listening on {} ({})", server.local_addr(), args.encoding));
    cli::note(format_args!("r restarts the workers, s shows them, Ctrl-C ends it"));
    let handle = server.handle();
    thread::spawn(move || {
        if let Err(error) = obey(&handle) {
            cli::note(format_args!("prefork_server: {error}"));
        }
    });
    say!("{}", server.serve_workers(Workers::new(count)?)?)?;
    Ok(())
}

/// Does what is typed in. At the end of the input there is nothing more to do.
#[cfg(unix)]
fn obey(handle: &ServerHandle) -> Outcome {
    for line in io::stdin().lines() {
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        match line.trim() {
            "r" | "restart" => {
                // It takes as long as the clients do, and meanwhile there may be other things to
                // do.
                let handle = handle.clone();
                thread::spawn(move || match handle.restart_workers(cli::GRACE) {
                    Ok(()) => cli::note(format_args!("every worker has been restarted")),
                    Err(error) => cli::note(format_args!("not restarted: {error}")),
                });
            }
            "s" | "status" => say!("{}", table(&handle.workers(), &handle.counters()))?,
            "" => {}
            other => {
                cli::note(format_args!("{other:?} is not understood: r restarts the workers, s shows them"))
            }
        }
    }
    Ok(())
}

/// A row for each worker, and one for all of them together, those that have ended included.
#[cfg(unix)]
fn table(workers: &[WorkerStatus], all: &ServerCounters) -> String {
    let mut table = "worker  process  state         age  accepted  open\n".to_owned();
    for WorkerStatus { index, process, state, started, counters, .. } in workers {
        let state = match state {
            WorkerState::Starting => "starting",
            WorkerState::Serving => "serving",
            WorkerState::Ending => "ending",
            _ => "unknown",
        };
        let age = format!("{:.1}s", started.elapsed().as_secs_f64());
        let (accepted, open) = (counters.accepted, counters.active);
        table += &format!("{index:>6}  {process:>7}  {state:<8}  {age:>7}  {accepted:>8}  {open:>4}\n");
    }
    table + &format!("   all{:>38}  {:>4}", all.accepted, all.active)
}
