//! `sipp` makes calls to a user agent of SIP (RFC 3261): INVITE, ACK, BYE.

use std::process::{Command, Stdio};

use socketry::udp::{HandlerResult, UdpRequest};

use super::super::kit::needs;
use super::{Serving, endpoint};

/// A response with the fields of the request that every response repeats (section 8.2.6.2).
fn response(request: &str, status: &str, body: &str) -> String {
    let mut head = format!("SIP/2.0 {status}\r\n");
    for line in request.split("\r\n").take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        match name {
            "To" if !line.contains("tag=") => head += &format!("{line};tag=1\r\n"),
            "Via" | "From" | "To" | "Call-ID" | "CSeq" => head += &format!("{line}\r\n"),
            _ => {}
        }
    }
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    head + &format!("Contact: <sip:service@127.0.0.1>\r\n{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn respond(request: &mut UdpRequest<'_>) -> HandlerResult {
    const SDP: &str =
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
    let text = request.text()?;
    match text.split(' ').next() {
        Some("INVITE") => {
            request.reply(response(&text, "180 Ringing", ""))?;
            request.reply(response(&text, "200 OK", SDP))?;
        }
        Some("BYE") => request.reply(response(&text, "200 OK", ""))?,
        Some("ACK") => {}
        other => return Err(format!("unexpected {other:?}").into()),
    }
    Ok(())
}

#[test]
fn sipp_completes_calls() {
    const CALLS: u64 = 200;
    if !needs("sipp") {
        return;
    }
    let server = Serving::start(endpoint().bind(":0").unwrap(), respond);
    let to = format!("127.0.0.1:{}", server.port());
    let output = Command::new("sipp")
        .args(["-sn", "uac", &to, "-i", "127.0.0.1", "-m", &CALLS.to_string(), "-r", "400", "-l", "50"])
        .args(["-nostdin", "-timeout", "60", "-timeout_error", "-d", "10"])
        .env("TERM", "vt100")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let counters = server.end().counters;
    // Each call is an INVITE, an ACK and a BYE, unless one was sent again.
    assert!(counters.requests >= 3 * CALLS && counters.replies >= 3 * CALLS, "{counters:?}");
}
