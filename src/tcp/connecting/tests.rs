//! Rounds over sockets of the loopback interface, with addresses that a look-up might have given.

use super::*;
use crate::TcpServer;
use crate::error::Operation;
use crate::tcp::TcpClientBuilder;
use crate::wait::CancelToken;

const MS: Duration = Duration::from_millis(1);

/// No test waits longer than this for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

fn server() -> TcpServer {
    TcpServer::bind("127.0.0.1:0").unwrap()
}

/// A port at which nobody listens: it was free a moment ago.
fn deserted() -> SocketAddr {
    server().local_addr()
}

/// What happened, in words.
type Events = Vec<String>;

fn connect(builder: TcpClientBuilder, addresses: &[SocketAddr]) -> (Result<TcpConnection>, Duration, Events) {
    let mut told = Events::new();
    let mut observer = |event: &ConnectEvent<'_>| {
        told.push(match event {
            ConnectEvent::Resolved { found, .. } => format!("found by {}", found.source()),
            ConnectEvent::Addresses { addresses } => format!("{} addresses", addresses.len()),
            ConnectEvent::Attempting { address } => format!("to {address}"),
            ConnectEvent::Failed { attempt } => format!("{}: {}", attempt.address, attempt.kind),
            ConnectEvent::Connected { address, .. } => format!("at {address}"),
            ConnectEvent::Waiting { .. } => "waiting".to_owned(),
        });
    };
    let client = builder.build();
    let started = Instant::now();
    let limit = client.connect_limit();
    let result = client.connect_to_any(addresses, &limit, &mut Observer::new(&mut observer));
    (result, started.elapsed(), told)
}

fn client() -> TcpClientBuilder {
    TcpClient::builder().connect_timeout(PATIENCE)
}

/// Of an error, what came of each address.
fn kinds(error: &Error) -> Vec<ErrorKind> {
    let failures = error.detail::<ConnectFailures>().unwrap_or_else(|| panic!("{error}"));
    failures.attempts().iter().map(|attempt| attempt.kind).collect()
}

#[test]
fn refusal_tries_next_address_without_delay() {
    let (server, refused) = (server(), deserted());
    let address = server.local_addr();
    let (result, elapsed, told) =
        connect(client().attempt_delay(Duration::from_secs(2)), &[refused, refused, address, refused]);
    let connection = result.unwrap();
    assert_eq!(connection.peer_addr(), address);
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    let failed = format!("{refused}: connection refused");
    let to = format!("to {refused}");
    let expected = ["4 addresses", &to, &failed, &to, &failed];
    assert_eq!(told[..5], expected);
    assert_eq!(told[5..], [format!("to {address}"), format!("at {address}")]);
    server.accept().unwrap().send("x").unwrap();
    assert_eq!(connection.recv(1).unwrap(), b"x");
}

#[test]
fn connect_error_lists_addresses_in_preference_order() {
    let v6 = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, deserted().port()));
    let (one, two) = (deserted(), deserted());
    let (result, _, told) = connect(client(), &[one, two, v6]);
    let error = result.unwrap_err();
    let failures = error.detail::<ConnectFailures>().unwrap();
    let addresses: Vec<_> = failures.attempts().iter().map(|attempt| attempt.address).collect();
    assert_eq!(addresses, [one, v6, two], "the families in turn");
    assert_eq!((error.peer_addr(), error.kind()), (Some(one), ErrorKind::ConnectionRefused));
    assert_eq!(told.len(), 7, "{told:?}");
}

/// They stand last, are not tried, and do not decide what kind of error it is.
#[test]
fn connect_skips_family_differing_from_local_address() {
    let (server, refused) = (server(), deserted());
    let v6 = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, server.local_addr().port()));
    let builder = client().local_address(([127, 0, 0, 1], 0));
    let (result, ..) = connect(builder.clone(), &[v6, server.local_addr()]);
    assert_eq!(result.unwrap().peer_addr(), server.local_addr());
    let (result, _, told) = connect(builder, &[v6, refused]);
    let error = result.unwrap_err();
    assert_eq!(kinds(&error), [ErrorKind::ConnectionRefused, ErrorKind::AddressNotAvailable]);
    assert!(error.is_temporary() && error.local_addr().is_some());
    assert!(!told.contains(&format!("to {v6}")), "{told:?}");
}

