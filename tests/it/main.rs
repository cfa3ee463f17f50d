//! The library's behavior over sockets, by area. What it costs, how it meets faults of the OS, its
//! processes and its examples are test programs of their own beside this one.
#![allow(unreachable_pub, reason = "the modules of one test program")]

mod broadcast;
mod dns;
mod event_loop;
mod frame;
#[path = "../kit/mod.rs"]
mod kit;
mod limits;
mod races;
mod receive_forms;
mod server;
mod tcp;
mod text;
mod traits;
mod udp;
