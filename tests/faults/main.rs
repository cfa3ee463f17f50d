//! Faults of networks and of the OS: lost datagrams, cut connections, dead peers, failing system calls, interfaces that go.
//! Those that need a process or a network of their own start this program again.
#![allow(unreachable_pub, reason = "the modules of one test program")]

mod accept;
mod broadcast_changes;
mod broadcast_interfaces;
mod connect_race;
mod copy;
mod cut_connections;
mod dead_peers;
#[path = "../kit/mod.rs"]
mod kit;
mod local_addresses;
mod lossy_network;
mod sigpipe;
mod small_buffers;
mod system_calls;
mod udp_batch;
mod udp_interfaces;
mod udp_temporary_errors;
