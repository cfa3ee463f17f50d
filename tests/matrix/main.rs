//! Every public method that can block, under every hostile condition that applies to it: each call
//! ends by its one limit, with the right error, and loses nothing that arrived.
//!
//! A row is a method, a column is a condition, and a cell is one call. `can_block.txt` names the
//! methods with their rows, and `never_blocks.txt` names all other public functions; a test compares
//! both with `public_api.txt`.
#![allow(unreachable_pub, reason = "the modules of one test program")]

mod accepts;
mod blocked;
mod broadcast;
mod complete;
mod connects;
mod frame_rows;
mod frame_writes;
#[path = "../kit/mod.rs"]
mod kit;
mod known;
mod lookups;
mod reads;
mod servers;
mod stops;
mod table;
mod tcp_rows;
mod udp;
mod udp_sends;
mod udp_servers;
mod writes;
