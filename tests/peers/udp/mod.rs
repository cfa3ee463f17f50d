//! Clients of UDP protocols, against servers of the serve loop.

mod coap;
mod dns;
mod ntp;
mod sip;
mod tftp;

use socketry::UdpEndpoint;
use socketry::udp::{HandlerResult, UdpBuilder, UdpRequest, UdpServer, UdpServerHandle, UdpShutdownReport};

use super::kit::PATIENCE;

/// A server that runs in a thread.
struct Serving {
    handle: UdpServerHandle,
    thread: std::thread::JoinHandle<UdpShutdownReport>,
}

impl Serving {
    fn start(
        endpoint: UdpEndpoint,
        handler: impl Fn(&mut UdpRequest<'_>) -> HandlerResult + Send + Sync + 'static,
    ) -> Serving {
        let server = UdpServer::new(endpoint).unwrap().threads(4).on_event(|event| eprintln!("{event}"));
        let handle = server.handle();
        Serving { handle, thread: std::thread::spawn(move || server.serve(handler).unwrap()) }
    }

    fn port(&self) -> String {
        self.handle.local_addr().port().to_string()
    }

    /// Ends the server. Every request was handled without an error.
    fn end(self) -> UdpShutdownReport {
        let report = self.handle.shutdown(PATIENCE);
        assert_eq!(self.thread.join().unwrap(), report);
        let counters = report.counters;
        assert_eq!((counters.failed, counters.panicked, counters.reply_errors), (0, 0, 0), "{report}");
        assert_eq!(report.unfinished, 0);
        report
    }
}

fn endpoint() -> UdpBuilder {
    UdpEndpoint::builder().write_timeout(PATIENCE)
}
