//! The examples as their users run them, with each other and with the Python scripts of the notes.
#![allow(unreachable_pub, reason = "the modules of one test program")]

mod broadcast;
mod cli;
#[path = "../kit/mod.rs"]
mod kit;
mod notes_broadcast;
mod notes_process;
mod notes_tcp;
mod notes_udp;
mod process;
mod proxy;
mod resolver;
mod tcp;
mod tour;
mod udp;
mod web;