#[test]
fn rejected_socket_option_ends_connect() {
    let (result, _, told) = connect(client().congestion_control("no such thing"), &[deserted(), deserted()]);
    let error = result.unwrap_err();
    assert!(matches!(error.operation(), Operation::Configure(_)), "{error}");
    assert!(error.elapsed().is_some());
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn cancelled_token_prevents_connect_attempts() {
    let token = CancelToken::new().unwrap();
    token.cancel();
    let server = server();
    let (result, _, told) = connect(client().cancel_token(&token), &[server.local_addr()]);
    assert!(result.unwrap_err().is_cancelled());
    assert_eq!(told, ["1 addresses"]);
}

#[test]
fn attempt_delay_is_clamped_to_range() {
    for (asked, set) in
        [(0, 10), (9, 10), (11, 11), (250, 250), (2_000, 2_000), (2_001, 2_000), (90_000, 2_000)]
    {
        assert_eq!(client().attempt_delay(asked * MS).build().attempt_delay, Some(set * MS));
    }
    assert_eq!(client().attempt_delay(None).build().attempt_delay, None);
    assert_eq!(client().build().attempt_delay, Some(250 * MS));
}

/// With addresses that do not answer, which a loopback interface has on Linux: a listener whose
/// queue is full has its packets dropped.
#[cfg(target_os = "linux")]
mod silent {
    use super::*;
    use crate::wait::WaitLimit;
    use std::net::TcpStream;
    use std::process::{Command, Output};

    struct Hole {
        server: TcpServer,
        waiting: Vec<TcpStream>,
    }

    impl Hole {
        fn dig() -> Hole {
            let server = TcpServer::builder().backlog(0).bind("127.0.0.1:0").unwrap();
            let mut hole = Hole { server, waiting: Vec::new() };
            while let Ok(stream) = TcpStream::connect_timeout(&hole.address(), 200 * MS) {
                hole.waiting.push(stream);
                assert!(hole.waiting.len() < 100, "the queue has no end");
            }
            hole
        }

        fn address(&self) -> SocketAddr {
            self.server.local_addr()
        }
    }

    #[test]
    fn silent_address_is_overtaken_after_attempt_delay() {
        let (hole, server) = (Hole::dig(), server());
        let (from, to) = (hole.address(), server.local_addr());
        let (result, elapsed, told) = connect(client(), &[from, to]);
        let connection = result.unwrap();
        assert_eq!(connection.peer_addr(), to);
        println!("past one that is silent: {elapsed:?}");
        assert!(elapsed >= 250 * MS && elapsed < 2_000 * MS, "{elapsed:?}");
        assert_eq!(told[1..], [format!("to {from}"), format!("to {to}"), format!("at {to}")]);
        // It blocks again, which a loser need not.
        assert!(!socket2::SockRef::from(&*connection.inner.stream).nonblocking().unwrap());
        server.accept().unwrap().send("x").unwrap();
        assert_eq!(connection.recv(1).unwrap(), b"x");
        let (result, elapsed, _) = connect(client().attempt_delay(30 * MS), &[from, from, from, to]);
        result.unwrap();
        assert!(elapsed >= 90 * MS && elapsed < 750 * MS, "{elapsed:?}");
    }

    #[test]
    fn connect_timeout_lists_every_silent_address() {
        let hole = Hole::dig();
        let addresses = [hole.address(); 3];
        let (result, elapsed, told) = connect(client().connect_timeout(1_200 * MS), &addresses);
        let error = result.unwrap_err();
        println!("a deadline of 1200 ms: {elapsed:?}");
        // The upper bound is for machines that have other things to do.
        assert!(elapsed >= 1_200 * MS && elapsed < PATIENCE, "{elapsed:?}");
        assert!(error.is_timeout());
        assert_eq!(kinds(&error), [ErrorKind::TimedOut; 3]);
        let failures = error.detail::<ConnectFailures>().unwrap();
        let times: Vec<_> = failures.attempts().iter().map(|attempt| attempt.elapsed).collect();
        let is_later = times.windows(2).all(|pair| pair[0] >= pair[1] + 240 * MS);
        assert!(times[0] >= 1_100 * MS && is_later, "each from its own beginning: {times:?}");
        assert_eq!(told.iter().filter(|line| line.ends_with("timed out")).count(), 3, "{told:?}");
        // Of those that had no turn there is the number.
        let (result, ..) = connect(client().connect_timeout(150 * MS), &addresses);
        let error = result.unwrap_err();
        let tried = kinds(&error).len();
        assert!(tried < 3, "{error}");
        assert!(error.to_string().contains(&format!("{tried} of 3 addresses failed within ")), "{error}");
    }

    #[test]
    fn sequential_connect_gives_first_address_full_timeout() {
        let (hole, server) = (Hole::dig(), server());
        let addresses = [hole.address(), server.local_addr()];
        let in_order = client().connect_timeout(300 * MS).attempt_delay(None);
        // From a port of its own it is the same: a second attempt could not leave from there.
        let port = client().connect_timeout(300 * MS).attempt_delay(10 * MS).local_address(deserted());
        for builder in [in_order, port] {
            let (result, elapsed, told) = connect(builder, &addresses);
            assert!(result.unwrap_err().is_timeout());
            assert!(elapsed >= 300 * MS, "{elapsed:?}");
            assert_eq!(told[1..], [format!("to {}", addresses[0]), format!("{}: timed out", addresses[0])]);
        }
    }

    /// The others begin and fail meanwhile; its packet is sent again after a second, and then there
    /// is room.
    #[test]
    fn slow_address_wins_when_no_other_connects() {
        let (slow, hole, refused) = (Hole::dig(), Hole::dig(), deserted());
        let addresses = [slow.address(), refused, hole.address(), refused];
        while slow.server.accept_timeout(MS).is_ok() {}
        // Drained before the connect, it would answer at once; filled again, it is silent for the
        // first packet.
        let filled: Vec<_> =
            std::iter::from_fn(|| TcpStream::connect_timeout(&slow.address(), 200 * MS).ok()).collect();
        let drained = std::cell::Cell::new(false);
        let mut observer = |event: &ConnectEvent<'_>| {
            if matches!(event, ConnectEvent::Failed { .. }) && !drained.replace(true) {
                while slow.server.accept_timeout(MS).is_ok() {}
            }
        };
        let client = client().attempt_delay(50 * MS).build();
        let limit = WaitLimit::timeout(PATIENCE);
        let connection =
            client.connect_to_any(&addresses, &limit, &mut Observer::new(&mut observer)).unwrap();
        assert_eq!(connection.peer_addr(), slow.address());
        drop((filled, slow, hole));
    }

    /// While the thread is held up, one is refused and two are connected: packets are sent again
    /// after a second.
    #[test]
    fn preferred_address_wins_when_several_connect_at_once() {
        let (refuses, one, two, hole) = (Hole::dig(), Hole::dig(), Hole::dig(), Hole::dig());
        let addresses = [refuses.address(), one.address(), two.address(), hole.address()];
        let (mut begun, mut refuses) = (0, Some(refuses));
        let mut observer = |event: &ConnectEvent<'_>| {
            begun += u32::from(matches!(event, ConnectEvent::Attempting { .. }));
            if begun == 4 && refuses.take().is_some() {
                for hole in [&one, &two] {
                    while hole.server.accept_timeout(MS).is_ok() {}
                }
                std::thread::sleep(1_400 * MS);
            }
        };
        let client = client().attempt_delay(20 * MS).build();
        let limit = WaitLimit::timeout(PATIENCE);
        let result = client.connect_to_any(&addresses, &limit, &mut Observer::new(&mut observer));
        assert_eq!(result.unwrap().peer_addr(), one.address());
    }

    #[test]
    fn cancel_ends_connect_in_progress() {
        let (hole, token) = (Hole::dig(), CancelToken::new().unwrap());
        let client = client().cancel_token(&token).build();
        let mut observer = |event: &ConnectEvent<'_>| {
            if matches!(event, ConnectEvent::Attempting { .. }) {
                let token = token.clone();
                // While it waits; it looks for itself before.
                std::thread::spawn(move || {
                    std::thread::sleep(50 * MS);
                    token.cancel();
                });
            }
        };
        let started = Instant::now();
        let limit = client.connect_limit();
        let addresses = [hole.address()];
        let result = client.connect_to_any(&addresses, &limit, &mut Observer::new(&mut observer));
        let error = result.unwrap_err();
        assert!(error.is_cancelled() && error.elapsed().is_some(), "{error}");
        assert!(started.elapsed() < PATIENCE);
    }

    /// An ignored test of these in a process of its own, under strace if there is something to
    /// inject; `None`, said aloud, where it may not trace.
    fn play(part: &str, kind: &str, address: SocketAddr, inject: Option<&str>) -> Option<Output> {
        let own = std::env::current_exe().unwrap();
        let mut command = match inject {
            None => Command::new(&own),
            Some(inject) => {
                let mut strace = Command::new("strace");
                strace.args(["-f", "-o", "/dev/null", "-e", inject]);
                let probe = strace.arg("true").output();
                if !probe.is_ok_and(|output| output.status.success()) {
                    use std::io::Write;
                    let why = "strace is not installed, or may not trace here";
                    let _ = writeln!(std::io::stderr(), "SKIPPED {part} {kind}: {why}");
                    return None;
                }
                let mut strace = Command::new("strace");
                strace.args(["-f", "-o", "/dev/null", "-e", inject]).arg(&own);
                strace
            }
        };
        let part = format!("tcp::connecting::tests::silent::{part}");
        command.args(["--exact", &part, "--ignored", "--nocapture", "--test-threads=1"]);
        command.env("SOCKETRY_KIND", kind).env("SOCKETRY_ADDRESS", address.to_string());
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Some(output)
    }

    fn address_of_the_parent() -> SocketAddr {
        std::env::var("SOCKETRY_ADDRESS").unwrap().parse().unwrap()
    }

    #[test]
    fn socket_error_fails_attempt_only_if_others_can_succeed() {
        let (hole, server) = (Hole::dig(), server());
        // The first socket, or the second, of a process that opens no others.
        let no_family = "inject=socket:error=EAFNOSUPPORT:when=1";
        let none_left = "inject=socket:error=EMFILE:when=1";
        let one_left = "inject=socket:error=EMFILE:when=2";
        play("socket_error_child", "no family", server.local_addr(), Some(no_family));
        play("socket_error_child", "none left", server.local_addr(), Some(none_left));
        play("socket_error_child", "one left", hole.address(), Some(one_left));
    }

    #[test]
    #[ignore = "a part of the test above, which runs it in a process of its own"]
    fn socket_error_child() {
        let address = address_of_the_parent();
        let v6 = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, address.port()));
        match std::env::var("SOCKETRY_KIND").unwrap().as_str() {
            "no family" => {
                let (result, _, told) = connect(client(), &[v6, address]);
                assert_eq!(result.unwrap().peer_addr(), address);
                assert_eq!(told[2], format!("{v6}: not supported on this system"));
            }
            "none left" => {
                let error = connect(client(), &[address, address]).0.unwrap_err();
                let seen = (error.operation(), error.kind());
                assert_eq!(seen, (Operation::Open, ErrorKind::ResourceExhausted));
            }
            _ => {
                let (result, elapsed, _) = connect(client().connect_timeout(1_000 * MS), &[address; 2]);
                let seen = kinds(&result.unwrap_err());
                assert_eq!(seen, [ErrorKind::TimedOut, ErrorKind::ResourceExhausted]);
                assert!(elapsed >= 1_000 * MS, "{elapsed:?}");
            }
        }
    }

    #[test]
    fn connect_wait_resumes_after_eintr() {
        let hole = Hole::dig();
        play("waiting", "", hole.address(), Some("inject=poll,ppoll:error=EINTR:when=1..3"));
    }

    #[test]
    #[ignore = "a part of the test above, which runs it in a process of its own"]
    fn waiting() {
        let server = server();
        let addresses = [address_of_the_parent(), server.local_addr()];
        let (result, elapsed, told) = connect(client(), &addresses);
        assert_eq!(result.unwrap().peer_addr(), server.local_addr());
        assert!(elapsed >= 250 * MS && elapsed < PATIENCE, "{elapsed:?}");
        assert_eq!(told.len(), 4, "{told:?}");
    }

    /// As many connects as `SOCKETRY_CONNECTS` says, each with an attempt that is given up.
    #[test]
    fn losing_attempts_leave_no_descriptor_or_thread() {
        let hole = Hole::dig();
        if let Some(output) = play("many", "", hole.address(), None) {
            print!("{}", String::from_utf8_lossy(&output.stdout));
        }
    }

    #[test]
    #[ignore = "a part of the test above, which runs it in a process of its own"]
    fn many() {
        let connects = std::env::var("SOCKETRY_CONNECTS").map_or(100, |number| number.parse().unwrap());
        // Of `std`: one of this library sees its connections off in a thread.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = [address_of_the_parent(), listener.local_addr().unwrap()];
        let count = |what| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
        let before = (count("fd"), count("task"));
        // Two of these are given up before the time is over, and all at its end.
        let (result, ..) =
            connect(client().connect_timeout(1_000 * MS).attempt_delay(10 * MS), &[addresses[0]; 8]);
        assert_eq!(kinds(&result.unwrap_err()), [ErrorKind::TimedOut; 8]);
        assert_eq!((count("fd"), count("task")), before);
        for _ in 0..connects {
            let mut most = 0;
            let mut observer = |event: &ConnectEvent<'_>| {
                if let ConnectEvent::Connected { .. } = event {
                    most = count("task");
                }
            };
            let client = client().attempt_delay(10 * MS).build();
            let connection = client
                .connect_to_any(&addresses, &WaitLimit::started_now(), &mut Observer::new(&mut observer))
                .unwrap();
            assert_eq!(count("fd"), before.0 + 1, "the loser is closed, at once");
            assert_eq!(most, before.1, "no thread");
            drop((connection, listener.accept().unwrap()));
        }
        assert_eq!((count("fd"), count("task")), before);
        println!(
            "{connects} connects with a loser: {} descriptors and {} threads before and after",
            before.0, before.1
        );
    }
}
