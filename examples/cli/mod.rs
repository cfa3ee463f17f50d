//! What the examples share: arguments that are right or one clear line, failures that are one line,
//! and what a peer sent shown such that it stays on its line.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | it worked, or help was asked for |
//! | 1 | it failed while running: `NAME: what went wrong` on standard error |
//! | 2 | the arguments are wrong: `error: which, and why` on standard error |
#![allow(dead_code, unused_imports, unused_macros, reason = "each example uses a part of it")]

pub(crate) mod links;
pub(crate) mod name_server;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use socketry::frame::FrameError;
use socketry::tcp::{ServerEvent, ServerHandle};
use socketry::text::{DecodeError, EncodeError};
use socketry::{Encoding, ErrorKind};

/// What an example, or a step of one, ends with.
pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// Reads the arguments. `--help` prints the help and ends the program; so does a mistake, with one
/// line.
pub(crate) fn parse<A: Parser>() -> A {
    A::try_parse().unwrap_or_else(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        // What clap adds below the first paragraph, tips and usage, is in `--help`.
        let text = error.to_string();
        let paragraph = text.lines().map(str::trim).take_while(|line| !line.is_empty());
        wrong(format_args!("{}", paragraph.collect::<Vec<_>>().join(" ")))
    })
}

/// Ends the program because of its arguments, with one line.
pub(crate) fn wrong(why: std::fmt::Arguments<'_>) -> ! {
    note(format_args!("{why} (see --help)"));
    std::process::exit(2);
}

/// An argument that counts something of which there is at least one.
pub(crate) fn count<N: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<N, &'static str> {
    text.parse().ok().filter(|count| *count >= N::from(1)).ok_or("not a whole number of 1 or more")
}

/// An argument that is a time, such as `30` or `0.5`.
pub(crate) fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|time| !time.is_zero()).ok_or("not a number of seconds above 0")
}

/// Runs an example and says in one line why it failed, if it did.
pub(crate) fn run(name: &str, example: impl FnOnce() -> Outcome) -> ExitCode {
    let Err(error) = example() else { return ExitCode::SUCCESS };
    // Whoever closed our output, `head` for one, has read enough.
    let is_closed =
        error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    if !is_closed {
        note(format_args!("{name}: {error}"));
    }
    ExitCode::FAILURE
}

/// Prints a line on standard output, at once; a closed output is an error here, where `println!`
/// panics.
///
/// It is one write, so that the lines of several processes do not mix.
pub(crate) fn line(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(format!("{line}\n").as_bytes())?;
    output.flush()
}

/// Prints a line on standard error, as one write. Nothing is left to be done if that fails.
pub(crate) fn note(line: std::fmt::Arguments<'_>) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// [`line`], written as `println!` is.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::line(format_args!($($text)*)) };
}

pub(crate) use say;

/// Bytes as text if they are text of the encoding, and else as Python shows bytes: `\xff`.
pub(crate) fn readable(bytes: &[u8], encoding: Encoding) -> String {
    match encoding.decode(bytes) {
        Ok(text) => printable(&text),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}

/// Pads a text with spaces to a width in terminal cells: Chinese characters take two.
pub(crate) fn filled(text: &str, cells: usize) -> String {
    let is_wide = |character: &char| {
        matches!(character, '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}'
            | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE6F}' | '\u{FF01}'..='\u{FF60}'
            | '\u{FFE0}'..='\u{FFE6}' | '\u{1F300}'..='\u{1FAFF}' | '\u{20000}'..='\u{3FFFD}')
    };
    let taken = text.chars().count() + text.chars().filter(is_wide).count();
    format!("{text}{}", " ".repeat(cells.saturating_sub(taken)))
}

/// Text from a peer, whose control characters are shown and not obeyed: it moves no cursor and
/// begins no line.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => shown.push(character),
            _ if character.is_control() => shown.extend(character.escape_default()),
            _ => shown.push(character),
        }
    }
    shown
}

/// What is wrong with one line, in words for its sender: the conversation goes on with the next.
/// `None` if the stream is at its end, or broken.
pub(crate) fn fault_of_a_line(error: &socketry::Error) -> Option<String> {
    error.is_frame_error().then(|| error.reason().to_string())
}

/// Says on standard error what a server goes on after: for its `on_event`.
pub(crate) fn note_event(event: &ServerEvent<'_>) {
    match event {
        // The handler has returned this error, so it is printed like its other errors.
        ServerEvent::Disconnected { peer, error } => {
            note(format_args!("handler of {peer} failed: {error}"));
        }
        // A connection that expired between two requests has no call whose time it would be.
        ServerEvent::Expired { peer, error } if error.elapsed().is_some() => {
            note(format_args!("handler of {peer} failed: {error}"));
        }
        event => note(format_args!("{event}")),
    }
}

/// How long those inside may go on when a server ends.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// Has Ctrl-C end a server, or the time if there is one: those inside have some time to finish, and
/// none when it is asked for a second time.
pub(crate) fn end_by_ctrl_c(
    begin_shutdown: impl Fn(Duration) + Clone + Send + 'static,
    after: Option<Duration>,
) -> Outcome {
    let own = begin_shutdown.clone();
    let mut grace = GRACE;
    ctrlc::set_handler(move || {
        // It is said first: with nobody inside the program is over at once.
        match grace {
            Duration::ZERO => note(format_args!("ending at once")),
            _ => note(format_args!("ending: those inside have {grace:?}")),
        }
        own(grace);
        grace = Duration::ZERO;
    })?;
    if let Some(time) = after {
        std::thread::spawn(move || {
            std::thread::sleep(time);
            begin_shutdown(GRACE);
        });
    }
    Ok(())
}
