//! Everything that the crate has so far, one step after another, on the loopback interface and in
//! one process.
//!
//! From the notes: all of UDP, of TCP and of text on the wire (网络编程 (复习); sections 4, 5, 7, 8
//! and 9), and what they leave to luck: loss, truncation, waiting, half characters, peers that
//! drip, crowds, the end.
//!
//! ```text
//! cargo run --example tour
//! ```
//!
//! It takes less than two seconds. Each step says what it does and shows what really came of it,
//! such as:
//!
//! ```text
//!  3. What GB 2312 cannot say is an error, and nothing is sent
//!     "朱镕基" → send to 127.0.0.1:34916: '镕' (U+9555) at byte 3 does not exist in gb2312
//! ```
//!
//! A step is a function in the file of its theme, and a line of [`STEPS`].

mod broadcast;
#[path = "../cli/mod.rs"]
mod cli;
mod endpoints;
mod limits;
mod multicast;
mod names;
mod tcp;
mod text;
mod waiting;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cli::{Outcome, say};

/// Shows everything that the crate has so far, step by step, on the loopback interface.
#[derive(Parser)]
struct Args {}

/// A heading, and the function that shows what it says.
type Step = (&'static str, fn() -> Outcome);

const STEPS: [Step; 19] = [
    ("An endpoint at a port of the system's choice", endpoints::a_port_of_the_systems_choice),
    ("A text in GB 2312, there and back", endpoints::a_text_in_gb2312),
    ("What GB 2312 cannot say is an error, and nothing is sent", text::what_gb2312_cannot_say),
    ("A character cut between two datagrams", text::a_character_cut_in_two),
    ("An answer leaves from the address that was asked", endpoints::an_answer_from_the_address_asked),
    ("A datagram that does not fit is not cut silently", limits::a_datagram_that_does_not_fit),
    ("A wait that has an end", waiting::a_wait_that_has_an_end),
    ("A question that gets lost is asked again", limits::a_question_that_gets_lost),
    ("One datagram for every member of a group", multicast::one_datagram_for_a_group),
    ("A question to everybody on a link", broadcast::a_question_to_everybody),
    ("A message leaves by each interface, or it is said why not", broadcast::an_interface_that_is_not_there),
    ("A blocked call is woken from another thread", waiting::a_blocked_call_is_woken),
    ("A name, and who says what it stands for", names::a_name_and_who_says_so),
    ("A name that is not found, and why", names::a_name_that_is_not_found),
    ("A client, a server, and a connection", tcp::a_client_and_a_server),
    ("Lines in GB 2312, in whatever pieces they come", tcp::lines_in_gb2312),
    ("A peer that drips cannot outlast a deadline", tcp::a_peer_that_drips),
    ("A server that is full says so", tcp::a_server_that_is_full),
    ("A server ends, and reports what became of everybody", tcp::a_server_that_ends),
];

/// No wait of the tour is without an end, so that a machine that drops datagrams gets an error and
/// not a hang.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let Args {} = cli::parse();
    cli::run("tour", || {
        say!("Socketry, step by step, on the loopback interface of this machine.\n")?;
        for (number, (heading, step)) in (1..).zip(STEPS) {
            say!("{number:2}. {heading}")?;
            step()?;
            say!("")?;
        }
        say!("That was all.")?;
        Ok(())
    })
}

/// Prints what a step shows, below its heading.
macro_rules! show {
    ($($text:tt)*) => { $crate::cli::say!("    {}", format_args!($($text)*)) };
}

use show;
