//! Every wait can be ended: by time, or by another thread.

use std::time::{Duration, Instant};

use socketry::{CancelToken, UdpEndpoint};

use crate::cli::Outcome;
use crate::show;

pub(crate) fn a_wait_that_has_an_end() -> Outcome {
    let endpoint = UdpEndpoint::builder().read_timeout(Duration::from_millis(200)).bind("127.0.0.1:0")?;
    show!("nobody sends, and the endpoint waits no longer than 200ms:")?;
    match endpoint.recv() {
        Err(error) => show!("{error}")?,
        Ok(datagram) => show!("somebody did send: {datagram:?}")?,
    }
    Ok(())
}

pub(crate) fn a_blocked_call_is_woken() -> Outcome {
    let token = CancelToken::new()?;
    let endpoint = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0")?;
    let (received, waited) = std::thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            let started = Instant::now();
            (endpoint.recv(), started.elapsed())
        });
        // For the show: the call is to be blocked for a while. Nothing depends on it.
        std::thread::sleep(Duration::from_millis(100));
        token.cancel();
        receiving.join().expect("the receiver does not panic")
    });
    show!("a thread waits without any limit; another one calls stop() after 100ms:")?;
    match received {
        Err(error) => show!("{error}, {waited:.0?} after it began to wait")?,
        Ok(datagram) => show!("somebody sent before that: {datagram:?}")?,
    }
    Ok(())
}
