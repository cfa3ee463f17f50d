//! A process for each client: it prints what its client sends, piece by piece, until the client
//! closes. Unix.
//!
//! From the notes, 网络编程, 004, section 11 (多进程服务器):
//! `Process(target=dealWithClient, args=(newSocket, destAddr))`.
//!
//! ```text
//! cargo run --example process_server -- [ADDR] [--encoding E] [--max N] [--timeout SECONDS]
//!     [--seconds S]
//! ```
//!
//! With two clients at a time. One sends one and a half characters, then the other half and two
//! bytes that are none, and then nothing more:
//!
//! ```text
//! $ cargo run --example process_server
//! listening on 0.0.0.0:7788 (gb2312); Ctrl-C ends it
//! -----主进程等待新客户端的到来-----
//! -----创建一个新的进程负责处理数据[127.0.0.1:50950]
//! -----主进程等待新客户端的到来-----
//! -----创建一个新的进程负责处理数据[127.0.0.1:50966]
//! -----主进程等待新客户端的到来-----
//! revv[127.0.0.1:50950]:[你]
//! revv[127.0.0.1:50966]:[hahah]
//! revv[127.0.0.1:50950]:[好\xff\xff\n]
//! [127.0.0.1:50966]客户端已关闭
//! process_server: receive at 127.0.0.1:7788 from 127.0.0.1:50950: timed out after 30s
//! process 28446, which served 127.0.0.1:50950, ended with exit status: 1
//! ^Cending: those inside have 5s
//! served 2, drained 0, aborted 0, refused 0, failed 1, panicked 0
//! ```
//!
//! The notes' server copies itself (`fork`). A program with threads must not, because the copy has
//! one thread and the locks of all the others; so this one starts itself again, and the new process
//! finds its connection in `process::connection()`: a child begins where `main` does.
//!
//! The notes' server has as many processes as clients come, keeps each that has ended as a zombie
//! until the next one comes, and ends with a traceback. Here there are at most `--max`, none stays
//! a zombie, and Ctrl-C, or `--seconds`, ends it: those inside have 5 s to finish, of which the
//! children are asked to end (`SIGTERM`) after half, and the report is printed. A second Ctrl-C
//! ends them at once. On a terminal Ctrl-C reaches the parent alone.
//!
//! The same with threads is the example `threads_server`; with a few processes for many clients,
//! `prefork_server`.
#![cfg_attr(
    not(unix),
    allow(dead_code, unused_imports, reason = "elsewhere it only says that it needs Unix")
)]

mod cli;

use std::env;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use cli::{Outcome, say};
#[cfg(unix)]
use socketry::process::{self, Children};
use socketry::tcp::ServerEvent;
use socketry::text::Decoder;
use socketry::{BindAddress, Encoding, TcpConnection, TcpServer};

/// Prints what its clients send, with a process for each of them, until Ctrl-C.
#[derive(Parser)]
struct Args {
    /// Where to listen: HOST:PORT, or :PORT for every local IPv4 address; port 0 is any free port
    #[arg(value_name = "ADDR", default_value = ":7788")]
    on: BindAddress,
    /// The encoding of the text on the wire: utf-8, gb2312, gbk, gb18030 or any label of the Web
    #[arg(long, value_name = "E", default_value_t = Encoding::Gb2312)]
    encoding: Encoding,
    /// How many clients, and so processes, there may be; one more client is told so and closed
    #[arg(long, value_name = "N", default_value = "100", value_parser = cli::count::<usize>)]
    max: usize,
    /// How long a client may be silent
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = cli::seconds)]
    timeout: Duration,
    /// Ends the server by itself after so long
    #[arg(long, value_name = "S", value_parser = cli::seconds)]
    seconds: Option<Duration>,
}

/// How much one receive takes at most.
const MOST: usize = 1024;

#[cfg(unix)]
fn main() -> ExitCode {
    cli::run("process_server", || {
        // A CHILD BEGINS HERE: this program, started again by the parent below, with the same
        // arguments, for one connection.
        if let Some(connection) = process::connection()? {
            let args: Args = cli::parse();
            return deal_with_client(&connection, args.encoding);
        }
        // Whoever comes here is the parent.
        listen(cli::parse())
    })
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    let Args { .. } = cli::parse();
    cli::run("process_server", || {
        Err("it needs Unix: on this system a connection cannot be the standard input of a new process".into())
    })
}

/// The parent: accepts, and has a process started for each connection.
#[cfg(unix)]
fn listen(args: Args) -> Outcome {
    let encoding = args.encoding;
    let server = TcpServer::builder()
        .max_connections(args.max)
        .encoding(encoding)
        .refuse_with("busy, try again later\n")
        .read_timeout(args.timeout)
        .on_event(|event| match event {
            // It is said on standard output, in the notes' words.
            ServerEvent::ChildStarted { .. } => {}
            event => cli::note_event(event),
        })
        .bind(args.on)?;

    let handle = server.handle();
    cli::end_by_ctrl_c(move |timeout| handle.begin_shutdown(timeout), args.seconds)?;
    cli::note(format_args!("listening on {} ({encoding}); Ctrl-C ends it", server.local_addr()));
    say!("-----主进程等待新客户端的到来-----")?;

    // `Children::this_program` does the same, and says nothing.
    let program = env::current_exe()?;
    let children = Children::with_socket(move |connection| {
        let peer = connection.peer_addr();
        let said = say!(
            "-----创建一个新的进程负责处理数据[{peer}]\n\
             -----主进程等待新客户端的到来-----"
        );
        if let Err(error) = said {
            cli::note(format_args!("process_server: standard output: {error}"));
        }
        let mut command = Command::new(&program);
        command.args(env::args_os().skip(1));
        command
    });
    say!("{}", server.serve_children(children)?)?;
    Ok(())
}

/// The child: prints what comes, until its client closes.
fn deal_with_client(connection: &TcpConnection, encoding: Encoding) -> Outcome {
    let peer = connection.peer_addr();
    let mut decoder = encoding.decoder();
    loop {
        let data = connection.recv(MOST)?;
        let text = next_text(&data, &mut decoder);
        // Nothing is there to be shown yet of a piece that is the beginning of a character.
        if !text.is_empty() {
            say!("revv[{peer}]:[{text}]")?;
        }
        if data.is_empty() {
            break;
        }
    }
    say!("[{peer}]客户端已关闭")?;
    Ok(())
}

/// The text of the next piece of a stream, where what is not text is shown as escaped bytes. A
/// character that is cut at the end of the piece comes with the next one; an empty piece is the end
/// of the stream.
fn next_text(piece: &[u8], decoder: &mut Decoder) -> String {
    let (mut text, mut rest) = (String::new(), piece);
    while let Err(fault) = decoder.decode(rest, &mut text) {
        text.push_str(&fault.bytes().escape_ascii().to_string());
        rest = &rest[fault.consumed()..];
    }
    if piece.is_empty() {
        if let Err(fault) = decoder.finish(&mut text) {
            text.push_str(&fault.bytes().escape_ascii().to_string());
        }
    }
    cli::printable(&text)
}
