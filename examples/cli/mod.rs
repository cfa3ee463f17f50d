//! What the examples share: arguments that are right or one clear line, and failures that are one line.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | it worked, or help was asked for |
//! | 1 | it failed while running: `NAME: what went wrong` on standard error |
//! | 2 | the arguments are wrong: `error: which, and why` on standard error |
#![allow(dead_code, unused_imports, unused_macros, reason = "each example uses a part of it")]

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

/// What an example, or a step of one, ends with.
pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// Reads the arguments. `--help` prints the help and ends the program; so does a mistake, with one line.
pub(crate) fn parse<A: Parser>() -> A {
    A::try_parse().unwrap_or_else(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        // What clap adds below the first paragraph, tips and usage, is in `--help`.
        let text = error.to_string();
        let paragraph = text.lines().map(str::trim).take_while(|line| !line.is_empty());
        note(format_args!("{} (see --help)", paragraph.collect::<Vec<_>>().join(" ")));
        std::process::exit(2);
    })
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

/// Prints a line on standard output, at once; a closed output is an error here, where `println!` panics.
pub(crate) fn line(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

/// Prints a line on standard error. Nothing is left to be done if that fails.
pub(crate) fn note(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// [`line`], written as `println!` is.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::line(format_args!($($text)*)) };
}

pub(crate) use say;
