//! Stoppers, shutdowns and closes at the same moment as what they end, a few hundred times each. The load program does the
//! same tens of thousands of times: `cargo test --release --test load -- run races 10`.

mod kit;
mod race_kit;

macro_rules! races {
    ($($name:ident: $number:literal,)*) => {
        $(
            #[test]
            fn $name() {
                let (_, race, rounds) = race_kit::ALL[$number];
                race(rounds);
            }
        )*
    };
}

races! {
    a_stopper_and_a_datagram: 0,
    a_stopper_and_a_connection_that_comes: 1,
    a_stopper_and_a_connect: 2,
    a_stopper_and_a_connect_that_waits: 3,
    a_stopper_and_a_send_that_waits: 4,
    a_stopper_and_a_discovery: 5,
    a_stopper_and_look_ups_of_one_name: 6,
    a_stopper_and_threads_that_come_and_go: 7,
    a_shutdown_and_accept: 8,
    a_shutdown_and_the_threads_of_a_server: 9,
    a_shutdown_and_the_requests_of_a_server: 10,
    a_handle_that_goes_and_one_that_reads: 11,
    an_abort_and_one_that_reads: 12,
    two_that_read_what_was_given_back: 13,
    eight_threads_on_one_endpoint: 14,
    both_ends_read_and_written_at_once: 15,
    eight_threads_of_one_resolver: 16,
}
