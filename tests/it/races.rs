//! Stoppers, shutdowns and closes at the same moment as what they end, a few hundred times each.
//! The load program does the same tens of thousands of times:
//! `cargo test --release --test load -- run races 10`.

macro_rules! races {
    ($($name:ident: $number:literal,)*) => {
        $(
            #[test]
            fn $name() {
                let (_, race, rounds) = crate::kit::race::ALL[$number];
                race(rounds);
            }
        )*
    };
}

races! {
    cancel_during_recv_loses_no_datagram: 0,
    cancel_during_accept_drops_no_accepted_client: 1,
    cancel_during_connect_returns_connection_or_cancelled: 2,
    cancel_ends_blocked_connect: 3,
    cancel_during_send_counts_transferred_bytes: 4,
    cancel_ends_discovery: 5,
    cancel_wakes_every_receiving_thread: 6,
    shutdown_during_accept_drops_no_accepted_client: 7,
    shutdown_of_serve_answers_connected_clients: 8,
    shutdown_of_serve_requests_answers_or_closes_clients: 9,
    dropped_handle_leaves_other_handle_reading: 10,
    abort_ends_concurrent_read: 11,
    concurrent_reads_share_pushed_back_bytes: 12,
    shared_endpoint_delivers_each_datagram_once: 13,
    connection_reads_and_writes_full_duplex: 14,
}

#[cfg(feature = "dns")]
races! {
    cancelled_lookup_still_answers_other_callers: 15,
    shared_resolver_answers_every_thread: 16,
}
