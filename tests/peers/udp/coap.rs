//! `coap-client` of libcoap, against a server of CoAP (RFC 7252).

use std::process::Command;

use socketry::udp::{HandlerResult, UdpRequest};

use super::super::kit::needs;
use super::super::output_of;
use super::{Serving, endpoint};

/// The path of a request: its `Uri-Path` options (section 3.1).
fn path(message: &[u8]) -> Option<String> {
    const URI_PATH: usize = 11;
    let mut rest = message.get(4 + usize::from(message[0] & 0xf)..)?;
    let (mut number, mut path) = (0, String::new());
    while let [first, tail @ ..] = rest {
        if *first == 0xff {
            break;
        }
        let (delta, length) = (usize::from(first >> 4), usize::from(first & 0xf));
        // Neither needs the extended form here.
        if delta > 12 || length > 12 {
            return None;
        }
        number += delta;
        let value = tail.get(..length)?;
        if number == URI_PATH {
            path = path + "/" + std::str::from_utf8(value).ok()?;
        }
        rest = &tail[length..];
    }
    Some(path)
}

fn respond(request: &mut UdpRequest<'_>) -> HandlerResult {
    const GET: u8 = 1;
    const CONTENT: u8 = 2 << 5 | 5;
    const NOT_FOUND: u8 = 4 << 5 | 4;
    let message = request.bytes();
    let [first, code, id @ ..] = message.get(..4).ok_or("a short message")? else { unreachable!() };
    let token = message.get(4..4 + usize::from(first & 0xf)).ok_or("a short token")?;
    let is_found = *code == GET && path(message).as_deref() == Some("/greeting");
    // An acknowledgment with the response (section 5.2.1), or a message that is not confirmed either.
    let kind = if first >> 4 & 0b11 == 0 { 2 } else { 1 };
    let mut response = vec![1 << 6 | kind << 4 | token.len() as u8];
    response.push(if is_found { CONTENT } else { NOT_FOUND });
    response.extend(id);
    response.extend(token);
    if is_found {
        response.push(0xff);
        response.extend("你好".as_bytes());
    }
    Ok(request.reply(response)?)
}

#[test]
fn coap_client_gets_a_resource() {
    if !needs("coap-client-notls") {
        return;
    }
    let server = Serving::start(endpoint().dual_stack(true).bind(":0").unwrap(), respond);
    for (host, confirmable) in [("127.0.0.1", true), ("127.0.0.2", false), ("[::1]", true)] {
        let url = format!("coap://{host}:{}/greeting", server.port());
        let mut command = Command::new("coap-client-notls");
        command.args(["-B", "5", "-m", "get"]);
        if !confirmable {
            command.arg("-N");
        }
        assert!(output_of(command.arg(&url)).contains("你好"), "{url}");
    }
    let url = format!("coap://127.0.0.1:{}/missing", server.port());
    assert!(output_of(Command::new("coap-client-notls").args(["-B", "5", &url])).contains("4.04"));
    assert_eq!(server.end().counters.requests, 4);
}
