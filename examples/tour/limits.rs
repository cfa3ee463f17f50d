//! What a network does to datagrams: they are too long, and they get lost.

use std::time::{Duration, Instant};

use socketry::{Result, Retry, UdpEndpoint};

use crate::cli::Outcome;
use crate::{LONGEST_WAIT, show};

pub(crate) fn a_datagram_that_does_not_fit() -> Outcome {
    let receiver = UdpEndpoint::builder().read_timeout(LONGEST_WAIT).bind("127.0.0.1:0")?;
    let sender = UdpEndpoint::connect(receiver.local_addr())?;
    sender.send([b'x'; 100])?;
    sender.send("next one")?;

    let mut buffer = [0; 10];
    show!("100 bytes were sent, and there is room for {}:", buffer.len())?;
    match receiver.recv_into(&mut buffer) {
        Err(error) => {
            show!("{error}")?;
            if let Some(truncated) = error.truncated() {
                show!("its beginning is kept: {:?}", truncated.prefix.escape_ascii().to_string())?;
            }
        }
        Ok(arrival) => show!("{} bytes came, which they should not", arrival.len())?,
    }
    let arrival = receiver.recv_into(&mut buffer)?;
    show!("the endpoint goes on: {:?}", buffer[..arrival.len()].escape_ascii().to_string())?;
    Ok(())
}

/// The network of this step is a server that does not hear the first question.
pub(crate) fn a_question_that_gets_lost() -> Outcome {
    let server = UdpEndpoint::builder().read_timeout(LONGEST_WAIT).bind("127.0.0.1:0")?;
    let client = UdpEndpoint::bind("127.0.0.1:0")?;
    let (wait, started) = (Duration::from_millis(100), Instant::now());
    let retry = Retry::new().attempts(20).initial_delay(wait).multiplier(1.0);

    let address = server.local_addr();
    let answer = std::thread::scope(|scope| {
        let serving = scope.spawn(|| -> Result<()> {
            let _lost = server.recv()?;
            let question = server.recv()?;
            server.reply(&question, "12:30")
        });
        let answer = client.request_with("what time is it?", address, &retry, |_| true);
        serving.join().expect("the server does not panic")?;
        answer
    })?;
    show!("asked {address}, which did not hear the first question; asked again after about {wait:?}")?;
    show!("the second was answered {:?}, {:.0?} after the first", answer.text()?, started.elapsed())?;
    Ok(())
}
