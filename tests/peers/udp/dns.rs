//! `dnsperf` sends queries to a responder as fast as it can. Its sockets are connected, so that a reply
//! from another address than that of the query is lost.

use std::process::Command;

use socketry::udp::{HandlerResult, UdpRequest};

use super::super::kit::needs;
use super::super::output_of;
use super::{Serving, endpoint};

/// Replies to each query with one address (RFC 1035, section 4).
fn respond(request: &mut UdpRequest<'_>) -> HandlerResult {
    const HEADER: usize = 12;
    let query = request.bytes();
    let mut end = HEADER;
    // The labels of the name, and type and class.
    while let Some(length) = query.get(end).copied().filter(|length| *length > 0) {
        end += 1 + usize::from(length);
    }
    let question = query.get(HEADER..end + 5).ok_or("a query without a question")?;
    let mut response = Vec::with_capacity(64);
    response.extend([query[0], query[1], 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
    response.extend(question);
    response.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    Ok(request.reply(response)?)
}

#[test]
fn dnsperf_loses_no_query() {
    if !needs("dnsperf") {
        return;
    }
    let queries = std::env::temp_dir().join(format!("socketry-queries-{}", std::process::id()));
    std::fs::write(&queries, "www.example.com A\nexample.net AAAA\n").unwrap();
    let server =
        Serving::start(endpoint().dual_stack(true).receive_buffer_size(1 << 20).bind(":0").unwrap(), respond);
    let mut total = 0;
    for address in ["127.0.0.1", "127.0.0.2", "::1"] {
        let mut command = Command::new("dnsperf");
        command.args(["-s", address, "-p", &server.port(), "-l", "1", "-c", "4", "-q", "50", "-d"]);
        let output = output_of(command.arg(&queries));
        let count = |what: &str| -> u64 {
            let line = output.lines().find_map(|line| line.trim().strip_prefix(what)).unwrap_or_default();
            line.split_whitespace().next().unwrap_or_default().parse().unwrap_or_else(|_| panic!("{output}"))
        };
        assert_eq!(count("Queries lost:"), 0, "{address}: {output}");
        assert_eq!(count("Queries completed:"), count("Queries sent:"));
        total += count("Queries completed:");
        println!(
            "{address}: {}",
            output.lines().find(|line| line.contains("per second")).unwrap_or_default()
        );
    }
    std::fs::remove_file(&queries).unwrap();
    let report = server.end();
    assert_eq!((report.counters.requests, report.counters.replies), (total, total));
    assert!(total > 1_000, "{total}");
}
