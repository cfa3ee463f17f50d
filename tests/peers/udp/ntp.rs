//! `chronyd` measures its clock against a server of NTP (RFC 5905), which uses the time stamps of the
//! kernel.

use std::process::Command;
use std::time::{Duration, SystemTime};

use socketry::udp::{HandlerResult, UdpRequest};

use super::super::kit::needs;
use super::super::output_of;
use super::{Serving, endpoint};

/// Seconds since 1900, with a binary fraction.
fn timestamp(time: SystemTime) -> [u8; 8] {
    const UNIX_EPOCH: u64 = 2_208_988_800;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (((UNIX_EPOCH + since.as_secs()) << 32) | fraction).to_be_bytes()
}

fn respond(request: &mut UdpRequest<'_>) -> HandlerResult {
    let received = request.datagram().meta().timestamp().ok_or("no time stamp")?;
    let age = SystemTime::now().duration_since(received).unwrap_or_default();
    assert!(age < Duration::from_secs(10), "{age:?}");
    let query: &[u8; 48] = request.bytes().first_chunk().ok_or("a short query")?;
    let mut response = [0; 48];
    // Version 4, mode 4 (server); stratum 1; the interval of the client; a precision of 2^-20 s.
    response[..4].copy_from_slice(&[4 << 3 | 4, 1, query[2], 0xec]);
    response[12..16].copy_from_slice(b"TEST");
    response[16..24].copy_from_slice(&timestamp(received));
    response[24..32].copy_from_slice(&query[40..48]);
    response[32..40].copy_from_slice(&timestamp(received));
    response[40..48].copy_from_slice(&timestamp(SystemTime::now()));
    Ok(request.reply(response)?)
}

#[test]
fn chronyd_measures_an_offset() {
    if !needs("chronyd") {
        return;
    }
    let server = Serving::start(endpoint().receive_timestamp(true).bind(":0").unwrap(), respond);
    let source = format!("server 127.0.0.1 port {} iburst", server.port());
    let mut command = Command::new("chronyd");
    let output = output_of(command.args(["-Q", "-U", "-t", "30", &source, "pidfile /dev/null"]));
    let line = output.lines().find(|line| line.contains("System clock wrong by")).expect(&output);
    let offset: f64 = line
        .split_whitespace()
        .find_map(|word| word.parse().ok().filter(|_| word.contains('.')))
        .expect(line);
    assert!(offset.abs() < 0.5, "it is the same clock: {line}");
    println!("{line}");
    assert!(server.end().counters.replies >= 1);
}
