//! Endpoints that send, receive and answer.

use socketry::{Encoding, UdpEndpoint};

use crate::cli::Outcome;
use crate::{LONGEST_WAIT, show};

pub(crate) fn a_port_of_the_systems_choice() -> Outcome {
    let endpoint = UdpEndpoint::bind("127.0.0.1:0")?;
    show!("UdpEndpoint::bind(\"127.0.0.1:0\") is at {}", endpoint.local_addr())?;
    show!("in Python: s = socket(AF_INET, SOCK_DGRAM); s.bind((\"127.0.0.1\", 0))")?;
    Ok(())
}

pub(crate) fn a_text_in_gb2312() -> Outcome {
    let builder = UdpEndpoint::builder().encoding(Encoding::Gb2312).read_timeout(LONGEST_WAIT);
    let receiver = builder.clone().bind("127.0.0.1:0")?;
    let sender = builder.bind("127.0.0.1:0")?;

    sender.send_to("你好，世界", receiver.local_addr())?;
    let datagram = receiver.recv()?;
    show!("sent         \"你好，世界\" from {} to {}", sender.local_addr(), receiver.local_addr())?;
    show!("on the wire  {}, two bytes for each character", hexadecimal(datagram.bytes()))?;
    show!("received     {:?} from {}", datagram.text()?, datagram.source())?;

    receiver.reply(&datagram, "收到")?;
    show!("the answer   {:?}, by reply()", sender.recv()?.text()?)?;
    Ok(())
}

/// The server is bound to every local address; the client is connected, so it hears nobody but the
/// address it asked.
pub(crate) fn an_answer_from_the_address_asked() -> Outcome {
    let server = UdpEndpoint::builder().read_timeout(LONGEST_WAIT).bind(":0")?;
    // All of 127.0.0.0/8 is this machine on Linux. Elsewhere it has one loopback address.
    let asked = if cfg!(target_os = "linux") { "127.0.0.2" } else { "127.0.0.1" };
    let client = UdpEndpoint::builder()
        .read_timeout(LONGEST_WAIT)
        .bind_and_connect("127.0.0.1:0", (asked, server.local_addr().port()))?;

    client.send("who is there?")?;
    let question = server.recv()?;
    server.reply(&question, "me")?;
    let answer = client.recv()?;
    show!("the server is bound to {}, every address of this machine", server.local_addr())?;
    match question.meta().destination() {
        Some(to) => show!("the client asked {asked}; the datagram says that it was sent to {to}")?,
        None => show!("the client asked {asked}; this system does not tell the server so")?,
    }
    show!("the answer {:?} came from {}", answer.text()?, answer.source())?;
    Ok(())
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    digits.join(" ")
}
