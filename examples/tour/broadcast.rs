//! One question for everybody on a link, and who answers. The link is the loopback interface, so
//! nobody else is asked.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use socketry::broadcast::BroadcastBuilder;
use socketry::{Broadcaster, CancelToken};

use crate::cli::Outcome;
use crate::{LONGEST_WAIT, show};

fn on_loopback() -> BroadcastBuilder {
    Broadcaster::builder().interface(Ipv4Addr::LOCALHOST)
}

/// Two answer, in threads of their own, until the window is over.
pub(crate) fn a_question_to_everybody() -> Outcome {
    let token = CancelToken::new()?;
    // Two at one port, which they must both allow: each hears every question.
    let member = |port| on_loopback().port(port).reuse_address(true).cancel_token(&token).responder();
    let lamp = member(0)?;
    let port = lamp.local_addr().port();
    let door = member(port)?;
    let (times, spacing) = (2, Duration::from_millis(50));
    let broadcaster = on_loopback().port(port).repeats(times).interval(spacing).build()?;
    thread::scope(|scope| {
        for (responder, name) in [(&lamp, "灯"), (&door, "门")] {
            scope.spawn(move || {
                responder.serve(|_| Some(name), |error| crate::cli::note(format_args!("{error}")))
            });
        }
        let found = listed(&broadcaster);
        token.cancel();
        found
    })
}

fn listed(broadcaster: &Broadcaster) -> Outcome {
    let mut discovery = broadcaster.discover("who is there?", Duration::from_millis(150))?;
    for delivery in discovery.sends() {
        if let (Some(from), Some(to)) = (delivery.source, delivery.destination) {
            show!("\"who is there?\" left by {}, from {from} to {to}", delivery.interface_name)?;
        }
    }
    for found in discovery.by_ref() {
        let found = found?;
        show!("{:?} answered from {} on {}", found.text()?, found.source(), found.interface_name())?;
    }
    let counted = discovery.counters();
    show!(
        "asked {} times, in case one gets lost; {} replies, and {} that said the same again",
        counted.queries,
        counted.replies,
        counted.duplicates
    )?;
    Ok(())
}

pub(crate) fn an_interface_that_is_not_there() -> Outcome {
    let listener = on_loopback().port(0).responder()?;
    let port = listener.local_addr().port();
    for delivery in on_loopback().interface("nosuch0").port(port).build()?.send("hi")? {
        match delivery.result {
            Ok(()) => show!("{}: sent", delivery.interface_name)?,
            Err(error) => show!("{}: {error}", delivery.interface_name)?,
        }
    }
    let query = listener.recv_timeout(LONGEST_WAIT)?;
    show!("whoever is reached hears it: {:?} on {}", query.text()?, query.interface_name())?;
    Ok(())
}
